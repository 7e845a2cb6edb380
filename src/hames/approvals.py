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
    """The question as one sentence."""
    display_name: str | None = None
    """The tool's name, as people may read it."""
    description: str | None = None
    """What the call says of itself, else what it is about: the command, the file, the address."""
    decision_reason_type: str | None = None
    """What asks: `rule`, `mode`, `workingDir`, `safetyCheck`, `hook` or `other`."""
    matched_ask_rule: str | None = None
    """The ask rule that wants the question."""
    requires_user_interaction: bool = False
    """The call is itself a question to a person: an allow without an answer says little."""


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


@dataclass
class PermissionResultDefer:
    """Nobody can say now: the answer ends, and the call waits in the session until it is resumed."""

    behavior: Literal["defer"] = "defer"
    message: str = ""
    """Why, for people who read the transcript."""


PermissionResult = PermissionResultAllow | PermissionResultDeny | PermissionResultDefer

AnyPermissionResult = PermissionResult | Literal["allow", "deny"] | dict[str, Any]
"""What somebody has decided about a call beforehand; a dict has the form that answers have on wires."""

Classifier = Callable[
    [str, dict[str, Any], ToolPermissionContext],
    Awaitable[PermissionResult | None] | PermissionResult | None,
]
"""Judges a call in mode `auto` by tool, input and context; None leaves it to people."""

CanUseTool = Callable[
    [str, dict[str, Any], ToolPermissionContext], Awaitable[PermissionResult] | PermissionResult
]
"""A callback that decides about a call nobody has decided yet. It may be async or not."""


def permission_result(raw: Any) -> PermissionResult:
    """The answer in the form it has on wires. Raises ValueError for another.

    A program's `PermissionResult` and the words `allow` and `deny` are accepted as well.
    """
    match raw:
        case PermissionResultAllow() | PermissionResultDeny() | PermissionResultDefer():
            return raw
        case "allow" | {"behavior": "allow"}:
            return _allow(raw if isinstance(raw, dict) else {})
        case "deny":
            return PermissionResultDeny()
        case {"behavior": "deny", "message": str() as message}:
            return PermissionResultDeny(message=message, interrupt=raw.get("interrupt") is True)
        case {"allow": True}:  # the first official Python client said it so
            return _allow({"updatedInput": raw.get("input")})
        case {"allow": False}:
            return PermissionResultDeny(message=str(raw.get("reason") or ""))
        case {"behavior": "defer"}:
            message = raw.get("message")
            return PermissionResultDefer(message=message if isinstance(message, str) else "")
    raise ValueError("it is neither `allow`, nor `deny` with a `message`")


def _allow(raw: dict[str, Any]) -> PermissionResultAllow:
    changed, updates = raw.get("updatedInput"), raw.get("updatedPermissions")
    if not isinstance(changed, dict | None) or not isinstance(updates, list | None):
        raise ValueError("`updatedInput` must be an object and `updatedPermissions` a list")
    try:
        permissions = [permission_update(update) for update in updates or ()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"`updatedPermissions` cannot be read: {error!r}") from error
    return PermissionResultAllow(
        updated_input=changed or None, updated_permissions=permissions or None
    )


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
