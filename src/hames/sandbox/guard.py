"""Closed files: what a machine does not open, whichever code asks for it.

Permission rules are judged before a call runs, on paths. Between that and opening, a link may come to
lead elsewhere, and code that opens files may not have been judged at all. So a guarded machine asks once
more, about the very file that it has opened and before a byte of it is read or written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

Closes = Callable[[str, bool], str | None]
"""Says of an absolute path why the file there may not be read, or with True written; None when it may."""

_GONE = " (deleted)"
"""What Linux adds to the name of an open file that has been removed or replaced."""


class Closed(PermissionError):
    """A rule closes the file; `strerror` is the reason."""


def refuse_closed(path: str, closes: Closes, *, writing: bool) -> None:
    """Raise `Closed` for a path that may not be used."""
    if (reason := closes(path, writing)) is not None:
        raise Closed(errno.EPERM, reason, path)


def require_open(handle: int, path: str, closes: Closes) -> None:
    """Raise `Closed` when what has been opened under a path may not be read."""
    real = place_of(handle, path)
    for one in dict.fromkeys((real, real.removesuffix(_GONE), path)):
        refuse_closed(one, closes, writing=False)


def place_of(handle: int, path: str) -> str:
    """Where what has been opened under a path really is. Raises OSError (ELOOP) when that cannot be told."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:  # no /proc
        pass
    real = os.path.realpath(path)
    if not os.path.samestat(os.fstat(handle), os.stat(real)):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return real
