"""G6: interrupt means stop, and the truth is recorded.

The promise: an interrupt is accepted in every state. Its result comes within half a second, no child is
alive then, what had arrived is kept, the model is told what was done, what was not and that it was
interrupted, and the next prompt is answered on the same cached prefix.

How it is tried: each of ten plays is interrupted at every moment at which something can be seen: each
event of the agent and of the model's stream, each write to the store, each call of a function of the
caller. Then by who reads the messages, by Ctrl-C, between tries, in hooks, and in commands that resist.

Run: `pytest tests/guarantees/test_g6_interrupt.py`. As a program it prints how long the results took:
`PYTHONPATH=tests/guarantees:tests/cli python tests/guarantees/test_g6_interrupt.py`.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from plays import AGAIN, BACK, NAMES, PROMPT, Scene, alive, make

from hames import AgentOptions, Client, HookMatcher, tool
from hames.events import Event, Noted, Streamed
from hames.messages import ResultMessage
from hames.sessions.memory import MemoryStore
from hames.testing import (
    FakeAPI,
    Recorder,
    Scripted,
    assert_prefix_stable,
    calls,
    fails,
    hangs,
    judge,
    says,
)

PROMISED = 0.5
"""Seconds from an interrupt to its result."""
TRIES = 3
"""A result that came later is tried again: a busy machine delays some, a fault of ours all."""
BOUND = 10.0
"""Seconds after which a test gives up."""

INTERRUPTED = "[Request interrupted by user"


@dataclass
class Session:
    """A scene being played, interrupted at one moment."""

    scene: Scene
    at: int | None
    """Number of the moment; None for never."""
    store: MemoryStore = field(default_factory=MemoryStore)
    moments: list[str] = field(default_factory=list)
    shown: str = ""
    """Text of the reply under way that was streamed before the interrupt."""
    interrupt: Callable[[], object] = lambda: None
    asked: float | None = None
    """When the interrupt was asked for."""

    def moment(self, what: str) -> None:
        """Something can be seen: interrupt, if this is where."""
        self.moments.append(what)
        if len(self.moments) - 1 == self.at:
            self.asked = time.perf_counter()
            self.interrupt()

    def event(self, event: Event) -> None:
        """What the agent emits, seen from inside, before it goes on."""
        if isinstance(event, Noted) and event.subtype == "api_retry":
            self.shown = ""  # it was lost and is asked for once more
        elif isinstance(event, Streamed) and self.asked is None:
            begins = _kind(event.raw) == "message_start"
            self.shown = "" if begins else self.shown + _text_of(event.raw)
        kind = type(event).__name__
        self.moment(_kind(event.raw) if isinstance(event, Streamed) else kind)


class Watched(MemoryStore):
    """A store whose every write is a moment."""

    def __init__(self, moment: Callable[[str], object]) -> None:
        super().__init__()
        self._moment = moment

    async def append(self, key: Any, lines: Any) -> Any:
        self._moment("append")
        span = await super().append(key, lines)
        self._moment("appended")
        return span


@asynccontextmanager
async def playing(session: Session, provider: Any) -> AsyncIterator[Client]:
    """A client whose session tells of every moment."""
    options = AgentOptions(
        provider=provider,
        session_store=Watched(session.moment),
        include_partial_messages=True,
        **session.scene.options,
    )
    async with Client(options) as client:
        assert client._supervisor is not None
        session.interrupt = client._supervisor.interrupt
        agent = await client._supervisor.agent()
        agent.listeners.append(session.event)
        yield client


async def result_of(client: Client) -> ResultMessage:
    async with asyncio.timeout(BOUND):
        [*_, result] = [message async for message in client.receive_response()]
    assert isinstance(result, ResultMessage)
    return result


async def play(name: str, folder: Path, at: int | None) -> tuple[Session, float]:
    """Interrupt a scene at one moment and hold it to everything that is promised; the latency."""
    session = Session(make(name, folder, lambda what: session.moment(what)), at)
    recorder = Recorder(Scripted(session.scene.plays))
    async with playing(session, recorder) as client:
        await client.query(PROMPT)
        result = await result_of(client)
        seconds = time.perf_counter() - session.asked if session.asked else 0.0
        before = len(recorder.requests)
        if at is not None:
            assert _ended_as_it_should(session, result), (result.terminal_reason, result.errors)
        _assert_nothing_runs(result)

        await client.query(AGAIN)
        again = await result_of(client)
        assert (again.subtype, again.result) == ("success", BACK)
    assert alive() == []
    _assert_told(session, result, recorder.requests[before])
    _assert_acceptable(recorder.requests)
    return session, seconds


def _ended_as_it_should(session: Session, result: ResultMessage) -> bool:
    """An interrupt that comes when the last reply is whole is too late; any other one stops."""
    if "aborted" in (result.terminal_reason or ""):
        return True
    whole = len(session.moments) - 1 - session.moments[::-1].index("message_stop")
    return session.at is not None and session.at >= whole


def _assert_nothing_runs(result: ResultMessage) -> None:
    """Nothing is alive but what was put in the background, and that is owned up to."""
    owed = [o for o in result.obligations if o["kind"] == "background_command"]
    assert len(alive()) == 0 or owed, alive()


def _assert_told(session: Session, result: ResultMessage, request: Any) -> None:
    """The model knows what it said, what was done, what was not, and that it was interrupted."""
    if "aborted" not in (result.terminal_reason or ""):
        return
    assert INTERRUPTED in request.text
    assert session.shown.strip() in request.text
    done = session.scene.done()
    assert sorted(set(done)) == sorted(done), "something was done twice"


def _assert_acceptable(requests: list[Any]) -> None:
    for request in requests:
        assert judge(request.body, size=len(request.raw)) == []
    assert_prefix_stable(requests)


def _kind(raw: bytes) -> str:
    found = re.match(rb'\{"type":"(\w+)"', raw)
    assert found is not None, raw
    return found[1].decode()


def _text_of(raw: bytes) -> str:
    return str(json.loads(raw).get("delta", {}).get("text", ""))


async def at_every_moment(name: str, folder: Path) -> list[float]:
    """Play a scene once to its end, then once for each of its moments; the latencies in seconds."""
    # All folders have names of one length: the path stands in what is streamed.
    whole, _ = await play(name, folder / "whole", None)
    latencies = []
    moments = whole.moments[: whole.moments.index("Answered") + 1]
    for at, moment in enumerate(moments):
        try:
            for tried in range(TRIES):
                _, seconds = await play(name, folder / f"{tried}{at:04}", at)
                if seconds < PROMISED:
                    break
        except BaseException as error:
            error.add_note(f"`{name}` interrupted at moment {at} ({moment}) of {len(moments)}")
            raise
        latencies.append(seconds)
    return latencies


@pytest.mark.parametrize("name", NAMES)
async def test_interrupted_at_every_moment(name: str, tmp_path: Path) -> None:
    latencies = await at_every_moment(name, tmp_path)
    assert len(latencies) > 10
    assert max(latencies) < PROMISED


@pytest.mark.parametrize("name", NAMES)
async def test_interrupted_by_the_one_who_reads_the_messages(name: str, tmp_path: Path) -> None:
    """From outside, as callers do: the agent is already further than what was read last."""
    for at in range(100):
        scene = make(name, tmp_path / str(at))
        recorder = Recorder(Scripted(scene.plays))
        options = AgentOptions(provider=recorder, session_store=MemoryStore(), **scene.options)
        async with asyncio.timeout(BOUND), Client(options) as client:
            await client.query(PROMPT)
            count = 0
            async for message in client.receive_response():
                result = message
                if count == at:
                    await client.interrupt()
                count += 1
            assert isinstance(result, ResultMessage)
            assert "aborted" in (result.terminal_reason or "") or result.result
            _assert_nothing_runs(result)
            await client.query(AGAIN)
            assert (await result_of(client)).result == BACK
        _assert_acceptable(recorder.requests)
        if count <= at:
            return
    raise AssertionError("the play did not end")


@pytest.mark.parametrize("name", NAMES)
async def test_a_session_interrupted_anywhere_is_resumed_with_the_same_bytes(
    name: str, tmp_path: Path
) -> None:
    whole, _ = await play(name, tmp_path / "whole", None)
    for at in range(3, whole.moments.index("Answered"), 5):
        session = Session(make(name, tmp_path / f"{at:05}", lambda what: session.moment(what)), at)  # noqa: B023
        recorder = Recorder(Scripted(session.scene.plays))
        async with playing(session, recorder) as client:
            await client.query(PROMPT)
            result = await result_of(client)
            agent = await client._supervisor.agent()  # type: ignore[union-attr]
            stored, sent = agent.conversation.log._store, agent.conversation.sendable()[1]
        options = {**session.scene.options, "provider": recorder, "session_store": stored}
        async with Client(AgentOptions(resume=result.session_id, **options)) as client:
            agent = await client._supervisor.agent()  # type: ignore[union-attr]
            assert [turn.encode() for turn in agent.conversation.turns] == sent
            await client.query(AGAIN)
            assert (await result_of(client)).result == BACK
        _assert_acceptable(recorder.requests)


STUBBORN = {
    "a command": "sleep 300",
    "one that ignores TERM": "trap '' TERM; sleep 300 & while :; do wait; done",
    "a daemon": "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 300; done' & sleep 300",
    "a daemon without environment": "env -i setsid sleep 300 & sleep 300",
    "a torrent of output": "yes",
    "a torrent that ignores TERM": "trap '' TERM; yes",
    "a pipeline": "sleep 300 | sleep 300 | cat",
    "one that stops itself": "kill -STOP $$",
}


@pytest.mark.parametrize("what", STUBBORN)
async def test_nothing_of_an_interrupted_command_stays_alive(what: str, tmp_path: Path) -> None:
    for tried in range(TRIES):
        if await _interrupt_command(what, tmp_path / f"begun-{tried}") < PROMISED:
            return
    raise AssertionError(f"the result came later than {PROMISED} s after the interrupt")


async def _interrupt_command(what: str, begun: Path) -> float:
    """Interrupt a command once it has made a file; seconds to the result."""
    command = f"echo I have begun; touch {begun}; {STUBBORN[what]}"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    options = AgentOptions(
        provider=provider, cwd=begun.parent, persist_session=False, allowed_tools=["Bash"]
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        await _until(begun.exists)
        asked = time.perf_counter()
        await client.interrupt()
        result = await result_of(client)
        seconds = time.perf_counter() - asked
        assert result.terminal_reason == "aborted_tools"
        assert alive() == []
        await client.query(AGAIN)
        assert (await result_of(client)).result == BACK
    told = str(provider.bodies[1]["messages"][2]["content"][0]["content"])
    assert "interrupted" in told
    assert "I have begun" in told
    return seconds


async def test_a_command_that_was_stopped_can_tidy_up_before_it_ends(tmp_path: Path) -> None:
    begun, tidied = tmp_path / "begun", tmp_path / "tidied"
    command = f"trap 'touch {tidied}; exit' TERM; touch {begun}; kill -STOP $$; sleep 300 & wait"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    options = AgentOptions(
        provider=provider, cwd=tmp_path, persist_session=False, allowed_tools=["Bash"]
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        await _until(begun.exists)
        await client.interrupt()
        assert (await result_of(client)).terminal_reason == "aborted_tools"
    assert tidied.exists()
    assert alive() == []


async def test_an_interrupt_leaves_background_commands_alone_and_says_so(tmp_path: Path) -> None:
    """As the result does; they end with the session."""
    begun = tmp_path / "begun"
    command = f"touch {begun}; sleep 300"
    plays = [calls("Bash", command=command, run_in_background=True), hangs()]
    provider = Scripted(plays)
    options = AgentOptions(
        provider=provider, cwd=tmp_path, persist_session=False, allowed_tools=["Bash"]
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        await _until(begun.exists)
        await _until(lambda: len(provider.requests) == 2)
        await client.interrupt()
        result = await result_of(client)
        assert [o["kind"] for o in result.obligations] == ["background_command"]
        assert alive()
    assert alive() == []


async def test_asking_several_times_gives_one_result(tmp_path: Path) -> None:
    options = AgentOptions(
        provider=Scripted([hangs(), says(BACK).when(AGAIN)]), cwd=tmp_path, persist_session=False
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        for _ in range(5):
            await client.interrupt()
            await asyncio.sleep(0)
        assert (await result_of(client)).terminal_reason == "aborted_streaming"
        await client.interrupt()
        await client.query(AGAIN)
        assert (await result_of(client)).result == BACK


async def test_an_interrupt_without_an_answer_under_way_does_nothing(tmp_path: Path) -> None:
    options = AgentOptions(
        provider=Scripted([says("One."), says("Two.")]), cwd=tmp_path, persist_session=False
    )
    async with Client(options) as client:
        await client.interrupt()
        await client.query(PROMPT)
        assert (await result_of(client)).result == "One."
        await client.interrupt()
        await asyncio.sleep(0.01)
        await client.query(AGAIN)
        assert (await result_of(client)).result == "Two."


async def test_a_prompt_that_was_waiting_is_answered_after_the_interrupt(tmp_path: Path) -> None:
    provider = Scripted([hangs(), says(BACK).when(AGAIN)])
    options = AgentOptions(provider=provider, cwd=tmp_path, persist_session=False)
    async with Client(options) as client:
        await client.query(PROMPT)
        await _until(lambda: len(provider.requests) == 1)
        await client.query(AGAIN)
        await client.interrupt()
        assert (await result_of(client)).terminal_reason == "aborted_streaming"
        assert (await result_of(client)).result == BACK


async def test_an_interrupt_between_tries_ends_the_waiting(tmp_path: Path) -> None:
    from hames.providers.retry import RetryPolicy

    options = AgentOptions(
        provider=Scripted([fails(529), says(BACK)]),
        cwd=tmp_path,
        persist_session=False,
        retry=RetryPolicy(base_delay=600, max_delay=600),
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        async with asyncio.timeout(BOUND):
            async for message in client.receive_messages():
                if getattr(message, "subtype", "") == "api_retry":
                    break
        await client.interrupt()
        assert (await result_of(client)).terminal_reason == "aborted_streaming"
        await client.query(AGAIN)
        assert (await result_of(client)).result == BACK


@pytest.mark.parametrize("event", ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"])
async def test_an_interrupt_ends_the_waiting_for_a_hook(event: str, tmp_path: Path) -> None:
    """A prompt that hooks have not let through is not kept: one of them may be there to stop it."""
    asked, first = asyncio.Event(), True

    async def hangs_once(*_: Any) -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            asked.set()
            await asyncio.Event().wait()
        return {}

    @tool
    def act() -> str:
        return "done"

    recorder = Recorder(Scripted([says(BACK).when(AGAIN).forever(), calls("act"), says("Acted.")]))
    options = AgentOptions(
        provider=recorder,
        cwd=tmp_path,
        persist_session=False,
        tools=[act],
        hooks={event: [HookMatcher(hooks=[hangs_once])]},
    )
    async with Client(options) as client:
        await client.query(PROMPT)
        await asyncio.wait_for(asked.wait(), BOUND)
        await client.interrupt()
        assert "aborted" in str((await result_of(client)).terminal_reason)
        await client.query(AGAIN)
        assert (await result_of(client)).result == BACK
    last = recorder.requests[-1]
    assert INTERRUPTED in last.text
    assert "Where you work" in last.text
    assert (PROMPT in last.text) == (event != "UserPromptSubmit")
    _assert_acceptable(recorder.requests)


async def test_parallel_calls_are_all_stopped_and_each_is_told(tmp_path: Path) -> None:
    started = asyncio.Semaphore(0)

    @tool(parallel=True)
    async def wait(n: int) -> str:
        started.release()
        await asyncio.Event().wait()
        return ""

    calling = calls("wait", n=0)
    for n in range(1, 14):
        calling += calls("wait", n=n)
    provider = Scripted([calling, says(BACK)])
    options = AgentOptions(provider=provider, cwd=tmp_path, persist_session=False, tools=[wait])
    async with Client(options) as client:
        await client.query(PROMPT)
        for _ in range(10):
            await asyncio.wait_for(started.acquire(), BOUND)
        await client.interrupt()
        assert (await result_of(client)).terminal_reason == "aborted_tools"
        await client.query(AGAIN)
        assert (await result_of(client)).result == BACK
    told = [b["content"] for b in provider.bodies[1]["messages"][2]["content"] if "content" in b]
    assert ["while it was running" in t for t in told] == [True] * 10 + [False] * 4
    assert all("not started" in t for t in told[10:])


@pytest.mark.parametrize(
    ("name", "at"), [("text", 0), ("thinking", 7), ("bash", 14), ("edits", 25), ("long", 12)]
)
def test_sigint_at_a_line_of_the_command_line(name: str, at: int, tmp_path: Path) -> None:
    """The first Ctrl-C interrupts the answer: its result is printed, the session can be resumed."""
    for tried in range(TRIES):
        (tmp_path / str(tried)).mkdir()
        if _sigint_at(name, at, tmp_path / str(tried)) < PROMISED:
            return
    raise AssertionError(f"the result came later than {PROMISED} s after the signal")


def _sigint_at(name: str, at: int, folder: Path) -> float:
    """Send the signal after so many lines; seconds to the result."""
    scene = make(name, folder / "project")
    slow = [play.paced(0.005) if play.failure is None else play for play in scene.plays]
    with FakeAPI(slow) as api:
        line = CommandLine(folder, api)
        flags = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
        allowed = ["--allowedTools", "Bash", "Read", "Edit"]
        with line.start("-p", PROMPT, *flags, *allowed) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.close()  # or it waits a while for more of the prompt
            lines = []
            asked = told = 0.0
            for raw in process.stdout:
                lines.append(json.loads(raw))
                if lines[-1]["type"] == "result":
                    told = time.perf_counter()
                if len(lines) == at + 1:
                    asked = time.perf_counter()
                    process.send_signal(signal.SIGINT)
            errors = process.stderr.read()
        results = [found for found in lines if found["type"] == "result"]
        assert len(results) == 1, errors
        assert (process.returncode, results[0]["subtype"]) == (0, "error_during_execution"), errors
        assert results[0]["terminal_reason"] in ("aborted_streaming", "aborted_tools")

        again = line.run("-p", AGAIN, "--resume", results[0]["session_id"], *allowed)
        assert (again.code, again.output) == (0, BACK + "\n"), again.errors
        assert INTERRUPTED in api.requests[-1].text
        _assert_acceptable(api.requests)
    return told - asked


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not true():  # noqa: ASYNC110 - what is waited for is outside of this process
            await asyncio.sleep(0.002)


async def _measure(folder: Path) -> None:
    """Print how long results took, in milliseconds."""
    print(f"{'play':20} {'count':>6} {'median':>8} {'95 %':>8} {'most':>8}")
    everything: list[float] = []
    for name in NAMES:
        found = await at_every_moment(name, folder / name)
        everything += found
        _print_row(name, found)
    _print_row("all", everything)


def _print_row(name: str, seconds: list[float]) -> None:
    ordered = sorted(1000 * s for s in seconds)
    median, most = ordered[len(ordered) // 2], ordered[-1]
    high = ordered[int(len(ordered) * 0.95)]
    print(f"{name:20} {len(ordered):6} {median:8.2f} {high:8.2f} {most:8.2f}")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(_measure(Path(scratch)))
    sys.exit(0)
