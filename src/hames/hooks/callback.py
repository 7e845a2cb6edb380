"""Hooks that are functions of the caller's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from hames._aio import patiently

Failing = Literal["continue", "block"]


class HookContext(TypedDict):
    """What a callback gets besides its input. `signal` is always None."""

    signal: Any


Callback = Callable[
    [dict[str, Any], str | None, HookContext], Awaitable[dict[str, Any]] | dict[str, Any]
]
"""`async def hook(input, tool_use_id, context) -> dict`; it may also be a plain function."""


@dataclass
class HookMatcher:
    """Hooks for the events that a matcher selects; the official class."""

    matcher: str | None = None
    """A tool name, `A|B`, a regular expression, or None for all."""
    hooks: Sequence[Callback | dict[str, Any]] = field(default_factory=list)
    """Functions; a hook in the form of a settings file may stand here as well."""
    timeout: float | None = None
    """Seconds that each of them gets."""
    on_failure: Failing | None = None
    """What a hook that raises stands for: `continue` (the default) or `block`."""


def with_functions(
    hooks: Mapping[str, Any], change: Callable[[Callback], Callback]
) -> dict[str, Any]:
    """The same hooks with their functions changed; all else as it was."""

    def group(given: Any) -> Any:
        inside = given.get("hooks") if isinstance(given, Mapping) else getattr(given, "hooks", None)
        if not isinstance(inside, Sequence):
            return given
        changed = [change(hook) if callable(hook) else hook for hook in inside]
        if isinstance(given, Mapping):
            return {**given, "hooks": changed}
        return HookMatcher(
            given.matcher,
            changed,
            getattr(given, "timeout", None),
            getattr(given, "on_failure", None),
        )

    return {
        name: [group(given) for given in groups] if isinstance(groups, Sequence) else groups
        for name, groups in hooks.items()
    }


async def call(function: Callback, input: dict[str, Any], tool_use_id: str | None) -> Any:
    """Call the function, once, and give what it gives, with the official field names."""
    given = function(input, tool_use_id, HookContext(signal=None))
    if inspect.isawaitable(given):
        given = await patiently(given)
    return _renamed(given)


def _renamed(given: Any) -> Any:
    """Official Python: `continue` and `async` are keywords, so they are written with a `_`."""
    if not isinstance(given, dict):
        return given
    words = {"continue_": "continue", "async_": "async"}
    return {words.get(key, key): value for key, value in given.items()}
