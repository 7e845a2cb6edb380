"""Connections without a proxy, over asyncio alone.

An HTTP library costs 60 ms to import, more than the rest of a short run, and 1 ms per request, more
than the rest of a turn (`docs/performance.md`). Proxies are left to one (`proxied`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec

from hames._slots import Slots
from hames.errors import OptionsError, ProviderTimeout
from hames.providers.http1 import Body, Head, NoHTTP, request_head, take_head
from hames.providers.lost import lost

if TYPE_CHECKING:
    import ssl

MOST_WAITING = 128 * 1024
"""Bytes of an answer that wait for their reader, before no more are received."""
PIECE = 256 * 1024
"""Bytes that are handed over, or written, at once."""
MOST_IDLE = 100
UNDER_WAY = Slots(10_000, share=1 / 2)
"""Requests of all sessions that wait for their answer or read it: each has a connection, an open file."""
EYEBALLS = 0.25
"""Seconds after which another address of the host is tried at the same time."""

SILENCE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
"""After 30 s without a byte three questions, 10 s apart; after 60 s (ms) with nothing acknowledged, the end."""


class Address(msgspec.Struct, frozen=True):
    """Where a URL leads."""

    host: str
    port: int
    target: str
    """Path and query."""
    name: str
    """The header `host`."""


@lru_cache(maxsize=256)
def address_of(url: str) -> Address:
    """Where the URL leads. Raises OptionsError when it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna" if not url.isascii() else "ascii").decode()
    except ValueError as error:  # UnicodeError is one
        raise OptionsError(f"`{url}` cannot be used as a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise OptionsError(f"`{url}` cannot be used as a URL: it needs `http://` and a host.")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    name = f"[{host}]" if ":" in host else host
    return Address(host, port, target, f"{name}:{port}" if parts.port else name)


class Direct:
    """The connections of one event loop with one kind of trust."""

    def __init__(self, tls: ssl.SSLContext | None, kept_seconds: float) -> None:
        self._tls = tls
        self._kept = kept_seconds
        self._idle: dict[tuple[str, int], list[Connection]] = {}
        self._all: set[Connection] = set()

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Reply:
        """Send, and wait for status and headers."""
        address = address_of(url)
        try:
            head = request_head(address.target, address.name, headers, len(body))
        except ValueError as error:
            raise OptionsError(f"The request to `{url}` has a wrong header: {error}.") from error
        await UNDER_WAY.enter()
        try:
            return await self._ask(url, address, head, body, connect)
        except BaseException:
            UNDER_WAY.leave()
            raise

    async def _ask(
        self, url: str, address: Address, head: bytes, body: bytes, connect: float | None
    ) -> Reply:
        if (connection := self._kept_one(address)) is not None:
            try:
                answer = await connection.ask(head, body)
                return Reply(self, connection, answer, url)
            except OSError as error:
                # Servers close what is idle, also while the next request is on its way.
                if connection.data:
                    raise lost(error, url) from error
            except NoHTTP as error:
                raise lost(error, url) from error
        connection = await self._connect(url, address, connect)
        try:
            answer = await connection.ask(head, body)
        except (NoHTTP, OSError) as error:
            raise lost(error, url) from error
        return Reply(self, connection, answer, url)

    async def aclose(self) -> None:
        """Close all connections."""
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        await asyncio.sleep(0)  # in which they are closed

    def take_back(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        if sum(map(len, self._idle.values())) >= MOST_IDLE:
            connection.abort()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(connection.to, []).append(connection)

    def _kept_one(self, address: Address) -> Connection | None:
        """The connection that was used last; those kept too long are closed."""
        idle = self._idle.get((address.host, address.port))
        now = asyncio.get_running_loop().time()
        while idle and idle[0].idle_since < now - self._kept:
            idle.pop(0).abort()
        while idle:
            connection = idle.pop()
            if connection.is_fresh():
                return connection
            connection.abort()
        return None

    async def _connect(self, url: str, address: Address, connect: float | None) -> Connection:
        loop = asyncio.get_running_loop()
        to = (address.host, address.port)
        # uvloop does not know the argument, and a number is one address anyway.
        several = isinstance(loop, asyncio.BaseEventLoop) and not address.host[-1].isdigit()
        at_once: Any = {"happy_eyeballs_delay": EYEBALLS} if several else {}
        clock = asyncio.timeout(connect)
        connection: Connection
        try:
            async with clock:
                _, connection = await loop.create_connection(
                    lambda: Connection(to, self._all), *to, ssl=self._tls, **at_once
                )
        except OSError as error:  # TimeoutError is one
            if clock.expired():
                raise ProviderTimeout("connect", connect or 0.0) from error
            raise lost(error, url, made=False) from error
        return connection


class Connection(asyncio.Protocol):
    """One connection, used by one request at a time, which first sends and then waits for the answer."""

    def __init__(self, to: tuple[str, int], all: set[Connection]) -> None:
        self.to = to
        self.idle_since = 0.0
        self.data = bytearray()
        """What has arrived and was not taken."""
        self.ended = False
        """No more will arrive."""
        self._all = all
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._full = False
        self._resting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's is none
        self._all.add(self)
        _notice_silence(transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > MOST_WAITING and not self._resting:
            self._resting = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended, self._error = True, error
        self._all.discard(self)
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def is_fresh(self) -> bool:
        """Whether it can be used again: open, and nothing has come that nobody asked for."""
        return not (self.ended or self.data or self._transport.is_closing())

    async def ask(self, head: bytes, body: bytes) -> Head:
        """Send a request and wait for the head of the answer; unless that comes, it is closed."""
        try:
            await self.send(head, body)
            return await self.head()
        except BaseException:
            self.abort()
            raise

    async def send(self, head: bytes, body: bytes) -> None:
        """Send a request; returns early when the server answers before it has all of it."""
        if len(body) <= PIECE:
            self._transport.write(head + body)
            return
        self._transport.write(head)
        # In pieces, for what the socket does not take at once is copied.
        view = memoryview(body)
        while view and not (self.ended or self.data):
            self._transport.write(view[:PIECE])
            view = view[PIECE:]
            if self._full:
                await self._change()

    async def head(self) -> Head:
        """The head of the answer. Raises NoHTTP, or OSError when the connection is lost before."""
        while (found := take_head(self.data)) is None:
            await self.more()
        return found

    async def more(self) -> None:
        """Wait until more has arrived. Raises OSError when the connection has ended."""
        if self._resting:
            self._resting = False
            self._transport.resume_reading()
        if self.ended:
            raise self._error or ConnectionError("the server closed it")
        await self._change()

    def abort(self) -> None:
        """Close it at once."""
        self._transport.abort()

    async def _change(self) -> None:
        """Wait until something has arrived, the connection has ended, or there is room to write."""
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _notice_silence(transport: asyncio.BaseTransport) -> None:
    """Have the kernel end a connection whose other side is gone without a word.

    Routers forget idle connections; the next request would wait for its first byte in vain.
    """
    if (opened := transport.get_extra_info("socket")) is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SILENCE.items():
            if (option := getattr(socket, name, None)) is not None:  # macOS and others have less
                opened.setsockopt(socket.IPPROTO_TCP, option, value)


class Reply:
    """An answer whose body is still to come."""

    def __init__(self, pool: Direct, connection: Connection, head: Head, url: str) -> None:
        self.status = head.status
        self.headers: Mapping[str, str] = head.headers
        self._pool = pool
        self._connection: Connection | None = connection
        self._keep = head.keep
        self._body = Body(head)
        self._url = url

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises `ProviderError` when the connection is lost."""
        connection, body = self._connection, self._body
        if connection is None:
            return
        try:
            while True:
                if data := body.take(connection.data, PIECE):
                    yield data
                if body.done:
                    return
                if connection.ended and not connection.data and body.end():
                    return
                if not data:
                    await connection.more()
        except (NoHTTP, OSError) as error:
            raise lost(error, self._url) from error

    async def aclose(self) -> None:
        """Let go of the connection; it is kept when the body was read to its end. Must be called."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        UNDER_WAY.leave()
        if self._body.done and self._keep and connection.is_fresh():
            self._pool.take_back(connection)
        else:
            connection.abort()
