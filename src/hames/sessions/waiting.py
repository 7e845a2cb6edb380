"""Calls at the end of a session that wait for somebody to decide, and those that wait behind them."""

from __future__ import annotations

from hames.blocks import Block
from hames.sessions.resume import Loaded


def waiting(loaded: Loaded) -> list[Block]:
    """The calls without a result, in order, when one of them was put off (`Loaded.deferred`).

    None wait once they have begun, or the user has said something else since.
    """
    last = next((turn for turn in reversed(loaded.turns) if turn.role == "assistant"), None)
    if not loaded.deferred or last is None or not _nothing_said(loaded):
        return []
    begun = {id for id, fate in loaded.fates.items() if fate == "started"}
    open_calls = loaded.callers.keys() - begun
    found = [b for b in last.blocks if b.type == "tool_use" and b.id in open_calls]
    return found if any(block.id in loaded.deferred for block in found) else []


def _nothing_said(loaded: Loaded) -> bool:
    """Whether results and notes are all that follows the last reply."""
    for line in reversed(loaded.lines):
        if line.type == "assistant":
            return True
        if line.type == "user" and not (
            line.isMeta or all(block.type == "tool_result" for block in line.blocks)
        ):
            return False
    return False
