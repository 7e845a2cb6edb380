"""Rules that can never decide: because another answers before them, or says the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hames.errors import OptionsError
from hames.permissions.rules import KIND_WORDS, covers_tool, parse_rule
from hames.permissions.rules import Rule as _Rule
from hames.permissions.types import Behavior, Rules, SourcedRule

ORDER: tuple[Behavior, ...] = ("deny", "ask", "allow")
"""Who is asked first."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A rule without effect, and the one that takes it."""

    rule: SourcedRule
    behavior: Behavior
    by: SourcedRule
    by_behavior: Behavior

    def __str__(self) -> str:
        if self.behavior == self.by_behavior:
            return f"the {self.behavior} rule `{self.rule.text}` adds nothing to `{self.by.text}`."
        return (
            f"the {self.behavior} rule `{self.rule.text}` never decides: the {self.by_behavior} rule"
            f" `{self.by.text}` comes first."
        )


def shadowed(rules: Rules) -> Iterator[Shadowed]:
    """The rules that have no effect. Rules that cannot be parsed are passed over.

    A rule that says nearly the same is not found, but what is found is certain.
    """
    parsed = {behavior: list(_parsed(getattr(rules, behavior), behavior)) for behavior in ORDER}
    for position, behavior in enumerate(ORDER):
        for number, rule in enumerate(parsed[behavior]):
            stronger = (other for one in ORDER[:position] for other in parsed[one])
            same = (
                other
                for i, other in enumerate(parsed[behavior])
                if i != number and (i < number or not covers(rule, other))
            )
            for other in (*stronger, *same):
                if covers(other, rule):
                    yield Shadowed(rule.origin, behavior, other.origin, other.behavior)
                    break


def covers(wide: _Rule, narrow: _Rule) -> bool:
    """Whether all that the narrow rule speaks of is spoken of by the wide one."""
    if covers_tool(wide, (narrow.tool,)):
        return True
    if wide.tool != narrow.tool or wide.specifier is None or narrow.specifier is None:
        return False
    if wide.tool == "Bash":
        return _covers_command(wide.specifier, narrow.specifier)
    if wide.tool in KIND_WORDS.values() and wide.tool != "WebFetch":
        return _covers_path(wide, narrow)
    return wide.specifier == narrow.specifier


def _covers_command(wide: str, narrow: str) -> bool:
    # Where the narrow one has a star, a star of the wide one has to stand: it takes the sign as text.
    if wide.endswith((":*", " *")):
        prefix = wide[:-2]
        rest = narrow[:-2] if narrow.endswith((":*", " *")) else narrow
        return rest == prefix or (
            "*" not in prefix and rest.startswith(prefix + " ") and bool(prefix.strip())
        )
    if "*" not in wide:
        return wide == narrow
    pattern = ".*".join(re.escape(part) for part in wide.split("*"))
    return not narrow.endswith(":*") and re.fullmatch(pattern, narrow, re.DOTALL) is not None


def _covers_path(wide: _Rule, narrow: _Rule) -> bool:
    assert wide.specifier is not None
    assert narrow.specifier is not None
    anchored = any(re.match(r"/(?!/)", one.specifier or "") for one in (wide, narrow))
    if anchored and wide.origin.base != narrow.origin.base:
        return False
    if wide.specifier == narrow.specifier:
        return True
    folder = wide.specifier.removesuffix("**")
    return (
        folder != wide.specifier
        and folder.startswith(("/", "~/"))
        and "*" not in folder
        and narrow.specifier.startswith(folder)
        and ".." not in narrow.specifier
    )


def _parsed(rules: Sequence[SourcedRule], behavior: Behavior) -> Iterator[_Rule]:
    for origin in rules:
        try:
            tool, specifier = parse_rule(origin.text)
        except OptionsError:
            continue
        yield _Rule(tool, specifier, origin, behavior)
