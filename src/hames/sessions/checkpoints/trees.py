"""A folder as a tree of objects.

What is passed over is named in the tree, so that a rewind leaves it alone: ignored folders, repositories'
own folders, other disks, devices, files above a size. A file whose `stat` is as it was is not read
again, unless it was written so shortly before the last look that a later write could have the same time.
"""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import msgspec

from hames.errors import SessionError
from hames.sessions.checkpoints.objects import Objects, make_private

LARGEST = 10 * 1024 * 1024
"""Bytes of a file that is kept."""
MOST = 100_000
"""Entries of a folder that is kept at all."""
_TICK = 50_000_000
"""Nanoseconds within which two writes may get the same time."""
_NEVER = frozenset({b".git", b".hg", b".svn", b".jj", b"node_modules", b".venv", b"__pycache__"})
"""Folders that are passed over wherever they are."""

Kind = Literal["file", "link", "folder", "skipped"]


class Item(msgspec.Struct, frozen=True, array_like=True):
    """What stands under one name."""

    kind: Kind
    value: bytes
    """Name of an object, the target of a link, or why it was passed over."""
    mode: int = 0


Tree = dict[bytes, Item]

_encoder = msgspec.msgpack.Encoder()
_trees = msgspec.msgpack.Decoder(Tree)


class Ignores(Protocol):
    """The ignore rules that hold in one folder."""

    def enter(self, folder: str, names: Iterable[str]) -> Ignores:
        """The rules in a folder below, which has these entries."""

    def leaves_out(self, folder: str) -> bool:
        """Whether a folder in this one is ignored."""


class Signature(msgspec.Struct, frozen=True, array_like=True):
    """What `stat` said of a file that was read."""

    size: int
    mtime: int
    ctime: int
    inode: int
    name: bytes
    """Of the object with its content."""


class Cache(msgspec.Struct):
    """What is known of files from the last look."""

    files: dict[bytes, Signature] = msgspec.field(default_factory=dict)

    @classmethod
    def read(cls, path: str) -> Cache:
        """The stored cache; an empty one when there is none that can be read."""
        try:
            with open(path, "rb") as file:
                return cls(_caches.decode(file.read()))
        except (OSError, msgspec.DecodeError):
            return cls()

    def write(self, path: str) -> None:
        """Replace the stored cache."""
        make_private(os.path.dirname(path))
        temporary = f"{path}.{os.getpid()}.new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            file.write(_encoder.encode(self.files))
        os.replace(temporary, path)


_caches = msgspec.msgpack.Decoder(dict[bytes, Signature])


class TooMany(Exception):
    """The folder has more entries than are kept."""


class Looker:
    """Looks at one folder and stores its tree."""

    def __init__(
        self,
        objects: Objects,
        root: str,
        ignores: Callable[[str], Ignores],
        *,
        excluded: Iterable[str] = (),
        cache: Cache | None = None,
    ) -> None:
        self.root = os.fsencode(root)
        self.cache = cache or Cache()
        self.changed = False
        """Whether the last look found anything else than the one before."""
        self._objects = objects
        self._ignores = ignores
        self._excluded = {os.fsencode(path) for path in excluded}
        self._seen: dict[bytes, Signature] = {}
        self._count = 0
        self._device = 0
        self._began = 0

    def look(self) -> str:
        """The name of the tree as it is. Raises TooMany, and OSError when objects cannot be stored."""
        self._seen, self._count, self._began = {}, 0, time.time_ns()
        self._device = os.stat(self.root).st_dev
        name = self._folder(self.root, self._ignores(os.fsdecode(self.root)))
        self.changed = self._seen != self.cache.files
        self.cache.files = self._seen
        return name

    def _folder(self, path: bytes, ignores: Ignores) -> str:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        self._count += len(entries)
        if self._count > MOST:
            raise TooMany
        inner = ignores.enter(os.fsdecode(path), [os.fsdecode(entry.name) for entry in entries])
        tree: Tree = {}
        for entry in entries:
            if item := self._item(entry, inner):
                tree[entry.name] = item
        return self._objects.put(_encoder.encode(tree))

    def _item(self, entry: os.DirEntry[bytes], ignores: Ignores) -> Item | None:
        try:
            stat = entry.stat(follow_symlinks=False)
            kind = modes.S_IFMT(stat.st_mode)
            mode = modes.S_IMODE(stat.st_mode)
            if kind == modes.S_IFREG:
                return self._file(entry.path, stat, mode)
            if kind == modes.S_IFLNK:
                return Item("link", os.readlink(entry.path))
            if kind != modes.S_IFDIR:
                return Item("skipped", b"special")
            if why := self._why_not(entry, stat, ignores):
                return Item("skipped", why)
            return Item("folder", self._folder(entry.path, ignores).encode(), mode)
        except FileNotFoundError:  # gone while we looked
            return None
        except PermissionError:
            return Item("skipped", b"unreadable")

    def _why_not(
        self, entry: os.DirEntry[bytes], stat: os.stat_result, ignores: Ignores
    ) -> bytes | None:
        if entry.name in _NEVER or entry.path in self._excluded:
            return b"apart"
        if stat.st_dev != self._device:
            return b"device"
        return b"ignored" if ignores.leaves_out(os.fsdecode(entry.path)) else None

    def _file(self, path: bytes, stat: os.stat_result, mode: int) -> Item:
        if stat.st_size > LARGEST:
            return Item("skipped", b"large")
        known = self.cache.files.get(path)
        times = stat.st_mtime_ns, stat.st_ctime_ns
        same = known is not None and (known.size, known.mtime, known.ctime, known.inode) == (
            stat.st_size,
            *times,
            stat.st_ino,
        )
        if known is not None and same and self._objects.take(known.name.decode()):
            self._seen[path] = known
            return Item("file", known.name, mode)
        data = _read(path)
        if len(data) > LARGEST:
            return Item("skipped", b"large")
        name = self._objects.put(data).encode()
        if len(data) == stat.st_size and max(times) < self._began - _TICK:
            self._seen[path] = Signature(stat.st_size, *times, stat.st_ino, name)
        return Item("file", name, mode)


def tree_of(objects: Objects, name: str) -> Tree:
    """A stored tree. Raises SessionError when it cannot be read."""
    try:
        return _trees.decode(objects.get(name))
    except msgspec.DecodeError as error:
        raise SessionError(f"The checkpoint object `{objects.path(name)}` is no tree.") from error


def find(objects: Objects, name: str, path: bytes) -> Item | None:
    """What a tree has at a relative path; the skipped folder when it lies in one; None for nothing."""
    tree = tree_of(objects, name)
    parts = path.split(b"/")
    for part in parts[:-1]:
        item = tree.get(part)
        if item is None or item.kind in ("file", "link"):
            return None
        if item.kind == "skipped":
            return item
        tree = tree_of(objects, item.value.decode())
    return tree.get(parts[-1])


def item_at(path: bytes) -> tuple[Item, bytes] | None:
    """What is at a path, links not followed, and its content when it is a file; None for nothing."""
    try:
        stat = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    mode = modes.S_IMODE(stat.st_mode)
    if modes.S_ISLNK(stat.st_mode):
        return Item("link", os.readlink(path)), b""
    if modes.S_ISDIR(stat.st_mode):
        return Item("folder", b"", mode), b""
    if not modes.S_ISREG(stat.st_mode):
        return Item("skipped", b"special"), b""
    if stat.st_size > LARGEST:
        return Item("skipped", b"large"), b""
    return Item("file", b"", mode), _read(path)


def _read(path: bytes) -> bytes:
    # What was a file a moment ago may be a link or a FIFO.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as file:
        if not modes.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(path)
        return file.read(LARGEST + 1)
