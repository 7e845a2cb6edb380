"""HTTP behind one method, so that providers know nothing of connections.

The connections of `Pooled` are shared by all sessions of an event loop and closed when the last provider
that used them is closed: `direct` ones, or `proxied` where the network has a proxy. Redirects are not
followed; compressed bodies are unpacked with a bound.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Protocol

import msgspec

from hames.errors import ProviderError
from hames.providers import trust
from hames.providers.direct import Direct
from hames.providers.network import Network

MAX_BODY = 256 * 1024 * 1024
"""Bytes of one answer, unpacked."""
PIECE = 256 * 1024
"""Bytes that are unpacked at once."""
KEPT_SECONDS = 55.0
"""How long an idle connection is kept; servers commonly close them after 60."""


class Response(Protocol):
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives, unpacked. Raises `ProviderError` when the connection is lost."""

    async def aclose(self) -> None:
        """Let go of the connection; it is reused when the body was read to its end."""


class Transport(Protocol):
    """Something that sends requests."""

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Response:
        """Send and wait for status and headers. Raises `ProviderError`; `connect` is in seconds."""

    async def aclose(self) -> None:
        """Close what is not used by anybody else."""


async def read(response: Response, limit: int) -> bytes:
    """The first `limit` bytes of a body."""
    found = bytearray()
    async with aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            found += chunk
            if len(found) >= limit:
                break
    return bytes(found[:limit])


class Route(Protocol):
    """The connections of one event loop that go the same way. Its answers are not unpacked."""

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Response:
        """Send and wait for status and headers. Raises `ProviderError`."""

    async def aclose(self) -> None:
        """Close all connections."""


class Pooled:
    """The transport that every session uses; what it holds is shared."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network or Network()
        self._held: set[_Key] = set()

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Response:
        """Send over a connection of the running event loop."""
        route = self._route(url)
        return _Answer(await route.post(url, headers=headers, body=body, connect=connect), url)

    async def aclose(self) -> None:
        """Close the connections that no other provider uses."""
        held, self._held = self._held, set()
        for key in held:
            await _let_go(key)

    def _route(self, url: str) -> Route:
        network = self._network
        way = _Way(
            proxy=network.proxy_for(url),
            tls=url[:6].lower() == "https:",
            ca_file=network.ca_file,
            extra_ca_file=network.extra_ca_file,
        )
        key = (asyncio.get_running_loop(), way)
        route = _take(key, new=key not in self._held)
        self._held.add(key)
        return route


class _Way(msgspec.Struct, frozen=True, kw_only=True):
    """What connections have to have in common to be shared."""

    proxy: str | None
    tls: bool
    ca_file: str | None
    extra_ca_file: str | None


class _Shared(msgspec.Struct):
    route: Route
    users: int = 0


_Key = tuple[asyncio.AbstractEventLoop, _Way]

# The one state at import in this package: sessions know nothing of each other, but share these.
_routes: dict[_Key, _Shared] = {}
_lock = threading.Lock()


def _take(key: _Key, *, new: bool) -> Route:
    """The connections of this loop and way; a new user is counted."""
    with _lock:
        shared = _routes.get(key)
        if shared is None:
            for other in [k for k in _routes if k[0].is_closed()]:
                del _routes[other]
            shared = _routes[key] = _Shared(_new_route(key[1]))
        shared.users += new
        return shared.route


async def _let_go(key: _Key) -> None:
    with _lock:
        shared = _routes.get(key)
        if shared is None:
            return
        shared.users -= 1
        if shared.users:
            return
        del _routes[key]
    loop = key[0]
    if loop is asyncio.get_running_loop():
        await shared.route.aclose()
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(shared.route.aclose(), loop)


def _new_route(way: _Way) -> Route:
    tls = None
    if way.tls or (way.proxy or "").startswith("https:"):
        tls = trust.context(way.ca_file, way.extra_ca_file)
    if way.proxy is None:
        return Direct(tls, KEPT_SECONDS)
    from hames.providers.proxied import Proxied

    return Proxied(way.proxy, tls, KEPT_SECONDS)


class _Answer:
    """An answer, its body unpacked and bounded."""

    def __init__(self, response: Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status
        self.headers = response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        unpack = _Unpacker(self.headers.get("content-encoding", ""))
        total = 0
        async with aclosing(self._response.chunks()) as chunks:
            async for chunk in chunks:
                for part in unpack(chunk):
                    total += len(part)
                    if total > MAX_BODY:
                        raise ProviderError(
                            f"`{self._url}` sent more than {MAX_BODY} bytes.",
                            category="server_error",
                        )
                    yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Unpacker:
    """Undoes the compression of a body, in pieces of bounded size."""

    def __init__(self, encoding: str) -> None:
        match encoding.strip().lower():
            case "" | "identity":
                self._zlib = None
            case "gzip" | "x-gzip" | "deflate":
                import zlib

                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
            case other:
                raise ProviderError(
                    f"The server packed its answer as `{other}`, which was not asked for.",
                    category="server_error",
                )

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        if self._zlib is None:
            yield chunk
            return
        import zlib

        try:
            while chunk:
                yield self._zlib.decompress(chunk, PIECE)
                chunk = self._zlib.unconsumed_tail
        except zlib.error as error:
            raise ProviderError(
                f"The server's packed answer is damaged: {error}.",
                category="server_error",
                retryable=True,
            ) from error
