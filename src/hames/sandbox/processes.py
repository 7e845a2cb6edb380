"""Starting and watching child processes of this computer.

`subprocess.Popen` without a pre-exec function starts a child by vfork: about 0.2 ms of our CPU whatever
our size. (`os.posix_spawn` takes half, but cannot set the working directory.) Its end is told by a pidfd
in the event loop: no thread, no signal handler, and no other child of the host is ever waited for.

Output comes through a pipe, not a file: `echo oops > /dev/stderr` in a script would empty a file.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from hames.sandbox.host import marked, this_host
from hames.sandbox.trees import Roots, end_tree

Receive = Callable[[bytes], None]

_GULP = 65536
"""The capacity of a pipe, so the most that one read can find in it."""
_TORRENT = 64_000_000
"""Bytes after which output is read in larger gulps with pauses: without end, it must not keep us busy."""
_TORRENT_GULP = 1 << 20
_PAUSE = 0.005


class LocalProcess:
    """A child, and what it has started. Made by `start` inside a running event loop."""

    def __init__(self, child: subprocess.Popen[bytes], owner: str, mark: str) -> None:
        self.pid = child.pid
        self.owner = owner
        self._child = child
        self._mark = mark
        self._code: int | None = None
        self.left_group = False
        """Its process group outlived it."""
        self._loop = asyncio.get_running_loop()
        self._waiters: list[asyncio.Future[None]] = []
        self._outputs: dict[int, Receive] = {}
        self._received = 0
        self._handle: int | None = None

    @property
    def code(self) -> int | None:
        return self._code

    @property
    def lingers(self) -> bool:
        return self._code is not None and bool(self._outputs)

    @property
    def is_over(self) -> bool:
        """It has ended and, as far as can be seen without looking for it, left nothing behind."""
        return self._code is not None and not self._outputs and not self.left_group

    async def wait(self) -> int:
        while self._code is None:
            await self._change()
        return self._code

    async def settle(self, seconds: float) -> bool:
        if self._loop.is_closed():
            self._reap_without_loop()
            return self.is_over
        try:
            async with asyncio.timeout(seconds):
                while self._code is None or self._outputs:
                    await self._change()
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        """Kill it and its process group at once, if it still runs."""
        if self._code is None:
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, grace: float = 0.3) -> None:
        await end_tree(self.roots(), grace)
        await self.settle(1.0)
        self.close()

    def roots(self) -> Roots:
        """Where its tree begins."""
        leaders = [self.pid] if self._code is None else []
        orphaned = [self.pid] if self.left_group else []
        return Roots(self._mark, leaders, orphaned)

    def close(self) -> None:
        """Receive nothing more."""
        for handle in list(self._outputs):
            self._end_of(handle)

    def _watch(self, outputs: dict[int, Receive]) -> None:
        self._outputs = outputs
        for handle in outputs:
            os.set_blocking(handle, False)
            self._loop.add_reader(handle, self._read, handle)
        self._handle = _pidfd(self.pid)
        if self._handle is not None:
            self._loop.add_reader(self._handle, self._reap, self._handle)
        else:
            import threading

            threading.Thread(target=self._reap_in_thread, daemon=True).start()

    async def _change(self) -> None:
        """Wait until it has ended, or one of its outputs has."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _read(self, handle: int) -> bool:
        """Take one gulp of output; whether there may be more."""
        try:
            data = os.read(handle, _GULP if self._received <= _TORRENT else _TORRENT_GULP)
        except (BlockingIOError, InterruptedError):
            return False
        if not data:
            self._end_of(handle)
            return False
        self._outputs[handle](data)
        self._received += len(data)
        if self._received > _TORRENT and self._code is None:
            self._pause(handle)
        return True

    def _pause(self, handle: int) -> None:
        if self._received <= _TORRENT + _GULP and sys.platform == "linux":
            try:
                fcntl.fcntl(handle, fcntl.F_SETPIPE_SZ, _TORRENT_GULP)
            except OSError:
                pass  # more than this user may have
        self._loop.remove_reader(handle)
        self._loop.call_later(_PAUSE, self._read_on, handle)

    def _read_on(self, handle: int) -> None:
        if handle in self._outputs:
            self._loop.add_reader(handle, self._read, handle)

    def _end_of(self, handle: int) -> None:
        del self._outputs[handle]
        self._loop.remove_reader(handle)
        os.close(handle)
        if self._code is not None:
            self._wake()

    def _reap(self, handle: int) -> None:
        self._loop.remove_reader(handle)
        os.close(handle)
        self._ended(self._status())

    def _reap_without_loop(self) -> None:
        """Tidy up in place of a loop that was closed while the child ran."""
        for handle in self._outputs:
            os.close(handle)
        self._outputs.clear()
        if self._code is None and self._handle is not None:
            os.close(self._handle)
            self._code = self._child.returncode = self._status()

    def _reap_in_thread(self) -> None:
        status = self._status()
        try:
            self._loop.call_soon_threadsafe(self._ended, status)
        except RuntimeError:
            pass  # the loop has been closed; nobody waits

    def _status(self) -> int:
        """Reap the child. 255 when the host has reaped it, which ignoring SIGCHLD does as well."""
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return 255

    def _ended(self, code: int) -> None:
        self._child.returncode = code
        # What it printed is in the pipe; a daemon that prints on without end must not hold us here.
        for handle in list(self._outputs):
            for _ in range(32):
                if not self._read(handle):
                    break
        self.left_group = _group_exists(self.pid)
        self._code = code
        self._wake()


def start(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    owner: str,
    stdout: Receive,
    stderr: Receive | None = None,
    input: bytes = b"",
) -> LocalProcess:
    """Start a program in a session of its own; without `stderr` both outputs go to `stdout` in order."""
    mark = this_host().new_mark(owner)
    opened: list[int] = []
    outputs: dict[int, Receive] = {}
    try:
        ends: list[int] = []
        for receive in (stdout,) if stderr is None else (stdout, stderr):
            reading, writing = os.pipe()
            opened += reading, writing
            outputs[reading] = receive
            ends.append(writing)
        stdin = _holding(input) if input else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        opened.append(stdin)
        child = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=ends[0],
            stderr=ends[-1],
            cwd=cwd,
            env=marked(env, mark),
            start_new_session=True,
        )
    except BaseException:
        for handle in opened:
            os.close(handle)
        raise
    for handle in opened:
        if handle not in outputs:
            os.close(handle)
    process = LocalProcess(child, owner, mark)
    process._watch(outputs)
    return process


def _pidfd(pid: int) -> int | None:
    """A descriptor that tells the end of a process; None where there is no such thing."""
    if sys.platform == "linux":
        try:
            return os.pidfd_open(pid)
        except OSError:
            pass  # an old kernel, or a container that does not allow the call
    return None


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _holding(data: bytes) -> int:
    """A descriptor from which the data can be read; a file in memory where there is such a thing."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("input", os.MFD_CLOEXEC)
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
