"""Where settings come from: one class for each source, and what it loads.

To add a source: a class with `load`, and its place in `effective.sources_of`. A file that is broken is
never the end of a run: what is wrong with it stands in `problems`, and the rest counts. Only what the
caller gave by name (`--settings`) raises.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import msgspec

from hames import _json
from hames.errors import OptionsError
from hames.settings.json_text import Document, line_at
from hames.settings.schema import checked

Name = Literal[
    "userSettings",
    "projectSettings",
    "localSettings",
    "flagSettings",
    "sdkSettings",
    "policySettings",
]
"""Official names, `sdkSettings` (a mapping in the options) apart."""

MANAGED_FOLDER = (
    "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
)
MOST = 4_000_000
"""Bytes of a settings file that are read."""

Step = str | int


class Problem(msgspec.Struct, frozen=True):
    """Something that cannot be used, and where it stands."""

    text: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"`{self.file}`" if self.file else "The settings"
        return f"{place}{f', line {self.line}' if self.line else ''}: {self.text}"


class Loaded(msgspec.Struct):
    """What one file, or one other source, says."""

    source: Name
    file: str | None = None
    """Absolute path; None for what stands in no file."""
    base: str | None = None
    """The folder that a leading `/` means in path rules; None is where the session starts."""
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    unknown: list[tuple[str, ...]] = msgspec.field(default_factory=list)
    """Keys that nobody knows. They are kept."""
    document: Document | None = None
    broken: bool = False
    """The file could not be read at all."""

    def line(self, *path: Step) -> int | None:
        """The line in which a value of the file stands."""
        return self.document.line(path) if self.document else None

    def problem(self, text: str, *path: Step) -> None:
        """Note that the value at a path cannot be used."""
        self.problems.append(Problem(text, self.file, self.line(*path) if path else None))


class Source(Protocol):
    """A place that settings come from."""

    @property
    def name(self) -> Name: ...

    def load(self) -> Iterator[Loaded]:
        """What is there, the weakest first; nothing when there is no file."""


class User:
    """`settings.json` in the configuration folder."""

    name: Name = "userSettings"

    def __init__(self, config_folder: str) -> None:
        self.file = os.path.join(config_folder, "settings.json")

    def load(self) -> Iterator[Loaded]:
        yield from load_file(self.name, self.file, base=os.path.dirname(self.file))


class Project:
    """`.claude/settings.json` of the folder, shared by all who work on it."""

    name: Name = "projectSettings"

    def __init__(self, root: str) -> None:
        self.root = root
        self.file = os.path.join(root, ".claude", "settings.json")

    def load(self) -> Iterator[Loaded]:
        yield from load_file(self.name, self.file, base=self.root)


class Local:
    """`.claude/settings.local.json` of the folder: what a user set for it."""

    name: Name = "localSettings"

    def __init__(self, root: str) -> None:
        self.file = os.path.join(root, ".claude", "settings.local.json")

    def load(self) -> Iterator[Loaded]:
        yield from load_file(self.name, self.file, base=None)


class Flag:
    """`--settings`: a file, or JSON on the command line."""

    name: Name = "flagSettings"

    def __init__(self, given: str, folder: str) -> None:
        self.given = given.strip()
        self._folder = folder

    def load(self) -> Iterator[Loaded]:
        if self.given.startswith("{"):
            loaded = parsed(Loaded(self.name), self.given.encode(errors="replace"))
        else:
            file = os.path.normpath(os.path.join(self._folder, os.path.expanduser(self.given)))
            found = list(load_file(self.name, file, base=os.path.dirname(file)))
            if not found:
                raise OptionsError(f"The settings file `{self.given}` is not there.")
            loaded = found[0]
        if loaded.broken:
            raise OptionsError(f"`settings` cannot be used. {loaded.problems[0]}")
        yield loaded


class Sdk:
    """A mapping in the options of the agent."""

    name: Name = "sdkSettings"

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def load(self) -> Iterator[Loaded]:
        yield _with_checked(Loaded(self.name), self._values)


class Managed:
    """What the administrator of the computer set: `managed-settings.json`, then its `.d` by name."""

    name: Name = "policySettings"

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def load(self) -> Iterator[Loaded]:
        for file in self.files():
            yield from load_file(self.name, file, base=self.folder)

    def files(self) -> Iterator[str]:
        """The files there are, the weakest first."""
        if not os.path.isdir(self.folder):
            return
        yield os.path.join(self.folder, "managed-settings.json")
        more = os.path.join(self.folder, "managed-settings.d")
        try:
            names = sorted(os.listdir(more))
        except OSError:
            return
        for name in names:
            if name.endswith(".json") and not name.startswith("."):
                yield os.path.join(more, name)


def load_file(source: Name, file: str, *, base: str | None) -> Iterator[Loaded]:
    """The settings in a file; nothing when it is not there."""
    loaded = Loaded(source, file, base)
    try:
        data = read_bounded(file)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        loaded.broken = True
        loaded.problem(f"it cannot be read: {error.strerror or error}.")
        yield loaded
        return
    yield parsed(loaded, data)


def parsed(loaded: Loaded, data: bytes) -> Loaded:
    """The source with what its JSON says."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        return loaded
    try:
        raw = _json.decode(data)
        text = data.decode()
    except (_json.DecodeError, UnicodeDecodeError, RecursionError) as error:
        loaded.broken = True
        line = _line_of_error(data, str(error))
        said = str(error).split(" (byte")[0].removeprefix("JSON is malformed: ")
        loaded.problems.append(Problem(f"it is not JSON: {said}.", loaded.file, line))
        return loaded
    loaded.document = Document(text)
    if not isinstance(raw, dict):
        loaded.broken = True
        loaded.problem("it has to hold a JSON object.")
        return loaded
    return _with_checked(loaded, raw)


def read_bounded(file: str) -> bytes:
    """The bytes of a regular file of bearable size. Raises OSError."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with open(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(None, "it is no regular file")
        data = opened.read(MOST + 1)
    if len(data) > MOST:
        raise OSError(None, f"it is larger than {MOST:,} bytes")
    return data


def _with_checked(loaded: Loaded, raw: dict[str, Any]) -> Loaded:
    loaded.values, wrong, loaded.unknown = checked(raw)
    for one in wrong:
        loaded.problem(f"`{'.'.join(map(str, one.path))}` {one.text}.", *one.path)
    return loaded


def _line_of_error(data: bytes, said: str) -> int | None:
    _, found, rest = said.partition("(byte ")
    if not found:
        return line_at(data.decode(errors="replace"), len(data)) if "truncated" in said else None
    offset = int(rest.split(")")[0])
    return data.count(b"\n", 0, offset) + 1
