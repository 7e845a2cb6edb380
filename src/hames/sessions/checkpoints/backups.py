"""Files that tools wrote, in the official form: `HASH@vN` beside the session's objects.

They stand for what no tree has: files in ignored folders, outside the workspace, or above the size. And
the official command line can rewind them.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

import msgspec

from hames.errors import SessionError
from hames.sessions.checkpoints.objects import make_private
from hames.sessions.checkpoints.trees import Item, item_at


class Backup(msgspec.Struct, frozen=True, rename="camel"):
    """How a file was at some time; without a file name it was not there."""

    backup_file_name: str | None = None
    version: int = 1
    backup_time: str = ""
    real_parent_dir: str | None = None
    hames_kind: str | None = None
    """`link`, whose target is in the backup, or why there is none; official ones are files."""


class Backups:
    """The backups of one session."""

    def __init__(self, folder: str, root: str) -> None:
        self._folder = folder
        self._root = root
        self.latest: dict[str, Backup] = {}
        """The last backup of each tracked file, by its absolute path."""

    def name(self, path: str) -> str:
        """How a line names a file: relative when it is in the workspace."""
        inside = path.startswith(self._root.rstrip("/") + "/")
        return os.path.relpath(path, self._root) if inside else path

    def path(self, name: str) -> str:
        """The file that a line names."""
        return os.path.normpath(os.path.join(self._root, name))

    def take(self, path: str, timestamp: str) -> Backup | None:
        """Keep a file as it is; None when that is kept already. Raises OSError."""
        before = self.latest.get(path)
        found = item_at(os.fsencode(path))
        if before is not None and self._is(before, found):
            return None
        version = before.version + 1 if before else 1
        name = f"{sha256(os.fsencode(path)).hexdigest()[:16]}@v{version}"
        kind = None
        if found is None:
            name_or_none = None
        elif found[0].kind in ("file", "link"):
            name_or_none = name
            kind = "link" if found[0].kind == "link" else None
            self._write(name, found)
        else:
            name_or_none, kind = None, found[0].value.decode() or found[0].kind
        backup = Backup(name_or_none, version, timestamp, os.path.dirname(path), kind)
        self.latest[path] = backup
        return backup

    def item(self, backup: Backup) -> tuple[Item, bytes] | None:
        """What a backup has, and its content; None when the file was not there.

        Raises SessionError when it cannot be read.
        """
        if backup.backup_file_name is None:
            return (
                None
                if backup.hames_kind is None
                else (Item("skipped", backup.hames_kind.encode()), b"")
            )
        path = os.path.join(self._folder, os.path.basename(backup.backup_file_name))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(fd, "rb", buffering=0) as file:
                mode, data = os.fstat(fd).st_mode & 0o7777, file.read()
        except OSError as error:
            raise SessionError(f"The backup `{path}` cannot be read: {error.strerror}.") from error
        if backup.hames_kind == "link":
            return Item("link", data), b""
        return Item("file", b"", mode), data

    def _is(self, backup: Backup, found: tuple[Item, bytes] | None) -> bool:
        try:
            return self.item(backup) == found
        except SessionError:
            return False

    def _write(self, name: str, found: tuple[Item, bytes]) -> None:
        item, data = found
        make_private(self._folder)
        path = os.path.join(self._folder, name)
        temporary = f"{path}.{os.getpid()}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, 0o600)
        with open(fd, "wb") as file:
            file.write(data if item.kind == "file" else item.value)
            if item.kind == "file":
                os.fchmod(fd, item.mode & 0o777)
        os.replace(temporary, path)


def encoded(backup: Backup) -> dict[str, Any]:
    """A backup as it stands in a line; official lines have no field of ours."""
    fields: dict[str, Any] = msgspec.to_builtins(backup)
    if backup.hames_kind is None:
        del fields["hamesKind"]
    return fields
