"""The seam between tools and a computer: files and processes, nothing else.

Tools, memory files and hooks use only this. Paths are absolute strings. All methods raise `OSError`
subclasses as the operating system would (FileNotFoundError, IsADirectoryError, PermissionError …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from hames.sandbox.guard import Closes

Kind = Literal["file", "folder", "link", "other"]


class Stat(msgspec.Struct, frozen=True):
    """What is known of a path without opening it."""

    kind: Kind
    """`link` only when links are not followed; `other` is a device, socket or FIFO."""
    size: int
    mode: int
    """Permission bits."""
    mtime_ns: int


class Entry(msgspec.Struct, frozen=True):
    """One name in a folder; links are not followed."""

    name: str
    kind: Kind


class Finished(msgspec.Struct, frozen=True):
    """A command that has ended."""

    code: int
    """Exit code; negative is the signal that killed it."""
    stdout: bytes
    stderr: bytes
    cut: bool = False
    """The output passed the limit; what is here is its beginning."""


class Process(Protocol):
    """A running process and everything it has started."""

    pid: int

    @property
    def code(self) -> int | None:
        """Exit code once it has ended, else None; negative is the signal that killed it."""

    @property
    def lingers(self) -> bool:
        """It has ended, but something it started lives on and can still print."""

    async def wait(self) -> int:
        """Wait for its end and return the exit code. All it printed has been received then."""

    async def settle(self, seconds: float) -> bool:
        """Wait that long for what it left behind to end as well; whether it did."""

    async def stop(self, grace: float = 0.3) -> None:
        """End its whole tree: TERM, after `grace` seconds KILL. Returns when all are gone.

        Safe to call at any time and more than once. Descendants that left the process group
        (daemons) are ended as well.
        """


class Machine(Protocol):
    """A computer as tools see it."""

    def guarded(self, closes: Closes) -> Machine:
        """The same computer, on which files are not opened that `closes` gives a reason for.

        It is asked about what has really been opened, links followed, and before anything is read or
        written; the refusal is `guard.Closed`, a PermissionError. Files below `scratch` are excepted:
        they are the harness's own. Programs that are run are not bounded by it.
        """

    async def read(self, path: str, *, limit: int | None = None) -> bytes:
        """The bytes of a regular file, at most `limit`. Refuses devices and FIFOs with OSError."""

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        """Replace or create a file atomically; parents are made, an existing file's mode is kept.

        Refuses to write through a symbolic link anywhere in the path (OSError, ELOOP): resolve
        first, judge the real path, write that.
        """

    async def append(self, path: str, data: bytes) -> None:
        """Add bytes to a file, which is created (0600) when missing; one write."""

    async def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        """What is at the path; None when nothing is."""

    async def list(self, path: str) -> list[Entry]:
        """The entries of a folder, sorted by name."""

    async def real_path(self, path: str) -> str:
        """The path with links resolved, as far as it exists."""

    async def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it."""

    async def scratch(self) -> str:
        """A folder that nobody else can enter (0700) for short-lived files of the harness itself."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        timeout: float,
        limit: int = 16_000_000,
        stop_at_limit: bool = False,
        input: bytes = b"",
        receive: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run a program to its end. Raises TimeoutError after killing its tree; so does cancelling.

        What it leaves in its process group when it ends is killed. `receive` gets its standard output
        as it is printed, all of it. Of each output `limit` bytes are kept; with `stop_at_limit` a
        program that prints more is killed.
        """

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        receive: Callable[[bytes], None],
        owner: str,
    ) -> Process:
        """Start a program, its stdin empty; `receive` gets what it prints, stdout and stderr in order.

        `owner` names whose it is; see `stop_all`.
        """

    async def stop_all(self, owner: str) -> int:
        """End every process of an owner, daemons included; how many were still alive."""
