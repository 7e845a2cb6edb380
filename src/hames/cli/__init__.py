"""The command line: a thin client of `hames.sdk`.

`main` picks what to do; `flags` is the table of options and `parse` reads arguments by it; `help` shows
it; `options` turns it into `AgentOptions`; `print_mode` answers a prompt, `prompt` reads it, `signals`
ends it. A command is a module in `commands`. A new option is one row in `flags` and its place in
`options`.
"""
