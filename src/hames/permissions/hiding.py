"""Which files a search may not show: those that a rule denies or would ask about."""

from __future__ import annotations

from collections.abc import Callable

from hames.access import Reads
from hames.permissions.rules import compiled, specific
from hames.permissions.subjects import FileSubject
from hames.permissions.types import Behavior, Policy, Question

_CLOSED: tuple[Behavior, ...] = ("deny", "ask")


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
