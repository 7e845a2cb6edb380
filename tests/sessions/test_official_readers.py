"""The official Python client and we see the same in the same files.

Runs where `claude-agent-sdk` can be imported; its source archive is enough, no binary is started.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hames import blocks
from hames._clock import Clock, Ids
from hames.sessions import edit, listing, resume
from hames.sessions.files import FileStore
from hames.sessions.fork import fork
from hames.sessions.log import SessionLog
from hames.sessions.store import Key

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("claude_agent_sdk") is None,
    reason="the official Python client is not installed",
)

DATA = Path(__file__).parent.parent / "data/sessions"
A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """A store in a config folder that the official client looks into."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    return FileStore(str(tmp_path / "config"))


async def run_a_session(store: FileStore, id: str, cwd: str) -> SessionLog:
    log = SessionLog.start(store, session_id=id, cwd=cwd, clock=Clock(), ids=Ids())
    for n in range(3):
        await log.user([blocks.text(f"Prompt {n} é \U0001f600")], prompt=True)
        await log.assistant(
            [
                blocks.text("I look."),
                blocks.tool_use(f"toolu_{n}a", "Bash", b'{"command":"git tag"}'),
                blocks.tool_use(f"toolu_{n}b", "Bash", b'{"summary":"x","tag":"y"}'),
            ],
            message_id=f"msg_{n}",
            model="claude-sonnet-4-5",
            usage={"input_tokens": 1, "output_tokens": 2},
            stop_reason="tool_use",
            request_id=f"req_{n}",
        )
        await log.call_started(f"toolu_{n}a", "Bash")
        await log.user([blocks.tool_result(f"toolu_{n}a", "x" * 30_000)])
        await log.user([blocks.tool_result(f"toolu_{n}b", "ok")])
        await log.assistant(
            [blocks.text("Done.")],
            message_id=f"end_{n}",
            model="claude-sonnet-4-5",
            usage={},
            stop_reason="end_turn",
        )
        await log.finish_turn(cost={"totalCostUSD": n})
    return log


async def assert_same(store: FileStore, id: str, cwd: str | None = None) -> list[Any]:
    """Lists and messages agree; returns the official messages."""
    import claude_agent_sdk as official

    theirs = [asdict(one) for one in official.list_sessions(directory=cwd)]
    ours = [msgspec.to_builtins(one) for one in await listing.list_sessions(store, cwd=cwd)]
    assert ours == theirs
    info, one = official.get_session_info(id), await listing.session_info(store, id)
    assert (info and asdict(info)) == (one and msgspec.to_builtins(one))
    messages = official.get_session_messages(id)
    own = await listing.messages(store, id)
    assert [msgspec.to_builtins(one) for one in own] == [asdict(one) for one in messages]
    return messages


async def test_they_list_and_read_ours(store: FileStore, tmp_path: Path) -> None:
    log = await run_a_session(store, A, str(tmp_path))
    await log.state("custom-title", {"customTitle": "Mine"})
    await log.state("tag", {"tag": "blue"})
    messages = await assert_same(store, A, str(tmp_path))
    loaded = await resume.load(store, log.key)
    assert len(messages) == 3 * 7
    assert [m.uuid for m in messages] == list(loaded.positions)


async def test_they_read_our_subagents(store: FileStore, tmp_path: Path) -> None:
    import claude_agent_sdk as official

    log = await run_a_session(store, A, str(tmp_path))
    agent = log.subagent("a0123456789abcdef")
    await agent.describe_agent({"agentType": "helper", "toolUseId": "toolu_9"})
    await agent.user([blocks.text("Look")])
    await agent.assistant(
        [blocks.tool_use("t1", "A", b"{}"), blocks.tool_use("t2", "B", b"{}")],
        message_id="m",
        model="x",
        usage={},
        stop_reason="tool_use",
    )
    await agent.user([blocks.tool_result("t1", "1"), blocks.tool_result("t2", "2")])
    assert official.list_subagents(A) == await listing.subagents(store, A) == ["a0123456789abcdef"]
    theirs = official.get_subagent_messages(A, "a0123456789abcdef")
    ours = await listing.subagent_messages(store, A, "a0123456789abcdef")
    assert [msgspec.to_builtins(one) for one in ours] == [asdict(one) for one in theirs]
    assert len(ours) == 5


async def test_their_edits_are_seen_by_us_and_ours_by_them(
    store: FileStore, tmp_path: Path
) -> None:
    import claude_agent_sdk as official

    log = await run_a_session(store, A, str(tmp_path))
    official.rename_session(A, "Theirs")
    official.tag_session(A, "red")
    await assert_same(store, A)
    assert (await resume.load(store, log.key)).title == "Theirs"
    await edit.rename(store, log.key, "Ours")
    await edit.tag(store, log.key, None)
    await assert_same(store, A)
    info = official.get_session_info(A)
    assert info is not None
    assert (info.custom_title, info.tag) == ("Ours", None)


async def test_forks_of_either_side_read_the_same(store: FileStore, tmp_path: Path) -> None:
    import claude_agent_sdk as official

    log = await run_a_session(store, A, str(tmp_path))
    turns = (await resume.load(store, log.key)).turns
    theirs = official.fork_session(A).session_id
    (key,) = await store.find(theirs)
    copied = (await resume.load(store, key)).turns
    assert [json.loads(t.encode()) for t in copied] == [json.loads(t.encode()) for t in turns]
    await fork(store, log.key, new_id=B, cwd=str(tmp_path))
    messages = await assert_same(store, B)
    assert [m.message for m in messages] == [m.message for m in official.get_session_messages(A)]


@pytest.mark.parametrize("name", ["official", "minimal", "compacted"])
async def test_official_transcripts_read_the_same(store: FileStore, name: str) -> None:
    await store.append(Key("-home-ana-app", A), (DATA / f"{name}.jsonl").read_bytes().splitlines())
    assert await assert_same(store, A)


@pytest.mark.parametrize("seed", range(150))
async def test_any_tree_of_lines_reads_the_same(store: FileStore, seed: int) -> None:
    """Branches, parallel results, marks, missing parents and damaged lines, at random."""
    rng = random.Random(seed)
    uuids: list[str] = []
    lines: list[bytes] = []
    for n in range(rng.randint(1, 30)):
        own = f"u{n}"
        if rng.random() < 0.75 and uuids:
            parent = uuids[-1]
        else:
            parent = rng.choice([*uuids, "missing", None])
        lines.append(_random_line(rng, own, parent, uuids))
        uuids.append(own)
    await store.append(Key("p", A), lines)
    await assert_same(store, A)


def _random_line(rng: random.Random, own: str, parent: str | None, uuids: list[str]) -> bytes:
    line: dict[str, Any] = {"parentUuid": parent, "uuid": own, "sessionId": A}
    if rng.random() < 0.7:
        line["timestamp"] = f"2026-01-01T10:00:{rng.randint(0, 5):02d}.000Z"
    for mark in ("isMeta", "isSidechain", "isCompactSummary"):
        if rng.random() < 0.06:
            line[mark] = True
    if rng.random() < 0.05:
        line["teamName"] = "t"
    kind = rng.choice(["user", "user", "assistant", "assistant", "result", "other"])
    match kind:
        case "user":
            line |= {"type": "user", "message": {"role": "user", "content": f"said {own}"}}
        case "assistant":
            content = [{"type": "text", "text": own}]
            if rng.random() < 0.7:
                id = f"t{rng.randint(0, 6)}"
                content = [{"type": "tool_use", "id": id, "name": "A", "input": {}}]  # type: ignore[dict-item]
            message = {"id": f"m{rng.randint(0, 4)}", "role": "assistant", "content": content}
            line |= {"type": "assistant", "message": message}
        case "result":
            block = {"type": "tool_result", "tool_use_id": f"t{rng.randint(0, 6)}", "content": "x"}
            line |= {"type": "user", "message": {"role": "user", "content": [block]}}
            if rng.random() < 0.5 and uuids:
                line["sourceToolAssistantUUID"] = rng.choice(uuids)
        case _:
            line["type"] = rng.choice(["system", "attachment", "progress", "future"])
    raw = json.dumps(line, separators=(",", ":")).encode()
    return raw[: rng.randrange(len(raw))] if rng.random() < 0.04 else raw


async def test_project_folders_are_the_same(store: FileStore, tmp_path: Path) -> None:
    import claude_agent_sdk as official

    deep = tmp_path / ("long name_" * 12) / ("x" * 150)
    os.makedirs(deep)
    for n, folder in enumerate((tmp_path, deep)):
        log = await run_a_session(store, f"{n:08}-1111-4111-8111-111111111111", str(folder))
        assert official.project_key_for_directory(folder) == log.key.project
        assert [one.session_id for one in official.list_sessions(directory=str(folder))] == [log.id]
