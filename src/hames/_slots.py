"""Bounds that all sessions of a process share: so many at once, first come first served."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from types import TracebackType

_FEW = 16
"""So many of a kind fit below any limit of open files; it need not be asked for."""
_LIMIT_WHEN_UNKNOWN = 1024


class Slots:
    """At most so many holders at once: `async with slots:`. Those who wait get one in their order.

    Serves any number of event loops and threads. Who holds one must not wait for another of the same
    kind.
    """

    def __init__(self, most: int, share: float) -> None:
        self._most = most
        self._share = share
        """Of the files this process may have open; what is more than that is not allowed either."""
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._lock = threading.Lock()

    async def enter(self) -> None:
        """Wait for a slot; whoever got one has to `leave`."""
        with self._lock:
            if not self._waiting and self._inside < self._bound():
                self._inside += 1
                return
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def leave(self) -> None:
        """Let the next one in."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                try:
                    turn.get_loop().call_soon_threadsafe(self._let_in, turn)
                except RuntimeError:
                    continue  # its loop has been closed
                return
            self._inside -= 1

    async def __aenter__(self) -> None:
        await self.enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def _let_in(self, turn: asyncio.Future[None]) -> None:
        if turn.done():  # cancelled meanwhile
            self.leave()
        else:
            turn.set_result(None)

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.cancelled():  # it was let in before it heard of its cancellation
            self.leave()
            return
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _bound(self) -> int:
        if self._inside < _FEW:
            return self._most
        return min(self._most, int(most_open_files() * self._share))


def most_open_files() -> int:
    """How many files this process may have open."""
    try:
        import resource
    except ImportError:  # Windows
        return _LIMIT_WHEN_UNKNOWN
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit if limit != resource.RLIM_INFINITY else 1 << 20
