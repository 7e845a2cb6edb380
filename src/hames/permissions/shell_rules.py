"""Shell commands as the rules see them.

To allow, every simple command must be covered by itself: by being read-only, by the mode, or by an
allow rule that matches it exactly as written; and so must every redirect. To deny or ask, a command is
held against the rules in every reading it may have: without quotes, without its folder, behind wrappers,
inside scripts. What cannot be told is doubt, and doubt is an ask where deny or ask rules exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import islice

import msgspec

from hames.access import Runs
from hames.permissions.paths import Place, files_of, is_inside, place
from hames.permissions.protected import is_protected
from hames.permissions.readonly_commands import reads
from hames.permissions.rules import Compiled, Rule, compiled, specific
from hames.permissions.shell_parse import Command, Redirect, Script, parse
from hames.permissions.shell_paths import (
    Touched,
    critical_removal,
    edits,
    expanded,
    folders,
    touched,
    written,
)
from hames.permissions.subjects import by_rule, file_rule, protected_file
from hames.permissions.types import Behavior, Decision, Policy, Question
from hames.permissions.words import ANY, Word, could_match, plain, wildcard_match
from hames.permissions.wrappers import (
    FIND_ACTIONS,
    INTERPRETERS,
    NEVER_BY_PREFIX,
    SAFE_VARIABLES,
    STEERING_VARIABLE,
    Inner,
    assigned_scripts,
    looked_through,
    scripts,
    stripped,
)

_DEEPEST = 5
_RUN = re.compile(r"[ \t]+")
_MOST_COMMANDS = 5000
_MOST_SCRIPTS = 200
_MOST_NAMES = 3000
_CLOSING: tuple[Behavior, ...] = ("deny", "ask")

_NO_FILE = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/zero"))

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


class ShellPattern(msgspec.Struct, frozen=True):
    """The specifier of a shell rule."""

    exact: str | None
    """The whole command, for a pattern without `*`."""
    wildcards: tuple[str, ...]
    """Patterns with `*`, of which one must match the whole text."""
    mention: re.Pattern[str] | None
    """Finds the program's name in code of another language."""

    def matches(self, text: str) -> bool:
        return any(wildcard_match(wildcard, text) for wildcard in self.wildcards)


class ShellSubject:
    """A shell command that is run."""

    def __init__(self, policy: Policy, question: Question, access: Runs) -> None:
        self.policy = policy
        self.asked = question
        self.access = access
        self.rules = compiled(policy)
        # Rules for files that the command touches are those of `Read(...)` and `Edit(...)`.
        self.files = Question("", {}, (), question.cwd)
        self._free: dict[int, Decision | None] = {}
        self._walked: set[tuple[str, bool, bool]] = set()
        self._names_left = _MOST_NAMES
        self._seen: dict[tuple[str, str], list[Place] | None] = {}

    @cached_property
    def script(self) -> Script:
        return parse(
            self.access.command, home=self.policy.home, cwd=self.asked.cwd or self.policy.root
        )

    @cached_property
    def folders(self) -> list[str]:
        """Where the commands may work."""
        return folders(self.policy, self.asked.cwd, self._moves)

    @property
    def _moves(self) -> list[tuple[Inner, bool]]:
        """The commands that change the directory."""
        return self._unpacked[0]

    @property
    def readonly(self) -> bool:
        return (
            self.script.problem is None
            and all(self._is_free(command) for command in self.script.commands)
            and not any(self._writes(redirect) for redirect in self.script.redirects)
        )

    # Deny and ask

    def ruled(self, behavior: Behavior) -> Decision | None:
        for rule, pattern in self._patterns(behavior):
            for words, texts in self._texts:
                if any(pattern.matches(text) for text in texts):
                    return by_rule(rule, f"`{_shown(words)}`")
        if self._has_path_rules(behavior):
            for where, writes in self._places:
                if rule_found := file_rule(self.policy, self.files, behavior, where, writes=writes):
                    verb = "Writing" if writes else "Reading"
                    return by_rule(rule_found, f"{verb} `{where.given}`", where.given)
        return None

    def doubt(self) -> Decision | None:
        by_text = [*self._patterns("deny"), *self._patterns("ask")]
        by_path = self._has_path_rules("deny") or self._has_path_rules("ask")
        if not by_text and not by_path:
            return None
        if problem := self._hidden or self.script.problem:
            return _unsure(problem)
        if by_text:
            for inner in self._inner:
                if ANY in inner.words[0].vague:
                    return _unsure(
                        f"The command `{_shown(inner.words)}` is known only when it runs."
                    )
                if INTERPRETERS.fullmatch(inner.name) and reads(inner.words) is None:
                    for rule, pattern in by_text:
                        if _mentions(pattern, inner):
                            return _unsure(
                                f"`{_shown(inner.words)}` may run what `{rule.text}` names."
                            )
            for words, texts in self._texts:
                for text in [text for text in texts if ANY in text]:
                    for rule, pattern in by_text:
                        if any(could_match(wildcard, text) for wildcard in pattern.wildcards):
                            return _unsure(f"`{_shown(words)}` may match the rule `{rule.text}`.")
        return self._path_doubt() if by_path else None

    def _path_doubt(self) -> Decision | None:
        if "shopt" in self.access.command or "GLOBIGNORE" in self.access.command:
            return _unsure("It changes what globs match.")
        for inner in self._inner:
            names = touched(inner)
            for word in (*names.read, *names.written):
                for folder in self.folders:
                    places = self._resolved(folder, word.marked)
                    if places is None:
                        return _unsure(f"Which file `{word.raw}` is, is known only when it runs.")
                    if names.deep and any(self._holds_ruled_file(names, top) for top in places):
                        return _unsure(f"`{word.raw}` holds files that a rule names.")
        for redirect in self.script.redirects:
            if not redirect.target.static:
                return _unsure(
                    f"Which file `{redirect.target.raw}` is, is known only when it runs."
                )
        return None

    def _holds_ruled_file(self, names: Touched, top: Place) -> bool:
        """Whether a deny or ask rule names a file below a folder, as far as can be looked."""
        files = files_of(self.policy)
        key = (top.given, names.hidden, bool(names.written))
        if key in self._walked or not files.is_dir(top.given):
            return False
        self._walked.add(key)
        waiting = [top.given]
        while waiting:
            above = waiting.pop()
            for name in files.names(above):
                if name.startswith(".") and not names.hidden:
                    continue
                self._names_left -= 1
                below = f"{above.rstrip('/')}/{name}"
                if self._names_left < 0 or self._is_ruled(
                    Place(below, (below,)), bool(names.written)
                ):
                    return True
                if files.is_dir(below) and files.real_path(below) == below:
                    waiting.append(below)
        return False

    def _is_ruled(self, where: Place, writes: bool) -> bool:
        return any(
            file_rule(self.policy, self.files, behavior, where, writes=kind)
            for behavior in _CLOSING
            for kind in {False, writes}
        )

    # Safety

    def critical(self) -> Decision | None:
        for inner in self._inner:
            if target := critical_removal(self.policy, self.folders, inner):
                return Decision(
                    "ask",
                    f"`{_shown(inner.words)}` removes a critical place, `{target}`.",
                    reason_type="safetyCheck",
                )
        return None

    def protected(self) -> Decision | None:
        for where, writes in self._places:
            if writes and any(is_protected(self.policy, path) for path in where.paths):
                return protected_file(where)
        return None

    # Approval

    def approval(self) -> Decision | None:
        if rule := self._exact_rule():
            return by_rule(rule, "This command")
        if self.script.problem or not (self.script.commands or self.script.redirects):
            return None
        planning = self.policy.mode == "plan"
        reasons: list[Decision] = []
        for command in self.script.commands:
            covered = self._is_free(command) or self._edit(command)
            if not covered and not planning:
                rule = self._allow_rule(command)
                covered = by_rule(rule, f"`{_shown(command.words)}`") if rule else None
            if not covered:
                return None
            reasons.append(covered)
        for redirect in self.script.redirects:
            if not (covered := self._redirect(redirect, planning)):
                return None
            reasons.append(covered)
        # Whatever is more than reading is the better reason.
        return next((reason for reason in reasons if not reason.readonly), reasons[0])

    def question(self) -> Decision:
        if self.script.problem:
            return Decision("ask", f"The command cannot be checked: {self.script.problem}")
        if (uncovered := self.uncovered()) and self.policy.mode != "plan":
            what = f"`{_shown(uncovered[0])}`" if uncovered[0] else "Setting a variable"
            return Decision("ask", f"{what} needs permission.")
        for redirect in self.script.redirects:
            if not self._redirect(redirect, False):
                word = redirect.target
                path = (
                    place(self.policy, self.asked.cwd, word.marked).given if word.static else None
                )
                reason = f"The redirect with `{word.raw}` needs permission."
                return Decision("ask", reason, blocked_path=path)
        return Decision("ask", "This command needs permission.")

    def uncovered(self) -> list[list[Word]]:
        """The commands that nothing approves."""
        return [
            command.words
            for command in self.script.commands
            if not (self._is_free(command) or self._edit(command) or self._allow_rule(command))
        ]

    def uncovered_targets(self) -> list[Word]:
        """The targets of redirects that nothing approves."""
        redirects = self.script.redirects
        return [redirect.target for redirect in redirects if not self._redirect(redirect, False)]

    def _exact_rule(self) -> Rule | None:
        if self.policy.mode == "plan":
            return None
        text = _blanks(self.access.command)
        for rule, pattern in self._patterns("allow"):
            if pattern.exact == text:
                return rule
        return None

    def _allow_rule(self, command: Command) -> Rule | None:
        """The first allow rule that covers the command, with its safe assignments and wrappers off."""
        if not _assigns_safely(command.assignments) or not command.words:
            return None
        words: Sequence[Word] = command.words
        whole = True
        while True:
            for rule, pattern in self._patterns("allow"):
                text = " ".join(word.raw for word in words)
                if pattern.exact is not None:
                    if pattern.exact == text:
                        return rule
                elif _prefix_may_cover(words) and pattern.matches(text):
                    return rule
            inner = stripped(words)
            if inner is None or (not whole and len(inner) >= len(words)):
                return None
            words, whole = inner, False
            if "=" in words[0].marked:
                return None

    def _is_free(self, command: Command) -> Decision | None:
        """Whether the command is read-only, and reads in the working folders only."""
        if command.start not in self._free:
            self._free[command.start] = self._reads_only(command)
        return self._free[command.start]

    def _reads_only(self, command: Command) -> Decision | None:
        words: Sequence[Word] = command.words
        if not words or not _assigns_safely(command.assignments):
            return None
        while (inner := stripped(words)) is not None and words[0].marked != "xargs":
            words = inner
        paths = reads(words)
        if paths is None or (words[0].marked == "cd" and command.repeated):
            return None
        if words[0].marked == "git" and not self._git_is_safe:
            return None
        if self._moves and any(self._writes(redirect) for redirect in self.script.redirects):
            return None
        if not self._starts_inside or not all(self._reads_inside(word) for word in paths):
            return None
        return Decision(
            "allow", f"`{_shown(command.words)}` only reads.", reason_type="readonly", readonly=True
        )

    @cached_property
    def _starts_inside(self) -> bool:
        return self._reads_inside(plain("."))

    def _reads_inside(self, word: Word) -> bool:
        for folder in self.folders:
            places = self._resolved(folder, word.marked)
            if places is None or (not word.static and self._may_be_option(folder, word)):
                return False
            for where in places:
                inside = is_inside(self.policy, where, reading=True)
                if not inside and word.marked not in _NO_FILE:
                    return False
        return True

    def _may_be_option(self, folder: str, word: Word) -> bool:
        names = expanded(self.policy, folder, word.marked)
        return names is None or any(name.startswith("-") for name in names)

    @cached_property
    def _git_is_safe(self) -> bool:
        """Whether git works in the repository of the start, whose configuration is trusted.

        After `cd`, or in a folder that is itself a repository, other hooks and programs may be set.
        """
        if self._moves:
            return False
        files = files_of(self.policy)
        folder = self.folders[0]
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

    def _edit(self, command: Command) -> Decision | None:
        """Whether mode `acceptEdits` runs the command."""
        if (
            self.policy.mode != "acceptEdits"
            or self._moves
            or not _assigns_safely(command.assignments)
        ):
            return None
        words: Sequence[Word] = command.words
        while (inner := stripped(words)) is not None and words[0].marked != "xargs":
            words = inner
        paths = edits(words)
        if paths is None:
            return None
        for word in paths:
            where = place(self.policy, self.folders[0], word.marked)
            if not is_inside(self.policy, where) or any(
                is_protected(self.policy, p) for p in where.paths
            ):
                return None
        return Decision(
            "allow", "Mode `acceptEdits` allows file commands here.", reason_type="mode"
        )

    def _redirect(self, redirect: Redirect, planning: bool) -> Decision | None:
        word = redirect.target
        if not word.static or not word.marked:
            return None
        where = place(self.policy, self.folders[0], word.marked)
        if where.given in _NO_FILE and word.marked in _NO_FILE:
            return Decision("allow", "Nothing is written.", reason_type="readonly", readonly=True)
        if redirect.reads and not redirect.writes:
            if self._reads_inside(word):
                return Decision(
                    "allow",
                    "Reading in the working folders.",
                    reason_type="workingDir",
                    readonly=True,
                )
            rule = (
                None
                if self._moves
                else file_rule(self.policy, self.files, "allow", where, writes=False)
            )
            return by_rule(rule, f"Reading `{where.given}`") if rule else None
        if self._moves or planning or redirect.reads:
            return None
        if self.policy.mode == "acceptEdits" and is_inside(self.policy, where):
            return Decision("allow", "Mode `acceptEdits` allows edits here.", reason_type="mode")
        rule = file_rule(self.policy, self.files, "allow", where, writes=True)
        return by_rule(rule, f"Writing `{where.given}`") if rule else None

    def _writes(self, redirect: Redirect) -> bool:
        return redirect.writes and redirect.target.marked not in _NO_FILE

    # What stands inside

    @cached_property
    def _unpacked(
        self,
    ) -> tuple[list[tuple[Inner, bool]], list[Inner], list[Redirect], str | None]:
        """Moves and all commands, those inside scripts and wrappers too; redirects; what may be missing."""
        moves: list[tuple[Inner, bool]] = []
        inners: list[Inner] = []
        redirects: list[Redirect] = []
        hidden: str | None = None
        parsed = 0
        waiting = [(self.script, 0)]
        while waiting:
            script, depth = waiting.pop(0)
            redirects += script.redirects
            hidden = hidden or script.problem
            for command in script.commands:
                texts: list[str | None] = list(assigned_scripts(command.assignments))
                for inner in looked_through(command.words) if command.words else ():
                    inners.append(inner)
                    texts += islice(scripts(inner), _MOST_SCRIPTS)
                    if inner.name in ("cd", "pushd", "popd"):
                        moves.append((inner, command.repeated))
                for text in dict.fromkeys(texts):
                    if text is None:
                        hidden = (
                            hidden or f"`{_shown(command.words)}` runs what is not known before."
                        )
                    elif (
                        depth >= _DEEPEST or len(inners) > _MOST_COMMANDS or parsed > _MOST_SCRIPTS
                    ):
                        hidden = hidden or "It is nested too deeply."
                    else:
                        cwd = self.asked.cwd or self.policy.root
                        parsed += 1
                        waiting.append((parse(text, home=self.policy.home, cwd=cwd), depth + 1))
        return moves, inners, redirects, hidden

    @property
    def _inner(self) -> list[Inner]:
        return self._unpacked[1]

    @property
    def _hidden(self) -> str | None:
        return self._unpacked[3]

    @cached_property
    def _places(self) -> dict[tuple[Place, bool], None]:
        """Files that the commands may touch, and whether they write them; as far as is known."""
        found: dict[tuple[Place, bool], None] = {}
        by_path = self._has_path_rules("deny") or self._has_path_rules("ask")
        for inner in self._inner:
            if by_path:
                names = touched(inner)
                self._add_places(found, names.read, False)
                self._add_places(found, names.written, True)
            else:
                self._add_places(found, written(inner), True)
        for redirect in self._unpacked[2]:
            if redirect.target.marked in _NO_FILE:
                continue
            self._add_places(found, [redirect.target], redirect.writes)
        return found

    def _add_places(
        self, found: dict[tuple[Place, bool], None], words: Sequence[Word], writes: bool
    ) -> None:
        for marked in dict.fromkeys(word.marked for word in words):
            for folder in self.folders:
                for where in self._resolved(folder, marked) or ():
                    found[where, writes] = None

    def _resolved(self, folder: str, marked: str) -> list[Place] | None:
        """Where a word leads from a folder; None when that is not known."""
        if (folder, marked) not in self._seen:
            paths = expanded(self.policy, folder, marked)
            self._seen[folder, marked] = (
                None
                if paths is None
                else [
                    place(self.policy, folder, path) for path in paths if path and "\0" not in path
                ]
            )
        return self._seen[folder, marked]

    # Rules

    @cached_property
    def _texts(self) -> list[tuple[Sequence[Word], set[str]]]:
        """Every command with the texts under which a deny or ask rule may know it."""
        whole = [plain(self.access.command.strip())]
        found: list[tuple[Sequence[Word], set[str]]] = [(whole, {_blanks(whole[0].raw)})]
        found += [(inner.words, _spellings(inner.words)) for inner in self._inner]
        return found

    def _patterns(self, behavior: Behavior) -> list[tuple[Rule, ShellPattern]]:
        def build() -> list[tuple[Rule, ShellPattern]]:
            rules = specific(self.rules.of(behavior), self.asked, "Runs")
            return [(rule, _compiled_pattern(specifier)) for rule, specifier in rules]

        key = ("shell", behavior, self.asked.tool, self.asked.aliases)
        found: list[tuple[Rule, ShellPattern]] = self.rules.remember(key, build)
        return found

    def _has_path_rules(self, behavior: Behavior) -> bool:
        key = ("paths", behavior)
        return bool(
            self.rules.remember(key, lambda: _has_path_rules(self.rules, behavior, self.files))
        )


def _has_path_rules(rules: Compiled, behavior: Behavior, question: Question) -> bool:
    return any(
        True for kind in ("Reads", "Writes") for _ in specific(rules.of(behavior), question, kind)
    )


def _compiled_pattern(specifier: str) -> ShellPattern:
    text = _blanks(specifier)
    if text.endswith(":*"):
        text = text[:-2] + " *"
    program = text.split(" ")[0].rpartition("/")[2]
    mention = (
        re.compile(rf"(?<![\w-]){re.escape(program)}(?![\w-])") if "*" not in program else None
    )
    if "*" not in text:
        return ShellPattern(text, (text,), mention)
    return ShellPattern(None, (text, text[:-2]) if text.endswith(" *") else (text,), mention)


def _blanks(text: str) -> str:
    text = text.strip()
    return _RUN.sub(" ", text) if "  " in text or "\t" in text else text


def _mentions(pattern: ShellPattern, inner: Inner) -> bool:
    """Whether code in another language mentions the program of a rule."""
    found = pattern.mention
    return found is not None and any(found.search(word.text) for word in inner.words[1:])


def _spellings(words: Sequence[Word]) -> set[str]:
    """The texts under which a deny or ask rule may know a command."""
    first = words[0].vague
    program = first.rpartition("/")[2]
    arguments = [word.vague for word in words[1:]]
    found = {" ".join([word.raw for word in words])}
    for name in (
        {first, program, program.lower(), "./" + program}
        if "/" in first
        else {first, first.lower()}
    ):
        for start in _subcommands(arguments):
            found.add(" ".join((name, *arguments[start:])))
    return {_blanks(text) for text in found}


def _subcommands(arguments: Sequence[str]) -> set[int]:
    """Where the arguments may begin that matter: options before a subcommand do not."""
    found = {0}
    if not arguments or not arguments[0].startswith("-"):
        return found
    for at in range(min(len(arguments), 12)):
        if at in found and arguments[at].startswith("-"):
            found.add(at + 1)
            if at + 1 < len(arguments) and not arguments[at + 1].startswith("-"):
                found.add(at + 2)
    return found


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


def _assigns_safely(assignments: Sequence[tuple[str, Word]]) -> bool:
    return all(name in SAFE_VARIABLES for name, _ in assignments)


def _unsure(reason: str) -> Decision:
    return Decision("ask", f"Rules could not be checked. {reason}", reason_type="safetyCheck")


def _shown(words: Sequence[Word]) -> str:
    text = " ".join(word.raw for word in words)
    return text if len(text) <= 120 else text[:119] + "…"
