"""Whether a call may run: one pure function over what the call touches.

`decide.decide(policy, question)` is the entry; `types` are its words. `subjects` judge files and hosts,
`shell_rules` judges commands with `shell_parse` (grammar), `words`, `wrappers` (commands in commands),
`shell_paths` (files of commands) and `readonly_commands` (what needs no question). `rules` is the
grammar of rules, `patterns`, `hosts` and `protected` what they match; `updates` changes a policy,
`cases` runs a corpus. To add a permission case: one line in a case file. To add a read-only command: one
row in `readonly_commands.COMMANDS`.
"""
