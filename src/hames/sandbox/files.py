"""Reading and writing files of this computer, so that what was judged is what is touched.

Synchronous; `local` decides what runs in the event loop. Writing holds the folder by its descriptor
and compares where that really is with the path that was asked for, so a link that is slipped in after
a permission decision makes the write fail instead of moving it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from hames.sandbox.guard import Closes, place_of, require_open
from hames.sandbox.machine import Entry, Kind, Stat

_CHUNK = 1 << 20


def kind_of(mode: int) -> Kind:
    """What `st_mode` says the thing is."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def look(path: str, *, follow: bool) -> Stat | None:
    """What is at the path; None when nothing is."""
    try:
        found = os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Stat(
        kind_of(found.st_mode), found.st_size, stat.S_IMODE(found.st_mode), found.st_mtime_ns
    )


def names(path: str, closes: Closes | None = None) -> list[Entry]:
    """The entries of a folder, sorted by name."""
    if closes is None:
        return _entries(path)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        require_open(handle, path, closes)
        return _entries(handle)
    finally:
        os.close(handle)


def open_regular(path: str, closes: Closes | None = None) -> tuple[int, int]:
    """Descriptor and size of a regular file, opened for reading.

    It is looked at before and after opening: opening a device can already have an effect, and a
    FIFO would wait for a writer.
    """
    _require_regular(os.stat(path), path)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(handle)
        _require_regular(found, path)
        if closes is not None:
            require_open(handle, path, closes)
    except BaseException:
        os.close(handle)
        raise
    return handle, found.st_size


def read_and_close(handle: int, limit: int | None) -> bytes:
    """All bytes of an open file, at most `limit`; the size is not trusted (it is 0 in /proc)."""
    parts: list[bytes] = []
    left = sys.maxsize if limit is None else limit
    try:
        while left > 0 and (part := os.read(handle, min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(handle)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write(path: str, data: bytes, mode: int | None) -> None:
    """Replace or create a file through a temporary one beside it. See `Machine.write`."""
    folder, name = _split(path)
    at = _open_folder(folder, path)
    try:
        old = _existing(name, at, path)
        try:
            _replace(name, at, data, old, mode)
        except OSError as error:
            # A file that is itself a mount point cannot be replaced, and one in a folder that we may
            # not write has no place for a neighbour. Writing into it is what is left.
            blocked = (errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS)
            if old is None or error.errno not in blocked:
                raise
            _overwrite(name, at, data, mode)
    except OSError as error:
        raise _about(error, path) from None
    finally:
        os.close(at)


def append(path: str, data: bytes) -> None:
    """Add bytes to a file with one write, creating it 0600. See `Machine.append`."""
    folder, name = _split(path)
    at = _open_folder(folder, path)
    try:
        _existing(name, at, path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        handle = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
        try:
            _require_regular(os.fstat(handle), path)
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        finally:
            os.close(handle)
    except OSError as error:
        raise _about(error, path) from None
    finally:
        os.close(at)


def remove(path: str) -> None:
    """Remove a file or link, or a folder with all that is in it."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        import shutil

        shutil.rmtree(path)
    else:
        os.unlink(path)


def _entries(folder: str | int) -> list[Entry]:
    with os.scandir(folder) as entries:
        found = [Entry(entry.name, _kind_of_entry(entry)) for entry in entries]
    found.sort(key=lambda entry: entry.name)
    return found


def _kind_of_entry(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _require_regular(found: os.stat_result, path: str) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    raise OSError(errno.EINVAL, "Not a regular file", path)


def _split(path: str) -> tuple[str, str]:
    folder, name = os.path.split(os.path.normpath(path))
    if not os.path.isabs(path) or not name:
        raise OSError(errno.EINVAL, "Not an absolute path of a file", path)
    return folder, name


def _open_folder(folder: str, path: str) -> int:
    """A descriptor of the folder, which is made when missing. Refuses a path that has links in it."""
    flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        at = os.open(folder, flags)
    except FileNotFoundError:
        # Compared before anything is made: a link to elsewhere must not get folders there.
        if os.path.realpath(folder) != folder:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
        os.makedirs(folder, exist_ok=True)
        at = os.open(folder, flags)
    try:
        if place_of(at, folder) != folder:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    except BaseException:
        os.close(at)
        raise
    return at


def _existing(name: str, at: int, path: str) -> os.stat_result | None:
    try:
        found = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _require_regular(found, path)
    if not os.access(name, os.W_OK, dir_fd=at):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return found


def _replace(name: str, at: int, data: bytes, old: os.stat_result | None, mode: int | None) -> None:
    fresh = f".{name[:200]}.{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(fresh, flags, 0o666 if old is None and mode is None else 0o600, dir_fd=at)
    try:
        try:
            _write_all(handle, data)
            if mode is None and old is not None:
                mode = stat.S_IMODE(old.st_mode) & 0o777
            if mode is not None:
                os.fchmod(handle, mode)
            if old is not None:
                _keep_owner(handle, old)
        finally:
            os.close(handle)
        os.rename(fresh, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        os.unlink(fresh, dir_fd=at)
        raise


def _overwrite(name: str, at: int, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    handle = os.open(name, flags, dir_fd=at)
    try:
        _write_all(handle, data)
        if mode is not None:
            os.fchmod(handle, mode)
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _keep_owner(handle: int, old: os.stat_result) -> None:
    ours = os.fstat(handle)
    if (ours.st_uid, ours.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(handle, old.st_uid, old.st_gid)
        except PermissionError:
            pass  # only root may give a file away; the content matters more than the owner


def _about(error: OSError, path: str) -> OSError:
    """The same error, about the path that was asked for instead of a name inside a folder."""
    return OSError(error.errno, error.strerror, path) if error.errno else error
