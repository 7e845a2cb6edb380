"""A server that answers with the bytes it is told, for what a well-behaved one would not do."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from hames.providers.plays import Play, events

Answer = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Bytes to send, or a coroutine that sends them."""

CHUNKED = b"transfer-encoding: chunked\r\n"


@dataclass
class Received:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RawServer:
    """`async with RawServer(answer, ...)`; the last answer is repeated."""

    answers: list[Answer]
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has arrived."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed a connection."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers, self.tls, self.received, self.connections = list(answers), tls, [], 0
        self.asked, self.closed = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.closed.set()
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        number = min(len(self.received), len(self.answers) - 1)
        self.received.append(Received(head[0], headers, body))
        self.asked.set()
        answer = self.answers[number]
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(reader, writer)
        return not writer.is_closing()


def http(status: int, body: bytes, *headers: str) -> bytes:
    """A whole answer with a length."""
    lines = [f"HTTP/1.1 {status} Any", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sse(play: Play, *, number: int = 1, model: str = "claude-scripted") -> bytes:
    """The stream of a play, as the body of an answer."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events(play, number=number, model=model)
    )


def streams(play: Play, *headers: str) -> bytes:
    """The whole answer with the stream of a play."""
    return http(200, sse(play), "content-type: text/event-stream", "request-id: req_1", *headers)


def cuts(data: bytes) -> Answer:
    """A chunked stream whose connection is closed after these bytes."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + CHUNKED
        writer.write(head + b"\r\n%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()
        writer.close()

    return answer


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer, until the client goes away."""
    await reader.read()
    writer.close()


def hangs_after(data: bytes) -> Answer:
    """A chunked stream that goes silent after these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + CHUNKED
        writer.write(head + b"\r\n" + (b"%x\r\n%b\r\n" % (len(data), data) if data else b""))
        await writer.drain()
        await hangs(reader, writer)

    return answer
