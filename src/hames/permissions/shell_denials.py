"""Why a command line may not run, or not unasked: deny and ask rules, doubt, critical and protected places.

A command is held against the rules in every reading it may have: without quotes, without its folder,
behind wrappers, inside scripts. What cannot be told is doubt, and doubt is an ask where deny or ask
rules exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from hames.permissions.paths import Place, files_of
from hames.permissions.patterns import comparable
from hames.permissions.protected import is_protected
from hames.permissions.rules import Compiled, compiled, specific
from hames.permissions.shell_contents import Contents, shown
from hames.permissions.shell_paths import Touched, without_messages
from hames.permissions.shell_patterns import Patterns, blanks, patterns, spellings
from hames.permissions.shell_removals import critical_removal
from hames.permissions.subjects import by_rule, file_rule, path_rules, protected_file
from hames.permissions.types import Behavior, Decision, Question
from hames.permissions.words import ANY, Word, could_match, plain
from hames.permissions.wrappers import Inner, runs_others

_MOST_NAMES = 3000
_CLOSING: tuple[Behavior, ...] = ("deny", "ask")


_GIT_IN_GIT = re.compile(r"(?:^| )(?:subtree|lfs|svn|p4|submodule|annex)(?: |$)")
"""Commands of git that have subcommands of the same names."""


class Denials:
    """What speaks against a command line."""

    def __init__(self, contents: Contents, question: Question) -> None:
        self.contents = contents
        self.policy = contents.policy
        self.asked = question
        self.rules = compiled(contents.policy)
        # Rules for files that the command touches are those of `Read(...)` and `Edit(...)`.
        self.files = Question("", {}, (), question.cwd)
        self._by_path = self._has_path_rules("deny") or self._has_path_rules("ask")
        self._walked: set[tuple[str, bool, bool]] = set()
        self._names_left = _MOST_NAMES

    def ruled(self, behavior: Behavior) -> Decision | None:
        """The decision of a deny or ask rule."""
        for rule, pattern in self._patterns(behavior):
            for words, texts in self._texts:
                if any(pattern.matches(text) for text in texts):
                    return by_rule(rule, f"`{shown(words)}`")
        if self._has_path_rules(behavior):
            for where, writes in self._places:
                if rule_found := file_rule(self.policy, self.files, behavior, where, writes=writes):
                    verb = "Writing" if writes else "Reading"
                    return by_rule(rule_found, f"{verb} `{where.given}`", where.given)
        return None

    def doubt(self) -> Decision | None:
        """An ask, when a deny or ask rule may speak of it and that cannot be told."""
        by_text = [*self._patterns("deny"), *self._patterns("ask")]
        if not by_text and not self._by_path:
            return None
        if problem := self.contents.hidden:
            return unsure(problem)
        return (self._text_doubt(by_text) if by_text else None) or (
            self._path_doubt() if self._by_path else None
        )

    def critical(self) -> Decision | None:
        """An ask that holds in every mode."""
        for inner in self.contents.inners:
            if target := critical_removal(self.policy, self.contents.folders, inner):
                return Decision(
                    "ask",
                    f"`{shown(inner.words)}` removes a critical place, `{target}`.",
                    reason_type="safetyCheck",
                )
        return None

    def protected(self) -> Decision | None:
        """An ask that no rule overrides."""
        for where, writes in self._places:
            if writes and any(is_protected(self.policy, path) for path in where.paths):
                return protected_file(where)
        return None

    def _text_doubt(self, by_text: Patterns) -> Decision | None:
        for inner in self.contents.inners:
            if ANY in inner.words[0].vague:
                return unsure(f"The command `{shown(inner.words)}` is known only when it runs.")
            if runs_others(inner) and self.contents.reads(inner.words) is None:
                given = " ".join([word.text for word in without_messages(inner)])
                if inner.name == "git" and _GIT_IN_GIT.search(given):
                    given = f"git {given}"
                for rule, pattern in by_text:
                    if pattern.is_mentioned(given):
                        return unsure(f"`{shown(inner.words)}` may run what `{rule.text}` names.")
        if "<<" in self.contents.command and any(map(self._may_run_input, self.contents.inners)):
            for rule, pattern in by_text:
                if pattern.is_mentioned(self.contents.command):
                    return unsure(f"A here-document may run what `{rule.text}` names.")
        for words, texts in self._texts:
            for text in [text for text in texts if ANY in text]:
                for rule, pattern in by_text:
                    if any(could_match(wildcard, text) for wildcard in pattern.wildcards):
                        return unsure(f"`{shown(words)}` may match the rule `{rule.text}`.")
        return None

    def _may_run_input(self, inner: Inner) -> bool:
        known = inner.name in ("git", "gh") or self.contents.reads(inner.words) is not None
        return runs_others(inner) and not known

    def _path_doubt(self) -> Decision | None:
        contents = self.contents
        if "shopt" in contents.command or "GLOBIGNORE" in contents.command:
            return unsure("It changes what globs match.")
        if contents.moves and "CDPATH" in contents.command:
            return unsure("`CDPATH` changes where `cd` leads.")
        for inner in contents.inners:
            names = contents.touched(inner)
            for word in (*names.read, *names.written):
                for folder in contents.folders:
                    places = contents.resolved(folder, word.marked)
                    if places is None:
                        return unsure(f"Which file `{word.raw}` is, is known only when it runs.")
                    if names.deep and any(self._holds_ruled_file(names, top) for top in places):
                        return unsure(f"`{word.raw}` holds files that a rule names.")
            for word in names.code:
                for folder in contents.folders:
                    if any(map(self._is_closed, contents.resolved(folder, word.marked) or ())):
                        return unsure(f"`{shown(inner.words)}` names a file that a rule closes.")
        for redirect in contents.redirects:
            target = redirect.target
            if not target.static or any(
                contents.resolved(folder, target.marked) is None for folder in contents.folders
            ):
                return unsure(f"Which file `{target.raw}` is, is known only when it runs.")
        return None

    def _holds_ruled_file(self, names: Touched, top: Place) -> bool:
        """Whether a deny or ask rule names a file below a folder, as far as can be looked."""
        files = files_of(self.policy)
        key = (top.given, names.hidden, bool(names.written))
        if key in self._walked or not files.is_dir(top.given):
            return False
        self._walked.add(key)
        regexes = self._closing(bool(names.written))
        waiting = [top.given]
        while waiting:
            above = waiting.pop()
            for name in files.names(above):
                if name.startswith(".") and not names.hidden:
                    continue
                self._names_left -= 1
                below = f"{above.rstrip('/')}/{name}"
                path = comparable(below)
                if self._names_left < 0 or any(regex.match(path) for regex in regexes):
                    return True
                if files.is_dir(below) and files.real_path(below) == below:
                    waiting.append(below)
        return False

    def _is_closed(self, where: Place) -> bool:
        paths = [comparable(path) for path in where.paths]
        return any(regex.match(path) for regex in self._closing(True) for path in paths)

    def _closing(self, writes: bool) -> list[re.Pattern[str]]:
        """What the deny and ask rules close, to readers and if it `writes` to writers."""
        return [
            regex
            for behavior in _CLOSING
            for kind in {False, writes}
            for _, pattern in path_rules(self.policy, self.files, behavior, writes=kind)
            for regex in pattern.regexes
        ]

    @cached_property
    def _places(self) -> dict[tuple[Place, bool], None]:
        return self.contents.places(read=self._by_path)

    @cached_property
    def _texts(self) -> list[tuple[Sequence[Word], set[str]]]:
        """Every command with the texts under which a deny or ask rule may know it."""
        whole = [plain(self.contents.command.strip())]
        found: list[tuple[Sequence[Word], set[str]]] = [(whole, {blanks(whole[0].raw)})]
        found += [(inner.words, spellings(inner.words)) for inner in self.contents.inners]
        return found

    def _patterns(self, behavior: Behavior) -> Patterns:
        return patterns(self.rules, self.asked, behavior)

    def _has_path_rules(self, behavior: Behavior) -> bool:
        return bool(
            self.rules.remember(
                ("paths", behavior), lambda: _has_path_rules(self.rules, behavior, self.files)
            )
        )


def unsure(reason: str) -> Decision:
    """The ask about what cannot be told."""
    return Decision("ask", f"Rules could not be checked. {reason}", reason_type="safetyCheck")


def _has_path_rules(rules: Compiled, behavior: Behavior, question: Question) -> bool:
    return any(
        True for kind in ("Reads", "Writes") for _ in specific(rules.of(behavior), question, kind)
    )
