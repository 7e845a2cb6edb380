"""Asking somebody whether a call may run: the official types of the permission callback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from hames.messages import PermissionMode

PermissionUpdateType = Literal[
    "addRules", "replaceRules", "removeRules", "setMode", "addDirectories", "removeDirectories"
]
Destination = Literal["userSettings", "projectSettings", "localSettings", "session", "cliArg"]


@dataclass
class PermissionRuleValue:
    """A rule, its tool and its specifier apart."""

    tool_name: str
    rule_content: str | None = None


@dataclass
class PermissionUpdate:
    """A change of the rules, the mode or the working directories."""

    type: PermissionUpdateType
    rules: list[PermissionRuleValue] | None = None
    behavior: Literal["allow", "deny", "ask"] | None = None
    mode: PermissionMode | None = None
    directories: list[str] | None = None
    destination: Destination | None = None


@dataclass
class ToolPermissionContext:
    """What a permission callback is told besides the tool and its input."""

    signal: Any | None = None
    suggestions: list[PermissionUpdate] = field(default_factory=list)
    tool_use_id: str | None = None
    agent_id: str | None = None
    blocked_path: str | None = None
    decision_reason: str | None = None
    title: str | None = None
    display_name: str | None = None
    description: str | None = None


@dataclass
class PermissionResultAllow:
    """The call may run, with other input if `updated_input` is given; deny rules still apply to that."""

    behavior: Literal["allow"] = "allow"
    updated_input: dict[str, Any] | None = None
    updated_permissions: list[PermissionUpdate] | None = None


@dataclass
class PermissionResultDeny:
    """The call does not run. `interrupt` ends the whole turn."""

    behavior: Literal["deny"] = "deny"
    message: str = ""
    interrupt: bool = False


PermissionResult = PermissionResultAllow | PermissionResultDeny

CanUseTool = Callable[
    [str, dict[str, Any], ToolPermissionContext], Awaitable[PermissionResult] | PermissionResult
]
"""A callback that decides about a call nobody has decided yet. It may be async or not."""


def permission_update(raw: dict[str, Any]) -> PermissionUpdate:
    """The update in the form it has on wires. Raises TypeError or ValueError for another."""
    kind: Any = raw.get("type") if isinstance(raw, dict) else None
    if kind not in get_args(PermissionUpdateType):
        raise ValueError(f"`{kind}` is no type of permission update")
    rules = raw.get("rules")
    return PermissionUpdate(
        kind,
        rules=None
        if rules is None
        else [PermissionRuleValue(r["toolName"], r.get("ruleContent")) for r in rules],
        behavior=raw.get("behavior"),
        mode=raw.get("mode"),
        directories=raw.get("directories"),
        destination=raw.get("destination"),
    )


def on_wire(update: PermissionUpdate) -> dict[str, Any]:
    """The update in that form."""
    rules = None if update.rules is None else [_rule_on_wire(rule) for rule in update.rules]
    values = {
        "type": update.type,
        "rules": rules,
        "behavior": update.behavior,
        "mode": update.mode,
        "directories": update.directories,
        "destination": update.destination,
    }
    return {name: value for name, value in values.items() if value is not None}


def _rule_on_wire(rule: PermissionRuleValue) -> dict[str, Any]:
    content = {} if rule.rule_content is None else {"ruleContent": rule.rule_content}
    return {"toolName": rule.tool_name, **content}
