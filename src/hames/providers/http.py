"""HTTP behind one method, so that providers know no HTTP library.

`Pooled` is the transport over httpx2: its connections are shared by all sessions of an event loop and
closed when the last provider that used them is closed. Redirects are not followed; compressed bodies
are unpacked with a bound.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from hames.errors import OptionsError, ProviderError, ProviderTimeout
from hames.providers.network import Network

if TYPE_CHECKING:
    import ssl

    import httpx2

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


class Pooled:
    """The transport over httpx2."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network or Network()
        self._held: set[_Key] = set()

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Response:
        """Send over a connection of the running event loop."""
        import httpx2

        pool = self._pool(url)
        timeouts = {"connect": connect, "read": None, "write": None, "pool": None}
        with _errors(url, connect):
            request = httpx2.Request(
                "POST", url, headers=dict(headers), content=body, extensions={"timeout": timeouts}
            )
            response = await pool.handle_async_request(request)
        return _Answer(response, url)

    async def aclose(self) -> None:
        """Close the connections that no other provider uses."""
        held, self._held = self._held, set()
        for key in held:
            await _let_go(key)

    def _pool(self, url: str) -> httpx2.AsyncHTTPTransport:
        network = self._network
        route = _Route(
            proxy=network.proxy_for(url),
            tls=url.startswith("https:"),
            ca_file=network.ca_file,
            extra_ca_file=network.extra_ca_file,
        )
        key = (asyncio.get_running_loop(), route)
        pool = _take(key, new=key not in self._held)
        self._held.add(key)
        return pool


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    """What connections have to have in common to be shared."""

    proxy: str | None
    tls: bool
    ca_file: str | None
    extra_ca_file: str | None


class _Pool(msgspec.Struct):
    transport: Any
    users: int = 0


_Key = tuple[asyncio.AbstractEventLoop, _Route]

# The one state at import in this package: sessions know nothing of each other, but share these.
_pools: dict[_Key, _Pool] = {}
_lock = threading.Lock()


def _take(key: _Key, *, new: bool) -> httpx2.AsyncHTTPTransport:
    """The pool of this loop and route; a new user is counted."""
    with _lock:
        for other in [k for k in _pools if k[0].is_closed()]:
            del _pools[other]
        pool = _pools.get(key)
        if pool is None:
            pool = _pools[key] = _Pool(_new_transport(key[1]))
        pool.users += new
        transport: httpx2.AsyncHTTPTransport = pool.transport
        return transport


async def _let_go(key: _Key) -> None:
    with _lock:
        pool = _pools.get(key)
        if pool is None:
            return
        pool.users -= 1
        if pool.users:
            return
        del _pools[key]
    loop = key[0]
    if loop is asyncio.get_running_loop():
        await pool.transport.aclose()
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(pool.transport.aclose(), loop)


def _new_transport(route: _Route) -> httpx2.AsyncHTTPTransport:
    import httpx2

    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=100, keepalive_expiry=KEPT_SECONDS
    )
    proxy_tls = route.proxy is not None and route.proxy.startswith("https:")
    context = _ssl_context(route, load=route.tls or proxy_tls)
    proxy = None
    if route.proxy is not None:
        try:
            proxy = httpx2.Proxy(route.proxy, ssl_context=context if proxy_tls else None)
        except (ValueError, httpx2.InvalidURL):
            proxy = None
        if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
            # The address is not shown, because a password may stand in it.
            raise OptionsError(
                "The address of the proxy cannot be used; it has to be like `http://host:port`."
            ) from None
    return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)


def _ssl_context(route: _Route, *, load: bool) -> ssl.SSLContext:
    """Trust for a route; certificates are read only where they are needed."""
    import ssl

    import httpx2

    if not load:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if route.ca_file is None:
        context = httpx2.create_ssl_context(trust_env=False)
    else:
        with _certificates("SSL_CERT_FILE", route.ca_file):
            context = ssl.create_default_context(cafile=route.ca_file)
    if route.extra_ca_file is not None:
        with _certificates("NODE_EXTRA_CA_CERTS", route.extra_ca_file):
            context.load_verify_locations(route.extra_ca_file)
    return context


@contextmanager
def _certificates(name: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # `ssl.SSLError` is one
        raise OptionsError(
            f"The certificates in `{path}` (`{name}`) cannot be read: {error}."
        ) from error


class _Answer:
    def __init__(self, response: httpx2.Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        unpack = _Unpacker(self.headers.get("content-encoding", ""))
        stream: AsyncIterator[bytes] = aiter(self._response.stream)  # type: ignore[arg-type]
        total = 0
        try:
            while True:
                with _errors(self._url, None):
                    try:
                        chunk = await anext(stream)
                    except StopAsyncIteration:
                        return
                for part in unpack(chunk):
                    total += len(part)
                    if total > MAX_BODY:
                        raise ProviderError(
                            f"`{self._url}` sent more than {MAX_BODY} bytes.",
                            category="server_error",
                        )
                    yield part
        finally:
            if close := getattr(stream, "aclose", None):
                await close()

    async def aclose(self) -> None:
        await self._response.stream.aclose()  # type: ignore[union-attr]


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


@contextmanager
def _errors(url: str, connect: float | None) -> Iterator[None]:
    """Errors of the library as ours."""
    import httpx2

    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise ProviderTimeout("connect", connect or 0.0) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise OptionsError(f"`{url}` cannot be used as a URL: {error}") from error
    except httpx2.LocalProtocolError as error:
        raise OptionsError(f"The request to `{url}` has a wrong header: {error}") from error
    except httpx2.ProxyError as error:
        raise _proxy_error(str(error)) from error
    except (httpx2.TransportError, OSError) as error:
        raise _lost(error, url) from error


def _proxy_error(said: str) -> ProviderError:
    status = int(said[:3]) if said[:3].isdigit() else None
    refused = status is not None and 400 <= status < 500
    return ProviderError(
        f"The proxy did not let the request through: {said}",
        category="authentication_failed" if status == 407 else "server_error",
        error_type="proxy",
        retryable=not refused,
    )


def _lost(error: Exception, url: str) -> ProviderError:
    import ssl

    import httpx2

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return ProviderError(
                f"No secure connection to `{url}`: {cause}. For a certificate authority of your own set "
                "`NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE`.",
                category="server_error",
                error_type="tls",
            )
        cause = cause.__cause__ or cause.__context__  # httpcore2 does not always set the first
    what = "could not be made" if isinstance(error, httpx2.ConnectError) else "was lost"
    return ProviderError(
        f"The connection to `{url}` {what}: {str(error) or type(error).__name__}",
        category="server_error",
        error_type="connection",
        retryable=True,
    )
