"""Whether a call may run: one pure function over what the call touches.

`decide.decide(policy, question)` is the entry; `types` are its words. `subjects` judge files and hosts,
`shell_rules` commands: `shell_denials` says what speaks against one, `shell_approvals` what for it, both
over the `shell_contents` that the grammar (`shell_parse`) gives. `wrappers` are commands in commands,
`shell_folders`, `shell_paths`, `shell_writes` and `shell_removals` files of commands, `readonly_commands`
what needs no question. `rules` is the grammar of rules, `patterns`, `shell_patterns`, `hosts` and
`protected` what they match; `updates` changes a policy, `hiding` says which files are shut below the gate,
`cases` runs a corpus.

To add a permission case: one line in a case file. To add a read-only command: one row in
`readonly_commands.COMMANDS`.
"""
