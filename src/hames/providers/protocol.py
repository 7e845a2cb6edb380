"""What a provider is: one async iterator of the Messages API's stream events.

No retries, no logging, no history inside. `retry` and `clocks` wrap it, `assemble` folds its events
into a reply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from hames import _json


class Request(msgspec.Struct, frozen=True):
    """One request to a model, its long parts already encoded."""

    model: str
    messages: list[bytes]
    """Encoded messages, cache marks included; a part may be several, with commas between them."""
    max_tokens: int
    system: list[bytes] = []
    """Encoded text blocks."""
    tools: list[bytes] = []
    """Encoded tool definitions."""
    params: dict[str, Any] = {}
    """Other fields of the body: thinking, temperature, metadata, tool_choice, output_config …"""
    extra_body: dict[str, Any] = {}
    """Fields of the caller's own, merged last into the body."""
    betas: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    """Further headers of this request (session id, agent id)."""

    def body(self, *, stream: bool = True) -> bytes:
        """The body of `POST /v1/messages`: the parts in a fixed order, joined by one copy."""
        head = [b'{"model":%b' % _json.encode(self.model)]
        if self.tools:
            head.append(b'"tools":[%b]' % b",".join(self.tools))
        if self.system:
            head.append(b'"system":[%b]' % b",".join(self.system))
        rest = {"max_tokens": self.max_tokens, **self.params, **self.extra_body, "stream": stream}
        messages = list(self.messages) or [b""]
        messages[0] = b'%b,"messages":[%b' % (b",".join(head), messages[0])
        messages[-1] += b"],%b" % _json.encode(rest)[1:]
        return b",".join(messages)


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one response as the API counts them. Unknown counters survive in `raw` events."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


class Delta(msgspec.Struct, frozen=True):
    """What a `content_block_delta` adds."""

    type: str
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: dict[str, Any] | None = None


class ModelEvent(msgspec.Struct):
    """One event of a stream. Fields that its type does not have are None; unknown types pass through."""

    type: str
    """`message_start`, `content_block_start|delta|stop`, `message_delta`, `message_stop`, `ping`, …"""
    raw: bytes = b""
    """The JSON as received."""
    index: int | None = None
    message: dict[str, Any] | None = None
    content_block: dict[str, Any] | None = None
    delta: Delta | None = None
    stop: dict[str, Any] | None = None
    """The `delta` of a `message_delta`: stop_reason, stop_sequence, stop_details, container …"""
    usage: dict[str, Any] | None = None
    request_id: str | None = None
    """From the response's headers; on `message_start` only."""


class Provider(Protocol):
    """Something that answers requests."""

    @property
    def name(self) -> str:
        """How results and errors call it."""

    def stream(self, request: Request) -> AsyncIterator[ModelEvent]:
        """Events of one reply, pings included.

        Raises `ProviderError` with `.status`, `.category` and `.retryable` set. Closing the iterator
        closes the connection.
        """

    async def aclose(self) -> None:
        """Close what is shared between requests."""
