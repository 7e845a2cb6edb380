"""What can go wrong between a model and its client, as plays for the fake API.

Most of it is in the plays themselves: `fails(529)`, `hangs()`, `says("…").cut(blocks=1)`,
`.hang(events=3)`, `.broken()`, `.paced(0.1)`, `calls("Bash", '{"command": ')`, `.stopping("refusal")`.
Here is what needs a socket, and the API's own error texts that clients understand.

A fault is applied last: `torn(says("Hello.") + calls("Bash"), keep=0.5).times(3)`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from hames.providers.plays import Play, fails
from hames.testing import _http

Event: TypeAlias = dict[str, Any]
Step: TypeAlias = "bytes | float | Repeat | Literal['hang', 'reset']"
"""Bytes to send, seconds to wait, bytes to send forever, nothing more, or a reset."""

_NEEDS_SOCKET = b"This play is a fault of the wire: it needs `hames.testing.FakeAPI`."


class Repeat(msgspec.Struct, frozen=True):
    """Bytes sent again and again until the client goes away."""

    data: bytes
    times: int | None = None


class Served(Play, frozen=True, kw_only=True):
    """A play and what happens to it on the wire."""

    steps: tuple[Step, ...] = ()
    """The whole answer, head included, instead of the play; then the connection ends."""
    edit: Callable[[list[Event]], list[Event]] | None = None
    """Changes the events before they are sent."""
    content_type: str | None = None
    keep: float | None = None
    """The share of the stream's bytes that arrives before the connection ends."""
    drip: tuple[int, float] | None = None
    """So many bytes at a time, so many seconds apart."""
    closes: bool = False
    """The connection is closed after the answer, though it promised to stay open."""


def _served(play: Play, **changes: Any) -> Served:
    fields = {name: getattr(play, name) for name in play.__struct_fields__}
    return Served(**{**fields, "page": _NEEDS_SOCKET, **changes})


def wire(*steps: Step) -> Served:
    """An answer byte by byte, head included; then the connection is closed."""
    return _served(Play(), steps=steps)


def answers(status: int, body: bytes, **headers: str) -> Served:
    """A plain HTTP answer. Underscores in names of headers become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire(_http.whole(status, named, body))


def torn(play: Play, *, keep: float = 0.5) -> Served:
    """The play, cut at any byte: also inside an event."""
    return _served(play, keep=keep)


def drips(play: Play, *, size: int = 1, seconds: float = 0.001) -> Served:
    """The play in pieces of a few bytes, slowly."""
    return _served(play, drip=(size, seconds))


def duplicated(play: Play) -> Served:
    """The play with every event of its blocks sent twice."""

    def twice(events: list[Event]) -> list[Event]:
        return [e for e in events for _ in range(1 + e["type"].startswith("content_block_"))]

    return _served(play, edit=twice)


def with_unknown_events(play: Play) -> Served:
    """The play with event and delta types between its own that no client knows."""

    def mixed(events: list[Event]) -> list[Event]:
        strange = {"type": "weather_report", "outlook": {"sky": "clear"}}
        found: list[Event] = []
        for event in events:
            found += [strange, event]
            if event["type"] == "content_block_start":
                delta = {"type": "mood_delta", "mood": "fine"}
                found.append(
                    {"type": "content_block_delta", "index": event["index"], "delta": delta}
                )
        return found

    return _served(play, edit=mixed)


def without(play: Play, *types: str) -> Served:
    """The play without events of these types: `message_stop`, `message_start` …"""
    return _served(play, edit=lambda events: [e for e in events if e["type"] not in types])


def typed(play: Play, content_type: str = "text/plain") -> Served:
    """The play under another content type."""
    return _served(play, content_type=content_type)


def closes_after(play: Play) -> Served:
    """The play, after which the server closes a connection that the client may want to use again."""
    return _served(play, closes=True)


def gateway_page(status: int = 200) -> Served:
    """The HTML page of some gateway."""
    page = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
    return answers(status, page, content_type="text/html")


def garbage() -> Served:
    """Bytes that are no HTTP."""
    return wire(bytes(range(128, 256)) * 4)


def garbage_stream() -> Served:
    """A stream of events whose data is no JSON."""
    lines = b"event: message_start\ndata: {oops\n\n" + b"data: \xff\xfe\n\n:\n\nnonsense\n\n"
    return answers(200, lines, content_type="text/event-stream")


def endless_headers() -> Served:
    """Headers that never end."""
    return wire(b"HTTP/1.1 200 OK\r\n", Repeat(b"x-more: " + b"m" * 1000 + b"\r\n"))


def endless_line() -> Served:
    """A stream whose first line never ends."""
    opening = _http.head(200, {"content-type": "text/event-stream"}) + b"data: "
    return wire(opening, Repeat(b"m" * 65536))


def stalled_headers() -> Served:
    """Half a head, then nothing."""
    return wire(b"HTTP/1.1 200 OK\r\ncontent-type: text/ev", "hang")


def resets() -> Served:
    """A connection that is reset before any answer."""
    return wire("reset")


def redirects(location: str, status: int = 307) -> Served:
    """A redirect."""
    return answers(status, b"", location=location)


def gzip_bomb(megabytes: int = 1024) -> Served:
    """A small compressed answer that unpacks to one endless line."""
    packer = zlib.compressobj(9, wbits=31)
    opening = packer.compress(b"data: ") + packer.flush(zlib.Z_FULL_FLUSH)
    # A block after a full flush depends on nothing before it, so it may be sent again and again.
    million = packer.compress(b"m" * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    head = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    return wire(_http.head(200, head) + opening, Repeat(million, megabytes))


def rate_limited(seconds: float | None = None, *, retry: bool | None = None) -> Play:
    """A 429 that says when to come again, and whether to."""
    headers = {} if seconds is None else {"retry-after": f"{seconds:g}"}
    if retry is not None:
        headers["x-should-retry"] = str(retry).lower()
    return fails(429, "Too many requests.", headers=headers)


def too_long(tokens: int = 210_000, limit: int = 200_000) -> Play:
    """A 400 because the prompt does not fit; the text is the API's, which clients parse."""
    return fails(400, f"prompt is too long: {tokens} tokens > {limit} maximum")


def no_room(input_tokens: int, max_tokens: int, limit: int = 200_000) -> Play:
    """A 400 because input and `max_tokens` do not fit together; the text is the API's."""
    return fails(
        400,
        f"input length and `max_tokens` exceed context limit: {input_tokens} + {max_tokens} > "
        f"{limit}, decrease input length or `max_tokens` and try again",
    )


def refuses(text: str = "") -> Play:
    """A refusal, with a text before it or none."""
    blocks = ({"type": "text", "text": text},) if text else ()
    return Play(blocks=blocks, stop_reason="refusal")


def says_nothing(stop_reason: str = "end_turn") -> Play:
    """A reply without content; with `tool_use` as reason it promises a call that is not there."""
    return Play(stop_reason=stop_reason)
