"""`hames config`: read and change settings files, and trust folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from hames import _json
from hames.cli import help
from hames.cli.parse import Flag, nearest, parse
from hames.errors import OptionsError
from hames.settings.effective import Effective, effective
from hames.settings.environ import Environ
from hames.settings.schema import checked, keys
from hames.settings.sources import Loaded, Local, Project, Source, User
from hames.settings.trust import state_file

INTRO = (
    "Read and change settings. Without a flag `get` and `list` show what is in effect here, and changes go"
    " to `.claude/settings.local.json`, your own settings for this folder."
)
USAGE = "hames config get|set|add|remove|list|trust [KEY [VALUE...]] [options]"
ARGUMENTS = (
    ("get KEY", "Print a value: `model`, `permissions.deny`, `env.NAME`."),
    ("set KEY VALUE", "Set it. A value that is JSON is taken as JSON, any other as text."),
    ("add KEY VALUE...", "Add to a list."),
    ("remove KEY [VALUE...]", "Remove the values from a list, or the key."),
    ("list", "All that is set, and where."),
    ("trust [FOLDER]", "Believe the settings that came with this folder."),
)
FLAGS = (
    Flag(("-g", "--global"), "Your settings for all folders."),
    Flag(("--project",), "The settings of this folder that all share: `.claude/settings.json`."),
    Flag(("--local",), "Your own settings for this folder."),
    Flag(("--cwd",), "Another folder than the present one.", "one", "FOLDER"),
    Flag(("--json",), "Answer in JSON."),
    Flag(("-h", "--help"), "This text."),
)
CLOSING = """\
Examples:
  hames config set -g model opus
  hames config add permissions.allow "Bash(npm test:*)" Edit
  hames config remove permissions.allow Edit
  hames config set --project permissions.defaultMode plan
"""


def main(arguments: list[str]) -> int:
    """Run `hames config`."""
    parsed = parse(FLAGS, arguments)
    if "help" in parsed.values or not arguments:
        sys.stdout.write(help.text(USAGE, INTRO, FLAGS, arguments=ARGUMENTS, closing=CLOSING))
        return 0
    name = parsed.rest[0] if parsed.rest else ""
    if name not in _ACTIONS:
        hint = nearest(name, _ACTIONS)
        raise OptionsError(f"`hames config` knows {', '.join(_ACTIONS)}, not `{name}`.{hint}")
    return _ACTIONS[name](_Here(parsed.values), parsed.rest[1:], sys.stdout)


class _Here:
    """The folder and the file that the flags mean."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.json = "json" in values
        self.environ = Environ.read(os.environ)
        self.root = os.path.realpath(os.path.expanduser(values.get("cwd") or os.getcwd()))
        chosen = [name for name in ("global", "project", "local") if name in values]
        if len(chosen) > 1:
            raise OptionsError(f"`--{chosen[0]}` and `--{chosen[1]}` exclude each other; give one.")
        self.scope = chosen[0] if chosen else None

    @property
    def file(self) -> str:
        """The file that changes go to."""
        match self.scope:
            case "global":
                return User(self.environ.config_folder).file
            case "project":
                return Project(self.root).file
            case _:
                return Local(self.root).file

    def settings(self) -> Effective:
        """What is in effect."""
        return effective(self.environ, self.root, setting_sources=("user", "project", "local"))

    def values(self) -> dict[str, Any]:
        """The values of the chosen file, or those in effect."""
        if self.scope is None:
            return self.settings().raw
        return self.loaded().values

    def loaded(self) -> Loaded:
        """The chosen file alone."""
        source: Source = Local(self.root)
        if self.scope == "global":
            source = User(self.environ.config_folder)
        elif self.scope == "project":
            source = Project(self.root)
        found = next(source.load(), Loaded(source.name, self.file))
        if found.broken:
            raise OptionsError(str(found.problems[0]))
        return found

    def change(self, path: tuple[str, ...], make: Callable[[Any], Any]) -> None:
        """Change the value at a path of the chosen file."""
        from hames.settings.writing import change

        change(self.file, path, make, follow=self.scope == "global")


def run_get(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Write one value; 1 when it is not set."""
    path = _path("get", names, 1)
    value: Any = here.values()
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        print(f"`{names[0]}` is not set.", file=sys.stderr)
        return 1
    out.write((value if isinstance(value, str) and not here.json else _text(value)) + "\n")
    return 0


def run_set(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Set one value."""
    if len(names) != 2:
        raise OptionsError("`hames config set` needs a key and a value.")
    path = _path("set", names[:1], 1)
    value = _fitting(path, [_decoded(names[1]), names[1]])
    here.change(path, lambda _: value)
    out.write(f"`{names[0]}` is {_text(value)} in `{here.file}`.\n")
    return 0


def run_add(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Add values to a list."""
    path = _path("add", names, 2)
    items = list(names[1:])
    _fitting(path, [items])

    def make(present: Any) -> Any:
        present = _listed(names[0], present)
        return present + [item for item in dict.fromkeys(items) if item not in present]

    here.change(path, make)
    out.write(f"`{names[0]}` has {_text(items)[1:-1]} in `{here.file}`.\n")
    return 0


def run_remove(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Remove values from a list, or a key."""
    path = _path("remove", names, 1)
    items = names[1:]

    def make(present: Any) -> Any:
        if present is None:
            raise OptionsError(f"`{names[0]}` is not set in `{here.file}`.")
        if not items:
            return None
        listed = _listed(names[0], present)
        if missing := [item for item in items if item not in listed]:
            raise OptionsError(f"`{names[0]}` has no `{missing[0]}` in `{here.file}`.")
        return [item for item in listed if item not in items]

    here.change(path, make)
    out.write(f"Removed from `{here.file}`: {', '.join(items) or names[0]}.\n")
    return 0


def run_list(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Write all that is set; as lines each with its place, or as JSON."""
    if names:
        raise OptionsError(f"`hames config list` takes options only, not `{names[0]}`.")
    if here.json:
        out.write(_text(here.values()) + "\n")
        return 0
    if here.scope is not None:
        for key, one in here.values().items():
            out.write(f"{key} = {_text(one)}\n")
        return 0
    found = here.settings()
    for path, place in found.places.items():
        value: Any = found.raw
        for step in path:
            value = value[step]
        name = ".".join(str(step) for step in path if isinstance(step, str))
        out.write(f"{name} = {_text(value)}  ({place})\n")
    for problem in found.problems:
        print(problem, file=sys.stderr)
    return 0


def run_trust(here: _Here, names: Sequence[str], out: TextIO) -> int:
    """Note that a folder is trusted, where the official client notes it too."""
    from hames.settings.writing import change

    if len(names) > 1:
        raise OptionsError("`hames config trust` takes one folder.")
    folder = os.path.realpath(
        os.path.join(here.root, os.path.expanduser(names[0] if names else ""))
    )
    if not os.path.isdir(folder):
        raise OptionsError(f"`{folder}` is not a folder.")
    path = ("projects", folder, "hasTrustDialogAccepted")
    change(state_file(here.environ), path, lambda _: True, follow=True)
    out.write(f"`{folder}` is trusted.\n")
    return 0


_ACTIONS: dict[str, Callable[[_Here, Sequence[str], TextIO], int]] = {
    "get": run_get,
    "set": run_set,
    "add": run_add,
    "remove": run_remove,
    "list": run_list,
    "trust": run_trust,
}


def _path(action: str, names: Sequence[str], least: int) -> tuple[str, ...]:
    most = least if action == "get" else len(names)
    if not least <= len(names) <= max(most, least):
        raise OptionsError(f"`hames config {action}` needs a key{' and values' * (least > 1)}.")
    path = tuple(names[0].split("."))
    if not all(path):
        raise OptionsError(f"`{names[0]}` is no key; write `model`, or `permissions.deny`.")
    return path


def _fitting(path: tuple[str, ...], candidates: Sequence[Any]) -> Any:
    """The first of the candidates that the setting can have; says so when nobody knows the key."""
    for candidate in candidates:
        value = candidate
        for key in reversed(path):
            value = {key: value}
        _, wrong, unknown = checked(value)
        if not wrong and candidate is not None:
            if unknown:
                hint = nearest(".".join(path), keys())
                print(f"Nobody knows the setting `{'.'.join(path)}`.{hint}", file=sys.stderr)
            return candidate
    said = wrong[0].text if wrong else "has to have a value"
    raise OptionsError(f"`{'.'.join(path)}` {said}.")


def _listed(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise OptionsError(f"`{name}` is no list; use `hames config set`.")
    return value


def _decoded(text: str) -> Any:
    try:
        return _json.decode(text)
    except _json.DecodeError:
        return text


def _text(value: Any) -> str:
    return _json.encode(value).decode()
