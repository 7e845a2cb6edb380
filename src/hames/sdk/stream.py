"""Events as messages: the one place that turns what an agent emits into what a caller iterates."""

from __future__ import annotations

from typing import Any

from hames import _json
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
from hames.message_codec import block_from_wire, from_wire
from hames.messages import (
    AssistantMessage,
    ConversationResetMessage,
    Message,
    StreamEvent,
    SystemMessage,
    UserMessage,
)


class Messages:
    """Makes messages of one session's events."""

    def __init__(self, session_id: str, new_uuid: Any) -> None:
        self.session_id = session_id
        self._new_uuid = new_uuid

    def of(self, event: Event) -> Message:
        """The message that says what the event says."""
        match event:
            case TurnStarted(init):
                self.session_id = init["session_id"]
                return SystemMessage(
                    "init", {"type": "system", "subtype": "init", **init, "uuid": self._new_uuid()}
                )
            case Streamed(raw, parent):
                return StreamEvent(
                    self._new_uuid(), self.session_id, _json.decode(raw), parent_tool_use_id=parent
                )
            case AssistantSaid():
                return self._assistant(event)
            case UserSaid():
                return UserMessage(
                    content=[block_from_wire(block.value()) for block in event.blocks],
                    uuid=event.uuid,
                    parent_tool_use_id=event.parent_tool_use_id,
                    tool_use_result=event.tool_use_result,
                )
            case Noted(subtype, data):
                head = {
                    "type": "system",
                    "subtype": subtype,
                    "uuid": self._new_uuid(),
                    "session_id": self.session_id,
                }
                return from_wire({**head, **data})
            case Cleared(ended, new, prompt, timestamp):
                return ConversationResetMessage(
                    new,
                    self._new_uuid(),
                    ended,
                    extra={
                        "trigger": "clear",
                        "user_message_uuid": prompt,
                        "timestamp": timestamp,
                    },
                )
            case Answered(result):
                return result
            case _:
                raise AssertionError(f"unknown event {event!r}")

    def _assistant(self, event: AssistantSaid) -> AssistantMessage:
        return AssistantMessage(
            content=[block_from_wire(event.block.value())],
            model=event.model,
            parent_tool_use_id=event.parent_tool_use_id,
            error=event.error,  # type: ignore[arg-type]  # the official list of names is shorter than the wire's
            usage=event.usage,
            message_id=event.message_id,
            stop_reason=event.stop_reason,
            session_id=self.session_id,
            uuid=event.uuid,
        )
