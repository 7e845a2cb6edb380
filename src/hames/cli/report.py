"""What goes to standard output: one class per output format, fed with events."""

from __future__ import annotations

from typing import Protocol

from hames.events import Answered, Event
from hames.messages import ResultMessage
from hames.protocol.wire import Wire


class Report(Protocol):
    """Makes output of events."""

    def take(self, event: Event) -> bytes:
        """What to write as this happens."""

    def end(self) -> bytes:
        """What to write when all has happened."""

    def aside(self) -> str:
        """What a person should know besides, for standard error."""

    def refusal(self, text: str) -> bytes:
        """What to write when the session could not be started."""


class Text:
    """The answer alone."""

    def __init__(self) -> None:
        self._result: ResultMessage | None = None

    def take(self, event: Event) -> bytes:
        if isinstance(event, Answered):
            self._result = event.result
        return b""

    def end(self) -> bytes:
        if self._result is None or was_interrupted(self._result):
            return b""
        return f"{answer_text(self._result)}\n".encode(errors="replace")

    def aside(self) -> str:
        if self._result is None:
            return ""
        if was_interrupted(self._result):
            return "Interrupted; `hames -p -c PROMPT` goes on from here."
        denied = sorted({denial["tool_name"] for denial in self._result.permission_denials or ()})
        if denied:
            return (
                f"Not allowed: {', '.join(denied)}. `--allowedTools` and `--permission-mode` allow."
            )
        return ""

    def refusal(self, text: str) -> bytes:
        return b""


class Json:
    """The result as one object, or all messages as one array."""

    def __init__(self, wire: Wire, *, whole: bool) -> None:
        self._wire = wire
        self._whole = whole
        self._lines: list[bytes] = []

    def take(self, event: Event) -> bytes:
        if self._whole:
            self._lines.append(self._wire.line(event))
        elif isinstance(event, Answered):
            self._lines = [self._wire.line(event)]
        return b""

    def end(self) -> bytes:
        if self._whole:
            return b"[%b]\n" % b",".join(self._lines)
        return b"".join(line + b"\n" for line in self._lines)

    def aside(self) -> str:
        return ""

    def refusal(self, text: str) -> bytes:
        return b""


class Lines:
    """Every message as it happens."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def take(self, event: Event) -> bytes:
        return self._wire.line(event) + b"\n"

    def end(self) -> bytes:
        return b""

    def aside(self) -> str:
        return ""

    def refusal(self, text: str) -> bytes:
        # Official 2.1.330: clients build the exception they raise from this line.
        return self._wire.refusal(text) + b"\n"


def report_for(output_format: str, *, verbose: bool, session_id: str) -> Report:
    """The report of an output format."""
    match output_format:
        case "stream-json":
            return Lines(Wire(session_id))
        case "json":
            return Json(Wire(session_id), whole=verbose)
        case _:
            return Text()


def answer_text(result: ResultMessage) -> str:
    """The result as a person reads it."""
    if result.subtype == "success":
        return result.text
    if result.subtype == "error_max_turns":
        # Official 2.1.330 uses other words here than in `errors`, and counts the stop as a turn.
        return f"Error: Reached max turns ({result.num_turns - 1})"
    return f"Error: {'; '.join(result.errors or [result.subtype])}"


def was_interrupted(result: ResultMessage) -> bool:
    """Whether the user ended it."""
    return (result.terminal_reason or "").startswith("aborted_")
