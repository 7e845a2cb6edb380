"""Connections through a proxy, over httpx2: the only place that imports it for requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from hames.errors import OptionsError, ProviderError, ProviderTimeout
from hames.providers.lost import lost

if TYPE_CHECKING:
    import ssl


class Proxied:
    """The connections of one event loop through one proxy."""

    def __init__(self, address: str, tls: ssl.SSLContext | None, kept_seconds: float) -> None:
        # httpx2 makes a context of its own, reading certificates, unless it gets one.
        context = tls or _no_trust()
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=100, keepalive_expiry=kept_seconds
        )
        self._transport = httpx2.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=limits, proxy=_proxy(address, tls)
        )

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, connect: float | None
    ) -> Reply:
        """Send, and wait for status and headers."""
        timeouts = {"connect": connect, "read": None, "write": None, "pool": None}
        with _errors(url, connect):
            request = httpx2.Request(
                "POST", url, headers=dict(headers), content=body, extensions={"timeout": timeouts}
            )
            return Reply(await self._transport.handle_async_request(request), url)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class Reply:
    """An answer whose body is still to come."""

    def __init__(self, response: httpx2.Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises `ProviderError` when the connection is lost."""
        stream: AsyncIterator[bytes] = aiter(self._response.stream)  # type: ignore[arg-type]
        try:
            while True:
                with _errors(self._url, None):
                    try:
                        chunk = await anext(stream)
                    except StopAsyncIteration:
                        return
                yield chunk
        finally:
            if close := getattr(stream, "aclose", None):
                await close()

    async def aclose(self) -> None:
        """Let go of the connection; it is kept when the body was read to its end."""
        await self._response.stream.aclose()  # type: ignore[union-attr]


def _proxy(address: str, tls: ssl.SSLContext | None) -> httpx2.Proxy:
    try:
        proxy = httpx2.Proxy(address, ssl_context=tls if address.startswith("https:") else None)
    except (ValueError, httpx2.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        # The address is not shown, because a password may stand in it.
        raise OptionsError(
            "The address of the proxy cannot be used; it has to be like `http://host:port`."
        ) from None
    return proxy


def _no_trust() -> ssl.SSLContext:
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def _errors(url: str, connect: float | None) -> Iterator[None]:
    """Errors of the library as ours."""
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise ProviderTimeout("connect", connect or 0.0) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise OptionsError(f"`{url}` cannot be used as a URL: {error}") from error
    except httpx2.LocalProtocolError as error:
        raise OptionsError(f"The request to `{url}` has a wrong header: {error}") from error
    except httpx2.ProxyError as error:
        raise _refused(str(error)) from error
    except (httpx2.TransportError, OSError) as error:
        raise lost(error, url, made=not isinstance(error, httpx2.ConnectError)) from error


def _refused(said: str) -> ProviderError:
    status = int(said[:3]) if said[:3].isdigit() else None
    refused = status is not None and 400 <= status < 500
    return ProviderError(
        f"The proxy did not let the request through: {said}",
        category="authentication_failed" if status == 407 else "server_error",
        error_type="proxy",
        retryable=not refused,
    )
