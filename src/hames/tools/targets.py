"""The file that a call is about to read or change: where it really is, and whether that is fit.

A file is looked at and written under its real path. Changes through a symbolic link are refused with
the place it points to, so that what is judged and what is written are the same.
"""

from __future__ import annotations

import errno
import os

import msgspec

from hames.errors import ToolError
from hames.sandbox.guard import Closed
from hames.sandbox.machine import Stat
from hames.tools.seen import SeenFiles, State, digest_of
from hames.tools.text_files import Text, decode
from hames.tools.tool import Call

MAX_CHANGED_BYTES = 64 * 1024 * 1024
"""Largest file that is changed in place."""

SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")
"""Not files in the ordinary sense; refused, except that /dev/null can be read."""


class Target(msgspec.Struct):
    """A file to be changed."""

    path: str
    """As asked for, made absolute."""
    real: str
    data: bytes | None
    """What is in it; None when there is no such file."""

    @property
    def exists(self) -> bool:
        return self.data is not None

    def text(self) -> Text:
        """Its text. Raises ToolError when that could not be written back as it was."""
        text = decode(self.data or b"")
        if text.problem:
            raise ToolError(
                f"`{self.path}` {text.problem}, so it cannot be changed as text without damage. "
                "Convert it first, or change it with a shell command.",
                invalid=True,
            )
        return text


async def find_target(call: Call, given: str) -> Target:
    """The file at a path that is to be changed, with its content. Raises ToolError if it is unfit."""
    path = absolute(call, given)
    try:
        stat = await call.machine.stat(path, follow=False)
        real = await call.machine.real_path(path)
        if stat and stat.kind == "link":
            raise ToolError(
                f"`{path}` is a symbolic link to `{real}`. Use that path instead.", invalid=True
            )
        refuse_system_folder(real)
        if stat is None:
            return Target(path, real, None)
        refuse_unfit(path, stat)
        if stat.size > MAX_CHANGED_BYTES:
            raise ToolError(
                f"`{path}` has {stat.size:,} bytes; files over {MAX_CHANGED_BYTES:,} are not changed "
                "in place. Use a shell command.",
                invalid=True,
            )
        return Target(path, real, await call.machine.read(real))
    except OSError as error:
        raise file_error(error, path) from error


def check_seen(call: Call, target: Target) -> State:
    """How the file stands to what the model has seen. Raises ToolError when it was never read."""
    state = call.state(SeenFiles).state(target.real, digest_of(target.data or b""))
    if state == "unseen":
        raise ToolError(
            f"`{target.path}` has not been read yet. Read it first, then change it.", invalid=True
        )
    return state


def refuse_changed(target: Target) -> ToolError:
    """The refusal of a file that others have changed."""
    return ToolError(
        f"`{target.path}` has been modified since it was read. Read it again before changing it.",
        invalid=True,
    )


async def write(
    call: Call, target: Target, data: bytes, *, whole: bool, changed: bool = False
) -> str:
    """Put the bytes in the file's place and note them as seen; the hash of them is returned."""
    try:
        # Between asking and writing, a command may have put a link in the way (CVE-2026-39861).
        real = await call.machine.real_path(target.path)
        if real != target.real:
            raise ToolError(
                f"`{target.path}` now leads to `{real}`; nothing was written. Use that path."
            )
        await call.machine.write(target.real, data)
    except OSError as error:
        raise file_error(error, target.path) from error
    digest = digest_of(data)
    call.state(SeenFiles).wrote(target.real, digest, whole=whole, changed=changed)
    return digest


def absolute(call: Call, given: str) -> str:
    """The absolute path of a file argument. Raises ToolError for one that cannot be a file."""
    if not given.strip() or "\0" in given or not _is_encodable(given):
        raise ToolError(f"{given!r} is not a path. Give the absolute path of a file.", invalid=True)
    path = call.resolve(given)
    refuse_system_folder(path)
    return path


def refuse_system_folder(path: str) -> None:
    """Raise ToolError for what lies below /proc, /sys or /dev."""
    if path != "/dev/null" and path.startswith(tuple(f + "/" for f in SYSTEM_FOLDERS)):
        raise ToolError(
            f"`{path}` belongs to the system, not to a file of data. Use a shell command for it.",
            invalid=True,
        )


def refuse_unfit(path: str, stat: Stat) -> None:
    """Raise ToolError for what is not a regular file."""
    if stat.kind == "folder":
        raise ToolError(f"`{path}` is a folder, not a file.", invalid=True)
    if stat.kind != "file":
        raise ToolError(f"`{path}` is a device, socket or pipe, not a file.", invalid=True)


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def file_error(error: OSError, path: str) -> ToolError:
    """What the operating system said, with the path and what to do."""
    if isinstance(error, Closed):
        return ToolError(f"Access to `{path}` was denied. {error.strerror}")
    match error.errno:
        case errno.EACCES | errno.EPERM:
            text = f"No permission for `{path}`."
        case errno.ENOENT:
            text = f"`{path}` does not exist."
        case errno.ENOTDIR | errno.EEXIST:
            text = f"A part of `{path}` is a file, not a folder."
        case errno.ELOOP:
            text = f"`{path}` leads through a symbolic link that cannot be followed."
        case errno.ENAMETOOLONG:
            text = f"The path is too long: `{path[:200]}…`."
        case errno.ENOSPC | errno.EDQUOT:
            text = f"No space left for `{path}`; nothing was written."
        case errno.EROFS:
            text = f"`{path}` is on a file system that cannot be written."
        case _:
            text = f"`{path}`: {error.strerror or error}."
    return ToolError(text)


def file_facts(target: Target, digest: str) -> dict[str, str]:
    """The fields by which a stored call tells what was seen, see `seen.recall`."""
    facts = {"contentHash": digest}
    if target.real != target.path:
        facts["realPath"] = target.real
    return facts
