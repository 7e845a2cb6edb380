"""A play as bytes on a connection: how the fake API answers."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hames import _json
from hames.providers.plays import ERROR_TYPES, Play, events, message
from hames.testing import _http
from hames.testing.faults import Event, Repeat, Served, Step
from hames.testing.recorded import Recorded

_JSON = {"content-type": "application/json"}
_STATUS = {kind: status for status, kind in reversed(ERROR_TYPES.items())}


class Style(msgspec.Struct, frozen=True):
    """How streams are written."""

    gzip: bool = False
    """Compress for clients that accept it."""
    piece: int | None = None
    """Bytes of a chunk; None: an unhurried stream is one chunk."""


def error(status: int, kind: str, text: str) -> bytes:
    """An error in the API's form, which is not to be tried again."""
    value = {"type": "error", "error": {"type": kind, "message": text}, "request_id": None}
    return _http.whole(status, {**_JSON, "x-should-retry": "false"}, _json.encode(value))


def json(status: int, value: Any) -> bytes:
    return _http.whole(status, _JSON, _json.encode(value))


async def play(
    connection: _http.Connection,
    request: Recorded,
    play: Play,
    *,
    number: int,
    serial: int,
    style: Style,
) -> bool:
    """Answer with a play; whether the connection can be used for another request."""
    if isinstance(play, Served) and play.steps:
        request.finished = await _send_steps(connection, play.steps)
        return False
    if play.failure is not None:
        failure = play.failure
        request.status, request.finished = failure.status, True
        connection.write(
            _http.whole(failure.status, {**_JSON, **failure.headers}, failure.payload())
        )
        return True
    if play.page is not None and not isinstance(play, Served):
        request.status, request.finished = 200, True
        connection.write(_http.whole(200, {"content-type": "text/html"}, play.page))
        return True
    if play.ending is not None and play.ending.after is None:
        return await _end_early(connection, request, play.ending.kind)
    headers = {"request-id": f"req_{serial:06d}"}
    request.status = 200
    if not request.streaming:
        return await _send_message(connection, request, play, number, headers)
    sse = {**headers, "content-type": _content_type(play), "cache-control": "no-cache"}
    return await _send_stream(connection, request, play, number, sse, style)


async def _end_early(connection: _http.Connection, request: Recorded, kind: str) -> bool:
    """Hang until the client goes, or close at once."""
    if kind == "hang":
        await connection.hang()
    else:
        request.finished = True
    return False


async def _send_stream(
    connection: _http.Connection,
    request: Recorded,
    play: Play,
    number: int,
    headers: dict[str, str],
    style: Style,
) -> bool:
    packer = None
    if style.gzip and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        packer = _Packer()
    headers["transfer-encoding"] = "chunked"
    pending = _http.head(200, headers)
    pace = play.drip[1] if isinstance(play, Served) and play.drip else play.pace
    for piece in _stream_pieces(play, _frames(request, play, number), style):
        pending += _http.chunk(packer.pack(piece) if packer else piece)
        if pace or style.piece:
            connection.write(pending)
            pending = b""
            await connection.flush()
            await asyncio.sleep(pace)
            if connection.left:
                return False
    ending = play.ending.kind if play.ending else None
    cut = ending == "cut" or (isinstance(play, Served) and play.keep is not None)
    whole = not cut and ending != "hang"
    if whole:
        pending += (_http.chunk(packer.end()) if packer else b"") + _http.LAST_CHUNK
    connection.write(pending)
    await connection.flush()
    if ending == "hang":
        return await _end_early(connection, request, "hang")
    request.finished = True
    return whole and not (isinstance(play, Served) and play.closes)


async def _send_message(
    connection: _http.Connection,
    request: Recorded,
    play: Play,
    number: int,
    headers: dict[str, str],
) -> bool:
    """The answer to a request without streaming; its endings are those of the whole answer."""
    if play.ending is not None and play.ending.kind == "error":
        assert play.ending.error is not None
        kind = play.ending.error["type"]
        request.status, request.finished = _STATUS.get(kind, 500), True
        connection.write(error(request.status, kind, play.ending.error["message"]))
        return True
    if play.ending is not None:
        return await _end_early(connection, request, play.ending.kind)
    value = message(play, number=number, model=request.model, usage=_usage(request, play))
    connection.write(_http.whole(200, {**headers, **_JSON}, _json.encode(value)))
    request.finished = True
    return not (isinstance(play, Served) and play.closes)


async def _send_steps(connection: _http.Connection, steps: Sequence[Step]) -> bool:
    """Send an answer byte by byte; whether the client stayed to its end."""
    for step in steps:
        match step:
            case bytes():
                connection.write(step)
            case float() | int():
                await connection.flush()
                await asyncio.sleep(step)
            case Repeat():
                if not await _repeat(connection, step):
                    return False
            case "hang":
                await connection.flush()
                await connection.hang()
                return False
            case "reset":
                await connection.flush()
                connection.reset()
                return True
    await connection.flush()
    return True


async def _repeat(connection: _http.Connection, step: Repeat) -> bool:
    """Send the same again and again; whether the client stayed to its end."""
    sent = 0
    while step.times is None or sent < step.times:
        if connection.left:
            return False
        connection.write(step.data)
        await connection.flush()
        sent += 1
    return True


def _frames(request: Recorded, play: Play, number: int) -> list[bytes]:
    """The events as they stand in the stream."""
    found: list[Event] = events(
        play, number=number, model=request.model, usage=_usage(request, play)
    )
    if isinstance(play, Served) and play.edit is not None:
        found = play.edit(found)
    return [
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _json.encode(event))
        for event in found
    ]


def _stream_pieces(play: Play, frames: list[bytes], style: Style) -> Iterator[bytes]:
    """What is sent at a time."""
    size = style.piece
    if isinstance(play, Served):
        if play.drip:
            size = play.drip[0]
        if play.keep is not None:
            whole = b"".join(frames)
            frames = [whole[: int(len(whole) * play.keep)]]
    if size:
        whole = b"".join(frames)
        yield from (whole[at : at + size] for at in range(0, len(whole), size))
    elif play.pace:
        yield from frames
    else:
        yield b"".join(frames)


def _usage(request: Recorded, play: Play) -> dict[str, Any] | None:
    if request.cache is None:
        return None
    output = sum(len(_json.encode(block)) for block in play.blocks) // 4
    return {**request.cache.usage(), "output_tokens": max(output, 1)}


def _content_type(play: Play) -> str:
    given = play.content_type if isinstance(play, Served) else None
    return given or "text/event-stream; charset=utf-8"


class _Packer:
    """Compresses a stream so that each piece can be read as it arrives."""

    def __init__(self) -> None:
        self._gzip = zlib.compressobj(wbits=31)

    def pack(self, data: bytes) -> bytes:
        return self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._gzip.flush()
