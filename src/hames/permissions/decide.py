"""The decision about a call: allow, ask or deny.

`decide` is pure: it depends on the policy, the question and, through `Policy.files`, on the names and
links of the file system. It changes nothing, and it answers for every input.
"""

from __future__ import annotations

from collections.abc import Sequence

from hames.access import Asks, Fetches, Reads, Runs, Writes
from hames.permissions.modes import NEEDS_USER
from hames.permissions.rules import compiled, speaking
from hames.permissions.subjects import (
    FileSubject,
    HostSubject,
    OpenSubject,
    Subject,
    by_rule,
)
from hames.permissions.types import Behavior, Decision, Policy, Question


def decide(policy: Policy, question: Question, hook: Decision | None = None) -> Decision:
    """Judge a call. The first of these that has an answer gives it:

    deny rules, ask rules, safety checks, what a `hook` says (`allow` or `ask`), the mode, what needs no
    question, allow rules; else ask.
    """
    subjects = _subjects(policy, question)
    decision = (
        _by_rules("deny", policy, question, subjects)
        or _by_rules("ask", policy, question, subjects)
        or _unsafe(policy, question, subjects)
        or _hooked(hook, subjects)
        or _approved(policy, question, subjects)
        or _open(question, subjects)
    )
    if policy.mode == "dontAsk" and decision.behavior == "ask":
        return _changed(
            decision, "deny", f"{decision.reason} Mode `dontAsk` denies what would be asked."
        )
    return decision


def _subjects(policy: Policy, question: Question) -> list[Subject]:
    found: list[Subject] = []
    for access in question.accesses:
        match access:
            case Reads() | Writes():
                found.append(FileSubject.of(policy, question, access))
            case Fetches():
                found.append(HostSubject(policy, question, access))
            case Runs():
                from hames.permissions.shell_rules import ShellSubject

                found.append(ShellSubject(policy, question, access))
            case Asks():
                found.append(OpenSubject(policy, question, access))
    return found


def _by_rules(
    behavior: Behavior, policy: Policy, question: Question, subjects: Sequence[Subject]
) -> Decision | None:
    if rule := speaking(compiled(policy), behavior, question).first(question):
        return by_rule(rule, f"`{question.tool}`")
    for subject in subjects:
        if decision := subject.ruled(behavior):
            return decision
    if behavior == "ask":
        for subject in subjects:
            if decision := subject.doubt():
                return decision
    return None


def _unsafe(policy: Policy, question: Question, subjects: Sequence[Subject]) -> Decision | None:
    if question.tool in NEEDS_USER:
        return Decision("ask", f"`{question.tool}` is a question to a person.")
    for subject in subjects:
        if decision := subject.critical():
            return decision
        if policy.mode != "bypassPermissions" and (decision := subject.protected()):
            return decision
    return None


def _hooked(hook: Decision | None, subjects: Sequence[Subject]) -> Decision | None:
    if hook is None or hook.behavior == "ask":
        return hook
    readonly = bool(subjects) and all(subject.readonly for subject in subjects)
    return _changed(hook, "allow", readonly=readonly)


def _approved(policy: Policy, question: Question, subjects: Sequence[Subject]) -> Decision | None:
    readonly = bool(subjects) and all(subject.readonly for subject in subjects)
    if policy.mode == "bypassPermissions":
        return Decision(
            "allow", "Mode `bypassPermissions` allows it.", reason_type="mode", readonly=readonly
        )
    if not subjects:
        return Decision("allow", f"`{question.tool}` touches nothing that is guarded.")
    approvals = [subject.approval() for subject in subjects]
    if all(approvals):
        first = approvals[0]
        assert first is not None
        return _changed(first, "allow", first.reason, readonly=readonly)
    changes = any(
        not subject.readonly and not isinstance(subject, OpenSubject) for subject in subjects
    )
    rule = speaking(compiled(policy), "allow", question).bare
    if rule and not (policy.mode == "plan" and changes):
        return _changed(by_rule(rule, f"`{question.tool}`"), "allow", readonly=readonly)
    return None


def _open(question: Question, subjects: Sequence[Subject]) -> Decision:
    for subject in subjects:
        if subject.approval() is None:
            return subject.question()
    return Decision("ask", f"`{question.tool}` needs permission.")


def _changed(
    decision: Decision, behavior: Behavior, reason: str = "", *, readonly: bool = False
) -> Decision:
    return Decision(
        behavior,
        reason or decision.reason,
        decision.rule,
        decision.source,
        decision.reason_type,
        readonly,
        decision.blocked_path,
    )
