"""What the model has seen of files, by content: no file is overwritten that is not as it was seen.

A file is known by the hash of its bytes, never by its time stamp: a `touch` changes nothing, and a
change within the same clock tick does. Keys are real paths. Read, Write and the edit tools keep this
up to date; a shell tool calls `saw` for a file it printed whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Any, Literal

import msgspec

from hames.sandbox.machine import Machine

State = Literal["unseen", "current", "changed"]


class Seen(msgspec.Struct):
    """What was last seen of one file."""

    digest: str
    whole: bool
    """The model was shown, or wrote, all of it."""
    changed: bool = False
    """It holds a change that the model has not seen, although `digest` is up to date."""
    stamp: tuple[int, int] | None = None
    """Size and time before the bytes were read; while they stay, `changes` need not read the file."""


class Change(msgspec.Struct, frozen=True):
    """A seen file that is different now."""

    path: str
    removed: bool


class SeenFiles:
    """The files a session has seen. `call.state(SeenFiles)` is the session's one instance."""

    def __init__(self) -> None:
        self.files: dict[str, Seen] = {}
        self._shown: dict[tuple[str, Hashable], str] = {}

    def saw(
        self,
        path: str,
        digest: str,
        *,
        whole: bool,
        stamp: tuple[int, int] | None = None,
    ) -> None:
        """The model has seen this content, all or a part of it."""
        before = self.files.get(path)
        if before and before.digest == digest and not before.changed:
            whole = whole or before.whole
        self.files[path] = Seen(digest, whole, False, stamp)

    def wrote(self, path: str, digest: str, *, whole: bool, changed: bool = False) -> None:
        """A tool wrote this content. `changed`: it holds a change of others, not seen by the model."""
        self.files[path] = Seen(digest, whole, changed)

    def state(self, path: str, digest: str) -> State:
        """Whether the file, of which these are the bytes, is as the model has seen it."""
        seen = self.files.get(path)
        if seen is None:
            return "unseen"
        return "changed" if seen.changed or seen.digest != digest else "current"

    def is_whole(self, path: str) -> bool:
        """Whether all of the file was seen."""
        seen = self.files.get(path)
        return seen is not None and seen.whole

    def show(self, path: str, part: Hashable, digest: str) -> None:
        """This part of the content now stands in the conversation."""
        self._shown[path, part] = digest

    def take_shown(self, path: str, part: Hashable, digest: str) -> bool:
        """Whether the part stands in the conversation. True once: who asks twice needs to see it."""
        return self._shown.pop((path, part), None) == digest

    def forget_context(self) -> None:
        """Earlier results have left the conversation (it was compacted or cleared)."""
        self._shown.clear()

    async def changes(self, machine: Machine) -> list[Change]:
        """Seen files that others have changed or removed since, each change told once.

        A changed file stays blocked for Write until it is read again; a removed one is forgotten.
        """
        found = []
        for path, seen in list(self.files.items()):
            try:
                stat = await machine.stat(path)
                if stat is None or stat.kind != "file":
                    del self.files[path]
                    found.append(Change(path, removed=True))
                    continue
                stamp = (stat.size, stat.mtime_ns)
                if stamp == seen.stamp:
                    continue
                digest = digest_of(await machine.read(path))
            except OSError:
                continue
            if digest != seen.digest:
                found.append(Change(path, removed=False))
                self.files[path] = Seen(digest, seen.whole, True, stamp)
            else:
                seen.stamp = stamp
        return found


def digest_of(data: bytes) -> str:
    """The hash by which content is known: 32 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


def recall(states: dict[type, Any], path: Any, digest: Any, *, whole: bool) -> None:
    """Take up a stored call of a file tool on resume; what is not usable is left out.

    Files count as seen, but not as standing in the conversation: it may have been compacted.
    """
    if isinstance(path, str) and path and isinstance(digest, str) and digest:
        seen: SeenFiles = states.setdefault(SeenFiles, SeenFiles())
        seen.saw(path, digest, whole=whole)
