"""What an agent emits while it works, in the order it happened.

Listeners (`sdk.stream`, `protocol.wire`, telemetry) turn these into what their side needs. Blocks stay
bytes: a wire line is a join, and only a caller who looks pays for decoding.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hames.blocks import Block
from hames.messages import ResultMessage


class Event(msgspec.Struct, frozen=True):
    """The root. `parent_tool_use_id` names the Agent call inside which it happened."""


class TurnStarted(Event, frozen=True):
    """A prompt is taken up. `init` has the fields of the official `system/init` message."""

    init: dict[str, Any]


class Streamed(Event, frozen=True):
    """One event of the model's stream, as received. Emitted only when partial messages are wanted."""

    raw: bytes
    parent_tool_use_id: str | None = None


class AssistantSaid(Event, frozen=True):
    """One complete block of a reply."""

    block: Block
    uuid: str
    message_id: str
    model: str
    usage: dict[str, Any]
    """Usage as known when the block was complete; final figures stand in the ledger."""
    request_id: str | None = None
    stop_reason: str | None = None
    timestamp: str = ""
    parent_tool_use_id: str | None = None
    error: str | None = None
    """Category of a failed request; then the block is prose about it and `model` is `<synthetic>`."""
    api_error_status: int | None = None


class UserSaid(Event, frozen=True):
    """User content: tool results, notes, replayed prompts."""

    blocks: list[Block]
    uuid: str
    tool_use_result: Any = None
    timestamp: str = ""
    parent_tool_use_id: str | None = None
    is_synthetic: bool = False
    is_replay: bool = False


class Noted(Event, frozen=True):
    """Any other official `system` message: `api_retry`, `status`, `permission_denied`, `task_started` …"""

    subtype: str
    data: dict[str, Any]


class Cleared(Event, frozen=True):
    """The conversation has ended and another begins, with totals of its own."""

    session_id: str
    """The session that ended."""
    new_session_id: str
    prompt_uuid: str | None = None
    timestamp: str = ""


class Answered(Event, frozen=True):
    """The answer to one prompt is complete."""

    result: ResultMessage
