"""What a call touches, each seen by the rules: files and hosts. Shell commands are in `shell_rules`.

A subject answers the questions of `decide` one after the other; None means it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from hames.access import Asks, Fetches, Reads, Writes
from hames.permissions.hosts import host_matches, host_of
from hames.permissions.paths import Place, files_of, is_inside, place
from hames.permissions.patterns import PathPattern, compile_pattern
from hames.permissions.protected import is_protected
from hames.permissions.rules import Compiled, Rule, compiled, named_rule, speaking, specific
from hames.permissions.types import Behavior, Decision, Policy, Question


class Subject(Protocol):
    """One thing that a call touches."""

    @property
    def readonly(self) -> bool:
        """Whether touching it changes nothing."""

    def ruled(self, behavior: Behavior) -> Decision | None:
        """The decision of a deny or ask rule."""

    def doubt(self) -> Decision | None:
        """An ask, when a deny or ask rule may speak of it and that cannot be told."""

    def critical(self) -> Decision | None:
        """An ask that holds in every mode."""

    def protected(self) -> Decision | None:
        """An ask that no rule overrides."""

    def approval(self) -> Decision | None:
        """Why it may be touched: mode, working folders, what is read-only, allow rules."""

    def question(self) -> Decision:
        """The ask, when nothing has decided."""


class FileSubject(msgspec.Struct, frozen=True):
    """A file that is read or written."""

    policy: Policy
    asked: Question
    access: Reads | Writes
    where: Place

    @classmethod
    def of(cls, policy: Policy, question: Question, access: Reads | Writes) -> FileSubject:
        return cls(policy, question, access, place(policy, question.cwd, access.path))

    @property
    def readonly(self) -> bool:
        return isinstance(self.access, Reads)

    def ruled(self, behavior: Behavior) -> Decision | None:
        if rule := file_rule(
            self.policy, self.asked, behavior, self.where, writes=not self.readonly
        ):
            return by_rule(rule, f"{self._verb} `{self.where.given}`", self.where.given)
        return None

    def doubt(self) -> Decision | None:
        return None

    def critical(self) -> Decision | None:
        return None

    def protected(self) -> Decision | None:
        if self.readonly or not any(is_protected(self.policy, path) for path in self.where.paths):
            return None
        return protected_file(self.where)

    def approval(self) -> Decision | None:
        inside = is_inside(self.policy, self.where, reading=self.readonly)
        if self.readonly and inside:
            return Decision(
                "allow", "Reading in the working folders.", reason_type="workingDir", readonly=True
            )
        mode = self.policy.mode
        if not self.readonly and inside and mode == "acceptEdits":
            return Decision("allow", "Mode `acceptEdits` allows edits here.", reason_type="mode")
        if not self.readonly and mode == "plan":
            return None
        rule = file_rule(self.policy, self.asked, "allow", self.where, writes=not self.readonly)
        return by_rule(rule, f"{self._verb} `{self.where.given}`") if rule else None

    def question(self) -> Decision:
        if not is_inside(self.policy, self.where, reading=self.readonly):
            reason = f"`{self.where.given}` is outside the working folders."
            if self.where.real[0] != self.where.given:
                reason = f"`{self.where.given}` leads to `{self.where.real[0]}`, outside the working folders."
            return Decision("ask", reason, reason_type="workingDir", blocked_path=self.where.given)
        return Decision(
            "ask",
            f"{self._verb} `{self.where.given}` needs permission.",
            blocked_path=self.where.given,
        )

    @property
    def _verb(self) -> str:
        return "Reading" if self.readonly else "Writing"


class HostSubject(msgspec.Struct, frozen=True):
    """An address that is reached."""

    policy: Policy
    asked: Question
    access: Fetches

    @property
    def readonly(self) -> bool:
        return True

    def ruled(self, behavior: Behavior) -> Decision | None:
        rule = self._rule(behavior)
        return by_rule(rule, f"Fetching from `{self._host}`") if rule else None

    def doubt(self) -> Decision | None:
        if self._host is None:
            return Decision(
                "ask",
                f"`{self.access.url}` names no host that can be checked.",
                reason_type="safetyCheck",
            )
        return None

    def critical(self) -> Decision | None:
        return None

    def protected(self) -> Decision | None:
        return None

    def approval(self) -> Decision | None:
        return self.ruled("allow")

    def question(self) -> Decision:
        return Decision("ask", f"Fetching from `{self._host}` needs permission.")

    @property
    def _host(self) -> str | None:
        return host_of(self.access.url)

    def _rule(self, behavior: Behavior) -> Rule | None:
        host = self._host
        for rule, specifier in specific(rules_of(self.policy, behavior), self.asked, "Fetches"):
            if host is not None and host_matches(specifier, host):
                return rule
        return None


class OpenSubject(msgspec.Struct, frozen=True):
    """Something that only a rule or a person can judge."""

    policy: Policy
    asked: Question
    access: Asks

    @property
    def readonly(self) -> bool:
        return False

    def ruled(self, behavior: Behavior) -> Decision | None:
        return None

    def doubt(self) -> Decision | None:
        return None

    def critical(self) -> Decision | None:
        return None

    def protected(self) -> Decision | None:
        return None

    def approval(self) -> Decision | None:
        named = speaking(compiled(self.policy), "allow", self.asked).named
        if rule := named_rule(named, self.asked):
            return by_rule(rule, f"`{self.asked.tool}`")
        if self.asked.tool in ("Agent", "Task", "Skill"):
            # Official 2.1.330 starts agents and skills without a question; what they do is judged.
            return Decision("allow", f"`{self.asked.tool}` needs no permission of its own.")
        return None

    def question(self) -> Decision:
        what = f" ({self.access.what})" if self.access.what else ""
        return Decision("ask", f"`{self.asked.tool}`{what} needs permission.")


def rules_of(policy: Policy, behavior: Behavior) -> tuple[Rule, ...]:
    """The policy's rules that give this answer."""
    return compiled(policy).of(behavior)


def by_rule(rule: Rule, what: str, path: str | None = None) -> Decision:
    """The decision of a rule about what is being done."""
    verb = {"allow": "is allowed by", "ask": "is to be asked about, by", "deny": "is denied by"}
    return Decision(
        rule.behavior,
        f"{what} {verb[rule.behavior]} the rule `{rule.text}`.",
        rule.text,
        rule.origin.source,
        "rule",
        blocked_path=path,
    )


def protected_file(where: Place) -> Decision:
    """The ask about a write to a protected place."""
    return Decision(
        "ask",
        f"`{where.given}` is protected: it starts programs or steers tools.",
        reason_type="safetyCheck",
        blocked_path=where.given,
    )


def file_rule(
    policy: Policy, question: Question, behavior: Behavior, where: Place, *, writes: bool
) -> Rule | None:
    """The first rule of this answer that speaks of reading or writing the place."""
    rules = compiled(policy)
    if not rules.of(behavior):
        return None
    paths = where.paths
    for rule, pattern in path_rules(policy, question, behavior, writes=writes):
        matched = [pattern.matches(path) for path in paths]
        if all(matched) if behavior == "allow" else any(matched):
            return rule
    return None


def path_rules(
    policy: Policy, question: Question, behavior: Behavior, *, writes: bool
) -> tuple[tuple[Rule, PathPattern], ...]:
    """The rules of this answer that speak of files the call reads or writes, found once for each policy."""
    rules = compiled(policy)
    key = ("path rules", behavior, writes, question.tool, question.aliases, question.cwd)
    found: tuple[tuple[Rule, PathPattern], ...] = rules.remember(
        key, lambda: tuple(_path_rules(policy, rules, question, behavior, writes))
    )
    return found


def _path_rules(
    policy: Policy, rules: Compiled, question: Question, behavior: Behavior, writes: bool
) -> Iterator[tuple[Rule, PathPattern]]:
    kinds = ["Writes"] if writes else ["Reads"]
    # What must not be read must not be replaced either. Official 2.1.330 excepts notebooks, whose
    # cells it thereby shows.
    if writes and behavior == "deny":
        kinds.append("Reads")
    for kind in kinds:
        for rule, specifier in specific(rules.of(behavior), question, kind):
            for pattern in path_patterns(policy, rules, rule, specifier, question.cwd):
                yield rule, pattern


def path_patterns(
    policy: Policy, rules: Compiled, rule: Rule, specifier: str, cwd: str
) -> tuple[PathPattern, ...]:
    """A rule's specifier as path patterns: for the folders as written and with links resolved."""
    wide = rule.behavior != "allow"
    cwd = cwd if wide else ""

    def build() -> tuple[PathPattern, ...]:
        real = files_of(policy).real_path
        base, home = rule.origin.base or policy.root, policy.home or "/"
        here = tuple(
            dict.fromkeys((policy.root, *((*policy.folders, cwd or policy.root) if wide else ())))
        )
        spellings = dict.fromkeys(
            [(base, home, here), (real(base), real(home), tuple(real(folder) for folder in here))]
        )
        return tuple(
            compile_pattern(specifier, wide=wide, base=base, home=home, here=here)
            for base, home, here in spellings
        )

    found: tuple[PathPattern, ...] = rules.remember(("path", rule, cwd), build)
    return found
