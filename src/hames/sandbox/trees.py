"""Finding and ending everything that a process has started.

Three things tell who belongs: the process group and session, parents, and the mark in the environment
(`host`). A daemon has left the first two. One that also wiped its environment is found while its parent
lives, and not after.

Linux has all of it in /proc. Elsewhere `ps` tells groups, parents and, for one's own processes, marks.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

_PATIENCE = 5.0
"""Seconds after KILL; only a process stuck in the kernel takes longer, and nothing ends that."""

_KERNEL = 2
"""The parent of kernel threads."""


class Seen(NamedTuple):
    """A process that is alive, told apart from a later one of the same number by its start."""

    pid: int
    parent: int
    group: int
    session: int
    start: str


class Roots(NamedTuple):
    """Where a tree begins."""

    mark: str
    """What stands in the environment of all that belongs."""
    leaders: Collection[int] = ()
    """Processes that run, each with its group and session."""
    orphaned: Collection[int] = ()
    """Groups that outlived their leader. Where a process has that number again, it is not ours."""


def tree_of(roots: Roots, known: Iterable[Seen] = ()) -> dict[int, Seen]:
    """All that belongs to these roots and is alive.

    `known` are processes seen earlier: they stay part of the tree after their parents have ended.
    """
    table = _table()
    groups = {*roots.leaders, *(group for group in roots.orphaned if group not in table)}
    before = {(seen.pid, seen.start) for seen in known}
    children: dict[int, list[int]] = {}
    waiting = _with_mark(roots.mark, table)
    for seen in table.values():
        children.setdefault(seen.parent, []).append(seen.pid)
        if seen.group in groups or seen.session in groups or (seen.pid, seen.start) in before:
            waiting.append(seen.pid)
    found: dict[int, Seen] = {}
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid in table:
            found[pid] = table[pid]
            waiting += children.get(pid, ())
    found.pop(os.getpid(), None)
    return found


async def end_tree(roots: Roots, grace: float) -> int:
    """End a tree: TERM, after `grace` seconds KILL. Returns how many there were, once all are gone.

    Cancelling skips the grace, not the end.
    """
    tree = tree_of(roots)
    if not tree:
        return 0
    found = set(tree)
    _signal(tree, signal.SIGTERM)
    _signal(tree, signal.SIGCONT)  # one that is stopped hears of it only when it goes on
    try:
        await _until(lambda: not _alive(tree), grace)
        end = time.monotonic() + _PATIENCE
        while (tree := tree_of(roots, tree.values())) and time.monotonic() < end:
            found.update(tree)
            _signal(tree, signal.SIGKILL)
            await _until(lambda tree=tree: not _alive(tree), 0.1)  # type: ignore[misc]
    except asyncio.CancelledError:
        _signal(tree_of(roots, tree.values()), signal.SIGKILL)
        raise
    return len(found)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    pause = 0.001
    while not done() and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, 0.02)


def _signal(tree: dict[int, Seen], number: int) -> None:
    """Send a signal to all of a tree, whole groups first, so that a fork in between is hit as well.

    Each is looked at once more, as its number may have gone to another process.
    """
    for seen in sorted(tree.values(), key=lambda seen: seen.pid != seen.group):
        if not _is_still(seen):
            continue
        try:
            if seen.pid == seen.group:
                os.killpg(seen.pid, number)
            else:
                os.kill(seen.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # ended meanwhile, or changed its user


def _alive(tree: dict[int, Seen]) -> bool:
    if sys.platform != "linux":
        return bool(tree.keys() & _table().keys())
    return any(map(_is_still, tree.values()))


def _is_still(seen: Seen) -> bool:
    """Whether it is alive, as far as can be told at the cost of one look."""
    if sys.platform != "linux":
        return True
    now = _look(seen.pid)
    return now is not None and now.start == seen.start


def _table() -> dict[int, Seen]:
    """All processes that are alive; zombies are not."""
    if sys.platform != "linux":
        return table_from_ps(_ps("pid=,ppid=,pgid=,stat="))
    seen = (_look(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {one.pid: one for one in seen if one}


def _look(pid: int) -> Seen | None:
    """A process as /proc/PID/stat tells it. The name in it may hold anything, so the split is after it."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return Seen(pid, int(fields[1]), int(fields[2]), int(fields[3]), fields[19].decode())


def _with_mark(mark: str, table: dict[int, Seen]) -> list[int]:
    wanted = mark.encode()
    if sys.platform != "linux":
        lines = _ps("pid=,command=", "-E").splitlines()
        return [int(line.split(None, 1)[0]) for line in lines if wanted in line]
    found: list[int] = []
    unclear: list[int] = []
    for pid in table:
        if wanted in (environment := _environment(pid)):
            found.append(pid)
        elif not environment and table[pid].parent != _KERNEL:
            unclear.append(pid)
    if unclear:
        # A process in the middle of an exec has no environment for a moment.
        time.sleep(0.001)
        found += [pid for pid in unclear if wanted in _environment(pid)]
    return found


def _environment(pid: int) -> bytes:
    """The environment as it was at the last exec; a blank for what is not ours."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b" "


def table_from_ps(listing: bytes) -> dict[int, Seen]:
    """What `ps -o pid=,ppid=,pgid=,stat=` tells. It knows neither sessions nor exact starts."""
    found: dict[int, Seen] = {}
    for line in listing.splitlines():
        pid, parent, group, state = line.split(None, 3)
        if not state.startswith(b"Z"):
            found[int(pid)] = Seen(int(pid), int(parent), int(group), int(group), "")
    return found


def _ps(columns: str, *options: str) -> bytes:
    return subprocess.run(
        ["/bin/ps", "-axww", *options, "-o", columns],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    ).stdout
