"""Calls that wait: put off when nobody could decide, run or refused when the session is resumed.

What waits stands in the transcript, so another process can go on with it. A call that has begun, or has
a result, never waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hames.approvals import PermissionResult, permission_result
from hames.blocks import Turn
from hames.errors import OptionsError
from hames.messages import DeferredToolUse
from hames.providers.assemble import ToolUse
from hames.sessions.resume import Loaded
from hames.sessions.waiting import waiting


class Waiting(msgspec.Struct, frozen=True):
    """A call without a result."""

    use: ToolUse
    input: dict[str, Any] | None = None
    """What would run, as it was put off. None: it only waits for a call before it."""
    reason: str = ""


class Deferral(msgspec.Struct):
    """What waits in a session, and what somebody has decided about it."""

    waiting: list[Waiting] = msgspec.field(default_factory=list)
    decisions: dict[str, PermissionResult] = msgspec.field(default_factory=dict)
    """By the id of the call."""
    shown: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """By the id of a call the input that was put off: a decision is about this and nothing else."""

    def decide(self, decisions: Mapping[str, Any], known: Iterable[str] = ()) -> list[str]:
        """Take decisions; warnings about those that come too late.

        `known` are all calls of the session. Raises OptionsError for a decision that cannot be read, or
        is about no call.
        """
        asked = {one.use.id for one in self.waiting if one.input is not None}
        late, known = [], set(known)
        for id, raw in decisions.items():
            try:
                decided = permission_result(raw)
            except ValueError as error:
                raise OptionsError(f"The decision about `{id}` cannot be read: {error}.") from error
            if id in asked:
                self.decisions[id] = decided
            elif id in known:
                late.append(
                    f"The call `{id}` does not wait any more: what was decided has no effect."
                )
            else:
                raise OptionsError(f"There is no call `{id}` in this session to decide about.")
        return late

    def decided(self, id: str, input: dict[str, Any]) -> PermissionResult | None:
        """What was decided about the call with this very input; used once."""
        return self.decisions.pop(id, None) if self.shown.get(id) == input else None

    def put_off(self, waiting: Sequence[Waiting]) -> None:
        """These wait from now on."""
        self.waiting = list(waiting)
        self.shown = {one.use.id: one.input for one in waiting if one.input is not None}

    def first(self) -> DeferredToolUse | None:
        """The first call that somebody has to decide about."""
        for one in self.waiting:
            if one.input is not None:
                return DeferredToolUse(one.use.id, one.use.name, one.input)
        return None

    def obligations(self) -> list[dict[str, Any]]:
        """All that waits, as results list it."""
        return [
            {
                "kind": "waiting" if one.input is None else "deferred",
                "tool_name": one.use.name,
                "tool_use_id": one.use.id,
                "tool_input": one.use.input if one.input is None else one.input,
                **({"text": one.reason} if one.reason else {}),
            }
            for one in self.waiting
        ]


def waiting_in(loaded: Loaded) -> list[Waiting]:
    """What waits at the end of a stored session."""
    found = []
    for block in waiting(loaded):
        raw = block.value()
        use = ToolUse(raw["id"], raw["name"], raw["input"])
        found.append(Waiting(use, loaded.deferred.get(use.id)))
    return found


def without_results(turns: list[Turn], waiting: Sequence[Waiting]) -> list[Turn]:
    """The turns without the results that were added for calls that wait."""
    ids = {one.use.id for one in waiting}
    if not ids or turns[-1].role != "user":
        return turns
    left = [b for b in turns[-1].blocks if not (b.type == "tool_result" and b.id in ids)]
    return [*turns[:-1], Turn("user", left)] if left else turns[:-1]
