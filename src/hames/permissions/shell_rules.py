"""Shell commands as the rules see them."""

from __future__ import annotations

from dataclasses import dataclass

from hames.access import Runs
from hames.permissions.rules import compiled
from hames.permissions.types import Behavior, Decision, Policy, Question


@dataclass(slots=True)
class ShellSubject:
    """A shell command that is run. Without a rule for the whole tool it is asked about."""

    policy: Policy
    asked: Question
    access: Runs
    readonly: bool = False

    def ruled(self, behavior: Behavior) -> Decision | None:
        return None

    def doubt(self) -> Decision | None:
        if any(
            rule.tool == "Bash"
            for rule in (*compiled(self.policy).ask, *compiled(self.policy).deny)
        ):
            return Decision("ask", "Shell rules exist that this command was not held against.")
        return None

    def critical(self) -> Decision | None:
        return None

    def protected(self) -> Decision | None:
        return None

    def approval(self) -> Decision | None:
        return None

    def question(self) -> Decision:
        return Decision("ask", "This command needs permission.")
