"""G7: nothing hangs, nothing is left behind.

Faults of the wire over real HTTP, tools and callbacks that never return, callers that vanish, hosts that
are killed. Each ends in an event and a result within the configured clocks, after which the session
answers the next prompt; and when a session has ended, no process, task, descriptor or memory of it is
left. The soak at the end mixes all of it at random; `make test-slow` runs it for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from plays import AGAIN, BACK, LONG, NAMES, PROMPT, alive, make

from hames import AgentOptions, Client, PermissionResultAllow, query, tool
from hames.messages import AssistantMessage, Message, ResultMessage
from hames.providers.clocks import Timeouts
from hames.providers.retry import RetryPolicy
from hames.sessions.memory import MemoryStore
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

HANGING: dict[str, Play] = {
    "no answer at all": hangs(),
    "headers that stop half-way": stalled_headers(),
    "a stream that stops after its beginning": says(LONG).hang(events=2),
    "a stream that stops in a text": says(LONG).hang(events=5),
    "a stream that stops after a block": (says("One.") + says(LONG)).hang(blocks=1),
    "headers and then nothing": wire(STREAM, "hang"),
    "a slow drip of bytes": drips(says(LONG), size=1, seconds=0.05),
    "a slow drip of pings without end": wire(STREAM, *[PING, 0.1] * 200),
    "a body of blanks without end": wire(STREAM, *[b"\n", 0.1] * 200),
}
BROKEN: dict[str, Play] = {
    "a reset": resets(),
    "no HTTP": garbage(),
    "a stream of nonsense": garbage_stream(),
    "the page of a gateway": gateway_page(),
    "an error page of a gateway": gateway_page(502),
    "a redirect": redirects("http://127.0.0.1:1/"),
    "a redirect to itself": redirects("/v1/messages"),
    "headers without end": endless_headers(),
    "a line without end": endless_line(),
    "a packed body that unpacks without end": gzip_bomb(4096),
    "a torrent of pings": wire(STREAM, Repeat(PING * 100)),
    "half a stream": torn(says(LONG), keep=0.3),
    "a wait of an hour": rate_limited(3600),
}


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


async def _assert_survives(fault: Play, folder: Path) -> None:
    """The fault for as long as it is asked, then a server that is well."""
    with FakeAPI([fault.forever().when(lambda body: AGAIN not in str(body)), says(BACK)]) as api:
        async with Client(options(api.url, folder)) as client:
            await client.query(PROMPT)
            _assert_told(await response(client))
            await client.query(AGAIN)
            result = (await response(client))[-1]
            assert isinstance(result, ResultMessage)
            assert result.result == BACK


async def test_every_stream_that_hangs_ends_within_the_clocks(tmp_path: Path) -> None:
    """All at the same time, as each mostly waits."""

    async def one(name: str, fault: Play) -> None:
        began = time.monotonic()
        try:
            await _assert_survives(fault, tmp_path)
            assert time.monotonic() - began < 15
        except BaseException as error:
            error.add_note(f"The fault was: {name}.")
            raise

    async with asyncio.TaskGroup() as group:
        for name, fault in HANGING.items():
            group.create_task(one(name, fault))


@pytest.mark.parametrize("name", BROKEN)
async def test_every_broken_answer_ends_in_a_result(name: str, tmp_path: Path) -> None:
    await _assert_survives(BROKEN[name], tmp_path)


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


@pytest.mark.parametrize(
    "command",
    [
        "trap '' TERM; while :; do sleep 300; done",
        "setsid sleep 300 & sleep 300",
        "nohup sh -c 'trap \"\" TERM; sleep 300' & disown; sleep 300",
    ],
    ids=["ignores TERM", "a daemon", "a stubborn daemon"],
)
async def test_commands_that_outlive_their_clock_leave_nothing(
    command: str, tmp_path: Path
) -> None:
    provider = Scripted([calls("Bash", command=command, timeout=100), says(BACK)])
    env = {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}
    more: dict[str, Any] = {"tools": ["Bash"], "allowed_tools": ["Bash"], "env": env}
    given = options("http://none", tmp_path, provider=provider, **more)
    async with Client(given) as client:
        await client.query(PROMPT)
        assert (await response(client))[-1].result == BACK  # type: ignore[union-attr]
        assert alive() == []
    assert "stopped by its timeout" in str(provider.bodies[1]["messages"][-1])


async def test_daemons_end_with_the_session(tmp_path: Path) -> None:
    """Also those that left their process group while the command ended well."""
    command = "setsid sleep 300 >/dev/null 2>&1 & echo up"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    more: dict[str, Any] = {"tools": ["Bash"], "allowed_tools": ["Bash"]}
    given = options("http://none", tmp_path, provider=provider, **more)
    async with Client(given) as client:
        await client.query(PROMPT)
        assert (await response(client))[-1].result == BACK  # type: ignore[union-attr]
        assert alive()
    assert alive() == []


def test_sessions_that_nobody_closed_end_with_their_loop(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    command = f"setsid sleep 300 & touch {begun}; sleep 300"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    more: dict[str, Any] = {"tools": ["Bash"], "allowed_tools": ["Bash"]}
    forgotten = Client(options("http://none", tmp_path, provider=provider, **more))

    async def forgets_it() -> None:
        await forgotten.connect(PROMPT)
        async with asyncio.timeout(BOUND):
            while not begun.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert alive()

    asyncio.run(forgets_it())
    assert alive() == []
    asyncio.run(forgotten.close())


def test_ctrl_c_in_a_script_ends_the_session_first(tmp_path: Path) -> None:
    command = "setsid sleep 300 & trap '' TERM INT; touch begun; sleep 300"
    script = f"""
from hames import AgentOptions, run
from hames.testing import Scripted, calls
options = AgentOptions(provider=Scripted([calls("Bash", command={command!r})]), cwd={str(tmp_path)!r},
                       allowed_tools=["Bash"], persist_session=False)
try:
    run("go", options)
except KeyboardInterrupt:
    print("ended", flush=True)
    input()
"""
    mark = f"soak-{os.urandom(8).hex()}"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "SOAK": mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as host:
        assert _soon((tmp_path / "begun").exists, BOUND)
        host.send_signal(signal.SIGINT)
        assert host.stdout is not None
        assert host.stdout.readline() == b"ended\n"
        assert _carrying(mark, but=host.pid) == []
        host.communicate(b"\n")


def test_a_tool_that_blocks_its_thread_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    script = f"""
import threading
from hames import AgentOptions, run, tool
from hames.testing import Scripted, calls, says

@tool(timeout=0.05)
def blocking() -> str:
    threading.Event().wait()

plays = [calls("blocking"), says("Went on.")]
options = AgentOptions(provider=Scripted(plays), tools=[blocking], cwd={str(tmp_path)!r},
                       persist_session=False)
print(run("go", options).result)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=BOUND)
    assert (ran.returncode, ran.stdout) == (0, b"Went on.\n"), ran.stderr.decode()


def test_a_host_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    for number in range(2):
        _kill_a_host(tmp_path / str(number))


def _kill_a_host(folder: Path) -> None:
    """Start a host whose agent runs commands and daemons, kill it, and look for what it left."""
    folder.mkdir()
    command = "setsid sleep 300 & trap '' TERM; sleep 300 & touch begun; wait; sleep 300"
    script = f"""
from hames import AgentOptions, run
from hames.testing import Scripted, calls
plays = [calls("Bash", command='sleep 300', run_in_background=True), calls("Bash", {{"command": {command!r}}})]
run("go", AgentOptions(provider=Scripted(plays), cwd={str(folder)!r}, allowed_tools=["Bash"],
                       persist_session=False))
"""
    mark = f"soak-{os.urandom(8).hex()}"
    host = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "SOAK": mark})
    try:
        assert _soon((folder / "begun").exists, BOUND)
        assert len(_carrying(mark, but=host.pid)) >= 4
    finally:
        host.kill()
        host.wait()
    assert _soon(lambda: not _carrying(mark), 2), _carrying(mark)


def _carrying(mark: str, *, but: int = 0) -> list[int]:
    """Processes with this in their environment; found in another way than the package does."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes() and int(pid) != but:
                found.append(int(pid))
    return found


def _soon(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (reached := true()) and time.monotonic() < end:
        time.sleep(0.01)
    return reached


# The soak.


async def test_callers_that_do_anything_leave_nothing_behind(tmp_path: Path) -> None:
    await _soak(random.Random(7), tmp_path, seconds=8)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_callers_that_do_anything_for_long_leave_nothing_behind(tmp_path: Path) -> None:
    await _soak(random.Random(), tmp_path, seconds=600)
    for number in range(30):
        await asyncio.to_thread(_kill_a_host, tmp_path / f"host-{number}")


async def _soak(rng: random.Random, folder: Path, *, seconds: float) -> None:
    """Sessions side by side that are left in every way, for so long; then look at what there is."""
    end, seed = time.monotonic() + seconds, rng.getrandbits(32)
    rng.seed(seed)
    sessions, turns = 0, 0
    stops: list[int] = []
    try:
        await _batch(rng, folder / "warm", 20)
        before, grown = _resources(), _memory()
        while time.monotonic() < end:
            turns += await _batch(rng, folder / str(sessions), 10)
            sessions += 10
            after = _resources()
            assert after == before, f"{before} became {after}"
            stops.append(_memory())
    except BaseException as error:
        error.add_note(f"The seed was {seed}; {sessions} sessions had ended well.")
        raise
    print(f"{sessions} sessions, {turns} turns, {grown:,} to {stops[-1]:,} KiB")
    # Allocators keep what they had at most; what leaks grows with every session.
    assert stops[-1] - min(stops[: len(stops) // 2]) < 4_000 + sessions // 4, stops


async def _batch(rng: random.Random, folder: Path, count: int) -> int:
    """So many sessions at the same time; how many results they gave."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_one(random.Random(rng.random()), folder / str(number)))
            for number in range(count)
        ]
    # What was dropped is ended by the garbage collector and a few turns of the loop.
    gc.collect()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    async with asyncio.timeout(2):
        while alive():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return sum(task.result() for task in tasks)


async def _one(rng: random.Random, folder: Path) -> int:
    """One session that somebody uses and leaves in some way."""
    scene = make(rng.choice(NAMES), folder)
    provider: Any = Scripted([*scene.plays, says("More.").forever()])
    given = AgentOptions(provider=provider, session_store=MemoryStore(), **scene.options)
    results = 0

    async def use(client: Client) -> None:
        nonlocal results
        for _ in range(rng.randint(1, 4)):
            await client.query(PROMPT)
            stop = rng.randint(0, 12)
            async for message in client.receive_response():
                stop -= 1
                if stop == 0:
                    await client.interrupt()
                results += isinstance(message, ResultMessage)

    async def drop() -> None:
        client = Client(given)
        await client.connect(PROMPT)
        async for _ in client.receive_response():
            if rng.random() < 0.2:
                break

    match rng.randrange(6):
        case 0 | 1:
            async with Client(given) as client:
                await use(client)
        case 2:  # cancelled anywhere, connecting included
            task = asyncio.create_task(_used(given, use))
            for _ in range(rng.randint(0, 60)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        case 3:  # closed by somebody else
            client = Client(given)
            await client.connect()
            using = asyncio.create_task(use(client))
            for _ in range(rng.randint(0, 60)):
                await asyncio.sleep(0)
            await client.close()
            using.cancel()
            await asyncio.wait([using])
            assert using.cancelled() or isinstance(using.exception(), Exception | None)
        case 4:  # dropped without a word
            await drop()
        case 5:
            async for message in query(prompt=PROMPT, options=given):
                results += isinstance(message, ResultMessage)
                if rng.random() < 0.1:
                    break
    return results


async def _used(given: AgentOptions, use: Callable[[Client], Any]) -> None:
    async with Client(given) as client:
        await use(client)


def _resources() -> dict[str, int]:
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len([t for t in threading.enumerate() if t.name == "hames call"]),
        "children": len(alive()),
    }


def _memory() -> int:
    """Resident memory in KiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
