"""What hooks have said, and what follows: for the gate, the model, a result, a compaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hames import _json
from hames.agent.calls.results import Report
from hames.blocks import Block
from hames.context.reminders import reminder
from hames.hooks.events import Event
from hames.hooks.outcome import Answer
from hames.hooks.outcome import Outcome as Said
from hames.permissions.types import Decision

if TYPE_CHECKING:
    from hames.agent.prompts.inbox import Prompt


class Heard(msgspec.Struct):
    """What hooks said before a call."""

    input: dict[str, Any] | None = None
    """Another input."""
    decision: Decision | None = None
    message: str = ""
    """For the model, when it may not run."""
    deferred: bool = False
    """Somebody is to decide later."""
    notes: list[Block] = msgspec.field(default_factory=list)


class Compaction(msgspec.Struct, frozen=True):
    """What hooks said before a compaction."""

    instructions: str | None
    """What the summary is to keep in mind, of the caller and of hooks."""
    refusal: str | None = None
    """Why it is not to be."""


class Admission(msgspec.Struct):
    """What hooks said to a prompt."""

    notes: list[Block] = msgspec.field(default_factory=list)
    refusal: str | None = None


class Subagent(msgspec.Struct, frozen=True):
    """Who hooks are told is at work, when it is not the session's own agent."""

    id: str
    type: str
    transcript_path: str


def decision_of(tool: str, verdict: Answer) -> tuple[Decision, str]:
    """What a verdict means for a call, and what the model is told when it may not run."""
    source = f"hook `{verdict.hook:.80}` ({verdict.source})"
    why = verdict.reason
    match verdict.verdict:
        case "allow" | "ask" as behavior:
            reason = why or f"A hook says `{behavior}`."
            return Decision(behavior, reason, source=source, reason_type="hook"), ""
        case "defer":
            said = why or "A hook puts it off."
            return Decision("ask", said, source=source, reason_type="hook"), ""
    reason = why or "A hook denies it."
    said = f"{tool} was not run, because a hook denied it: {reason}"
    return Decision("deny", reason, source=source, reason_type="hook"), said


def effect_of(event: Event, effect: str, by: Answer) -> dict[str, str]:
    """What a hook has done to a call, for the transcript."""
    return {"event": event.name(), "effect": effect, "hook": by.hook, "source": by.source}


def summary_of(event: str, said: Said, *, prevented: bool) -> dict[str, Any]:
    """Which hooks ran and what came of it, in the official fields."""
    stop = said.stop() or said.block()
    return {
        "hookEvent": event,
        "hookCount": len(said.answers),
        "hookInfos": [
            {"command": one.hook, "source": one.source, "durationMs": one.milliseconds}
            for one in said.answers
        ],
        "hookErrors": [one.failure for one in said.answers if one.failure],
        "preventedContinuation": prevented,
        "stopReason": (stop.stop or stop.block or "") if stop else "",
        "hasOutput": any(one.context or one.message for one in said.answers),
        "level": "suggestion",
    }


def said_of(event: Event, said: Said) -> list[str]:
    """For the model: objections and context."""
    notes = [
        f"A {event.label()} hook objects: {answer.block}"
        for answer in said.answers
        if answer.block is not None
    ]
    return notes + [named(event, context) for context in said.context()]


def notes_of(event: Event, said: Said) -> list[Block]:
    """What hooks want the model to know, as blocks of its own."""
    return [reminder(named(event, context)) for context in said.context()]


def named(event: Event, context: str) -> str:
    """The context with the event that it comes from."""
    return f"From a {event.label()} hook: {context}"


def text_of(prompt: Prompt) -> str:
    """The texts of a prompt; what else it holds is left out."""
    values = [block.value() for block in prompt.blocks if block.type == "text"]
    return "\n".join(str(value.get("text", "")) for value in values)


def plain(content: str | list[dict[str, Any]]) -> str:
    """The texts of a result."""
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content)


def jsonable(report: Report) -> Any:
    """The result for programs, else what the model sees."""
    data = report.content if report.data is None else report.data
    try:
        return _json.decode(_json.encode(data))
    except TypeError:
        return report.content


def replace_result(report: Report, output: Any) -> None:
    """Another result in place of the tool's."""
    is_blocks = isinstance(output, list) and all(
        isinstance(block, dict) and "type" in block for block in output
    )
    if isinstance(output, str) or is_blocks:
        report.content = output
    else:
        report.content = _json.encode(output).decode()
    report.data = output
