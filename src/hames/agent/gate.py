"""The gate: every call passes it, and what nobody has decided is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hames._aio import Interrupt, patiently
from hames.approvals import (
    CanUseTool,
    PermissionResultAllow,
    PermissionResultDeny,
    ToolPermissionContext,
)
from hames.errors import Interrupted
from hames.messages import PermissionMode
from hames.permissions.decide import decide
from hames.permissions.hiding import hidden
from hames.permissions.modes import parse_mode
from hames.permissions.types import Decision, Policy, Question
from hames.permissions.updates import apply_updates, suggestions
from hames.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said of a call."""

    decision: Decision
    input: dict[str, Any]
    """What is to run: the model's input or what a callback made of it."""
    message: str = ""
    """For the model, when it may not run."""
    interrupt: bool = False
    """The whole turn ends."""
    changed: bool = False

    @property
    def allowed(self) -> bool:
        return self.decision.behavior == "allow"


class Gate:
    """A session's policy, and whom to ask."""

    def __init__(self, policy: Policy, can_use_tool: CanUseTool | None) -> None:
        self.policy = policy
        self.can_use_tool = can_use_tool

    async def judge(
        self,
        tool: Tool,
        args: Any,
        input: dict[str, Any],
        call_id: str,
        cwd: str,
        interrupt: Interrupt,
    ) -> Verdict:
        """Decide about a call; asks the callback when policy leaves it open."""
        question = Question(tool.name, input, tool.access(args), cwd, tool.aliases)
        decision = decide(self.policy, question)
        match decision.behavior:
            case "allow":
                return Verdict(decision, input)
            case "deny":
                return Verdict(decision, input, _denied(tool.name, decision))
            case "ask":
                if self.can_use_tool is None or self.policy.mode == "dontAsk":
                    return Verdict(_refused(decision), input, _nobody(tool.name, decision))
                return await self._ask(self.can_use_tool, question, decision, call_id, interrupt)

    def use_mode(self, mode: PermissionMode) -> None:
        """Judge by another mode from now on. Raises OptionsError for one that is not there."""
        self.policy = replace(self.policy, mode=parse_mode(mode))

    def hidden(self, cwd: str) -> Callable[[str], bool] | None:
        """Which paths searches must pass over; None when no rule speaks of reading."""
        return hidden(self.policy, cwd)

    def recheck(self, tool: Tool, args: Any, input: dict[str, Any], cwd: str) -> Decision:
        """The decision about an input that a callback changed: deny rules hold for that as well."""
        return decide(self.policy, Question(tool.name, input, tool.access(args), cwd, tool.aliases))

    async def _ask(
        self,
        callback: CanUseTool,
        question: Question,
        decision: Decision,
        call_id: str,
        interrupt: Interrupt,
    ) -> Verdict:
        context = ToolPermissionContext(
            suggestions=suggestions(self.policy, question, decision),
            tool_use_id=call_id,
            blocked_path=decision.blocked_path,
            decision_reason=decision.reason,
            display_name=question.tool,
        )
        try:
            with interrupt:
                answer = callback(question.tool, dict(question.input), context)
                if inspect.isawaitable(answer):
                    answer = await patiently(answer)
        except Interrupted:
            raise
        except (
            Exception
        ) as error:  # a caller's callback may raise anything; a failure is no permission
            said = f"The permission callback failed ({type(error).__name__}: {error}), so `{question.tool}` was not run."
            return Verdict(_by_callback(decision, "deny", said), question.input, said)
        match answer:
            case PermissionResultAllow():
                if answer.updated_permissions:
                    self.policy = apply_updates(self.policy, answer.updated_permissions)
                changed = bool(answer.updated_input) and answer.updated_input != question.input
                input = answer.updated_input if changed and answer.updated_input else question.input
                return Verdict(
                    _by_callback(decision, "allow", "Allowed by the callback."),
                    input,
                    changed=changed,
                )
            case PermissionResultDeny():
                said = answer.message or f"The user did not allow this call of `{question.tool}`."
                return Verdict(
                    _by_callback(decision, "deny", said), question.input, said, answer.interrupt
                )
            case _:  # what a caller's untyped callback may give
                said = (  # type: ignore[unreachable]
                    f"The permission callback returned `{type(answer).__name__}` instead of a PermissionResult,"
                    f" so `{question.tool}` was not run."
                )
                return Verdict(_by_callback(decision, "deny", said), question.input, said)


def _denied(tool: str, decision: Decision) -> str:
    by = f" by the rule `{decision.rule}`" if decision.rule else ""
    return f"Permission to use {tool} was denied{by}. {decision.reason} Do not try to reach the same end another way."


def _nobody(tool: str, decision: Decision) -> str:
    return (
        f"{tool} needs permission for this, and nobody is there to give it: {decision.reason} The call was not"
        " run. Go on without it if you can, and say what you could not do."
    )


def _refused(decision: Decision) -> Decision:
    return Decision(
        "deny",
        decision.reason,
        decision.rule,
        decision.source,
        decision.reason_type,
        blocked_path=decision.blocked_path,
    )


def _by_callback(decision: Decision, behavior: Any, reason: str) -> Decision:
    return Decision(
        behavior, reason, None, "callback", "callback", decision.readonly, decision.blocked_path
    )
