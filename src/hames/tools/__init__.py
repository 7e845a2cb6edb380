"""Tools the agent can use; one file per tool, its description in a `.md` beside it.

`tool` says what a tool is. To add one: `<name>.py`, `<name>.md`, one line in `CATALOGUE`, a test of
the same name. Modules are imported when a session first offers the tool.
"""

CATALOGUE: dict[str, str] = {
    "Edit": "hames.tools.edit:EDIT",
    "Glob": "hames.tools.glob:GLOB",
    "Grep": "hames.tools.grep:GREP",
    "LS": "hames.tools.ls:LS",
    "MultiEdit": "hames.tools.multi_edit:MULTI_EDIT",
    "NotebookEdit": "hames.tools.notebook_edit:NOTEBOOK_EDIT",
    "Read": "hames.tools.read:READ",
    "TodoWrite": "hames.tools.todo_write:TODO_WRITE",
    "Write": "hames.tools.write:WRITE",
}
"""Tool name to `module:VALUE`."""
