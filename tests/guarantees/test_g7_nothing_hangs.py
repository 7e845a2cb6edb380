"""G7: nothing hangs.

The promise: whatever a server, a proxy, a tool or a callback does or leaves undone, the prompt ends in an
event and a result within the configured clocks, and the session answers the next prompt.

How it is tried: faults of the wire over real HTTP, each for as long as it is asked, with clocks of half a
second to four; the result must name the clock, or the fault, that ended it. Then tools and callbacks that
never return.

Run: `pytest tests/guarantees/test_g7_nothing_hangs.py`. What must not be left behind is in
`test_g7_nothing_left`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from plays import AGAIN, BACK, LONG, PROMPT

from hames import AgentOptions, Client, PermissionResultAllow, query, tool
from hames.messages import AssistantMessage, Message, ResultMessage
from hames.providers.clocks import Timeouts
from hames.providers.retry import RetryPolicy
from hames.testing import (
    FakeAPI,
    Play,
    Scripted,
    calls,
    closes_after,
    drips,
    endless_headers,
    endless_line,
    garbage,
    garbage_stream,
    gateway_page,
    gzip_bomb,
    hangs,
    rate_limited,
    redirects,
    resets,
    says,
    stalled_headers,
    torn,
    typed,
    wire,
)
from hames.testing.faults import Repeat

CLOCKS = Timeouts(connect=0.5, first_byte=1.0, gap=0.5, total=4.0)
ONCE = RetryPolicy(max_retries=1, base_delay=0.01)
BOUND = 30.0
"""Seconds after which something hangs. The clocks allow no fault more than 9: two tries of `total`."""

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

HANGING: dict[str, tuple[Play, str]] = {
    "no answer at all": (hangs(), "first_byte"),
    "headers that stop half-way": (stalled_headers(), "first_byte"),
    "headers and then nothing": (wire(STREAM, "hang"), "first_byte"),
    "a stream that stops after its beginning": (says(LONG).hang(events=2), "gap"),
    "a stream that stops in a text": (says(LONG).hang(events=5), "gap"),
    "a stream that stops after a block": ((says("One.") + says(LONG)).hang(blocks=1), "gap"),
    "a slow drip of bytes": (drips(says(LONG), size=1, seconds=0.05), "first_byte"),
    "a slow drip of pings without end": (wire(STREAM, *[PING, 0.1] * 200), "total"),
    "a body of blanks without end": (wire(STREAM, *[b"\n", 0.1] * 200), "first_byte"),
}
"""What hangs, and the clock that ends it."""

BROKEN: dict[str, tuple[Play, str]] = {
    "a reset": (resets(), "was lost"),
    "no HTTP": (garbage(), "was lost"),
    "a stream of nonsense": (garbage_stream(), "an event that cannot be read"),
    "the page of a gateway": (gateway_page(), "but not with a reply"),
    "an error page of a gateway": (gateway_page(502), "API error 502"),
    "a redirect": (redirects("http://127.0.0.1:1/"), "Redirects are not followed"),
    "a redirect to itself": (redirects("/v1/messages"), "Redirects are not followed"),
    "headers without end": (endless_headers(), "the headers are longer than"),
    "a line without end": (endless_line(), "an event of more than"),
    "a packed body that unpacks without end": (gzip_bomb(4096), "an event of more than"),
    "a torrent of pings": (wire(STREAM, Repeat(PING * 100)), "(`total` timeout)"),
    "half a stream": (torn(says(LONG), keep=0.3), "was lost"),
    "a wait of an hour": (rate_limited(3600), "API error 429"),
}
"""What is broken, and what the result says of it."""


def options(url: str, folder: Path, **more: Any) -> AgentOptions:
    """Options of a session that asks this server."""
    env = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "test-key",
        "NO_PROXY": "",
        "HTTP_PROXY": "",
        "HTTPS_PROXY": "",
        **more.pop("env", {}),
    }
    given: dict[str, Any] = {"cwd": folder, "persist_session": False, "timeouts": CLOCKS}
    return AgentOptions(env=env, **{**given, "retry": ONCE, "tools": [], **more})


async def response(client: Client) -> list[Message]:
    async with asyncio.timeout(BOUND):
        return [message async for message in client.receive_response()]


def _assert_told(messages: list[Message]) -> ResultMessage:
    """The fault is told in an event before the result, and in the result."""
    result = messages[-1]
    assert isinstance(result, ResultMessage)
    assert result.is_error
    assert result.terminal_reason == "api_error", result
    events = [m for m in messages if isinstance(m, AssistantMessage) and m.error is not None]
    assert len(events) == 1
    assert result.errors or result.result
    return result


async def _assert_survives(fault: Play, folder: Path) -> ResultMessage:
    """The fault for as long as it is asked, then a server that is well; the result of the fault."""
    with FakeAPI([fault.forever().when(lambda body: AGAIN not in str(body)), says(BACK)]) as api:
        async with Client(options(api.url, folder)) as client:
            await client.query(PROMPT)
            failed = _assert_told(await response(client))
            await client.query(AGAIN)
            result = (await response(client))[-1]
            assert isinstance(result, ResultMessage)
            assert result.result == BACK
            return failed


async def test_every_stream_that_hangs_is_ended_by_its_clock(tmp_path: Path) -> None:
    """All at the same time, as each mostly waits."""

    async def one(name: str, fault: Play, clock: str) -> None:
        began = time.monotonic()
        try:
            result = await _assert_survives(fault, tmp_path)
            assert f"(`{clock}` timeout)" in str(result.result)
            assert time.monotonic() - began < 15
        except BaseException as error:
            error.add_note(f"The fault was: {name}.")
            raise

    async with asyncio.TaskGroup() as group:
        for name, (fault, clock) in HANGING.items():
            group.create_task(one(name, fault, clock))


@pytest.mark.parametrize("name", BROKEN)
async def test_every_broken_answer_ends_in_a_result(name: str, tmp_path: Path) -> None:
    fault, said = BROKEN[name]
    assert said in str((await _assert_survives(fault, tmp_path)).result)


async def test_a_stream_under_another_content_type_is_read(tmp_path: Path) -> None:
    with FakeAPI([typed(says(BACK))]) as api:
        [*_, result] = [m async for m in query(prompt="hi", options=options(api.url, tmp_path))]
    assert result.result == BACK


async def test_a_connection_that_was_closed_while_idle_is_replaced(tmp_path: Path) -> None:
    """Also when it is closed just as the next request is sent, which nobody can know."""
    with FakeAPI([closes_after(says(BACK)).forever()]) as api:
        async with Client(options(api.url, tmp_path)) as client:
            for _ in range(50):
                await client.query("hi")
                [*rest, result] = await response(client)
                assert isinstance(result, ResultMessage)
                assert result.result == BACK
                assert "api_retry" not in [getattr(m, "subtype", "") for m in rest]


async def test_a_server_that_is_stopped_in_the_middle_of_a_reply(tmp_path: Path) -> None:
    """A connection of which only our half is alive: nothing arrives, and nothing says so."""
    plays = '[{"says": "A long text. A long text. A long text.", "paced": 0.05, "forever": true}]'
    more = {"include_partial_messages": True}
    with _server_process(plays) as (server, url):
        async with Client(options(url, tmp_path, **more)) as client:
            await client.query(PROMPT)
            async for message in client.receive_response():
                if "text_delta" in str(message):
                    server.send_signal(signal.SIGSTOP)
                    break
            _assert_told(await response(client))
            server.send_signal(signal.SIGCONT)
            await client.query(AGAIN)
            [*_, result] = await response(client)
            assert isinstance(result, ResultMessage)
            assert "A long text." in (result.result or "")


@contextlib.contextmanager
def _server_process(plays: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "hames.testing.fake_api", "--plays", "-", "--no-judge"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(plays.encode())
            server.stdin.close()
            url = server.stdout.readline().decode().strip()
            assert url.startswith("http://127.0.0.1:")
            yield server, url
        finally:
            server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the options of Linux")
async def test_the_kernel_watches_connections_whose_other_side_may_vanish(tmp_path: Path) -> None:
    """Nothing on loopback vanishes without a word, so this looks at what the kernel was asked."""
    asked: list[int] = []

    @tool
    def look() -> str:
        for handle in filter(str.isdigit, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(handle))) as one:
                if one.getpeername()[1:2] == (port,):
                    asked.append(one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                    asked.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        return "looked"

    with FakeAPI([calls("look"), says(BACK)]) as api:
        port = int(api.url.rpartition(":")[2])
        given = options(api.url, tmp_path, tools=[look])
        [*_, result] = [m async for m in query(prompt="hi", options=given)]
    assert (result.result, asked) == (BACK, [1, 60_000])


@asynccontextmanager
async def listening(backlog: int = 8, *, full: bool = False) -> AsyncIterator[str]:
    """A socket that accepts connections into its backlog and never answers; `full`: not even that."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0 if full else backlog)
        port = server.getsockname()[1]
        for _ in range(8 if full else 0):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield f"127.0.0.1:{port}"


async def _assert_no_connection(
    url: str, folder: Path, *, said: str, env: dict[str, str] | None = None
) -> None:
    async with Client(options(url, folder, env=env or {})) as client:
        for _ in range(2):
            await client.query(PROMPT)
            result = _assert_told(await response(client))
            assert said in str(result.result), result.result


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses")
async def test_a_server_that_accepts_no_connection(tmp_path: Path) -> None:
    async with listening(full=True) as address:
        await _assert_no_connection(f"http://{address}", tmp_path, said="0.5 s")


async def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    await _assert_no_connection(f"http://127.0.0.1:{_free_port()}", tmp_path, said="could not be")


async def test_a_tls_handshake_that_is_never_answered(tmp_path: Path) -> None:
    async with listening() as address:
        await _assert_no_connection(f"https://{address}", tmp_path, said="0.5 s")


async def test_a_server_that_reads_nothing_of_a_large_request(tmp_path: Path) -> None:
    async with listening() as address, Client(options(f"http://{address}", tmp_path)) as client:
        await client.query("x" * 20_000_000)
        _assert_told(await response(client))


async def test_a_certificate_that_nobody_trusts_fails_at_once(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FakeAPI([], tls=context) as api:
        async with Client(options(api.url, tmp_path, retry=RetryPolicy(base_delay=60))) as client:
            await client.query(PROMPT)
            assert "No secure connection" in str(_assert_told(await response(client)).result)


async def test_a_tls_stream_that_stops_is_given_up_and_interrupted(tmp_path: Path) -> None:
    """Closing must not wait for the goodbye of a server that says nothing any more."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    stuck = says(LONG).hang(events=5)
    with FakeAPI([stuck.times(3), says(BACK).forever()], tls=context) as api:
        env = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        more = {"env": env, "include_partial_messages": True}
        async with Client(options(api.url, tmp_path, **more)) as client:
            await client.query(PROMPT)
            _assert_told(await response(client))
            await client.query(PROMPT)
            async for message in client.receive_messages():
                if "text_delta" in str(message):
                    break
            asked = time.monotonic()
            await client.interrupt()
            [*_, result] = await response(client)
            assert time.monotonic() - asked < 2
            assert result.terminal_reason == "aborted_streaming"  # type: ignore[union-attr]
            await client.query(AGAIN)
            assert (await response(client))[-1].result == BACK  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["fails", "hangs"])
async def test_a_name_that_is_not_resolved(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def resolve(host: Any, *_: Any, **__: Any) -> Any:
        if what == "hangs":
            end.wait()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    said = "could not be" if what == "fails" else "0.5 s"
    await _assert_no_connection("http://nobody.invalid", tmp_path, said=said)
    end.set()


@pytest.mark.parametrize("what", ["refuses", "hangs", "is no proxy", "wants a password"])
async def test_a_proxy_that_fails(what: str, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as opened:
        match what:
            case "refuses":
                address, said = f"127.0.0.1:{_free_port()}", "could not be"
            case "hangs":
                address, said = await opened.enter_async_context(listening()), " s"
            case "is no proxy":
                api = opened.enter_context(FakeAPI([]))
                address, said = api.url.removeprefix("http://"), "proxy"
            case _:
                answer = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
                address, said = await opened.enter_async_context(_answering(answer)), "407"
        proxy = {"HTTPS_PROXY": f"http://{address}"}
        await _assert_no_connection("https://127.0.0.1:1", tmp_path, said=said, env=proxy)


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# Tools, callbacks and commands that never return.


async def test_tools_that_never_return_are_stopped_by_their_clock(tmp_path: Path) -> None:
    end, never = threading.Event(), asyncio.Event()

    @tool(timeout=0.05)
    async def patient() -> str:
        await never.wait()
        return ""

    @tool(timeout=0.05)
    async def stubborn() -> str:
        while not never.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await never.wait()
        return ""

    @tool(timeout=0.05)
    def blocking() -> str:
        end.wait()
        return ""

    plays = [calls("patient") + calls("stubborn") + calls("blocking"), says(BACK)]
    provider = Scripted(plays)
    given = options("http://none", tmp_path, provider=provider, tools=[patient, stubborn, blocking])
    async with asyncio.timeout(BOUND):
        [*_, result] = [m async for m in query(prompt=PROMPT, options=given)]
    assert result.result == BACK
    told = [b["content"] for b in provider.bodies[1]["messages"][-1]["content"]]
    assert ["did not finish within 0.05 s" in t for t in told] == [True] * 3
    end.set()
    never.set()


async def test_a_permission_that_nobody_gives_is_ended_by_an_interrupt(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def ask(*_: Any) -> PermissionResultAllow:
        asked.set()
        await asyncio.Event().wait()
        return PermissionResultAllow()

    @tool(ask=True)
    def act() -> str:
        raise AssertionError("must not run")

    provider = Scripted([calls("act"), says(BACK)])
    given = options("http://none", tmp_path, provider=provider, tools=[act], can_use_tool=ask)
    async with Client(given) as client:
        await client.query(PROMPT)
        await asyncio.wait_for(asked.wait(), BOUND)
        await client.interrupt()
        assert (await response(client))[-1].terminal_reason == "aborted_tools"  # type: ignore[union-attr]
        await client.query(AGAIN)
        assert (await response(client))[-1].result == BACK  # type: ignore[union-attr]
