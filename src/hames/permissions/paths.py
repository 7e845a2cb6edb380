"""Paths: what a path argument really means, and whether that lies in the working folders.

A path is judged in every reading that may be the one used: normalised by its text, and with symbolic
links resolved. To allow, all must agree; to deny, one is enough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import msgspec

from hames.permissions.patterns import comparable
from hames.permissions.types import Files, Policy


class LocalFiles:
    """The local disk, as far as decisions look at it."""

    def real_path(self, path: str) -> str:
        try:
            return _quickly(path) or os.path.realpath(path)
        except (OSError, ValueError):  # no path of this system: NUL, or text that has no bytes
            return path

    def names(self, folder: str) -> list[str]:
        try:
            return os.listdir(folder)
        except (OSError, ValueError):
            return []

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)


LOCAL_FILES = LocalFiles()

_ONLY_PATH: int | None = (
    os.O_PATH | os.O_CLOEXEC if hasattr(os, "O_PATH") and os.path.isdir("/proc/self/fd") else None
)
"""Opens nothing and has no effect; Linux only."""

_MOST_MISSING = 6
"""With more names that do not exist, looking for the first one that does is no shorter way."""

_PROCESS_LINK = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/(cwd|root)(?=/|\Z)")


class Place(msgspec.Struct, frozen=True):
    """A path argument and where it leads."""

    given: str
    """Absolute and normalised by its text."""
    real: tuple[str, ...]
    """With links resolved; two when `..` after a link makes the text ambiguous."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every reading, without doubles."""
        return tuple(dict.fromkeys((self.given, *self.real)))


def files_of(policy: Policy) -> Files:
    """Where the policy looks for links and names."""
    return policy.files or LOCAL_FILES


def start_of(policy: Policy, cwd: str) -> str:
    """The directory that relative paths of a call mean."""
    return cwd or policy.root


def expand_home(policy: Policy, path: str) -> str:
    """The path with a leading `~` replaced."""
    if path == "~" or path.startswith("~/"):
        return (policy.home or "/") + path[1:]
    return path


def place(policy: Policy, cwd: str, path: str) -> Place:
    """Where a path argument leads."""
    joined = os.path.join(start_of(policy, cwd), expand_home(policy, path))
    given = normal(joined)
    if given.startswith("/proc/"):
        given = _through_process_links(given, start_of(policy, cwd))
    files = files_of(policy)
    real = [normal(files.real_path(given))]
    if "/../" in joined or joined.endswith("/.."):
        # A system call resolves links before `..`, text does not.
        real.append(normal(files.real_path(joined)))
    return Place(given, tuple(real))


def normal(path: str) -> str:
    """The path without `.`, `..` and doubled slashes."""
    path = os.path.normpath(path)
    return path[1:] if path.startswith("//") else path


def is_below(path: str, folder: str) -> bool:
    """Whether a path is the folder or in it, compared by segment."""
    return path == folder or path.startswith(folder if folder == "/" else folder.rstrip("/") + "/")


def is_inside(policy: Policy, where: Place, *, reading: bool = False) -> bool:
    """Whether a path leads into the working folders (or, to read, into the harness's own output)."""
    folders = (policy.root, *policy.folders, *(policy.readable if reading else ()))
    return all(any(is_below(path, folder) for folder in folders) for path in where.real)


def ancestors(path: str) -> Iterable[str]:
    """The folders above a path, nearest first."""
    while path not in ("/", ""):
        path = os.path.dirname(path)
        yield path


def same(path: str, other: str) -> bool:
    """Whether two absolute paths name the same place on any file system."""
    return comparable(path) == comparable(other)


def _quickly(path: str) -> str | None:
    """The real path in a third of the time: of what is there as the kernel tells it, with the names
    below that are missing. None where that is not told."""
    names: list[str] = []
    rest = path
    while (found := _told_by_kernel(rest)) is None:
        rest, slash, name = rest.rpartition("/")
        if not slash or name in ("", ".", "..") or len(names) >= _MOST_MISSING:
            return None
        try:
            os.lstat(f"{rest}/{name}")
            return None  # a link that leads nowhere, or one just made
        except FileNotFoundError:
            names.append(name)
        except OSError:
            return None
        rest = rest or "/"
    return "/".join([found.rstrip("/"), *reversed(names)]) if names else found


def _told_by_kernel(path: str) -> str | None:
    """The real path of what is there; None when nothing is, or it is not told."""
    if _ONLY_PATH is None:
        return None
    try:
        handle = os.open(path, _ONLY_PATH)
    except OSError:
        return None
    try:
        found = os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        return None
    finally:
        os.close(handle)
    # Removed meanwhile, or no file: `/x (deleted)`, `(unreachable)/x`, `pipe:[1]`.
    return found if found.startswith("/") and not found.endswith(")") else None


def _through_process_links(path: str, cwd: str) -> str:
    """`/proc/self/cwd/x` means the command's own directory, which is not this process's."""
    found = _PROCESS_LINK.match(path)
    if found is None:
        return path
    return normal((cwd if found[1] == "cwd" else "/") + "/" + path[found.end() :])
