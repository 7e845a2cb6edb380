"""The encoded turns of a conversation, as parts that a request joins."""

from __future__ import annotations

from collections.abc import Iterable

RUN = 64
"""Turns that become one part; as many at least stay parts of their own, which marks can be set in."""


class Encoded:
    """Encoded turns. Older ones are joined in runs, so that a long session has few parts.

    The first turn stays alone, and so do the newest: cache marks change them.
    """

    def __init__(self, turns: Iterable[bytes] = ()) -> None:
        self.size = 0
        """Bytes of all turns."""
        self._parts: list[bytes] = []
        self._runs = 0
        """Parts after the first that are runs."""
        for turn in turns:
            self.append(turn)

    @property
    def parts(self) -> list[bytes]:
        """First turn, runs, newest turns: with commas between them the `messages` of a request."""
        return self._parts

    def append(self, turn: bytes) -> None:
        """Add a turn."""
        self._parts.append(turn)
        self.size += len(turn)
        oldest = 1 + self._runs
        if len(self._parts) - oldest >= 2 * RUN:
            self._parts[oldest : oldest + RUN] = [b",".join(self._parts[oldest : oldest + RUN])]
            self._runs += 1

    def replace_last(self, turn: bytes) -> None:
        """Another form of the newest turn."""
        self.size += len(turn) - len(self._parts[-1])
        self._parts[-1] = turn

    def cut(self, count: int) -> bool:
        """Take the newest turns off; False, and nothing is done, when some of them stand in a run."""
        if count > len(self._parts) - (1 + self._runs if self._runs else 0):
            return False
        for _ in range(count):
            self.size -= len(self._parts.pop())
        return True
