"""The gate: every call passes it, and what nobody has decided is asked."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import msgspec

from hames._aio import Interrupt, patiently
from hames.access import Reads, Runs
from hames.approvals import (
    CanUseTool,
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    PermissionUpdate,
    ToolPermissionContext,
)
from hames.errors import Interrupted, OptionsError
from hames.messages import PermissionMode
from hames.permissions.decide import decide
from hames.permissions.hiding import hidden, why_closed
from hames.permissions.modes import parse_mode
from hames.permissions.types import Behavior, Decision, Policy, Question, Rules, SourcedRule
from hames.permissions.updates import apply_updates, suggestions
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

    @property
    def allowed(self) -> bool:
        return self.decision.behavior == "allow"


_HESITATION = 0.01
"""Seconds that a refusal has to overtake a permission."""

Answered = tuple[PermissionResult, str]
"""An answer, and whose: `callback`, or a hook."""


class Gate:
    """A session's policy, and whom to ask."""

    def __init__(
        self,
        policy: Policy,
        can_use_tool: CanUseTool | None,
        store_updates: Callable[[Sequence[PermissionUpdate]], Awaitable[None]] | None = None,
        *,
        bypass_refusal: str | None = None,
    ) -> None:
        self.policy = policy
        self.can_use_tool = can_use_tool
        self.request_hooks: (
            Callable[[Question, ToolPermissionContext], Coroutine[Any, Any, Answered | None]] | None
        ) = None
        """Asked beside the callback; None is no answer."""
        self.store_updates = store_updates
        """Writes updates to the settings that they are meant for."""
        self._bypass_refusal = bypass_refusal

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
    ) -> Verdict:
        """Decide about a call; asks the callback and hooks when policy leaves it open.

        `hook` is what a hook said before: that it is allowed, or to be asked about.
        """
        question = Question(tool.name, input, tool.access(args), cwd, tool.aliases)
        decision = decide(self.policy, question, hook)
        match decision.behavior:
            case "allow":
                return Verdict(decision, input)
            case "deny":
                return Verdict(decision, input, _denied(tool.name, decision))
            case "ask":
                return await self._ask(question, decision, call_id, interrupt)

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
                if not (verdict.allowed and verdict.changed):
                    return verdict
                decision = Decision("deny", "Another input was given, which is not possible here.")
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
        self.policy = replace(self.policy, mode=mode)

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

    async def _update(self, updates: list[PermissionUpdate]) -> None:
        """Use the updates from now on, and store them; what cannot be stored holds for the session."""
        if self._bypass_refusal and any(one.mode == "bypassPermissions" for one in updates):
            log.warning("%s", self._bypass_refusal)
            updates = [one for one in updates if one.mode != "bypassPermissions"]
        self.policy = apply_updates(self.policy, updates)
        if self.store_updates is not None:
            try:
                await self.store_updates(updates)
            except OptionsError as error:
                log.warning("A permission holds for this session only. %s", error)

    async def _ask(
        self, question: Question, decision: Decision, call_id: str | None, interrupt: Interrupt
    ) -> Verdict:
        context = ToolPermissionContext(
            suggestions=suggestions(self.policy, question, decision),
            tool_use_id=call_id,
            blocked_path=decision.blocked_path,
            decision_reason=decision.reason,
            display_name=question.tool,
        )
        askers: list[Callable[[], Coroutine[Any, Any, Answered | None]]] = []
        if self.policy.mode != "dontAsk":
            if self.request_hooks is not None:
                askers.append(partial(self.request_hooks, question, context))
            if self.can_use_tool is not None:
                askers.append(partial(_called, self.can_use_tool, question, context))
        answered: Answered | None = None
        if askers:
            with interrupt:
                if len(askers) == 1:
                    answered = await askers[0]()
                else:
                    answered = await _first([asker() for asker in askers])
        if answered is None:
            return Verdict(_refused(decision), question.input, _nobody(question.tool, decision))
        answer, by = answered
        match answer:
            case PermissionResultAllow():
                if answer.updated_permissions:
                    await self._update(answer.updated_permissions)
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
            case _:  # what a caller's untyped callback may give
                said = (  # type: ignore[unreachable]
                    f"The permission callback returned `{type(answer).__name__}` instead of a PermissionResult,"
                    f" so `{question.tool}` was not run."
                )
                return Verdict(_by(by, decision, "deny", said), question.input, said)


def _as_call(access: Reads | Runs) -> tuple[str, dict[str, Any]]:
    match access:
        case Reads(path):
            return "Read", {"file_path": path}
        case Runs(command):
            return "Bash", {"command": command}


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
    kind: Literal["callback", "hook"] = "callback" if by == "callback" else "hook"
    return Decision(behavior, reason, None, by, kind, decision.readonly, decision.blocked_path)


async def _called(
    callback: CanUseTool, question: Question, context: ToolPermissionContext
) -> Answered:
    try:
        answer = callback(question.tool, dict(question.input), context)
        if inspect.isawaitable(answer):
            answer = await patiently(answer)
    except Interrupted:
        raise
    except Exception as error:  # a caller's callback may raise anything; a failure is no permission
        said = f"The permission callback failed ({type(error).__name__}: {error}), so `{question.tool}` was not run."
        return PermissionResultDeny(message=said), "callback"
    return answer, "callback"


async def _first(askers: Sequence[Coroutine[Any, Any, Answered | None]]) -> Answered | None:
    """The first answer, a refusal before a permission that comes at the same time; None: no answer.

    Official 2.1.330 takes the first answer whatever it is.
    """
    tasks = [asyncio.ensure_future(asker) for asker in askers]
    try:
        waiting = set(tasks)
        while waiting:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            given = [task.result() for task in tasks if task.done()]
            answers = [answered for answered in given if answered is not None]
            refusals = [one for one in answers if not isinstance(one[0], PermissionResultAllow)]
            if answers and not refusals and waiting:
                await asyncio.wait(waiting, timeout=_HESITATION)
                late = [task.result() for task in tasks if task.done()]
                refusals = [
                    one for one in late if one and not isinstance(one[0], PermissionResultAllow)
                ]
            if answers:
                return (refusals or answers)[0]
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
