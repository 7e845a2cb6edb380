"""A light fake Messages API in a process of its own: `python -m bench.server [--account FILE]`.

It does what tasks say (`plays`), keeps no state and checks nothing, so that little of a machine's time
goes to it. With `--account` it counts tokens and caching as the API does, and writes one JSON line per
request. The first line it prints is its URL; it ends when its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from bench.plays import CALL, HELLO, Task, ToolCall, task_of, turn_of

_FAILED = re.compile(rb'"is_error": ?true')
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"
)
_NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)
_COUNTED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n"
    b'{"input_tokens":100}'
)

Account = Callable[[bytes], dict[str, Any]]


class Connection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (request := _take_request(self._data)) is not None:
            assert self._transport is not None
            self._transport.write(_answer(*request, self._account))


def _take_request(data: bytearray) -> tuple[str, bytes] | None:
    """Path and body of the first whole request, which is removed; None when there is none yet."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])
    }
    if "transfer-encoding" in headers:
        raise ValueError("This server takes bodies of a known length only.")
    whole = end + 4 + int(headers.get("content-length", "0"))
    if len(data) < whole:
        return None
    body = bytes(data[end + 4 : whole])
    del data[:whole]
    return lines[0].split(" ")[1].partition("?")[0], body


def _answer(path: str, body: bytes, account: Account) -> bytes:
    if path.endswith("/count_tokens"):
        return _COUNTED
    if path != "/v1/messages":
        return _NOT_FOUND
    usage = account(body)
    events = _events(task_of(body), turn_of(body), usage)
    if not _streams(body):
        return _unstreamed(usage)
    return b"".join([_HEAD, *map(_chunk, events), b"0\r\n\r\n"])


def _streams(body: bytes) -> bool:
    return b'"stream":true' in body or b'"stream": true' in body


def _events(task: Task, turn: int, usage: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a reply."""
    start: dict[str, Any] = {
        "id": f"msg_01{time.monotonic_ns():022d}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    calls = turn < task.turns
    block = _call(task.call(turn), turn) if calls else _text(task)
    stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": start},
        *block,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {**usage, "output_tokens": 10}},
        {"type": "message_stop"},
    ]


def _call(call: ToolCall, turn: int) -> list[dict[str, Any]]:
    block = {"type": "tool_use", "id": CALL.format(turn), "name": call.name, "input": {}}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(call.input)}
    return [_start(block), {"type": "content_block_delta", "index": 0, "delta": delta}]


def _text(task: Task) -> list[dict[str, Any]]:
    pieces = [task.answer]
    if task.deltas > 1:
        pieces = [f" word{number % 10}" for number in range(task.deltas)]
    return [
        _start({"type": "text", "text": ""}),
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}}
            for p in pieces
        ),
    ]


def _start(block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def _chunk(event: dict[str, Any]) -> bytes:
    """An event as a chunk of its own, as the API sends it."""
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    frame = b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data)
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def _unstreamed(usage: dict[str, Any]) -> bytes:
    """Whatever is asked without streaming (titles, probes of a connection) gets a hello."""
    message = {
        "id": f"msg_01{time.monotonic_ns():022d}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": HELLO}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 3},
    }
    body = json.dumps(message).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def no_account(body: bytes) -> dict[str, Any]:
    """The same figures for every request."""
    return {
        "input_tokens": 100,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def accounting(log: IO[str]) -> Account:
    """Counts tokens and caching, and writes one line per request."""
    from hames.testing.caching import Cache
    from hames.testing.prefix import pieces

    cache = Cache(time.monotonic)

    def account(body: bytes) -> dict[str, Any]:
        share = cache.account(body)
        sizes: dict[str, int] = {}
        for piece in pieces(body):
            owner = piece.owner if piece.owner in ("tools", "system") else "messages"
            sizes[owner] = sizes.get(owner, 0) + len(piece.raw)
        line = {"plain": share.plain, "read": share.read, "written": share.written, "bytes": sizes}
        line["failed_calls"] = len(_FAILED.findall(body))
        log.write(json.dumps(line) + "\n")
        log.flush()
        return share.usage()

    return account


async def serve(account: Account) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(account), "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--account", metavar="FILE", help="count tokens; a line per request")
    args = parser.parse_args()
    if args.account is None:
        asyncio.run(serve(no_account))
        return
    with open(args.account, "a", encoding="utf-8") as log:
        asyncio.run(serve(accounting(log)))


if __name__ == "__main__":
    main()
