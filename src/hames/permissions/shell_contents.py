"""What a command line runs, as far as that can be known before, and the files that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import islice

import msgspec

from hames.permissions.paths import Place, is_inside, place
from hames.permissions.readonly_commands import reads
from hames.permissions.shell_folders import expanded, folders
from hames.permissions.shell_parse import parse
from hames.permissions.shell_paths import Touched, touched
from hames.permissions.shell_script import Redirect, Script
from hames.permissions.shell_source import SETS_HOME, SETS_PWD
from hames.permissions.shell_writes import written
from hames.permissions.types import Policy
from hames.permissions.words import Word
from hames.permissions.wrappers import Inner, assigned_scripts, looked_through, scripts

NO_FILE = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/zero"))
"""What may be read and written without harm."""

_DEEPEST = 5
_MOST_COMMANDS = 5000
_MOST_SCRIPTS = 200


class Unpacked(msgspec.Struct):
    """All commands of a script, those inside wrappers and scripts too."""

    inners: list[Inner] = msgspec.field(default_factory=list)
    moves: list[tuple[Inner, bool]] = msgspec.field(default_factory=list)
    """Commands that change the directory, and whether they stand in a loop."""
    redirects: list[Redirect] = msgspec.field(default_factory=list)
    hidden: str | None = None
    """Why something may be missing."""


class Contents:
    """A command line, seen from where it runs."""

    def __init__(self, policy: Policy, cwd: str, command: str) -> None:
        self.policy = policy
        self.cwd = cwd
        self.command = command
        self.script = parse(command, home=policy.home, cwd=cwd or policy.root)
        unpacked = _unpack(self.script, policy, cwd)
        self.inners = unpacked.inners
        self.moves = unpacked.moves
        self.redirects = unpacked.redirects
        self.hidden = unpacked.hidden
        self.folders = folders(policy, cwd, self.moves)
        """Where the commands may work."""
        self._resolved: dict[tuple[str, str], list[Place] | None] = {}
        # By identity, and kept together with what they are of: an id is used again.
        self._read: dict[int, tuple[Sequence[Word], list[Word] | None]] = {}
        self._touched: dict[int, Touched] = {}

    def reads(self, words: Sequence[Word]) -> list[Word] | None:
        """The files that one of the commands reads; None when it may do more."""
        if (found := self._read.get(id(words))) is None:
            found = self._read[id(words)] = (words, reads(words))
        return found[1]

    def touched(self, inner: Inner) -> Touched:
        """The files that one of the `inners` may touch."""
        if (found := self._touched.get(id(inner))) is None:
            found = self._touched[id(inner)] = touched(inner, self.reads(inner.words))
        return found

    def resolved(self, folder: str, marked: str) -> list[Place] | None:
        """Where a word leads from a folder; None when that is not known."""
        key = (folder, marked)
        if key not in self._resolved:
            paths = expanded(self.policy, folder, marked)
            self._resolved[key] = (
                None
                if paths is None or any(_is_of_process(folder, path) for path in paths)
                else [
                    place(self.policy, folder, path) for path in paths if path and "\0" not in path
                ]
            )
        return self._resolved[key]

    def reads_inside(self, word: Word) -> bool:
        """Whether reading what a word names stays in the working folders, wherever the command works."""
        for folder in self.folders:
            places = self.resolved(folder, word.marked)
            if places is None or (not word.static and self._may_be_option(folder, word)):
                return False
            for where in places:
                inside = is_inside(self.policy, where, reading=True)
                if not inside and word.marked not in NO_FILE:
                    return False
        return True

    def places(self, *, read: bool) -> dict[tuple[Place, bool], None]:
        """Files that the commands may touch, and whether they write them; as far as is known.

        Unless those that are `read` are asked for, only what is written.
        """
        found: dict[tuple[Place, bool], None] = {}
        for inner in self.inners:
            if read:
                names = self.touched(inner)
                self._add_places(found, names.read, False)
                self._add_places(found, names.written, True)
            else:
                self._add_places(found, written(inner), True)
        for redirect in self.redirects:
            if redirect.target.marked not in NO_FILE:
                self._add_places(found, [redirect.target], redirect.writes)
        return found

    def _add_places(
        self, found: dict[tuple[Place, bool], None], words: Sequence[Word], writes: bool
    ) -> None:
        for marked in dict.fromkeys(word.marked for word in words):
            for folder in self.folders:
                for where in self.resolved(folder, marked) or ():
                    found[where, writes] = None

    def _may_be_option(self, folder: str, word: Word) -> bool:
        names = expanded(self.policy, folder, word.marked)
        return names is None or any(name.startswith("-") for name in names)


def _is_of_process(folder: str, path: str) -> bool:
    """Whether a path leads through what every process has of its own, so that it is another one there."""
    return _OF_PROCESS.match(os.path.join(folder, path)) is not None


_OF_PROCESS = re.compile(
    r"/+(?:\.?/+)*(?:proc/+(?:\.?/+)*(?:self|thread-self|\d+)/|dev/+(?:\.?/+)*fd/.*\.\.)", re.DOTALL
)


def shown(words: Sequence[Word]) -> str:
    """A command for a person, shortened."""
    text = " ".join(word.raw for word in words)
    return text if len(text) <= 120 else text[:119] + "…"


def _unpack(script: Script, policy: Policy, cwd: str) -> Unpacked:
    found = Unpacked()
    # Inside, these variables have the values that they were given outside.
    home = "" if SETS_HOME.search(script.text) else policy.home
    where = "" if SETS_PWD.search(script.text) else cwd or policy.root
    parsed = 0
    waiting = [(script, 0)]
    while waiting:
        script, depth = waiting.pop(0)
        found.redirects += script.redirects
        found.hidden = found.hidden or script.problem
        for command in script.commands:
            texts: list[str | None] = list(assigned_scripts(command.assignments))
            for inner in looked_through(command.words) if command.words else ():
                found.inners.append(inner)
                texts += islice(scripts(inner), _MOST_SCRIPTS)
                if inner.name in ("cd", "pushd", "popd"):
                    found.moves.append((inner, command.repeated))
            for text in dict.fromkeys(texts):
                if text is None:
                    why = f"`{shown(command.words)}` runs what is not known before."
                    found.hidden = found.hidden or why
                elif (
                    depth >= _DEEPEST
                    or len(found.inners) > _MOST_COMMANDS
                    or parsed > _MOST_SCRIPTS
                ):
                    found.hidden = found.hidden or "It is nested too deeply."
                else:
                    parsed += 1
                    inside = parse(text, home=home, cwd=where)
                    waiting.append((inside, depth + 1))
    return found
