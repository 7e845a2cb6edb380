"""The Anthropic API, and every server or gateway that speaks its Messages API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from hames._version import COMPATIBLE_VERSION, __version__
from hames.errors import OptionsError
from hames.providers.credentials import Credentials, chosen
from hames.providers.failures import failure, not_a_reply
from hames.providers.http import Pooled, Response, Transport, read
from hames.providers.network import Network
from hames.providers.protocol import ModelEvent, Request
from hames.providers.sse import Splitter, decode
from hames.providers.unstreamed import events_of

BASE_URL = "https://api.anthropic.com"
API_VERSION = "2023-06-01"

ERROR_BODY = 1024 * 1024
MESSAGE_BODY = 64 * 1024 * 1024
DRAIN_SECONDS = 0.25
"""How long the end of a body is waited for after the reply's end, so that the connection can be reused."""


class Environment(Protocol):
    """What is read from the environment; `settings.Environ` is one."""

    @property
    def api_key(self) -> str | None: ...
    @property
    def auth_token(self) -> str | None: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def custom_headers(self) -> dict[str, str]: ...
    @property
    def betas(self) -> tuple[str, ...]: ...
    @property
    def client_app(self) -> str | None: ...
    @property
    def entrypoint(self) -> str | None: ...
    @property
    def https_proxy(self) -> str | None: ...
    @property
    def http_proxy(self) -> str | None: ...
    @property
    def no_proxy(self) -> str | None: ...
    @property
    def ssl_cert_file(self) -> str | None: ...
    @property
    def extra_ca_certs(self) -> str | None: ...


class Anthropic:
    """The provider. What is not given comes from `env`; without it nothing ambient is read.

    Raises CredentialsError when there are no credentials, OptionsError for a base URL that is none.
    """

    name: ClassVar[str] = "anthropic"

    def __init__(
        self,
        *,
        api_key: str | None = None,
        auth_token: str | None = None,
        credentials: Credentials | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        betas: Sequence[str] = (),
        client_app: str | None = None,
        entrypoint: str | None = None,
        connect_timeout: float | None = 10.0,
        env: Environment | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.credentials = credentials or chosen(
            api_key,
            auth_token,
            env_key=env.api_key if env else None,
            env_token=env.auth_token if env else None,
        )
        self.base_url = _checked_url(base_url or (env and env.base_url) or BASE_URL)
        self._url = f"{self.base_url}/v1/messages?beta=true"
        self._betas = (*betas, *(env.betas if env else ()))
        self._connect = connect_timeout
        self._transport = transport or Pooled(_network(env))
        app = client_app or (env.client_app if env else None)
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "identity",  # a stream of small pieces gains nothing by packing
            "anthropic-version": API_VERSION,
            "content-type": "application/json",
            "user-agent": user_agent(entrypoint or (env and env.entrypoint) or "sdk-py", app),
            "x-app": "cli",
            **({"x-client-app": app} if app else {}),
        }
        self._own_headers = {**(env.custom_headers if env else {}), **(headers or {})}

    async def stream(self, request: Request) -> AsyncGenerator[ModelEvent, None]:
        """Events of one reply, pings included."""
        response = await self._transport.post(
            self._url,
            headers=await self._headers_of(request),
            body=request.body(),
            connect=self._connect,
        )
        try:
            if response.status != 200:
                body = await read(response, ERROR_BODY)
                raise failure(response.status, response.headers, body, url=self._url)
            async with aclosing(self._events(response)) as events:
                async for event in events:
                    yield event
        finally:
            await response.aclose()

    async def renew(self) -> bool:
        """Get other credentials after a 401; False when there are none."""
        return await self.credentials.renew()

    async def aclose(self) -> None:
        """Close connections that no other provider shares."""
        await self._transport.aclose()

    async def _headers_of(self, request: Request) -> dict[str, str]:
        headers = {**self._headers, **await self.credentials.headers()}
        betas = dict.fromkeys((*request.betas, *self._betas))
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        for name, value in (*request.headers.items(), *self._own_headers.items()):
            headers[name.lower()] = value
        return headers

    async def _events(self, response: Response) -> AsyncGenerator[ModelEvent, None]:
        request_id = response.headers.get("request-id")
        async with aclosing(response.chunks()) as chunks:
            head = await _head(chunks)
            if not _is_stream(response.headers, head):
                for event in await self._unstreamed(response, head, chunks):
                    yield _with_id(event, request_id)
                return
            splitter = Splitter()
            chunk: bytes | None = head
            while chunk is not None:
                for data in splitter.feed(chunk):
                    decoded = decode(data)
                    if decoded is None:
                        continue
                    yield _with_id(decoded, request_id)
                    if decoded.type == "message_stop":
                        await _drain(chunks)
                        return
                chunk = await anext(chunks, None)

    async def _unstreamed(
        self, response: Response, head: bytes, chunks: AsyncGenerator[bytes, None]
    ) -> list[ModelEvent]:
        body = bytearray(head)
        async for chunk in chunks:
            body += chunk
            if len(body) > MESSAGE_BODY:
                break
        events = events_of(bytes(body)) if len(body) <= MESSAGE_BODY else None
        if events is None:
            raise not_a_reply(response.headers, bytes(body[:ERROR_BODY]), self._url)
        return events


def user_agent(entrypoint: str, client_app: str | None) -> str:
    """The official form, by which gateways and dashboards know the client, and our name after it."""
    app = f", client-app/{client_app}" if client_app else ""
    return f"claude-cli/{COMPATIBLE_VERSION} (external, {entrypoint}{app}) hames/{__version__}"


def _with_id(event: ModelEvent, request_id: str | None) -> ModelEvent:
    if event.type == "message_start":
        event.request_id = request_id
    return event


async def _head(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """The body up to the chunk that has its first visible byte."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if head.strip():
            break
    return head


def _is_stream(headers: Mapping[str, str], head: bytes) -> bool:
    """Whether a body is a stream of events; some gateways say the wrong thing about it."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:8]
    if start.startswith((b"event:", b"data:", b"id:", b"retry:", b":")):
        return True
    said = "text/event-stream" in headers.get("content-type", "")
    return said and not start.startswith((b"{", b"<"))


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except TimeoutError:
        pass


def _checked_url(url: str) -> str:
    plain = url.strip().rstrip("/").removesuffix("/v1")
    parts = urlsplit(plain)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionsError(f"The base URL `{url}` has to begin with `http://` or `https://`.")
    return plain


def _network(env: Environment | None) -> Network:
    if env is None:
        return Network()
    return Network(
        https_proxy=env.https_proxy,
        http_proxy=env.http_proxy,
        no_proxy=env.no_proxy,
        ca_file=env.ssl_cert_file,
        extra_ca_file=env.extra_ca_certs,
    )
