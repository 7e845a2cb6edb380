"""What hooks have said: one answer of each, and all of an event taken together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from hames import _json
from hames.approvals import (
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    permission_update,
)
from hames.hooks.events import Event

Verdict = Literal["allow", "ask", "deny", "defer"]

_STRONGEST: tuple[Verdict, ...] = ("deny", "defer", "ask", "allow")
_OLD_WORDS: dict[Any, Verdict] = {"approve": "allow", "block": "deny"}

_LONGEST_REASON = 10_000
"""Characters of what a hook prints that are passed on as a reason or as context."""


@dataclass(slots=True)
class Answer:
    """What one hook has said. One that said nothing has nothing but defaults."""

    hook: str = ""
    """How messages call it."""
    source: str = ""
    """Where it was configured."""
    verdict: Verdict | None = None
    """About a call that is to run."""
    reason: str = ""
    block: str | None = None
    """Why the thing is blocked."""
    stop: str | None = None
    """Why the turn ends (`continue: false`); may be empty."""
    message: str = ""
    """For the person."""
    context: str = ""
    """For the model."""
    updated_input: dict[str, Any] | None = None
    updated_output: Any = None
    permission: PermissionResult | None = None
    retry: bool = False
    quiet: bool = False
    """Its output is not shown."""
    failure: str = ""
    """What went wrong with it, for a person."""
    tag: str | None = None
    """The official name of the kind of failure."""
    is_async: bool = False
    async_seconds: float | None = None
    milliseconds: int = 0


@dataclass(slots=True)
class Outcome:
    """What all hooks of an event have said together."""

    answers: list[Answer] = field(default_factory=list)

    def verdict(self) -> Answer | None:
        """The strongest verdict: deny, then defer, ask, allow."""
        for wanted in _STRONGEST:
            for answer in self.answers:
                if answer.verdict == wanted:
                    return answer
        return None

    def block(self) -> Answer | None:
        """The first that blocks."""
        return next((answer for answer in self.answers if answer.block is not None), None)

    def stop(self) -> Answer | None:
        """The first that ends the turn; that counts for more than blocking."""
        return next((answer for answer in self.answers if answer.stop is not None), None)

    def permission(self) -> tuple[PermissionResult, Answer] | None:
        """The answer to a permission request, a refusal first."""
        given = [(a.permission, a) for a in self.answers if a.permission is not None]
        denied = [one for one in given if isinstance(one[0], PermissionResultDeny)]
        return next(iter(denied or given), None)

    def updated_input(self) -> Answer | None:
        """The last that changes the input."""
        changed = [answer for answer in self.answers if answer.updated_input is not None]
        return changed[-1] if changed else None

    def updated_output(self) -> Answer | None:
        """The last that replaces the result."""
        changed = [answer for answer in self.answers if answer.updated_output is not None]
        return changed[-1] if changed else None

    def context(self) -> list[str]:
        """What the model is to know, in the order of the hooks."""
        return [answer.context for answer in self.answers if answer.context]

    def retry(self) -> bool:
        return any(answer.retry for answer in self.answers)


def from_exit(event: Event, code: int, stdout: str, stderr: str, *, cut: bool = False) -> Answer:
    """The answer of a command that has ended.

    Exit code 0: its output counts. 2: it blocks, and standard error says why. Others: it has failed,
    which changes nothing.
    """
    if code == 0:
        return from_text(event, stdout, cut=cut)
    said = _bounded(stderr.strip())
    if code == 2:
        return refusal(event, said or "The hook gave no reason.")
    return Answer(failure=f"it ended with code {code}: {said or 'nothing on standard error'}")


def from_text(event: Event, text: str, *, cut: bool = False) -> Answer:
    """The answer in a text: JSON when it begins with `{`, else context where the event takes it."""
    text = text.strip()
    if not text.startswith("{"):
        return Answer(context=_bounded(text)) if event.adds_output else Answer()
    try:
        raw = _json.decode(text)
    except _json.DecodeError as error:
        why = "it is too long" if cut else str(error)
        return _no_verdict(f"its output is not the JSON it begins as: {why}")
    return from_json(event, raw)


def from_json(event: Event, raw: Any) -> Answer:
    """The answer in the official form. What is not valid counts as nothing said, and is reported."""
    if raw is None:
        return Answer()
    if not isinstance(raw, dict):
        return _no_verdict(f"it answered with `{raw!r:.60}` instead of an object")
    if raw.get("async") is True:
        milliseconds = raw.get("asyncTimeout")
        seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else None
        return Answer(is_async=True, async_seconds=seconds)
    specific = raw.get("hookSpecificOutput") or {}
    if not isinstance(specific, dict):
        return _no_verdict("its `hookSpecificOutput` is not an object")
    named = specific.get("hookEventName", event.name() if not specific else None)
    if named != event.name():
        return _no_verdict(f"its `hookEventName` is `{named}` instead of `{event.name()}`")
    decision = raw.get("decision")
    if decision not in (None, "approve", "block", *_STRONGEST):
        return _no_verdict(f"its `decision` is `{decision!r:.60}`; known are `block` and `approve`")
    answer = Answer(
        reason=_text(raw.get("reason")),
        message=_text(raw.get("systemMessage")),
        quiet=raw.get("suppressOutput") is True,
        context=_text(specific.get("additionalContext")),
        stop=_text(raw.get("stopReason")) if raw.get("continue") is False else None,
    )
    if decision == "block" and event.blocks:
        _refuse(event, answer, answer.reason or "The hook gave no reason.")
    return _specific(event, answer, raw, specific)


def refusal(event: Event, reason: str) -> Answer:
    """A hook says no."""
    answer = Answer(reason=reason)
    if event.blocks:
        _refuse(event, answer, reason)
    else:
        answer.failure = reason  # nothing can be blocked: a person is told
    return answer


def _refuse(event: Event, answer: Answer, reason: str) -> None:
    match event.name():
        case "PreToolUse":
            answer.verdict, answer.reason = "deny", reason
        case "PermissionRequest":
            answer.permission = PermissionResultDeny(message=reason)
        case _:
            answer.block = reason


def _specific(
    event: Event, answer: Answer, raw: dict[str, Any], specific: dict[str, Any]
) -> Answer:
    match event.name():
        case "PreToolUse":
            return _pre_tool_use(answer, raw, specific)
        case "PermissionRequest":
            return _permission(answer, specific)
        case "PostToolUse":
            answer.updated_output = specific.get("updatedToolOutput")
        case "PermissionDenied":
            answer.retry = specific.get("retry") is True
    return answer


def _pre_tool_use(answer: Answer, raw: dict[str, Any], specific: dict[str, Any]) -> Answer:
    word = specific.get("permissionDecision", raw.get("decision"))
    word = _OLD_WORDS.get(word, word)
    if word is not None and word not in _STRONGEST:
        return _no_verdict(f"its `permissionDecision` is `{word!r:.60}`")
    if word is not None:
        answer.verdict = word
    answer.reason = _text(specific.get("permissionDecisionReason")) or answer.reason
    input = specific.get("updatedInput")
    if input is not None and not isinstance(input, dict):
        return _no_verdict("its `updatedInput` is not an object")
    answer.updated_input = input
    return answer


def _permission(answer: Answer, specific: dict[str, Any]) -> Answer:
    decision = specific.get("decision")
    if decision is None:
        return answer
    if not isinstance(decision, dict) or decision.get("behavior") not in ("allow", "deny"):
        return _no_verdict(f"its `decision` is `{decision!r:.60}`")
    if decision["behavior"] == "deny":
        interrupts = decision.get("interrupt") is True
        answer.permission = PermissionResultDeny(
            message=_text(decision.get("message")), interrupt=interrupts
        )
        return answer
    input = decision.get("updatedInput")
    if input is not None and not isinstance(input, dict):
        return _no_verdict("its `updatedInput` is not an object")
    try:
        updates = [permission_update(one) for one in decision.get("updatedPermissions") or ()]
    except (KeyError, TypeError, ValueError) as error:
        return _no_verdict(f"its `updatedPermissions` cannot be read: {error}")
    answer.permission = PermissionResultAllow(
        updated_input=input, updated_permissions=updates or None
    )
    return answer


def _no_verdict(what: str) -> Answer:
    return Answer(failure=what, tag="hook_no_verdict")


def _text(value: Any) -> str:
    return _bounded(value) if isinstance(value, str) else ""


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_REASON:
        return text
    return f"{text[:_LONGEST_REASON]}\n... {len(text) - _LONGEST_REASON:,} more characters left out"
