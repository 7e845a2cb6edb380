"""Server-sent events: bytes to messages, and messages to model events, in one pass.

Only what the Messages API uses is looked at: the lines of `data`. Event names, ids and comments are
skipped; the JSON says its type itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hames import _json
from hames.errors import ProviderError
from hames.providers.failures import failure_in_stream
from hames.providers.protocol import Delta, ModelEvent

MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one event; more is taken for a fault of the server."""


class Splitter:
    """Cuts a stream of bytes, however chunked, into the `data` of its events."""

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._rest: list[bytes] = []
        """Pieces of a line that has not ended."""
        self._data: list[bytes] = []
        """`data` lines of an event that has not ended."""
        self._size = 0
        self._after_cr = False
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The `data` of every event that ends in this chunk."""
        if self._after_cr:
            self._after_cr = False
            chunk = chunk[1:] if chunk[:1] == b"\n" else chunk
        if b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            return []
        if self._rest:
            chunk = b"".join([*self._rest, chunk])
            self._rest = []
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        if not chunk.endswith((b"\n", b"\r")):
            self._keep(lines.pop())
        if not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        found = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    found.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                data.append(b"")
        self._size = sum(map(len, data)) + sum(map(len, self._rest))
        self._check()
        return found

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._rest.append(piece)
            self._size += len(piece)
            self._check()

    def _check(self) -> None:
        if self._size > self._max_event:
            raise ProviderError(
                f"The model's server sent an event of more than {self._max_event} bytes.",
                category="server_error",
            )


class _DeltaEvent(msgspec.Struct):
    index: int
    delta: Delta


class _AnyEvent(msgspec.Struct):
    # What gateways put here is not always what the API would; `decode` checks what it relies on.
    type: Any = None
    index: Any = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None
    error: Any = None


_delta_events = msgspec.json.Decoder(_DeltaEvent)
_any_events = msgspec.json.Decoder(_AnyEvent)
_DELTA = b'{"type":"content_block_delta"'


def decode(raw: bytes) -> ModelEvent | None:
    """The event of this `data`; None for what is no event (`[DONE]` of some gateways).

    Raises `ProviderError` for an `error` event, and when this is not the event that it says it is.
    """
    try:
        if raw.startswith(_DELTA):
            event = _delta_events.decode(raw)
            return ModelEvent("content_block_delta", raw, event.index, None, None, event.delta)
        return _decode_any(raw, _any_events.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _decode_odd(raw, error)


def _decode_any(raw: bytes, event: _AnyEvent) -> ModelEvent | None:
    found = ModelEvent(str(event.type), raw)
    match event.type:
        case "error" | None if isinstance(event.error, dict):
            raise failure_in_stream(event.error)
        case "content_block_delta":
            found.index = msgspec.convert(event.index, int)
            found.delta = msgspec.convert(event.delta, Delta)
        case "content_block_start":
            found.index = msgspec.convert(event.index, int)
            found.content_block = msgspec.convert(event.content_block, dict[str, Any])
            msgspec.convert(found.content_block.get("type"), str)
        case "content_block_stop":
            found.index = msgspec.convert(event.index, int)
        case "message_start":
            found.message = msgspec.convert(event.message, dict[str, Any])
        case "message_delta":
            found.stop = msgspec.convert(event.delta or {}, dict[str, Any])
            found.usage = msgspec.convert(event.usage, dict[str, Any] | None)
        case str():
            pass
        case _:
            raise msgspec.ValidationError("an event has a `type`")
    return found


def _decode_odd(raw: bytes, error: Exception) -> ModelEvent | None:
    """What msgspec refuses: half surrogates, which the standard library reads, and what is no JSON."""
    if raw.strip() == b"[DONE]":
        return None
    import json  # most streams do without

    try:
        value = json.loads(raw)
        if b"\\u" in raw and isinstance(value, dict):
            return _decode_any(raw, msgspec.convert(value, _AnyEvent))
    except (ValueError, msgspec.ValidationError):
        pass
    start = _json.encode(raw[:80].decode("utf-8", "replace")).decode()
    raise ProviderError(
        f"The model's server sent an event that cannot be read ({error}). It begins with {start}.",
        category="server_error",
        error_type="malformed_event",
        retryable=True,
    ) from error
