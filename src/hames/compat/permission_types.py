"""The official types of permissions, and the warning about a callback that is never asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from hames.messages import PermissionMode

PermissionBehavior = Literal["allow", "deny", "ask"]
PermissionUpdateDestination = Literal["userSettings", "projectSettings", "localSettings", "session"]

_NEEDED = {
    "addRules": ("rules", "behavior"),
    "replaceRules": ("rules", "behavior"),
    "removeRules": ("rules", "behavior"),
    "setMode": ("mode",),
    "addDirectories": ("directories",),
    "removeDirectories": ("directories",),
}


@dataclass
class PermissionRuleValue:
    """A rule, its tool and its specifier apart."""

    tool_name: str
    rule_content: str | None = None


@dataclass
class PermissionUpdate:
    """A change of the rules, the mode or the working directories."""

    type: Literal[
        "addRules", "replaceRules", "removeRules", "setMode", "addDirectories", "removeDirectories"
    ]
    rules: list[PermissionRuleValue] | None = None
    behavior: PermissionBehavior | None = None
    mode: PermissionMode | None = None
    directories: list[str] | None = None
    destination: PermissionUpdateDestination | None = None
    """Where it is kept; None is for the session."""

    def to_dict(self) -> dict[str, Any]:
        """The update as it stands on the wire.

        Raises ValueError when a field is missing that its type needs.
        """
        if self.type not in _NEEDED:
            raise ValueError(
                f"`{self.type}` is no type of permission update; use one of {', '.join(_NEEDED)}."
            )
        told: dict[str, Any] = {"type": self.type, "destination": self.destination or "session"}
        for name in _NEEDED[self.type]:
            value = getattr(self, name)
            if value is None:
                raise ValueError(
                    f"PermissionUpdate(type={self.type!r}) has no {name}. Set {name}, which it needs."
                )
            told[name] = [_rule(one) for one in value] if name == "rules" else value
        return told

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PermissionUpdate:
        """The update of that form. Types that are not known here are kept as they are."""
        rules = data.get("rules")
        if rules is not None:
            rules = [PermissionRuleValue(one["toolName"], one.get("ruleContent")) for one in rules]
        names = ("behavior", "mode", "directories", "destination")
        return cls(data["type"], rules=rules, **{name: data.get(name) for name in names})


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
    """The call may run, with other input if `updated_input` is given."""

    behavior: Literal["allow"] = "allow"
    updated_input: dict[str, Any] | None = None
    updated_permissions: list[PermissionUpdate] | None = None


@dataclass
class PermissionResultDeny:
    """The call does not run. `interrupt` ends the whole turn."""

    behavior: Literal["deny"] = "deny"
    message: str = ""
    interrupt: bool = False


PermissionResult: TypeAlias = PermissionResultAllow | PermissionResultDeny

CanUseTool = Callable[[str, dict[str, Any], ToolPermissionContext], Awaitable[PermissionResult]]


class CanUseToolShadowedWarning(UserWarning):
    """A rule or the mode allows calls before `can_use_tool` would be asked about them."""


def shadowed(permission_mode: str | None, allowed_tools: list[str]) -> str | None:
    """What the warning has to say; None when the callback is asked about everything."""
    if permission_mode == "bypassPermissions":
        return (
            "can_use_tool will not be invoked: permission_mode 'bypassPermissions' allows every call"
            " that no rule denies. Use another mode, or a PreToolUse hook."
        )
    names = list(dict.fromkeys(name for rule in allowed_tools if (name := _whole_tool(rule))))
    if not names:
        return None
    return (
        f"can_use_tool will not be invoked for: {', '.join(names)}. An entry of allowed_tools that"
        " names a whole tool allows its calls before the callback is asked. Narrow the entry, or use"
        " a PreToolUse hook."
    )


def _rule(rule: PermissionRuleValue) -> dict[str, Any]:
    content = {} if rule.rule_content is None else {"ruleContent": rule.rule_content}
    return {"toolName": rule.tool_name, **content}


def _whole_tool(rule: str) -> str | None:
    """The tool that a rule allows whatever its input."""
    name, bracket, rest = rule.partition("(")
    if not rule.strip() or (bracket and not name):
        return None
    if not bracket:
        return rule
    return name if rest in (")", "*)") else None
