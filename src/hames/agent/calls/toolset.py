"""Which tools a session has: those on offer, those that are only answered, and the one that is asked."""

from __future__ import annotations

from typing import Any

from hames.agent.calls.toolbox import Toolbox
from hames.agent.options import AgentOptions
from hames.errors import OptionsError
from hames.hooks.config import HookTable
from hames.permissions.rules import is_removed
from hames.permissions.types import Policy
from hames.tools import ALIASES, CATALOGUE, DEFAULT, FOR_USERS, LEGACY, load
from hames.tools.tool import Tool

CLIENT = "stdio"
"""The official name of the client as the one who is asked; with a callback it says nothing."""


class Toolset:
    """The tools of a session. Raises OptionsError for options that ask for what there is not."""

    def __init__(self, options: AgentOptions, policy: Policy, table: HookTable | None) -> None:
        _check(options)
        self._options = options
        self._policy = policy
        chosen = self._chosen(table)
        self.prompt_tool = self._prompt_tool(chosen)
        """Asked about calls that nobody has decided; not on offer."""
        legacy = options.tools is None or "default" in options.tools
        self.box = Toolbox(
            self._left(chosen),
            self._left([load(name) for name in LEGACY] if legacy else []),
            withheld=[self.prompt_tool.name] if self.prompt_tool is not None else [],
        )

    def _left(self, tools: list[Tool]) -> list[Tool]:
        """Those that no rule removes."""
        return [tool for tool in tools if not is_removed(self._policy, tool.name, tool.aliases)]

    def _chosen(self, table: HookTable | None) -> list[Tool]:
        """What the options name, in a fixed order, each once."""
        options = self._options
        answered = somebody_answers(options)
        given = ["default"] if options.tools is None else list(options.tools)
        tools: dict[str, Tool] = {}
        for one in given:
            for tool in _named(one, answered):
                if tool.name in FOR_USERS and not (answered or _hooks_answer(table)):
                    continue
                if tool.name in tools and tools[tool.name] is not tool:
                    raise OptionsError(f"Two tools have the name `{tool.name}`.")
                tools[tool.name] = tool
        return list(tools.values())

    def _prompt_tool(self, chosen: list[Tool]) -> Tool | None:
        name = self._options.permission_prompt_tool_name
        if name is None or name == CLIENT:
            return None
        for tool in chosen:
            if tool.name == name and not tool.native:
                return tool
        others = ", ".join(f"`{tool.name}`" for tool in chosen if not tool.native) or "none"
        raise OptionsError(
            f"There is no tool `{name}` to ask for permission. It has to be a tool of an MCP server"
            f" or a function; there are: {others}."
        )


def somebody_answers(options: AgentOptions) -> bool:
    """Whether a person, or a program for one, can be asked."""
    asked = options.can_use_tool is not None or options.permission_prompt_tool_name is not None
    return asked and options.permission_prompts != "none"


def _hooks_answer(table: HookTable | None) -> bool:
    """Whether there are hooks that may answer a question, or put it off."""
    if table is None:
        return False
    from hames.hooks import events

    return table.has(events.PreToolUse) or table.has(events.PermissionRequest)


def _check(options: AgentOptions) -> None:
    name, callback = options.permission_prompt_tool_name, options.can_use_tool
    if options.permission_prompts not in ("host", "none"):
        raise OptionsError(
            f"`permission_prompts` is `host` or `none`, not `{options.permission_prompts}`."
        )
    if name == CLIENT and callback is None:
        raise OptionsError(
            "`permission_prompt_tool_name` `stdio` means the client: give `can_use_tool` as well."
        )
    if name not in (None, CLIENT) and callback is not None:
        raise OptionsError("Give `can_use_tool` or `permission_prompt_tool_name`, not both.")


def _named(given: Any, answered: bool) -> list[Tool]:
    if isinstance(given, Tool):
        return [given]
    if not isinstance(given, str):
        raise OptionsError(f"`tools` takes names, tools and functions, not `{given!r:.80}`.")
    if given == "default":
        return [load(name) for name in (*DEFAULT, *(FOR_USERS if answered else ()))]
    given = ALIASES.get(given, given)
    if given not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise OptionsError(f"There is no built-in tool `{given}`. Built-in tools: {known}.")
    return [load(given)]
