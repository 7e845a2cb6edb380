"""Putting files back: first what would have to change, then changing it.

Every step goes through descriptors of real folders, opened one below the other without following links,
so nothing outside is ever written. A file is replaced, not written into: other names of the same file
keep their content.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from hames.errors import SessionError
from hames.sessions.checkpoints.backups import Backup, Backups
from hames.sessions.checkpoints.counts import changed_lines
from hames.sessions.checkpoints.history import History, Point
from hames.sessions.checkpoints.objects import Objects
from hames.sessions.checkpoints.trees import Item, find, item_at, tree_of


class Change(msgspec.Struct):
    """A path that is to become what it was; None is nothing."""

    path: bytes
    present: Item | None
    wanted: Item | None
    content: bytes | None = None
    """Of the wanted file, when no object has it."""


class Plan(msgspec.Struct):
    """What a rewind would do."""

    changes: list[Change] = []
    left: list[str] = []
    """What differs and cannot be put back, with the reason."""
    by_others: list[str] = []
    """Files among them that somebody else changed between the answers, or after the last one."""
    insertions: int = 0
    deletions: int = 0

    @property
    def files(self) -> list[str]:
        """The files and links that change."""
        return [
            os.fsdecode(one.path)
            for one in self.changes
            if any(side is not None and side.kind != "folder" for side in (one.present, one.wanted))
        ]


class Done(msgspec.Struct):
    """What a rewind did."""

    links: list[str] = []
    """Paths that were left because a link stood in the way."""
    failed: list[str] = []
    """Paths that could not be changed, with the reason."""


def plan(
    objects: Objects, backups: Backups, history: History, point: Point, now: dict[str, str]
) -> Plan:
    """What would bring the files back to a point. `now` are the trees as they are.

    Raises SessionError when an object is missing or damaged.
    """
    made = Plan()
    for root, name in point.trees.items():
        if root in now:
            made.changes += _changes(objects, os.fsencode(root), name, now[root], made.left)
        else:
            made.left.append(f"`{root}`: it is not among the session's folders")
    for name, backup in history.backups_at(point).items():
        path = backups.path(name)
        if not _has(objects, point, path) and (change := _tracked(backups, path, backup, made)):
            made.changes.append(change)
    made.by_others = _by_others(objects, history.since(point), now, set(made.files))
    for change in made.changes:
        more, less = changed_lines(_content(objects, change), _present(change))
        made.insertions += more
        made.deletions += less
    return made


def carry_out(objects: Objects, made: Plan) -> Done:
    """Change the files. What cannot be changed is told, the rest is done all the same."""
    done = Done()
    folders = [one for one in made.changes if _is_folder(one.wanted)]
    steps = (
        (_remove_file, [c for c in made.changes if _goes(c) and not _is_folder(c.present)]),
        (
            _remove_folder,
            _deepest_first([c for c in made.changes if _goes(c) and _is_folder(c.present)]),
        ),
        (_make_folder, sorted(folders, key=_depth)),
        (_write, [c for c in made.changes if c.wanted and c.wanted.kind in ("file", "link")]),
        (_set_mode, _deepest_first(folders)),
    )
    stuck: set[bytes] = set()
    for act, changes in steps:
        for change in changes:
            if change.path in stuck:
                continue
            try:
                act(objects, change)
            except (OSError, SessionError) as error:
                stuck.add(change.path)
                path = os.fsdecode(change.path)
                if isinstance(error, OSError) and error.errno in _LINKS:
                    done.links.append(path)
                else:
                    done.failed.append(f"`{path}`: {getattr(error, 'strerror', None) or error}")
    return done


_LINKS = frozenset({errno.ELOOP, errno.ENOTDIR})


def _changes(
    objects: Objects, root: bytes, wanted: str, present: str, left: list[str]
) -> Iterator[Change]:
    """What differs between two trees, paths made absolute."""
    if wanted == present:
        return
    old, new = tree_of(objects, wanted), tree_of(objects, present)
    for name in sorted(old.keys() | new.keys()):
        path = os.path.join(root, name)
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if any(side is not None and side.kind == "skipped" for side in (before, after)):
            _leave(path, before, after, left)
            continue
        was = before.value.decode() if before and before.kind == "folder" else None
        is_ = after.value.decode() if after and after.kind == "folder" else None
        if not (was and is_ and before and after and before.mode == after.mode):
            yield Change(path, after, before)
        if was or is_:
            empty = objects.put(msgspec.msgpack.encode({}))
            yield from _changes(objects, path, was or empty, is_ or empty, left)


def _leave(path: bytes, before: Item | None, after: Item | None, left: list[str]) -> None:
    """Say what is not put back; what was passed over then and is so now needs no word."""
    if before is not None and before.kind == "skipped":
        return
    assert after is not None
    why = {
        b"large": "too large to be kept as it is",
        b"ignored": "in a folder that is ignored by now",
    }.get(after.value, "not a file that is kept")
    left.append(f"`{os.fsdecode(path)}`: {why}")


def _has(objects: Objects, point: Point, path: str) -> bool:
    """Whether a tree of the point says how the path was."""
    for root, name in point.trees.items():
        inside = root.rstrip("/") + "/"
        if path.startswith(inside):
            item = find(objects, name, os.fsencode(path[len(inside) :]))
            return item is None or item.kind != "skipped"
    return False


def _tracked(backups: Backups, path: str, backup: Backup, made: Plan) -> Change | None:
    """What would put back a file that tools wrote and no tree has."""
    wanted = backups.item(backup)
    present = item_at(os.fsencode(path))
    if wanted == present:
        return None
    for side in (wanted, present):
        if side is not None and side[0].kind in ("skipped", "folder"):
            made.left.append(f"`{path}`: no file that can be kept")
            return None
    return Change(
        os.fsencode(path),
        present[0] if present else None,
        wanted[0] if wanted else None,
        wanted[1] if wanted else None,
    )


def _by_others(
    objects: Objects, points: Sequence[Point], now: dict[str, str], among: set[str]
) -> list[str]:
    """Paths that changed while no answer was under way."""
    found: set[str] = set()
    moments = [*points, Point("", "rewind", now)]
    for ended, begun in pairwise(moments):
        if ended.kind == "end":
            for root, name in ended.trees.items():
                if root in begun.trees:
                    changes = _changes(objects, os.fsencode(root), name, begun.trees[root], [])
                    found.update(os.fsdecode(change.path) for change in changes)
    return sorted(found & among)


def _content(objects: Objects, change: Change) -> bytes | None:
    """The content of the wanted file."""
    if change.wanted is None or change.wanted.kind != "file":
        return None
    return (
        change.content if change.content is not None else objects.get(change.wanted.value.decode())
    )


def _present(change: Change) -> bytes | None:
    if change.present is None or change.present.kind != "file":
        return None
    found = item_at(change.path)
    return found[1] if found else None


def _is_folder(item: Item | None) -> bool:
    return item is not None and item.kind == "folder"


def _goes(change: Change) -> bool:
    """Whether what is there is in the way."""
    if change.present is None:
        return False
    return change.wanted is None or change.wanted.kind != change.present.kind


def _depth(change: Change) -> int:
    return change.path.count(b"/")


def _deepest_first(changes: Sequence[Change]) -> list[Change]:
    return sorted(changes, key=_depth, reverse=True)


class _Parent:
    """The real folder that a path lies in, as a descriptor."""

    def __init__(self, path: bytes, *, make: bool = False) -> None:
        self.name = os.path.basename(path)
        self._make = make
        self._parts = [part for part in os.path.dirname(path).split(b"/") if part]

    def __enter__(self) -> tuple[int, bytes]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(b"/", flags)
        for part in self._parts:
            try:
                below = self._open(part, flags)
            finally:
                os.close(self.fd)
            self.fd = below
        return self.fd, self.name

    def _open(self, part: bytes, flags: int) -> int:
        try:
            return os.open(part, flags, dir_fd=self.fd)
        except FileNotFoundError:
            if not self._make:
                raise
        os.mkdir(part, 0o755, dir_fd=self.fd)
        return os.open(part, flags, dir_fd=self.fd)

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _remove_file(objects: Objects, change: Change) -> None:
    with _Parent(change.path) as (folder, name):
        os.unlink(name, dir_fd=folder)


def _remove_folder(objects: Objects, change: Change) -> None:
    with _Parent(change.path) as (folder, name):
        os.rmdir(name, dir_fd=folder)


def _make_folder(objects: Objects, change: Change) -> None:
    if _is_folder(change.present):
        return
    with _Parent(change.path) as (folder, name):
        os.mkdir(name, 0o700, dir_fd=folder)


def _set_mode(objects: Objects, change: Change) -> None:
    assert change.wanted is not None
    with _Parent(change.path + b"/.") as (folder, _):
        os.fchmod(folder, change.wanted.mode)


def _write(objects: Objects, change: Change) -> None:
    """Put the file or link there at once, whatever is there now."""
    wanted = change.wanted
    assert wanted is not None
    with _Parent(change.path, make=True) as (folder, name):
        new = b".hames-%b" % secrets.token_hex(8).encode()
        if wanted.kind == "link":
            os.symlink(wanted.value, new, dir_fd=folder)
        else:
            data = _content(objects, change)
            assert data is not None
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(new, flags, 0o600, dir_fd=folder), "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), wanted.mode & 0o777)
        try:
            os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(new, dir_fd=folder)
            raise
