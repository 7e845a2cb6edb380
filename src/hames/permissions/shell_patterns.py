"""`Bash(...)` rules as patterns, and the texts under which they may know a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from hames.permissions.rules import Compiled, Rule, specific
from hames.permissions.types import Behavior, Question
from hames.permissions.words import Word, wildcard_match

_RUN = re.compile(r"[ \t]+")


class ShellPattern(msgspec.Struct, frozen=True):
    """The specifier of a shell rule."""

    exact: str | None
    """The whole command, for a pattern without `*`."""
    wildcards: tuple[str, ...]
    """Patterns with `*`, of which one must match the whole text."""
    mention: re.Pattern[str] | None
    """Finds the command that the rule names in other text: in code, in the arguments of a runner."""

    start: str
    """What every text begins with that matches."""

    def matches(self, text: str) -> bool:
        if self.exact is not None:
            return text == self.exact
        if not text.startswith(self.start):
            return False
        return any(wildcard_match(wildcard, text) for wildcard in self.wildcards)

    def is_mentioned(self, arguments: str) -> bool:
        """Whether the arguments of another command name what the rule is about."""
        return self.mention is not None and self.mention.search(arguments) is not None


Patterns = list[tuple[Rule, ShellPattern]]


def patterns(rules: Compiled, question: Question, behavior: Behavior) -> Patterns:
    """The rules of this answer that speak of commands, made once for each policy."""

    def build() -> Patterns:
        speaking = specific(rules.of(behavior), question, "Runs")
        return [(rule, compile_pattern(specifier)) for rule, specifier in speaking]

    found: Patterns = rules.remember(("shell", behavior, question.tool, question.aliases), build)
    return found


def compile_pattern(specifier: str) -> ShellPattern:
    """A specifier: `make`, `git log:*`, `git * main`."""
    text = blanks(specifier)
    if text.endswith(":*"):
        text = text[:-2] + " *"
    mention = _mention(text)
    if "*" not in text:
        return ShellPattern(text, (text,), mention, text)
    wildcards = (text, text[:-2]) if text.endswith(" *") else (text,)
    return ShellPattern(None, wildcards, mention, wildcards[-1].partition("*")[0])


def _mention(text: str) -> re.Pattern[str] | None:
    before, star, _ = text.partition("*")
    first, *others = before.split(" ")
    words = [word for word in (first.rpartition("/")[2], *others) if word][:3]
    if not words:
        return None
    found = ".*?".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in words)
    if star and not before.endswith(" "):
        found = found.removesuffix(r"(?![\w-])")  # `git pu*`: only the start of the word is known
    return re.compile(found, re.DOTALL)


def blanks(text: str) -> str:
    """The text with every run of blanks as one."""
    text = text.strip()
    return _RUN.sub(" ", text) if "  " in text or "\t" in text else text


def spellings(words: Sequence[Word]) -> set[str]:
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
    return {blanks(text) for text in found}


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
