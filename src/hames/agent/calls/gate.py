"""The gate: every call passes it, and what nobody has decided is asked."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from hames._aio import Interrupt
from hames.access import Reads, Runs
from hames.agent.calls.askers import Answered, Asker, ask, callback_asker
from hames.approvals import (
    CanUseTool,
    Classifier,
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDefer,
    PermissionResultDeny,
    PermissionUpdate,
    ToolPermissionContext,
)
from hames.errors import OptionsError
from hames.messages import PermissionMode
from hames.permissions.decide import decide
from hames.permissions.hiding import hidden, why_closed
from hames.permissions.modes import AUTO_REFUSAL, NEEDS_USER, parse_mode
from hames.permissions.types import Behavior, Decision, Policy, Question, Rules, SourcedRule
from hames.permissions.updates import apply_updates, suggestions
from hames.permissions.wording import description, title
from hames.tools.tool import Tool

log = logging.getLogger("hames.permissions")


class Verdict(msgspec.Struct, frozen=True):
    """What the gate said of a call."""

    decision: Decision
    input: dict[str, Any]
    """What is to run: the model's input or what a callback made of it."""
    message: str = ""
    """For the model, when it may not run."""
    interrupt: bool = False
    """The whole turn ends."""
    changed: bool = False
    deferred: bool = False
    """Nobody can say now: it waits."""

    @property
    def allowed(self) -> bool:
        return self.decision.behavior == "allow"


NOBODY = "nobody"
"""The source of a refusal of what was asked about in vain."""


class Gate:
    """A session's policy, and whom to ask."""

    def __init__(
        self,
        policy: Policy,
        can_use_tool: CanUseTool | None,
        store_updates: Callable[[Sequence[PermissionUpdate]], Awaitable[None]] | None = None,
        *,
        bypass_refusal: str | None = None,
        timeout: float | None = None,
        classifier: Classifier | None = None,
    ) -> None:
        self.policy = policy
        self.classifier = classifier
        """Judges in mode `auto`."""
        self.can_use_tool = can_use_tool
        self.timeout = timeout
        """Seconds that the callback gets; None is as long as it takes."""
        self.request_hooks: Asker | None = None
        """Asked beside the callback."""
        self.store_updates = store_updates
        """Writes updates to the settings that they are meant for."""
        self.agent_id: str | None = None
        """The subagent whose calls pass here."""
        self.on_mode: Callable[[PermissionMode], None] = lambda mode: None
        """Told which mode holds from now on."""
        self.warn: Callable[[str], None] = lambda said: log.warning("%s", said)
        """Tells a person."""
        self._bypass_refusal = bypass_refusal
        self._before_plan: PermissionMode = "default"

    async def judge(
        self,
        tool: Tool,
        args: Any,
        input: dict[str, Any],
        call_id: str,
        cwd: str,
        interrupt: Interrupt,
        *,
        hook: Decision | None = None,
        answers: bool = False,
        decided: PermissionResult | None = None,
    ) -> Verdict:
        """Decide about a call; asks the callback and hooks when policy leaves it open.

        `hook` is what a hook said before: that it is allowed, or to be asked about; `answers`: it has
        given the input that a question to a person needs. `decided` is what somebody has said about
        this very call; only deny rules, and refusals of hooks, come before that.
        """
        question = Question(tool.name, input, tool.access(args), cwd, tool.aliases)
        if decided is not None:
            return await self._judge_decided(question, decided, call_id, interrupt)
        decision = decide(self.policy, question, hook)
        if answers and hook is not None and _is_own_question(question, decision):
            decision = hook
        match decision.behavior:
            case "allow":
                return Verdict(decision, input)
            case "deny":
                return Verdict(decision, input, _denied(tool.name, decision))
            case "ask":
                return await self._ask(question, decision, call_id, interrupt)

    async def _judge_decided(
        self, question: Question, decided: PermissionResult, call_id: str, interrupt: Interrupt
    ) -> Verdict:
        decision = decide(
            self._open_policy(), question, Decision("ask", "Somebody has decided about it.")
        )
        if decision.behavior == "deny":
            return Verdict(decision, question.input, _denied(question.tool, decision))
        return await self._verdict(question, decision, decided, "decision")

    async def judge_access(
        self,
        access: Reads | Runs,
        cwd: str,
        interrupt: Interrupt,
        *,
        allowing: Sequence[str] = (),
        may_ask: bool = True,
    ) -> Verdict:
        """Decide about what the harness does for a prompt itself: show a file that the prompt mentions,
        run a command line that stands in it.

        It is judged as a call of Read or Bash is. `allowing` are further allow rules, those of a
        command's `allowed-tools`; deny and ask rules come before them. What would be asked about is
        refused unless it `may_ask`.
        """
        tool, input = _as_call(access)
        rules = self.policy.rules
        further = tuple(SourcedRule(text, "command") for text in allowing)
        policy = replace(
            self.policy, rules=msgspec.structs.replace(rules, allow=(*rules.allow, *further))
        )
        question = Question(tool, input, (access,), cwd)
        decision = decide(policy if further else self.policy, question)
        match decision.behavior:
            case "allow":
                return Verdict(decision, input)
            case "ask" if may_ask:
                verdict = await self._ask(question, decision, None, interrupt)
                if verdict.deferred:
                    decision = Decision("deny", "It cannot be put off.")
                elif not (verdict.allowed and verdict.changed):
                    return verdict
                else:
                    decision = Decision(
                        "deny", "Another input was given, which is not possible here."
                    )
        return Verdict(_refused(decision), input, _denied(tool, decision))

    def speaks_of(self, rule: str, question: Question) -> bool:
        """Whether a permission rule speaks of a call, or may speak of it."""
        plain = replace(self.policy, mode="default", rules=Rules())
        ruled = replace(plain, rules=Rules(deny=(SourcedRule(rule),)))
        return decide(plain, question) != decide(ruled, question)

    def use_mode(self, mode: PermissionMode) -> None:
        """Judge by another mode from now on. Raises OptionsError for one that cannot be had."""
        mode = parse_mode(mode)
        if mode == "bypassPermissions" and self._bypass_refusal:
            raise OptionsError(self._bypass_refusal)
        if mode == "auto" and self.classifier is None:
            raise OptionsError(AUTO_REFUSAL)
        if mode == "plan" and self.policy.mode != "plan":
            self._before_plan = self.policy.mode
        self.policy = replace(self.policy, mode=mode)
        self.on_mode(mode)

    def leave_plan(self) -> None:
        """Go back to the mode before plan mode, unless somebody has chosen another one already."""
        if self.policy.mode == "plan":
            self.use_mode(self._before_plan)

    def use_rules(self, rules: Rules, *, bypass_refusal: str | None) -> None:
        """Judge by other rules from now on; and not without rules, if nobody may do that any more."""
        mode = self.policy.mode
        if bypass_refusal and mode == "bypassPermissions":
            mode = "default"
        self.policy = replace(self.policy, rules=rules, mode=mode)
        self._bypass_refusal = bypass_refusal

    def hidden(self, cwd: str) -> Callable[[str], bool] | None:
        """Which paths searches must pass over; None when no rule speaks of reading."""
        return hidden(self.policy, cwd)

    def why_closed(self, cwd: str, path: str, writing: bool) -> str | None:
        """The deny rule that closes a file whichever code opens it, as a sentence; None: none does."""
        return why_closed(self.policy, cwd, path, writing=writing)

    def recheck(self, tool: Tool, args: Any, input: dict[str, Any], cwd: str) -> Decision:
        """The decision about an input that a callback changed: deny rules hold for that as well."""
        return decide(self.policy, Question(tool.name, input, tool.access(args), cwd, tool.aliases))

    def rules_out(self, tool: Tool, args: Any, input: dict[str, Any], cwd: str) -> Decision | None:
        """What denies a call whoever might allow it, None when nothing does."""
        question = Question(tool.name, input, tool.access(args), cwd, tool.aliases)
        decision = decide(self._open_policy(), question)
        return decision if decision.behavior == "deny" else None

    def _open_policy(self) -> Policy:
        """The policy for calls that somebody decides about without being asked now."""
        return (
            replace(self.policy, mode="default") if self.policy.mode == "dontAsk" else self.policy
        )

    async def _update(self, updates: list[PermissionUpdate]) -> None:
        """Use the updates from now on, and store them; what cannot be stored holds for the session."""
        if self._bypass_refusal and any(one.mode == "bypassPermissions" for one in updates):
            self.warn(self._bypass_refusal)
            updates = [one for one in updates if one.mode != "bypassPermissions"]
        if self.classifier is None and any(one.mode == "auto" for one in updates):
            self.warn(AUTO_REFUSAL)
            updates = [one for one in updates if one.mode != "auto"]
        before, self.policy = self.policy.mode, apply_updates(self.policy, updates)
        if self.policy.mode != before:
            self.on_mode(self.policy.mode)
        if self.store_updates is not None:
            try:
                await self.store_updates(updates)
            except OptionsError as error:
                self.warn(f"A permission holds for this session only. {error}")

    async def _ask(
        self, question: Question, decision: Decision, call_id: str | None, interrupt: Interrupt
    ) -> Verdict:
        askers: list[Asker] = []
        if self.policy.mode != "dontAsk":
            if self.request_hooks is not None:
                askers.append(self.request_hooks)
            if self.can_use_tool is not None:
                askers.append(callback_asker(self.can_use_tool, self.timeout, self.warn))
        context = self._context(question, decision, call_id)
        answered = await self._classified(question, decision, context, interrupt)
        answered = answered or await ask(askers, question, context, interrupt)
        if answered is None:
            refusal = msgspec.structs.replace(_refused(decision), source=NOBODY)
            return Verdict(refusal, question.input, _nobody(question.tool, decision))
        return await self._verdict(question, decision, *answered)

    async def _classified(
        self,
        question: Question,
        decision: Decision,
        context: ToolPermissionContext,
        interrupt: Interrupt,
    ) -> Answered | None:
        """What the classifier says in mode `auto`; None where a person is to be asked."""
        if self.policy.mode != "auto" or self.classifier is None:
            return None
        if decision.reason_type in ("rule", "hook") or question.tool in NEEDS_USER:
            return None
        judge = callback_asker(self.classifier, self.timeout, self.warn, "classifier")
        return await ask([judge], question, context, interrupt)

    def _context(
        self, question: Question, decision: Decision, call_id: str | None
    ) -> ToolPermissionContext:
        return ToolPermissionContext(
            suggestions=suggestions(self.policy, question, decision),
            tool_use_id=call_id,
            agent_id=self.agent_id,
            blocked_path=decision.blocked_path,
            decision_reason=decision.reason,
            decision_reason_type=decision.reason_type,
            matched_ask_rule=decision.rule if decision.reason_type == "rule" else None,
            title=title(question),
            display_name=question.tool,
            description=description(question),
            requires_user_interaction=question.tool in NEEDS_USER,
        )

    async def _verdict(
        self, question: Question, decision: Decision, answer: PermissionResult, by: str
    ) -> Verdict:
        match answer:
            case PermissionResultAllow():
                if answer.updated_permissions:
                    try:
                        await self._update(answer.updated_permissions)
                    except OptionsError as error:
                        self.warn(f"The call was allowed, but no permission was changed: {error}")
                changed = bool(answer.updated_input) and answer.updated_input != question.input
                input = answer.updated_input if changed and answer.updated_input else question.input
                return Verdict(
                    _by(by, decision, "allow", f"Allowed by the {by}."),
                    input,
                    changed=changed,
                )
            case PermissionResultDeny():
                said = answer.message or f"The user did not allow this call of `{question.tool}`."
                return Verdict(
                    _by(by, decision, "deny", said), question.input, said, answer.interrupt
                )
            case PermissionResultDefer():
                said = answer.message or f"Put off by the {by}."
                return Verdict(_by(by, decision, "ask", said), question.input, said, deferred=True)


def _is_own_question(question: Question, decision: Decision) -> bool:
    """Whether it is asked about only because the call is a question to a person."""
    own = question.tool in NEEDS_USER and decision.reason_type == "other"
    return own and decision.behavior == "ask"


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


def _by(by: str, decision: Decision, behavior: Behavior, reason: str) -> Decision:
    kind: Literal["callback", "hook"] = "hook" if by.startswith("hook") else "callback"
    return Decision(behavior, reason, None, by, kind, decision.readonly, decision.blocked_path)


def _as_call(access: Reads | Runs) -> tuple[str, dict[str, Any]]:
    match access:
        case Reads(path):
            return "Read", {"file_path": path}
        case Runs(command):
            return "Bash", {"command": command}
