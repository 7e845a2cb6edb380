"""Tools the agent can use; one file per tool, its description in a `.md` beside it.

`tool` says what a tool is. To add one: `<name>.py`, `<name>.md`, one line in `CATALOGUE`, a test of
the same name. Modules are imported when a session first offers the tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hames.tools.tool import Tool

CATALOGUE: dict[str, str] = {
    "AskUserQuestion": "hames.tools.ask_user_question:ASK_USER_QUESTION",
    "Bash": "hames.tools.bash:BASH",
    "BashOutput": "hames.tools.bash_output:BASH_OUTPUT",
    "Edit": "hames.tools.edit:EDIT",
    "EnterPlanMode": "hames.tools.enter_plan_mode:ENTER_PLAN_MODE",
    "ExitPlanMode": "hames.tools.exit_plan_mode:EXIT_PLAN_MODE",
    "Glob": "hames.tools.glob:GLOB",
    "Grep": "hames.tools.grep:GREP",
    "LS": "hames.tools.ls:LS",
    "MultiEdit": "hames.tools.multi_edit:MULTI_EDIT",
    "NotebookEdit": "hames.tools.notebook_edit:NOTEBOOK_EDIT",
    "Read": "hames.tools.read:READ",
    "TaskStop": "hames.tools.task_stop:TASK_STOP",
    "TodoWrite": "hames.tools.todo_write:TODO_WRITE",
    "Write": "hames.tools.write:WRITE",
}
"""Tool name to `module:VALUE`."""

DEFAULT = ("Bash", "Read", "Write", "Edit", "Glob", "Grep", "TodoWrite", "TaskStop")
"""Offered unless a session chooses others, in this order."""

FOR_USERS = ("AskUserQuestion", "EnterPlanMode", "ExitPlanMode")
"""Offered besides where somebody can answer; without that they are left out even when named."""

LEGACY = ("MultiEdit", "NotebookEdit", "LS", "BashOutput")
"""Beside the default set these are not offered, but calls of them are answered: prompts written for
the tools of 2025 keep working."""

ALIASES = {"KillShell": "TaskStop", "KillBash": "TaskStop", "NotebookRead": "Read"}
"""Older names by which a built-in tool may be chosen."""


def load(name: str) -> Tool:
    """The built-in tool of that name. Raises KeyError when there is none."""
    from importlib import import_module

    module, _, value = CATALOGUE[name].partition(":")
    tool: Tool = getattr(import_module(module), value)
    return tool
