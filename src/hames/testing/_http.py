"""The little of HTTP/1.1 that a server of tests needs, written so that every fault can be played."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

MOST_HEAD_BYTES = 256 * 1024
MOST_BODY_BYTES = 256 * 1024 * 1024
LAST_SECONDS = 5.0
"""For a client that is slow to take the end of an answer."""


class BadRequest(Exception):
    """What arrived is no HTTP request."""


class Incoming(msgspec.Struct):
    """A request as read from the connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def next_request(self) -> Incoming | None:
        """The next request; None when the client has closed the connection."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise BadRequest("The head of the request is too long.") from error
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        try:
            method, target, _ = first.split(" ", 2)
            headers = {
                n.strip().lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)
            }
            if headers.get("expect", "").lower() == "100-continue":
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return Incoming(method, target, headers, await self._body(headers))
        except asyncio.IncompleteReadError:
            return None
        except ValueError as error:
            raise BadRequest("The request is not HTTP/1.1.") from error

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            return await self._chunked_body()
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MOST_BODY_BYTES:
            raise BadRequest("The body of the request is too long.")
        return await self._reader.readexactly(length) if length else b""

    async def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
            if len(body) > MOST_BODY_BYTES:
                raise BadRequest("The body of the request is too long.")
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return bytes(body)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def flush(self) -> None:
        """Wait until the client has taken enough of what was written."""
        await self._writer.drain()

    async def hang(self) -> None:
        """Send nothing more; returns when the client has closed the connection."""
        while await self._reader.read(65536):
            pass

    @property
    def left(self) -> bool:
        """The client has closed the connection."""
        return self._reader.at_eof() or self._writer.is_closing()

    def reset(self) -> None:
        """Close the connection so that the client sees a reset instead of an end."""
        raw: socket.socket | None = self._writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self, *, at_once: bool = False) -> None:
        """Close the connection, when there is time after sending what was written."""
        if at_once:
            self._writer.transport.abort()
            return
        self._writer.close()
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and headers of an answer."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Overloaded" if status == 529 else "Unknown"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")


def whole(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """An answer with its length."""
    return head(status, {**headers, "content-length": str(len(body))}) + body


def chunk(data: bytes) -> bytes:
    """Data as one chunk of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


LAST_CHUNK = b"0\r\n\r\n"
