"""A message that was not streamed, as the events that would have streamed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from hames import _json
from hames.errors import ProviderError
from hames.providers.failures import failure_in_stream
from hames.providers.protocol import ModelEvent
from hames.providers.sse import decode


def events_of(body: bytes) -> list[ModelEvent] | None:
    """The events of a JSON message; None when the body is something else.

    Raises `ProviderError` when it is the API's JSON of an error.
    """
    try:
        value = _json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(value, dict):
        return None
    if isinstance(error := value.get("error"), dict):
        raise failure_in_stream(error)
    if value.get("type") != "message" or not isinstance(value.get("content"), list):
        return None
    try:
        decoded = [decode(_json.encode(event)) for event in _events(value)]
    except ProviderError:
        return None
    return [event for event in decoded if event is not None]


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stop = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": stop, "usage": message.get("usage")}
    yield {"type": "message_stop"}
