"""Hooks that live in the client's process: `hook_callback` as a question over the wire."""

from __future__ import annotations

from typing import Any, cast

from hames.errors import LineTooLong, OptionsError
from hames.hooks.callback import Callback, Failing, HookContext, HookMatcher
from hames.hooks.events import EVENTS
from hames.protocol.questions import Questions


def matchers(raw: dict[str, Any], questions: Questions) -> dict[str, list[HookMatcher]]:
    """The hooks of `initialize`, by event. Raises OptionsError for what is not in their form."""
    found: dict[str, list[HookMatcher]] = {}
    for event, groups in raw.items():
        if not isinstance(groups, list):
            raise OptionsError(f"the hooks of `{event}` must be a list")
        found[event] = [_matcher(event, group, questions) for group in groups]
    return found


def _matcher(event: str, group: Any, questions: Questions) -> HookMatcher:
    match group:
        case {"hookCallbackIds": [*ids]} if all(isinstance(id, str) for id in ids):
            timeout, failing = group.get("timeout"), group.get("onFailure")
            if not isinstance(timeout, int | float | None) or failing not in (
                None,
                "continue",
                "block",
            ):
                raise OptionsError(f"a hook of `{event}` has a wrong `timeout` or `onFailure`")
            return HookMatcher(
                group.get("matcher"),
                [_callback(id, questions) for id in ids],
                timeout,
                cast("Failing | None", failing),
            )
    raise OptionsError(f"a hook of `{event}` needs `hookCallbackIds`, a list of texts")


def _callback(id: str, questions: Questions) -> Callback:
    async def call(
        input: dict[str, Any], tool_use_id: str | None, context: HookContext
    ) -> dict[str, Any]:
        try:
            return await questions.ask(
                "hook_callback", callback_id=id, input=input, tool_use_id=tool_use_id
            )
        except LineTooLong as error:
            if not EVENTS[input["hook_event_name"]].guards:
                raise
            # A call must not pass its guard by being too long for it.
            return {"decision": "block", "reason": str(error)}

    return call
