"""Why a command line may run unasked: every command in it is read-only, or covered by the mode or a rule.

Rules match a command exactly as it is written, with wrappers off that are understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from hames.permissions.paths import files_of, is_inside, place
from hames.permissions.protected import is_protected
from hames.permissions.rules import Rule, compiled
from hames.permissions.shell_contents import NO_FILE, Contents, shown
from hames.permissions.shell_patterns import blanks, patterns
from hames.permissions.shell_script import Command, Redirect
from hames.permissions.shell_writes import edits
from hames.permissions.subjects import by_rule, file_rule
from hames.permissions.types import Decision, Question
from hames.permissions.words import Word, plain
from hames.permissions.wrappers import (
    FIND_ACTIONS,
    NEVER_BY_PREFIX,
    SAFE_VARIABLES,
    STEERING_VARIABLE,
    stripped,
)

_SETS_VARIABLES = frozenset(
    [
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "unset",
        "read",
        "mapfile",
        "readarray",
        "printf",
        "getopts",
        "wait",
        "let",
        "test",
        "[",
    ]
)


class Approvals:
    """What speaks for a command line, command by command."""

    def __init__(self, contents: Contents, question: Question) -> None:
        self.contents = contents
        self.policy = contents.policy
        self.asked = question
        self.rules = compiled(contents.policy)
        self.files = Question("", {}, (), question.cwd)
        self._free: dict[int, Decision | None] = {}

    @property
    def readonly(self) -> bool:
        """Whether the commands change nothing."""
        script = self.contents.script
        return (
            script.problem is None
            and all(self.free(command) for command in script.commands)
            and not any(_writes(redirect) for redirect in script.redirects)
        )

    def exact_rule(self) -> Rule | None:
        """The allow rule that names the whole line."""
        text = blanks(self.contents.command)
        for rule, pattern in patterns(self.rules, self.asked, "allow"):
            if pattern.exact == text:
                return rule
        return None

    def rule(self, command: Command) -> Rule | None:
        """The first allow rule that covers the command, with its safe assignments and wrappers off."""
        known = patterns(self.rules, self.asked, "allow")
        if not known or not command.words or not _assigns_safely(command):
            return None
        words: Sequence[Word] = command.words
        whole = True
        while True:
            text = " ".join([word.raw for word in words])
            for rule, pattern in known:
                if pattern.exact is not None:
                    if pattern.exact == text:
                        return rule
                elif pattern.matches(text) and _prefix_may_cover(words):
                    return rule
            inner = stripped(words)
            if inner is None or (not whole and len(inner) >= len(words)):
                return None
            words, whole = inner, False
            if "=" in words[0].marked:
                return None

    def free(self, command: Command) -> Decision | None:
        """The decision that the command is read-only, and reads in the working folders only."""
        if command.start not in self._free:
            self._free[command.start] = self._reads_only(command)
        return self._free[command.start]

    def edit(self, command: Command) -> Decision | None:
        """The decision that mode `acceptEdits` runs the command."""
        if self.policy.mode != "acceptEdits" or self.contents.moves or not _assigns_safely(command):
            return None
        paths = edits(_unwrapped(command.words))
        if paths is None:
            return None
        for word in paths:
            where = place(self.policy, self.contents.folders[0], word.marked)
            if not is_inside(self.policy, where) or any(
                is_protected(self.policy, path) for path in where.paths
            ):
                return None
        return Decision(
            "allow", "Mode `acceptEdits` allows file commands here.", reason_type="mode"
        )

    def redirect(self, redirect: Redirect, *, planning: bool = False) -> Decision | None:
        """The decision that a redirect may lead where it does."""
        word = redirect.target
        if not word.static or not word.marked:
            return None
        where = place(self.policy, self.contents.folders[0], word.marked)
        if where.given in NO_FILE and word.marked in NO_FILE:
            return Decision("allow", "Nothing is written.", reason_type="readonly", readonly=True)
        if redirect.reads and not redirect.writes:
            if self.contents.reads_inside(word):
                return Decision(
                    "allow",
                    "Reading in the working folders.",
                    reason_type="workingDir",
                    readonly=True,
                )
            rule = (
                None
                if self.contents.moves
                else file_rule(self.policy, self.files, "allow", where, writes=False)
            )
            return by_rule(rule, f"Reading `{where.given}`") if rule else None
        if self.contents.moves or planning or redirect.reads:
            return None
        if self.policy.mode == "acceptEdits" and is_inside(self.policy, where):
            return Decision("allow", "Mode `acceptEdits` allows edits here.", reason_type="mode")
        rule = file_rule(self.policy, self.files, "allow", where, writes=True)
        return by_rule(rule, f"Writing `{where.given}`") if rule else None

    def _reads_only(self, command: Command) -> Decision | None:
        contents = self.contents
        if not command.words or not _assigns_safely(command):
            return None
        words = _unwrapped(command.words)
        paths = contents.reads(words)
        name = words[0].marked
        if paths is None or (name == "cd" and command.repeated):
            return None
        if name == "git" and not self._git_is_safe:
            return None
        if contents.moves and any(map(_writes, contents.script.redirects)):
            return None
        if not self._starts_inside or not all(map(contents.reads_inside, paths)):
            return None
        return Decision(
            "allow", f"`{shown(command.words)}` only reads.", reason_type="readonly", readonly=True
        )

    @cached_property
    def _starts_inside(self) -> bool:
        return self.contents.reads_inside(plain("."))

    @cached_property
    def _git_is_safe(self) -> bool:
        """Whether git works in the repository of the start, whose configuration is trusted.

        After `cd`, or in a folder that is itself a repository, other hooks and programs may be set.
        """
        if self.contents.moves:
            return False
        files = files_of(self.policy)
        folder = self.contents.folders[0]
        if folder == self.policy.root and files.is_dir(folder + "/.git"):
            return True
        while True:
            names = set(files.names(folder))
            at_start = folder in (self.policy.root, *self.policy.folders, "/")
            if ".git" not in names and {"HEAD", "objects", "refs"} <= names:
                return False
            if at_start:
                return True
            if ".git" in names:
                return False
            folder = folder.rpartition("/")[0] or "/"


def _unwrapped(words: Sequence[Word]) -> Sequence[Word]:
    while words[0].marked != "xargs" and (inner := stripped(words)) is not None:
        words = inner
    return words


def _prefix_may_cover(words: Sequence[Word]) -> bool:
    """Whether a rule with `*` may approve the command at all."""
    if not words[0].static or not words[0].marked:
        return False
    name = words[0].marked.rpartition("/")[2]
    if name in NEVER_BY_PREFIX:
        return False
    if name == "find":
        return all(word.static and word.marked not in FIND_ACTIONS for word in words)
    if name in _SETS_VARIABLES:
        # Bash evaluates the index of a variable's name: `printf -v 'a[$(command)]'`.
        return not any(
            ("[" in word.text and ("$(" in word.text or "`" in word.text))
            or STEERING_VARIABLE.fullmatch(word.text.partition("=")[0])
            for word in words[1:]
        )
    return True


def _assigns_safely(command: Command) -> bool:
    return all(name in SAFE_VARIABLES for name, _ in command.assignments)


def _writes(redirect: Redirect) -> bool:
    return redirect.writes and redirect.target.marked not in NO_FILE
