"""Plan mode as its tools see it: whether it is on, how to change it, where plans are kept."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


def _off() -> bool:
    return False


def _nothing() -> None:
    raise AssertionError("a session with plan mode says how it is entered and left")


class PlanMode(Struct):
    """The session's. It fills in what the tools call."""

    is_on: Callable[[], bool] = _off
    enter: Callable[[], None] = _nothing
    leave: Callable[[], None] = _nothing
    """Back to the mode before; nothing when it was left already."""
    file: str | None = None
    """Where an approved plan is written; None for sessions that keep nothing."""
    told: bool = False
    """The model knows that it is on."""
