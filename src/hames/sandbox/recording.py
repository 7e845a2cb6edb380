"""What a command prints: in memory while it is little, in a file when it grows or is to be followed.

Programs print without bound. Memory holds the beginning and the end, the file at most `SAVE_LIMIT`;
what is beyond both is counted and dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable

MEMORY = 256 * 1024
"""Bytes kept of the beginning, and about as many of the end."""

SAVE_LIMIT = 64 * 1024 * 1024
"""Bytes that a file gets at most."""


class Recording:
    """The output of one command, added as it comes."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes printed until now."""
        self.path: str | None = None
        """The file that has it all, up to `SAVE_LIMIT`."""
        self.saved = 0
        """Bytes in the file."""
        self.problem: str | None = None
        """Why the file has less than it should."""
        self.on_growth: Callable[[], None] | None = None
        """Called once when the output is more than memory should hold and there is no file for it."""
        self._head = bytearray()
        self._tail = bytearray()
        self._ends_only = False

    @property
    def is_whole(self) -> bool:
        """All of it is in memory."""
        return self.size == len(self._head)

    @property
    def head(self) -> bytes:
        """The beginning; everything while `is_whole`."""
        return bytes(self._head)

    @property
    def dropped(self) -> int:
        """Bytes that the file should have and does not."""
        return self.size - self.saved if self.path else 0

    def add(self, data: bytes) -> None:
        """Take what was printed next."""
        self.size += len(data)
        if self.path is not None:
            self._save(data)
            self._remember(data)
            return
        if self._ends_only:
            self._remember(data)
            if not self.is_whole:
                self.problem = "the command was being stopped"
            return
        self._head += data
        if len(self._head) > MEMORY and self.on_growth:
            grown, self.on_growth = self.on_growth, None
            grown()

    def save_to(self, path: str, saved: int) -> None:
        """Continue in this file, which has the first `saved` bytes of the output already."""
        self.path, self.saved = path, saved
        head, self._head = self._head, bytearray()
        if len(head) > saved:
            self._save(bytes(head[saved:]))
        self._remember(bytes(head))

    def keep_ends(self) -> None:
        """From here on keep no more than the beginning and the end, unless there is a file.

        For a command that is being stopped: nobody will save what it prints meanwhile.
        """
        if self.path is None and not self._ends_only:
            self._ends_only = True
            head, self._head = self._head, bytearray()
            self._remember(bytes(head))

    def end(self, length: int) -> bytes:
        """The last bytes, at most `length` and at most what memory holds."""
        whole = len(self._head) + len(self._tail) == self.size
        kept = self._head + self._tail if whole else self._tail
        return bytes(kept[-length:]) if length else b""

    def since(self, position: int, length: int) -> bytes:
        """The output from a position on, at most `length` bytes, from memory or the file."""
        if position + length <= len(self._head) or self.is_whole:
            return bytes(self._head[position : position + length])
        if self.path is None or position >= self.saved:
            return b""
        with open(self.path, "rb") as file:
            file.seek(position)
            return file.read(min(length, self.saved - position))

    def _remember(self, data: bytes) -> None:
        room = max(MEMORY - len(self._head), 0)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * MEMORY:
            del self._tail[:-MEMORY]

    def _save(self, data: bytes) -> None:
        data = data[: max(SAVE_LIMIT - self.saved, 0)]
        if not data or self.problem:
            return
        assert self.path is not None
        try:
            # Opened for each piece: a recording has no end of its own at which to close it.
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                self.saved += os.write(handle, data)
            finally:
                os.close(handle)
        except OSError as error:
            self.problem = f"{error.strerror or error}"
