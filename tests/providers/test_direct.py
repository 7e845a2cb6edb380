"""Connections without a proxy: what a server can do to them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from raw_server import RawServer, http

from hames.errors import OptionsError, ProviderError
from hames.providers.direct import PIECE, Direct, address_of
from hames.providers.http import Pooled, read


async def post(transport: Pooled | Direct, url: str, body: bytes = b"{}") -> tuple[int, bytes]:
    response = await transport.post(url, headers={}, body=body, connect=5)
    try:
        return response.status, await read(response, 10**9)
    finally:
        await response.aclose()


async def test_a_large_request_arrives_whole():
    body = bytes(range(256)) * 40_000
    async with RawServer(http(200, b"fine")) as server:
        transport = Direct(None, 55)
        assert await post(transport, server.url, body) == (200, b"fine")
        await transport.aclose()
    assert server.received[0].body == body


async def test_an_answer_that_comes_before_the_request_is_sent_is_read():
    """A gateway that refuses a large body does not read it first."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(413, b"too large", "connection: close"))
        await answered.wait()
        writer.transport.abort()
        over.set()

    answered, over = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Direct(None, 55)
    body = b"x" * (64 * PIECE)
    assert await post(transport, f"http://127.0.0.1:{port}/", body) == (413, b"too large")
    await transport.aclose()
    answered.set()
    await over.wait()
    server.close()
    await server.wait_closed()


async def test_a_body_without_a_length_is_read_to_the_end_of_the_connection():
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfine")
        await writer.drain()
        writer.close()

    async with RawServer(once) as server:
        transport = Direct(None, 55)
        for _ in range(2):
            assert await post(transport, server.url) == (200, b"fine")
        assert server.connections == 2
        await transport.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"fine", "connection: close"),
        http(200, b"fine") + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
    ],
    ids=["asked to", "something follows"],
)
async def test_a_connection_is_not_used_again_when(answer: bytes):
    async with RawServer(answer) as server:
        transport = Direct(None, 55)
        for _ in range(2):
            assert await post(transport, server.url) == (200, b"fine")
        assert server.connections == 2
        await transport.aclose()


async def test_connections_kept_too_long_are_not_used_again():
    async with RawServer(http(200, b"fine")) as server:
        transport = Direct(None, 0)
        for _ in range(2):
            await post(transport, server.url)
        assert server.connections == 2
        await transport.aclose()


@pytest.mark.parametrize("answer", [b"SSH-2.0-Server\r\n\r\n", b"HTTP/1.1 200 OK\r\n" * 10_000])
async def test_what_is_no_http_is_a_fault_of_the_connection(answer: bytes):
    async with RawServer(answer) as server:
        transport = Direct(None, 55)
        with pytest.raises(ProviderError, match="was lost") as caught:
            await post(transport, server.url)
        assert (caught.value.error_type, caught.value.retryable) == ("connection", True)
        await transport.aclose()


async def test_a_slow_reader_stops_the_server():
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not stop.is_set():
            writer.write(b"x" * 100_000)
            sent += 100_000
            try:
                async with asyncio.timeout(0.2):
                    await writer.drain()
            except TimeoutError:
                stalled.set()
                await stop.wait()

    stalled, stop = asyncio.Event(), asyncio.Event()
    async with RawServer(pour) as server:
        transport = Direct(None, 55)
        response = await transport.post(server.url, headers={}, body=b"", connect=5)
        await asyncio.wait_for(stalled.wait(), 10)
        assert sent < 50_000_000
        stop.set()
        await response.aclose()
        await transport.aclose()


def test_a_url_tells_where_it_leads():
    found = address_of("http://[::1]:8080/v1/a b?q=ü")
    assert (found.host, found.port, found.name) == ("::1", 8080, "[::1]:8080")
    assert found.target == "/v1/a%20b?q=%C3%BC"
    assert address_of("https://bücher.example").name == "xn--bcher-kva.example"
    assert address_of("https://api.example/v1").port == 443


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999", "http://x:y"])
def test_what_is_no_url_is_named(url: str):
    with pytest.raises(OptionsError, match="cannot be used as a URL"):
        address_of(url)


async def test_without_a_proxy_no_http_library_is_loaded():
    async with RawServer(http(200, b"fine")) as server:
        program = (
            "import asyncio, sys\n"
            "from hames.providers.http import Pooled\n"
            "async def main():\n"
            "    transport = Pooled()\n"
            f"    answer = await transport.post({server.url!r}, headers={{}}, body=b'', connect=5)\n"
            "    await answer.aclose()\n"
            "    await transport.aclose()\n"
            "asyncio.run(main())\n"
            "print({'httpx2', 'h11', 'anyio'} & sys.modules.keys())\n"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
    assert said == b"set()\n"
