"""Which files are shut whoever opens them: hidden from searches, closed below the gate."""

from __future__ import annotations

from collections.abc import Callable

from hames.access import Reads, Writes
from hames.permissions.rules import compiled, specific
from hames.permissions.subjects import FileSubject
from hames.permissions.types import Behavior, Policy, Question

_CLOSED: tuple[Behavior, ...] = ("deny", "ask")


def why_closed(policy: Policy, cwd: str, path: str, *, writing: bool) -> str | None:
    """The deny rule that closes a file to every tool, as a sentence; None when there is none."""
    if not policy.rules.deny:
        return None
    question = Question("Edit" if writing else "Read", {}, (), cwd)
    access = Writes(path) if writing else Reads(path)
    kinds = ("Writes", "Reads") if writing else ("Reads",)
    deny = compiled(policy).deny
    if not any(True for kind in kinds for _ in specific(deny, question, kind)):
        return None
    decision = FileSubject.of(policy, question, access).ruled("deny")
    return decision.reason if decision else None


def hidden(policy: Policy, cwd: str) -> Callable[[str], bool] | None:
    """Says of an absolute path whether searches pass over it; None when no rule speaks of reading."""
    question = Question("Read", {}, (), cwd)
    rules = compiled(policy)
    if not any(
        True for behavior in _CLOSED for _ in specific(rules.of(behavior), question, "Reads")
    ):
        return None

    def hides(path: str) -> bool:
        subject = FileSubject.of(policy, question, Reads(path))
        return any(subject.ruled(behavior) is not None for behavior in _CLOSED)

    return hides
