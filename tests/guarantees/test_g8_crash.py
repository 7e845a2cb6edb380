"""G8: a crash loses nothing and repeats nothing.

The promise: after a crash at any moment a session is resumed with all that was stored; nothing is done
again by us; and the model is told what ran, what did not run, and what is unknown, with what can be seen
of it. Two who write to one session branch, and are both told.

How it is tried: hosts that really die. They kill themselves with SIGKILL before, within and after every
write to the transcript, before every file they open to write, make, rename or remove, and in the middle
of every write. Then the session is resumed, and what is in the file, in the world and in the request is
compared.

Run: `pytest tests/guarantees/test_g8_crash.py`. What fails around a session is in `test_g8_surroundings`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from plays import AGAIN, BACK, NAMES, Scene, make

from hames import AgentOptions, Client, query
from hames.messages import ResultMessage
from hames.sessions.files import FileStore
from hames.sessions.transcript import decode_all
from hames.testing import FakeAPI, Scripted, says

HERE = Path(__file__).parent


class Host:
    """The process that forks one that dies for each job."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "crash_host.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def run(self, **job: Any) -> dict[str, Any]:
        """Run a job to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@dataclass
class Crash:
    """One death of a host, and what it left."""

    scene: Scene
    config: Path
    session: str
    exit: int
    appends: int
    touches: int
    stored: bytes = b""
    effects: list[str] = field(default_factory=list)

    @property
    def store(self) -> FileStore:
        return FileStore(str(self.config))

    @property
    def transcript(self) -> Path | None:
        return next(iter(self.config.rglob(f"{self.session}.jsonl")), None)


def die(host: Host, api: FakeAPI, folder: Path, play: str, at: int, when: str) -> Crash:
    """Run a play in a host that dies at the append `at`; wait until all it had started has ended."""
    session, work = str(uuid.uuid4()), folder / f"{at}-{when}"
    scene = make(play, work)
    api.route(lambda request: request.headers["x-claude-code-session-id"] == session, scene.plays)
    config = folder / f"config-{at}-{when}"
    told = host.run(
        do="play",
        play=play,
        folder=str(work),
        config=str(config),
        url=api.url,
        session=session,
        at=at,
        when=when,
    )
    _wait_until_childless(session)
    crash = Crash(
        scene, config, session, told["exit"], told.get("appends", 0), told.get("touches", 0)
    )
    if crash.transcript:
        crash.stored = crash.transcript.read_bytes()
    crash.effects = scene.done()
    return crash


def _wait_until_childless(session: str, seconds: float = 5.0) -> None:
    """Nothing that ran for a session may outlive its host by more than some seconds."""
    mark = f"CLAUDE_CODE_SESSION_ID={session}".encode()
    end = time.monotonic() + seconds
    while left := [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _has(pid, mark)]:
        assert time.monotonic() < end, f"Still alive after the host's death: {left}"
        time.sleep(0.01)


def _has(pid: str, mark: bytes) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        return state not in (b"Z", b"X") and mark in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


async def go_on(api: FakeAPI, crash: Crash) -> tuple[dict[str, Any], ResultMessage]:
    """Resume in this process: the request that is sent, and the result."""
    before = len(api.requests)
    options = {**crash.scene.options, "resume": crash.session}
    answer = query(
        prompt=AGAIN,
        options=AgentOptions(
            session_store=crash.store,
            env={"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "test"},
            **options,
        ),
    )
    messages = [message async for message in answer]
    assert isinstance(messages[-1], ResultMessage)
    return api.requests[before].body, messages[-1]


def assert_nothing_lost(crash: Crash, sent: dict[str, Any]) -> None:
    """All content of whole lines is in the request."""
    text = json.dumps(sent["messages"])
    for entry in decode_all(crash.stored.splitlines())[0]:
        if entry.type in ("user", "assistant") and not entry.isApiErrorMessage:
            for block in entry.blocks:
                value = block.value()
                if block.type == "thinking":
                    continue  # a reply that was cut after its thoughts is sent without them
                kept = value.get("text") or value.get("content") or value.get("id")
                assert json.dumps(kept)[1:-1] in text, f"Lost: {value}"


def assert_told_the_truth(crash: Crash, sent: dict[str, Any]) -> None:
    """Each call without a stored result: not run, or started, as the file and the world have it."""
    entries = decode_all(crash.stored.splitlines())[0]
    started = {entry.toolUseId for entry in entries if entry.type == "hames-call"}
    blocks = [block for entry in entries if entry.in_chain for block in entry.blocks]
    answered = {block.id for block in blocks if block.type == "tool_result"}
    results = {
        block["tool_use_id"]: json.dumps(block["content"])
        for message in sent["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    }
    for block in blocks:
        if block.type == "tool_use" and block.id not in answered:
            said = results[block.id or ""]
            expected = "was started" if block.id in started else "was not run"
            assert expected in said, said
    ran = len(started)
    written = sum(Counter(crash.effects).values()) if crash.scene.name != "edits" else 0
    assert written <= ran, "an effect of a call that is not known to have started"


@pytest.mark.parametrize("play", NAMES)
async def test_killed_at_every_write_a_session_goes_on(
    play: str, tmp_path: Path, host: Host
) -> None:
    with FakeAPI(account=False) as api:
        whole = die(host, api, tmp_path, play, 0, "never")
        assert whole.exit == 0
        for at in range(1, whole.appends + 1):
            for when in ("before", "within", "after"):
                crash = die(host, api, tmp_path, play, at, when)
                await assert_it_goes_on(api, crash)
                assert not Counter(crash.effects) - Counter(whole.effects) or play == "edits"
        assert api.problems == []


STAGES = {
    "edits": [["one", "two", "three"], ["1", "two", "three"], ["1", "2", "three"], ["1", "2", "3"]],
    "permission": [[], ["written"]],
}
"""What the file of a play can hold, one after the other."""

SEEN = {
    "edits": ("still holds `old_string`, so it was not edited", "is as after this edit"),
    "permission": ("does not exist, so it was not written", "has exactly the content"),
}
"""What the model is told of a change that was cut off: that it is not there, or that it is."""


@pytest.mark.parametrize("play", STAGES)
async def test_killed_at_every_touch_of_the_disk_a_change_was_made_whole_or_not_at_all(
    play: str, tmp_path: Path, host: Host
) -> None:
    told = set()
    with FakeAPI(account=False) as api:
        whole = die(host, api, tmp_path, play, 0, "touch")
        assert whole.touches > whole.appends, "the writes to the transcript, and others"
        moments = [(at, "touch") for at in range(1, whole.touches + 1)]
        for at, when in [*moments, *((at, "before") for at in range(1, whole.appends + 1))]:
            crash = die(host, api, tmp_path, play, at, when)
            sent = await assert_it_goes_on(api, crash)
            stage = STAGES[play].index(crash.effects)
            if sent is None or "was started" not in (text := json.dumps(sent)):
                continue
            changes = text.count('"tool_result"') - (play == "edits")  # which begins with Read
            if changes == 0:
                assert "It only reads, so nothing is lost by repeating it." in text
                continue
            done = stage == changes
            assert SEEN[play][done] in text
            assert SEEN[play][not done] not in text
            told.add(done)
        assert told == {False, True}
        assert api.problems == []


async def assert_it_goes_on(api: FakeAPI, crash: Crash) -> dict[str, Any] | None:
    """The request with which it does; None when there is nothing to go on with."""
    assert crash.exit == -9
    if not decode_all(crash.stored.splitlines())[0]:
        return None  # it died before there was a session
    sent, result = await go_on(api, crash)
    assert result.result == BACK
    assert_nothing_lost(crash, sent)
    assert_told_the_truth(crash, sent)
    assert crash.scene.done() == crash.effects, "something was done again"
    assert crash.transcript is not None
    stored = crash.transcript.read_bytes()
    assert stored.startswith(crash.stored)
    whole = crash.stored.endswith(b"\n")
    assert whole or stored[len(crash.stored) :].startswith(b"\n"), "written behind half a line"
    return sent


@pytest.mark.parametrize("when", ["before", "within", "after"])
async def test_killed_while_it_is_taken_up_again_a_session_still_goes_on(
    when: str, tmp_path: Path, host: Host
) -> None:
    """The second crash comes when the first one is being told."""
    with FakeAPI(account=False) as api:
        for at in (1, 2, 3):
            crash = die(host, api, tmp_path / str(at), "bash", 5, "before")
            again = host.run(
                do="resume",
                play="bash",
                folder=str(crash.scene.folder),
                config=str(crash.config),
                url=api.url,
                session=crash.session,
                at=at,
                when=when,
            )
            assert again["exit"] == -9
            sent, result = await go_on(api, crash)
            assert result.result == BACK
            assert_nothing_lost(crash, sent)
            assert_told_the_truth(crash, sent)
            assert crash.scene.done() == crash.effects == ["ran"]
            text = json.dumps(sent)
            assert text.count("was started, but the session was cut off") == 1
        assert api.problems == []


async def test_sixteen_processes_go_on_with_one_session_and_are_told(
    tmp_path: Path, host: Host
) -> None:
    with FakeAPI(account=False) as api:
        start = die(host, api, tmp_path, "bash", 0, "never")
        told = host.run(
            do="together",
            processes=16,
            play="bash",
            folder=str(start.scene.folder),
            config=str(start.config),
            url=api.url,
            session=start.session,
        )["processes"]
        assert [each["exit"] for each in told] == [0] * 16
        times = [sum("Somebody else is writing" in text for text in each["told"]) for each in told]
        assert set(times) <= {0, 1}
        assert times.count(0) <= 1, "only who had ended before the others began cannot know"
        assert start.transcript is not None
        data = start.transcript.read_bytes()
        entries, damaged = decode_all(data.splitlines())
        assert damaged == []
        assert data.startswith(start.stored)
        prompts = [e.blocks[0].value()["text"] for e in entries if b"Process" in e.raw and e.uuid]
        assert len(set(prompts)) == len(prompts) == 32
        sent, result = await go_on(api, start)
        assert result.result == BACK
        spoken = [line for line in prompts if line in json.dumps(sent)]
        assert len(spoken) == 2, "one branch, whole: the one written to last"
        assert len({line.split(",")[0] for line in spoken}) == 1
        assert api.problems == []


async def test_two_clients_on_one_session_are_both_told_and_keep_their_own_branch(
    tmp_path: Path,
) -> None:
    def options(**more: Any) -> AgentOptions:
        provider = Scripted([says("Yes."), says("Again.")])
        store = FileStore(str(tmp_path / "config"))
        return AgentOptions(provider=provider, session_store=store, cwd=tmp_path, **more)

    first = [message async for message in query(prompt="Start.", options=options())][-1]
    assert isinstance(first, ResultMessage)
    told: dict[str, list[str]] = {"Ann": [], "Ben": []}
    mine = {name: options(resume=first.session_id) for name in told}
    async with Client(mine["Ann"]) as ann, Client(mine["Ben"]) as ben:
        for turn in ("one", "two"):
            for name, client in (("Ann", ann), ("Ben", ben)):
                await client.query(f"{name} {turn}")
                [*_, result] = [message async for message in client.receive_response()]
                assert isinstance(result, ResultMessage)
                told[name] += [owed["text"] for owed in result.obligations or ()]
    for name, other in (("Ann", "Ben"), ("Ben", "Ann")):
        assert [text for text in told[name] if "two branches" in text]
        provider = mine[name].provider
        assert isinstance(provider, Scripted)
        assert f"{name} one" in json.dumps(provider.bodies[1])
        assert other not in json.dumps(provider.bodies[1])
