"""Shell commands as the rules see them.

To allow, every simple command must be covered by itself (`shell_approvals`); to deny or ask, one reading
of one command is enough (`shell_denials`). Both look at the same `shell_contents`.
"""

from __future__ import annotations

from hames.access import Runs
from hames.permissions.paths import place
from hames.permissions.shell_approvals import Approvals
from hames.permissions.shell_contents import Contents, shown
from hames.permissions.shell_denials import Denials
from hames.permissions.subjects import by_rule
from hames.permissions.types import Behavior, Decision, Policy, Question
from hames.permissions.words import Word


class ShellSubject:
    """A shell command that is run."""

    def __init__(self, policy: Policy, question: Question, access: Runs) -> None:
        self.policy = policy
        self.asked = question
        contents = Contents(policy, question.cwd, access.command)
        self.script = contents.script
        self._denials = Denials(contents, question)
        self._approvals = Approvals(contents, question)

    @property
    def readonly(self) -> bool:
        return self._approvals.readonly

    def ruled(self, behavior: Behavior) -> Decision | None:
        return self._denials.ruled(behavior)

    def doubt(self) -> Decision | None:
        return self._denials.doubt()

    def critical(self) -> Decision | None:
        return self._denials.critical()

    def protected(self) -> Decision | None:
        return self._denials.protected()

    def approval(self) -> Decision | None:
        planning = self.policy.mode == "plan"
        if not planning and (rule := self._approvals.exact_rule()):
            return by_rule(rule, "This command")
        if self.script.problem or not (self.script.commands or self.script.redirects):
            return None
        reasons: list[Decision] = []
        for command in self.script.commands:
            covered = self._approvals.free(command) or self._approvals.edit(command)
            if not covered and not planning:
                rule = self._approvals.rule(command)
                covered = by_rule(rule, f"`{shown(command.words)}`") if rule else None
            if not covered:
                return None
            reasons.append(covered)
        for redirect in self.script.redirects:
            if not (covered := self._approvals.redirect(redirect, planning=planning)):
                return None
            reasons.append(covered)
        # Whatever is more than reading is the better reason.
        return next((reason for reason in reasons if not reason.readonly), reasons[0])

    def question(self) -> Decision:
        if self.script.problem:
            return Decision("ask", f"The command cannot be checked: {self.script.problem}")
        if (uncovered := self.uncovered()) and self.policy.mode != "plan":
            what = f"`{shown(uncovered[0])}`" if uncovered[0] else "Setting a variable"
            return Decision("ask", f"{what} needs permission.")
        for word in self.uncovered_targets():
            path = place(self.policy, self.asked.cwd, word.marked).given if word.static else None
            reason = f"The redirect with `{word.raw}` needs permission."
            return Decision("ask", reason, blocked_path=path)
        return Decision("ask", "This command needs permission.")

    def uncovered(self) -> list[list[Word]]:
        """The commands that nothing approves."""
        by = self._approvals
        return [
            command.words
            for command in self.script.commands
            if not (by.free(command) or by.edit(command) or by.rule(command))
        ]

    def uncovered_targets(self) -> list[Word]:
        """The targets of redirects that nothing approves."""
        redirects = self.script.redirects
        return [one.target for one in redirects if not self._approvals.redirect(one)]
