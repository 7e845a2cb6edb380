"""Contents of files by their SHA-256.

A session has a folder of its own, so that its objects go with it. The pool beside all sessions has hard
links to the same files: what one session has stored costs the next one a link. An object of the pool
with a single link is in no session any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256

from hames.errors import SessionError


class Objects:
    """The objects of one session."""

    def __init__(self, folder: str, pool: str) -> None:
        self.folder = folder
        self._pool = pool
        self._known: set[str] = set()
        self._made: set[str] = set()

    def put(self, data: bytes) -> str:
        """Store a content; its name. On return it is whole on disk or this raises OSError."""
        name = sha256(data).hexdigest()
        if not self.take(name):
            self._write(name, data)
        return name

    def take(self, name: str) -> bool:
        """Whether the session has an object, or could take it from the pool."""
        if name in self._known:
            return True
        own = self._path(self.folder, name)
        if not os.path.lexists(own):
            try:
                self._link(self._path(self._pool, name), own)
            except OSError:
                return False
        self._known.add(name)
        return True

    def get(self, name: str) -> bytes:
        """The content. Raises SessionError when it is gone or is not what was stored."""
        path = self._path(self.folder, name)
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.read()
        except OSError as error:
            raise SessionError(
                f"The checkpoint object `{path}` cannot be read: {error.strerror}."
            ) from error
        if sha256(data).hexdigest() != name:
            raise SessionError(f"The checkpoint object `{path}` is damaged.")
        return data

    def path(self, name: str) -> str:
        """The file of an object that the session has."""
        return self._path(self.folder, name)

    def _write(self, name: str, data: bytes) -> None:
        own = self._path(self.folder, name)
        self._make_folder(own)
        temporary = f"{own}.{os.getpid()}.new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            with open(fd, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
            os.rename(temporary, own)
        except OSError:
            os.unlink(temporary)
            raise
        self._known.add(name)
        try:
            self._link(own, self._path(self._pool, name))
        except OSError:
            return  # another session was first, or the disk knows no hard links: nothing is lost

    def _link(self, present: str, new: str) -> None:
        self._make_folder(new)
        os.link(present, new, follow_symlinks=False)

    def _make_folder(self, path: str) -> None:
        folder = os.path.dirname(path)
        if folder not in self._made:
            make_private(folder)
            self._made.add(folder)

    @staticmethod
    def _path(folder: str, name: str) -> str:
        return f"{folder}/{name[:2]}/{name[2:]}"


def pool_of(config_folder: str) -> str:
    """The pool of all sessions."""
    return os.path.join(config_folder, "hames", "file-history", "objects")


def folder_of(config_folder: str, session_id: str) -> str:
    """Where backups and objects of a session lie."""
    return os.path.join(config_folder, "file-history", session_id)


def make_private(folder: str) -> None:
    """Make a folder, and those above it that are missing, for the user only."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_private(os.path.dirname(folder))
        make_private(folder)


def share(config_folder: str, session_id: str, other_id: str) -> None:
    """Give a copy of a session what the session has kept."""
    old, new = folder_of(config_folder, session_id), folder_of(config_folder, other_id)
    for path in _files(old):
        copy = new + path[len(old) :]
        make_private(os.path.dirname(copy))
        try:
            os.link(path, copy, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError:  # a disk without hard links
            import shutil

            shutil.copy2(path, copy, follow_symlinks=False)


def sweep(pool: str) -> int:
    """Remove what no session holds from the pool; how many objects that were."""
    removed = 0
    for path in _files(pool):
        try:
            if os.lstat(path).st_nlink == 1:
                os.unlink(path)
                removed += 1
        except FileNotFoundError:
            continue
    return removed


def _files(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)
