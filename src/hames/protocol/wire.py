"""Events as stream-json lines: joins of bytes, one line per event.

Blocks and stream events stand in a line as they were received. Only a line that official clients could
not read, because it is too long for their buffer, is taken apart.
"""

from __future__ import annotations

from typing import Any

from hames import _json
from hames._clock import Ids
from hames.events import (
    Answered,
    AssistantSaid,
    Cleared,
    Event,
    Noted,
    Streamed,
    TurnStarted,
    UserSaid,
)
from hames.message_codec import to_wire
from hames.messages import ResultMessage
from hames.protocol.shorten import LONGEST, characters, shortened

NO_USAGE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}


class Wire:
    """Makes the lines of one session, without line breaks."""

    def __init__(self, session_id: str = "", ids: Ids | None = None) -> None:
        self._ids = ids or Ids()
        self._session = _json.encode(session_id)

    def line(self, event: Event) -> bytes:
        """The line that says what the event says."""
        line = self._line(event)
        if len(line) > LONGEST:
            return self._readable(event, line)
        return line

    def note(self, subtype: str, **data: Any) -> bytes:
        """A `system` line of the stream itself, which no event stands for."""
        return self._system(subtype, data)

    def lifecycle(self, prompt: str, state: str) -> bytes:
        """How it stands with a prompt that its client has named."""
        return (
            b'{"type":"command_lifecycle","command_uuid":%b,"state":%b,"uuid":"%b","session_id":%b}'
            % (_text(prompt), _text(state), self._uuid(), self._session)
        )

    def refusal(self, text: str) -> bytes:
        """The result of a session that could not be started; official clients raise its text."""
        # Official 2.1.330 writes it without an init before it.
        result = ResultMessage(
            "error_during_execution", 0, 0, True, 0, _json.decode(self._session),
            total_cost_usd=0, usage=dict(NO_USAGE), model_usage={}, permission_denials=[],
            errors=[text],
        )  # fmt: skip
        return self._result(result)

    def _line(self, event: Event) -> bytes:
        match event:
            case Streamed(raw, parent):
                return (
                    b'{"type":"stream_event","event":%b,"session_id":%b,"parent_tool_use_id":%b,'
                    b'"uuid":"%b"}' % (raw, self._session, _text(parent), self._uuid())
                )
            case AssistantSaid():
                return self._assistant(event)
            case UserSaid():
                return self._user(event)
            case TurnStarted(init):
                return self._init(init)
            case Noted(subtype, data):
                return self._system(subtype, data)
            case Cleared():
                return self._cleared(event)
            case Answered(result):
                return self._result(result)
            case _:
                raise AssertionError(f"unknown event {event!r}")

    def _assistant(self, said: AssistantSaid) -> bytes:
        parts = [
            b'{"type":"assistant","message":{"id":%b,"type":"message","role":"assistant","model":%b,'
            b'"content":[%b],"stop_reason":%b,"stop_sequence":null,"usage":%b,'
            b'"context_management":null},"parent_tool_use_id":%b,"session_id":%b,"uuid":%b'
            % (
                _text(said.message_id),
                _text(said.model),
                said.block.raw,
                _text(said.stop_reason),
                _json.encode(said.usage),
                _text(said.parent_tool_use_id),
                self._session,
                _text(said.uuid),
            )
        ]
        if said.timestamp:
            parts.append(b',"timestamp":%b' % _text(said.timestamp))
        if said.request_id:
            parts.append(b',"request_id":%b' % _text(said.request_id))
        if said.error:
            status = _json.encode(said.api_error_status)
            parts.append(
                b',"error":%b,"is_api_error_message":true,"api_error_status":%b'
                % (_text(said.error), status)
            )
        return b"".join(parts) + b"}"

    def _user(self, said: UserSaid, *, with_result: bool = True) -> bytes:
        parts = [
            b'{"type":"user","message":{"role":"user","content":[%b]},"parent_tool_use_id":%b,'
            b'"session_id":%b,"uuid":%b'
            % (
                b",".join([block.raw for block in said.blocks]),
                _text(said.parent_tool_use_id),
                self._session,
                _text(said.uuid),
            )
        ]
        if said.timestamp:
            parts.append(b',"timestamp":%b' % _text(said.timestamp))
        if said.is_synthetic:
            parts.append(b',"isSynthetic":true')
        if said.is_replay:
            parts.append(b',"isReplay":true')
        if with_result and said.tool_use_result is not None:
            parts.append(b',"tool_use_result":%b' % _json.encode(said.tool_use_result))
        return b"".join(parts) + b"}"

    def _init(self, init: dict[str, Any]) -> bytes:
        if "session_id" in init:
            self._session = _json.encode(init["session_id"])
        return self._system("init", init)

    def _system(self, subtype: str, data: dict[str, Any]) -> bytes:
        head = b'{"type":"system","subtype":%b' % _text(subtype)
        if "session_id" not in data:
            head += b',"session_id":%b' % self._session
        if "uuid" not in data:
            head += b',"uuid":"%b"' % self._uuid()
        rest = {key: value for key, value in data.items() if key not in ("type", "subtype")}
        return head + b"," + _json.encode(rest)[1:] if rest else head + b"}"

    def _cleared(self, cleared: Cleared) -> bytes:
        return _json.encode(
            {
                "type": "conversation_reset",
                "new_conversation_id": cleared.new_session_id,
                "trigger": "clear",
                "user_message_uuid": cleared.prompt_uuid,
                "timestamp": cleared.timestamp,
                "session_id": cleared.session_id,
                "uuid": self._ids.uuid(),
            }
        )

    def _result(self, result: ResultMessage) -> bytes:
        line = to_wire(result)
        line.setdefault("uuid", self._ids.uuid())
        line.setdefault("api_error_status", None)  # Official 2.1.330 always has it.
        return _json.encode(line)

    def _readable(self, event: Event, line: bytes) -> bytes:
        """The line if a client's buffer holds it, else one that says what was left out.

        First goes what official clients can do without, the result for programs; then the longest
        texts. The transcript has them all.
        """
        if characters(line) <= LONGEST:
            return line
        if isinstance(event, UserSaid) and event.tool_use_result is not None:
            line = self._user(event, with_result=False)
            if characters(line) <= LONGEST:
                return line
        return shortened(line, LONGEST)

    def _uuid(self) -> bytes:
        return self._ids.uuid().encode()


def _text(value: str | None) -> bytes:
    return b"null" if value is None else _json.encode(value)
