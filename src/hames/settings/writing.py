"""Changing settings files: under a lock, in one step, and nothing else in them.

A change is made in the text, so that keys, order and indentation of the rest stay. The lock is on the
folder, so it leaves no file behind. Files that came with a folder may be links that lead elsewhere;
those are refused.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hames import _json
from hames.approvals import Destination, PermissionRuleValue, PermissionUpdate
from hames.errors import OptionsError
from hames.settings.environ import Environ
from hames.settings.json_text import with_value, without
from hames.settings.sources import Loaded as _Loaded
from hames.settings.sources import Local, Project, User, parsed, read_bounded

PATIENCE = 5.0
"""Seconds that another writer is waited for."""
EMPTY = "{}\n"

Path = tuple[str, ...]
Change = Callable[[Any], Any]
"""Makes the new value of the present one; None stands for no value, before and after."""


def change(file: str, path: Path, make: Change, *, follow: bool = False) -> None:
    """Set the value at a path of a settings file to what `make` says. The file is made when missing.

    `follow`: the file itself may be a link (a user's own). Raises OptionsError when the file is no
    JSON object, is a link that must not be followed, or cannot be written.
    """
    change_all(file, [(path, make)], follow=follow)


def change_all(file: str, changes: Sequence[tuple[Path, Change]], *, follow: bool = False) -> None:
    """Several changes as one."""
    file = _real(file, follow)
    folder = os.path.dirname(file)
    try:
        os.makedirs(folder, mode=0o700 if follow else 0o777, exist_ok=True)
        with _locked(folder):
            text = _read(file)
            changed = text
            for path, make in changes:
                changed = _changed(changed, path, make)
            if changed != text:
                _replace(file, changed, private=follow)
    except OSError as error:
        raise OptionsError(
            f"The settings file `{file}` cannot be written: {error.strerror or error}."
        ) from error


def file_of(destination: Destination, environ: Environ, root: str) -> str | None:
    """The settings file that a permission update goes to; None when it is for the session only."""
    match destination:
        case "userSettings":
            return User(environ.config_folder).file
        case "projectSettings":
            return Project(root).file
        case "localSettings":
            return Local(root).file
        case "session" | "cliArg":
            return None


def store_updates(updates: Sequence[PermissionUpdate], environ: Environ, root: str) -> None:
    """Write permission updates to the settings files that they are meant for.

    Raises OptionsError for the first one that cannot be written.
    """
    for update in updates:
        destination: Destination = update.destination or "session"
        if file := file_of(destination, environ, root):
            change(file, *_change_of(update), follow=destination == "userSettings")


def _change_of(update: PermissionUpdate) -> tuple[Path, Change]:
    match update.type:
        case "setMode":
            return ("permissions", "defaultMode"), lambda _: update.mode
        case "addDirectories" | "removeDirectories":
            return _list_change(update.type, "additionalDirectories", update.directories or [])
        case "addRules" | "replaceRules" | "removeRules":
            if update.behavior is None:
                raise OptionsError(f"A `{update.type}` permission update needs a `behavior`.")
            rules = [rule_text(rule) for rule in update.rules or []]
            return _list_change(update.type, update.behavior, rules)


def _list_change(type: str, key: str, named: list[str]) -> tuple[Path, Change]:
    def make(present: Any) -> Any:
        items = present if isinstance(present, list) else []
        if type.startswith("replace"):
            return list(dict.fromkeys(named))
        if type.startswith("remove"):
            left = [item for item in items if item not in named]
            return left if left != items else present
        return items + [item for item in dict.fromkeys(named) if item not in items]

    return ("permissions", key), make


def rule_text(rule: PermissionRuleValue) -> str:
    """The rule as settings files have it."""
    return f"{rule.tool_name}({rule.rule_content})" if rule.rule_content else rule.tool_name


def _changed(text: str, path: Path, make: Change) -> str:
    raw = _json.decode(text)
    present = raw
    for key in path:
        present = present.get(key) if isinstance(present, dict) else None
    value = make(present)
    if value == present:
        return text
    changed = without(text, path) if value is None else with_value(text, path, value)
    assert _at(_json.decode(changed), path) == value, "the text says what was asked for"
    return changed


def _at(raw: Any, path: Path) -> Any:
    for key in path:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw


def _read(file: str) -> str:
    """The text of a file that holds a JSON object; that of an empty one when there is none."""
    try:
        data = read_bounded(file)
    except FileNotFoundError:
        return EMPTY
    if not data.strip():
        return EMPTY
    loaded = parsed(_Loaded("userSettings", file), data)
    if loaded.broken:
        raise OptionsError(f"{loaded.problems[0]} Mend it first; nothing was changed.")
    return data.decode("utf-8-sig")


def _real(file: str, follow: bool) -> str:
    real = os.path.realpath(file)
    if follow:
        return real
    # Only the folder of the settings and the file count: the way to the project may well have links.
    project = os.path.realpath(os.path.dirname(os.path.dirname(file)))
    inner = os.path.join(os.path.basename(os.path.dirname(file)), os.path.basename(file))
    if real != os.path.join(project, inner):
        raise OptionsError(
            f"The settings file `{file}` is a link to `{real}`; it is not written to."
        )
    return real


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(None, "another process holds the lock") from None
                time.sleep(0.01)
        yield
    finally:
        os.close(handle)  # gives the lock back


def _replace(file: str, text: str, *, private: bool) -> None:
    folder, name = os.path.split(file)
    try:
        mode = os.stat(file).st_mode & 0o777
    except FileNotFoundError:
        mode = 0o600 if private else 0o644
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as opened:
            opened.write(text)
            opened.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
