"""The store every session uses by default: official JSONL files below the config folder.

A batch of lines is one `write` to a file opened for appending, so that several processes may write to
one transcript. What was written survives the death of the process, not a power failure: a sync of the
disk at every step would cost more than the step.
"""

from __future__ import annotations

import asyncio
import builtins
import itertools
import os
import threading
import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

from hames import _json
from hames._slots import most_open_files
from hames.errors import SessionError
from hames.sessions.names import KEY_LENGTH, is_session_id, same_project
from hames.sessions.store import Key, Span, Stored
from hames.sessions.transcript import AGENT_METADATA, END

_FEW_OPEN, _MOST_OPEN = 16, 1024
"""Files that all stores of the process keep open between appends; a sixteenth of what it may have open."""


class _Open(msgspec.Struct):
    fd: int
    end: int
    """Where the last append ended."""
    torn: bool
    """The last line has no line break, so the next append begins with one."""


class FileStore:
    """Transcripts in `CONFIG_FOLDER/projects/PROJECT_KEY/SESSION_ID.jsonl`."""

    def __init__(self, config_folder: str) -> None:
        self._config = unicodedata.normalize("NFC", os.path.abspath(config_folder))
        self._projects = os.path.join(self._config, "projects")
        self._number = next(_numbers)

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span | None:
        if metadata := [line for line in lines if line.startswith(AGENT_METADATA)]:
            self._write_metadata(key, metadata[-1])
            lines = [line for line in lines if not line.startswith(AGENT_METADATA)]
            if not lines:
                return None
        data = b"\n".join([*lines, b""])
        with _lock:
            file = self._opened(key)
            _write(file, b"\n" + data if file.torn else data)
            return Span(file.end - len(data), file.end)

    async def load(self, key: Key) -> builtins.list[bytes] | None:
        data = _read(self.path(key))
        lines = _lines(data) if data else []
        if key.subpath is not None and (metadata := self._read_metadata(key)):
            lines.append(metadata)
        return lines or None

    async def read(self, key: Key, span: Span) -> builtins.list[bytes]:
        with _lock:
            file = self._opened(key)
            return _lines(os.pread(file.fd, span.end - span.start, span.start))

    async def list(self, project: str | None = None) -> builtins.list[Stored]:
        return await asyncio.to_thread(self._list, project)

    async def look(self, key: Key) -> Stored | None:
        return _ends(key, self.path(key))

    async def find(self, session_id: str) -> builtins.list[Key]:
        if not is_session_id(session_id):
            return []
        keys = [Key(project, session_id) for project in _names(self._projects)]
        return [key for key in keys if _size(self.path(key))]

    async def subpaths(self, key: Key) -> builtins.list[str]:
        base = self._folder(key)
        return sorted(
            os.path.relpath(path, base).removesuffix(".jsonl")
            for path in _files_below(os.path.join(base, "subagents"))
            if path.endswith(".jsonl") and os.path.basename(path).startswith("agent-")
        )

    async def delete(self, key: Key) -> None:
        self._close(key)
        _remove(self.path(key))
        if key.subpath is not None:
            _remove(self._metadata_path(key))
            return
        import shutil

        from hames.sessions.checkpoints.objects import folder_of, pool_of, sweep

        shutil.rmtree(self._folder(key), ignore_errors=True)
        checkpoints = folder_of(self._config, key.session_id)
        if os.path.isdir(checkpoints):
            shutil.rmtree(checkpoints, ignore_errors=True)
            sweep(pool_of(self._config))

    def path(self, key: Key) -> str:
        """The file of a transcript. Raises SessionError for a key that names none."""
        folder = self._folder(key)
        if key.subpath is None:
            return f"{folder}.jsonl"
        if any(part in ("", ".", "..") for part in key.subpath.split("/")):
            raise SessionError(f"`{key.subpath}` names no transcript of a session.")
        return f"{folder}/{key.subpath}.jsonl"

    def spill_folder(self, key: Key) -> str:
        return os.path.join(self._folder(key), "tool-results")

    def release(self, session_id: str) -> None:
        """Close the files of a session; they are opened again when needed."""
        for key in self._kept_open():
            if key.session_id == session_id:
                self._close(key)

    def close(self) -> None:
        """Close the files that are kept open; they are opened again when needed."""
        for key in self._kept_open():
            self._close(key)

    def _folder(self, key: Key) -> str:
        if not is_session_id(key.session_id):
            raise SessionError(f"`{key.session_id}` is no session id: it has to be a UUID.")
        if key.project in ("", ".", "..") or "/" in key.project:
            raise SessionError(f"`{key.project}` names no project folder.")
        return os.path.join(self._projects, key.project, key.session_id)

    def _opened(self, key: Key) -> _Open:
        """The transcript, open for appending and known to be the one that its path names."""
        file = _files.pop((self._number, key), None)
        if file is not None and not _is_at(file.fd, self.path(key)):
            os.close(file.fd)
            file = None
        if file is None:
            while _are_many():
                os.close(_files.pop(next(iter(_files))).fd)
            file = _open(self.path(key))
        else:
            _notice_others(file)
        _files[self._number, key] = file
        return file

    def _kept_open(self) -> builtins.list[Key]:
        with _lock:
            return [key for number, key in _files if number == self._number]

    def _close(self, key: Key) -> None:
        with _lock:
            if file := _files.pop((self._number, key), None):
                os.close(file.fd)

    def _metadata_path(self, key: Key) -> str:
        return self.path(key).removesuffix(".jsonl") + ".meta.json"

    def _write_metadata(self, key: Key, line: bytes) -> None:
        path = self._metadata_path(key)
        fields = _json.decode(line)
        del fields["type"]
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(_json.encode(fields))
        os.replace(f"{path}.new", path)

    def _read_metadata(self, key: Key) -> bytes | None:
        try:
            fields = _json.decode(_read(self._metadata_path(key)))
        except (_json.DecodeError, SessionError):  # it only says whose transcript this is
            return None
        if not isinstance(fields, dict):
            return None
        return _json.encode({"type": "agent_metadata", **fields})

    def _list(self, project: str | None) -> builtins.list[Stored]:
        projects = _names(self._projects) if project is None else self._same_project(project)
        found = []
        for name in projects:
            for file in _names(os.path.join(self._projects, name)):
                id = file.removesuffix(".jsonl")
                if id != file and is_session_id(id):
                    found.append(_ends(Key(name, id), os.path.join(self._projects, name, file)))
        return sorted(
            [stored for stored in found if stored is not None],
            key=lambda stored: stored.modified,
            reverse=True,
        )

    def _same_project(self, project: str) -> builtins.list[str]:
        """The folders of a project: long names are cut, and what follows the cut differs."""
        if len(project) <= KEY_LENGTH or os.path.isdir(os.path.join(self._projects, project)):
            return [project]
        return [name for name in _names(self._projects) if same_project(name, project)]


# Shared, so that a thousand sessions do not keep a thousand files open. By store and transcript; the
# one used last stands last.
_files: dict[tuple[int, Key], _Open] = {}
_lock = threading.Lock()
_numbers = itertools.count()


def _are_many() -> bool:
    count = len(_files)
    return count >= _FEW_OPEN and count >= min(most_open_files() // 16, _MOST_OPEN)


def _open(path: str) -> _Open:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(path, flags, 0o600)
    file = _Open(fd, 0, torn=False)
    _notice_others(file)
    return file


def _is_at(fd: int, path: str) -> bool:
    """Whether the open file is the one at the path: it may have been removed, or another put there."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


def _notice_others(file: _Open) -> None:
    """Look whether the file ends otherwise than we left it.

    Seen in the middle of another's write, the end looks torn though it is not. Then the next line
    begins with a break too many; readers skip blank lines.
    """
    end = os.lseek(file.fd, 0, os.SEEK_END)
    if end != file.end:
        file.end = end
        file.torn = end > 0 and os.pread(file.fd, 1, end - 1) != b"\n"


def _write(file: _Open, data: bytes) -> None:
    """Append the bytes. After a failure the file may end within a line, which is remembered."""
    rest = memoryview(data)
    while rest:
        try:
            written = os.write(file.fd, rest)
        except OSError:
            file.torn = file.torn or len(rest) < len(data)
            raise
        rest = rest[written:]
    file.end = os.lseek(file.fd, 0, os.SEEK_CUR)
    file.torn = False


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _read(path: str) -> bytes:
    """The bytes of a file; none when there is no such file."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise SessionError(f"`{path}` cannot be read: {error.strerror}.") from error


def _ends(key: Key, path: str) -> Stored | None:
    """What a listing needs of a file; None when it is empty or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        stat = os.fstat(fd)
        head = os.pread(fd, END, 0)
        tail = head if stat.st_size <= END else os.pread(fd, END, stat.st_size - END)
    except OSError:
        return None
    finally:
        os.close(fd)
    return Stored(key, stat.st_mtime_ns / 1e9, stat.st_size, head, tail) if head else None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _files_below(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)
