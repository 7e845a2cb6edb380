"""Connections: shared, closed, through proxies, over TLS."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
import zlib
from contextlib import aclosing
from pathlib import Path

import pytest
import trustme
from raw_server import RawServer, cuts, hangs, http

from hames.errors import OptionsError, ProviderError, ProviderTimeout
from hames.providers.http import Pooled, read
from hames.providers.network import Network

OK = http(200, b"fine")


async def post(transport: Pooled, url: str, *, connect: float = 5.0) -> bytes:
    response = await transport.post(url, headers={"x-a": "1"}, body=b"{}", connect=connect)
    try:
        return await read(response, 10**9)
    finally:
        await response.aclose()


async def failed(
    url: str, network: Network | None = None, *, connect: float = 5.0
) -> ProviderError:
    transport = Pooled(network)
    try:
        with pytest.raises(ProviderError) as caught:
            await post(transport, url, connect=connect)
    finally:
        await transport.aclose()
    return caught.value


async def test_a_request_arrives_as_it_was_sent():
    async with RawServer(OK) as server:
        transport = Pooled()
        assert await post(transport, f"{server.url}/v1?beta=true") == b"fine"
        await transport.aclose()
    (received,) = server.received
    assert received.line == "POST /v1?beta=true HTTP/1.1"
    assert (received.headers["x-a"], received.body) == ("1", b"{}")


async def test_transports_of_one_loop_share_connections_until_the_last_is_closed():
    async with RawServer(OK) as server:
        first, second = Pooled(), Pooled()
        for transport in (first, second, first):
            await post(transport, server.url)
        assert server.connections == 1
        await first.aclose()
        assert not server.closed.is_set()
        await post(second, server.url)
        assert server.connections == 1
        await second.aclose()
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_a_closed_transport_opens_again_when_it_is_used():
    async with RawServer(OK) as server:
        transport = Pooled()
        for _ in range(2):
            await post(transport, server.url)
            await transport.aclose()
        await transport.aclose()
        assert server.connections == 2


def test_a_transport_is_used_by_one_loop_after_another():
    transport = Pooled()

    async def once() -> None:
        async with RawServer(OK) as server:
            assert await post(transport, server.url) == b"fine"
            await transport.aclose()

    for _ in range(3):
        asyncio.run(once())


async def test_connections_of_a_loop_in_another_thread_are_closed_there():
    transport = Pooled()
    used, other = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with RawServer(OK) as server:
            await post(transport, server.url)
            used.set()
            await asyncio.wait_for(server.closed.wait(), 5)

    thread = threading.Thread(target=lambda: other.run_until_complete(serve()))
    thread.start()
    await asyncio.to_thread(used.wait, 5)
    await transport.aclose()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    other.close()


async def test_a_connection_that_the_server_closed_while_idle_is_replaced():
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with RawServer(once) as server:
        transport = Pooled()
        for _ in range(3):
            assert await post(transport, server.url) == b"fine"
            await asyncio.wait_for(server.closed.wait(), 5)
        await transport.aclose()


async def test_an_unread_body_gives_its_connection_up():
    async with RawServer(http(200, b"x" * 5_000_000)) as server:
        transport = Pooled()
        response = await transport.post(server.url, headers={}, body=b"", connect=5)
        assert await read(response, 10) == b"x" * 10
        await response.aclose()
        await asyncio.wait_for(server.closed.wait(), 5)
        await transport.aclose()


async def test_a_cancelled_request_closes_its_connection():
    async with RawServer(hangs) as server:
        transport = Pooled()
        task = asyncio.ensure_future(post(transport, server.url))
        await asyncio.wait_for(server.asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.aclose()


async def test_refused_and_lost_connections_are_tried_again():
    async with RawServer() as server:
        url = server.url
    error = await failed(url)
    assert (error.retryable, error.error_type, error.status) == (True, "connection", None)
    async with RawServer(cuts(b"half")) as server:
        error = await failed(server.url)
    assert (error.retryable, error.error_type) == (True, "connection")


async def test_a_server_that_hangs_up_without_an_answer_is_tried_again():
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with RawServer(close) as server:
        error = await failed(server.url)
    assert error.retryable


async def test_a_connection_that_is_not_made_in_time_is_named():
    error = await failed("http://127.0.0.1:1/", connect=0.0000001)
    assert isinstance(error, ProviderTimeout)
    assert (error.clock, error.retryable) == ("connect", True)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_a_packed_body_is_unpacked(pack):
    text = b"all work and no play " * 100_000
    header = "content-encoding: " + ("gzip" if pack is gzip.compress else "deflate")
    async with RawServer(http(200, pack(text), header)) as server:
        transport = Pooled()
        assert await post(transport, server.url) == text
        await transport.aclose()


async def test_a_body_that_unpacks_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hames.providers.http.MAX_BODY", 1_000_000)
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with RawServer(http(200, bomb, "content-encoding: gzip")) as server:
        error = await failed(server.url)
    assert "more than 1000000 bytes" in str(error)


@pytest.mark.parametrize(
    ("header", "said"),
    [("content-encoding: br", "packed its answer as `br`"), ("content-encoding: gzip", "damaged")],
)
async def test_a_body_that_cannot_be_unpacked_is_named(header: str, said: str):
    async with RawServer(http(200, b"not packed", header)) as server:
        assert said in str(await failed(server.url))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_an_unknown_authority_fails_at_once(authority: trustme.CA):
    async with RawServer(OK, tls=server_tls(authority)) as server:
        error = await failed(server.url)
    assert (error.retryable, error.error_type) == (False, "tls")
    assert "`NODE_EXTRA_CA_CERTS`" in str(error)


@pytest.mark.parametrize("field", ["ca_file", "extra_ca_file"])
async def test_an_authority_of_the_users_own_is_trusted(
    field: str, authority: trustme.CA, certificates: str
):
    async with RawServer(OK, tls=server_tls(authority)) as server:
        transport = Pooled(Network(**{field: certificates}))
        assert await post(transport, server.url) == b"fine"
        await transport.aclose()


@pytest.mark.parametrize("field", ["ca_file", "extra_ca_file"])
async def test_certificates_that_cannot_be_read_are_named(field: str, tmp_path: Path):
    for name in ("missing.pem", "empty.pem"):
        (tmp_path / "empty.pem").write_text("nothing")
        transport = Pooled(Network(**{field: str(tmp_path / name)}))
        with pytest.raises(OptionsError, match=name):
            await post(transport, "https://127.0.0.1:1")


async def test_a_proxy_gets_the_whole_url_and_its_password():
    async with RawServer(OK) as proxy:
        address = proxy.url.replace("http://", "http://user:pass@")
        transport = Pooled(Network(http_proxy=address))
        assert await post(transport, "http://api.example/v1") == b"fine"
        await transport.aclose()
    (received,) = proxy.received
    assert received.line == "POST http://api.example/v1 HTTP/1.1"
    assert received.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


async def test_https_goes_through_a_tunnel(authority: trustme.CA, certificates: str):
    async with RawServer(OK, tls=server_tls(authority)) as server:
        target = server.url.removeprefix("https://")

        async def tunnel(inward: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, port = target.split(":")
            reader, onward = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    sink.write(data)
                sink.close()

            try:
                await asyncio.gather(pump(inward, onward), pump(reader, writer))
            finally:
                onward.transport.abort()

        async with RawServer(tunnel) as proxy:
            transport = Pooled(Network(https_proxy=proxy.url, extra_ca_file=certificates))
            assert await post(transport, server.url) == b"fine"
            await transport.aclose()
    assert proxy.received[0].line == f"CONNECT {target} HTTP/1.1"


@pytest.mark.parametrize(("status", "retryable"), [(407, False), (403, False), (502, True)])
async def test_a_refusal_of_the_proxy_is_told_from_one_of_the_api(status: int, retryable: bool):
    async with RawServer(http(status, b"")) as proxy:
        error = await failed("https://api.example", Network(https_proxy=proxy.url))
    assert (error.error_type, error.retryable) == ("proxy", retryable)
    assert str(status) in str(error)


@pytest.mark.parametrize("address", ["socks5://x:1", "http://user:hidden@", "ftp://hidden"])
async def test_the_address_of_a_proxy_has_to_be_one_and_is_not_shown(address: str):
    transport = Pooled(Network(https_proxy=address))
    with pytest.raises(OptionsError, match="like `http://host:port`") as caught:
        await post(transport, "https://api.example")
    assert "hidden" not in str(caught.value)


async def test_a_large_body_is_read_in_pieces():
    async with RawServer(http(200, b"x" * 1_000_000)) as server:
        transport = Pooled()
        response = await transport.post(server.url, headers={}, body=b"", connect=5)
        async with aclosing(response.chunks()) as chunks:
            sizes = [len(chunk) async for chunk in chunks]
        await response.aclose()
        await transport.aclose()
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 256 * 1024


async def test_a_wrong_header_is_an_error_of_the_caller():
    async with RawServer(OK) as server:
        transport = Pooled()
        with pytest.raises(OptionsError, match="wrong header"):
            await transport.post(server.url, headers={"x": "a\nb"}, body=b"", connect=5)
        await transport.aclose()
