"""What a running session writes, line by line."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hames import blocks
from hames._clock import Clock, Ids
from hames._version import COMPATIBLE_VERSION, __version__
from hames.sessions.files import FileStore
from hames.sessions.log import SessionLog
from hames.sessions.memory import MemoryStore
from hames.sessions.store import Key, Span, Store

ID = "11111111-1111-4111-8111-111111111111"
USAGE = {"input_tokens": 9, "output_tokens": 40}


class FixedClock(Clock):
    def now(self) -> datetime:
        return datetime(2026, 1, 1, 10, tzinfo=UTC)


class Counted(Ids):
    def __init__(self) -> None:
        self.n = 0

    def uuid(self) -> str:
        self.n += 1
        return f"u{self.n}"


def start(store: Store | None, cwd: str = "/nowhere/app", **options: Any) -> SessionLog:
    return SessionLog.start(
        store, session_id=ID, cwd=cwd, clock=FixedClock(), ids=Counted(), **options
    )


async def lines(store: Store, log: SessionLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in await store.load(log.key) or ()]


async def reply(log: SessionLog, *items: blocks.Block, id: str = "msg_1") -> list[str]:
    return await log.assistant(
        items,
        message_id=id,
        model="claude-sonnet-4-5",
        usage=USAGE,
        stop_reason="end_turn",
        request_id="req_1",
    )


async def test_a_prompt_is_a_line_with_everything_readers_want() -> None:
    store = MemoryStore()
    log = start(store, git_branch="main")
    assert await log.user([blocks.text("Fix it")], prompt=True) == "u1"
    prompt, last = await lines(store, log)
    assert prompt == {
        "parentUuid": None,
        "isSidechain": False,
        "userType": "external",
        "entrypoint": "sdk-py",
        "cwd": "/nowhere/app",
        "sessionId": ID,
        "version": COMPATIBLE_VERSION,
        "type": "user",
        "uuid": "u1",
        "timestamp": "2026-01-01T10:00:00.000Z",
        "message": {"role": "user", "content": [{"type": "text", "text": "Fix it"}]},
        "permissionMode": "default",
        "promptSource": "sdk",
        "gitBranch": "main",
    }
    assert last == {
        "type": "last-prompt",
        "lastPrompt": "Fix it",
        "leafUuid": "u1",
        "sessionId": ID,
    }


async def test_a_response_is_a_line_for_each_block_with_its_final_figures() -> None:
    store = MemoryStore()
    log = start(store, git_branch="main")
    await log.user([blocks.text("Go")])
    uuids = await reply(log, blocks.text("I look."), blocks.tool_use("t1", "Bash", b"{}"))
    assert uuids == ["u2", "u3"]
    _, text, call = await lines(store, log)
    assert [text["parentUuid"], call["parentUuid"]] == ["u1", "u2"]
    assert text["message"] == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
        "content": [{"type": "text", "text": "I look."}],
    }
    assert {**call["message"], "content": []} == {**text["message"], "content": []}
    assert [text["requestId"], text["hamesVersion"]] == ["req_1", __version__]


async def test_results_of_parallel_calls_hang_from_their_own_call() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([blocks.text("Go")])
    await reply(log, blocks.tool_use("t1", "A", b"{}"), blocks.tool_use("t2", "B", b"{}"))
    await log.user([blocks.tool_result("t1", "1")], tool_use_result={"stdout": "1"})
    await log.user([blocks.tool_result("t2", "2")], tool_use_result="Error: no")
    await reply(log, blocks.text("Done"), id="msg_2")
    found = await lines(store, log)
    assert [(line["uuid"], line["parentUuid"]) for line in found] == [
        ("u1", None),
        ("u2", "u1"),
        ("u3", "u2"),
        ("u4", "u2"),
        ("u5", "u3"),
        ("u6", "u5"),
    ]
    assert [line["sourceToolAssistantUUID"] for line in found[3:5]] == ["u2", "u3"]
    assert [line["toolUseResult"] for line in found[3:5]] == [{"stdout": "1"}, "Error: no"]


async def test_several_results_at_once_become_several_lines() -> None:
    store = MemoryStore()
    log = start(store)
    await reply(log, blocks.tool_use("t1", "A", b"{}"), blocks.tool_use("t2", "B", b"{}"))
    results = [blocks.tool_result("t1", "1"), blocks.tool_result("t2", "2"), blocks.text("note")]
    last = await log.user(results, uuid="mine")
    found = await lines(store, log)
    assert last == "mine"
    assert [len(line["message"]["content"]) for line in found[2:]] == [1, 2]
    assert [line["uuid"] for line in found[2:]] == ["u3", "mine"]


async def test_the_transcript_of_a_subagent_is_one_straight_line(tmp_path: Path) -> None:
    """Observed in clients: they walk up from the last line and do not look for siblings."""
    store = FileStore(str(tmp_path))
    log = start(store).subagent("a0123")
    await log.describe_agent({"agentType": "helper", "toolUseId": "t9"})
    await log.user([blocks.text("Go")])
    await reply(log, blocks.tool_use("t1", "A", b"{}"), blocks.tool_use("t2", "B", b"{}"))
    await log.user([blocks.tool_result("t1", "1")])
    await log.user([blocks.tool_result("t2", "2")])
    await log.describe_agent({"agentType": "helper", "toolUseId": "t9", "finished": True})
    *found, metadata = await lines(store, log)
    assert [line["parentUuid"] for line in found] == [None, *[line["uuid"] for line in found[:-1]]]
    assert {(line["isSidechain"], line["agentId"], line["sessionId"]) for line in found} == {
        (True, "a0123", ID)
    }
    assert metadata["finished"] is True
    assert log.path == str(tmp_path / "projects/-nowhere-app" / ID / "subagents/agent-a0123.jsonl")


async def test_a_compaction_starts_a_new_tree() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([blocks.text("Go")])
    await log.compacted([blocks.text("All of it.")], metadata={"trigger": "auto", "preTokens": 9})
    _, boundary, summary = await lines(store, log)
    assert (boundary["parentUuid"], boundary["logicalParentUuid"]) == (None, "u1")
    assert boundary["subtype"] == "compact_boundary"
    assert boundary["compactMetadata"] == {"trigger": "auto", "preTokens": 9}
    assert summary["parentUuid"] == boundary["uuid"]
    assert summary["isCompactSummary"] is summary["isVisibleInTranscriptOnly"] is True


async def test_a_failed_request_is_marked_so_that_it_is_never_sent() -> None:
    store = MemoryStore()
    log = start(store)
    await log.assistant(
        [blocks.text("The API is overloaded.")],
        message_id="m",
        model="<synthetic>",
        usage={},
        stop_reason="stop_sequence",
        error="overloaded",
        api_error_status=529,
    )
    (line,) = await lines(store, log)
    assert (line["isApiErrorMessage"], line["error"], line["apiErrorStatus"]) == (
        True,
        "overloaded",
        529,
    )


async def test_state_lines_begin_with_their_type_and_have_no_uuid() -> None:
    """Observed in clients: they look for lines that start with these bytes."""
    store = MemoryStore()
    log = start(store)
    await log.state("tag", {"tag": "x y"})
    await log.call_started("t1", "Bash")
    tag, mark = await store.load(log.key) or ()
    assert tag == b'{"type":"tag","tag":"x y","sessionId":"%b"}' % ID.encode()
    assert b"uuid" not in mark
    assert mark.startswith(b'{"type":"hames-call","toolUseId":"t1","name":"Bash"')


async def test_every_line_is_compact_json_in_one_line() -> None:
    store = MemoryStore()
    log = start(store)
    block = blocks.from_raw(b'{"type":"text",\n "text":"a\\nb \xe2\x80\xa8"}')
    await log.user([block], prompt=True)
    for line in await store.load(log.key) or ():
        assert b"\n" not in line
        json.loads(line)


async def test_titles_stay_within_reach_of_listings(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    log = start(store)
    await log.user([blocks.text("Go")], prompt=True)
    await log.state("custom-title", {"customTitle": "Mine"})
    await log.state("tag", {"tag": "t"})
    for _ in range(5):
        await log.user([blocks.text("x" * 30_000)])
    await log.finish_turn(cost={"totalCostUSD": 0.5})
    tail = Path(log.path or "").read_bytes()[-65536:]
    assert [
        b'"customTitle":"Mine"' in tail,
        b'"tag":"t"' in tail,
        b'"lastPrompt":"Go"' in tail,
    ] == [True] * 3
    size = os.path.getsize(log.path or "")
    await log.finish_turn()
    assert os.path.getsize(log.path or "") == size


async def test_a_title_that_another_process_gave_is_kept(tmp_path: Path) -> None:
    log = start(FileStore(str(tmp_path)))
    warnings: list[str] = []
    log.on_warning = warnings.append
    await log.user([blocks.text("Go")], prompt=True)
    await log.state("custom-title", {"customTitle": "Old"})
    line = b'{"type":"custom-title","customTitle":"New","sessionId":"%b"}' % ID.encode()
    await FileStore(str(tmp_path)).append(log.key, [line])
    await log.user([blocks.text("x" * 70_000)])
    await log.finish_turn()
    titles = re.findall(rb'"customTitle":"(\w+)"', Path(log.path or "").read_bytes())
    assert titles == [b"Old", b"New", b"New"]
    assert warnings == []


async def test_two_writers_are_told_of_each_other(tmp_path: Path) -> None:
    one, two = start(FileStore(str(tmp_path))), start(FileStore(str(tmp_path)))
    told: list[str] = []
    one.on_warning = two.on_warning = told.append
    await one.user([blocks.text("a")])
    await two.user([blocks.text("b")])
    await one.user([blocks.text("c")])
    await two.user([blocks.text("d")])
    await one.user([blocks.text("e")])
    assert len(told) == 2
    assert all("Somebody else is writing to this session" in text for text in told)


async def test_without_a_store_nothing_is_written_but_links_are_made(tmp_path: Path) -> None:
    log = start(None, cwd=str(tmp_path))
    await log.user([blocks.text("Go")], prompt=True)
    assert await reply(log, blocks.text("Done")) == ["u2"]
    await log.finish_turn(cost={})
    assert (log.leaf, log.path, log.spill_folder) == ("u2", None, None)
    assert list(tmp_path.iterdir()) == []


class Failing(MemoryStore):
    """A store whose disk is full for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.full = True

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span:
        if self.full:
            raise OSError(28, "No space left on device")
        return await super().append(key, lines)


async def test_a_full_disk_does_not_stop_the_run_and_loses_nothing() -> None:
    store = Failing()
    log = start(store)
    warnings: list[str] = []
    log.on_warning = warnings.append
    for text in "abc":
        await log.user([blocks.text(text)])
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]
    store.full = False
    await log.user([blocks.text("d")])
    found = await lines(store, log)
    assert [line["message"]["content"][0]["text"] for line in found] == ["a", "b", "c", "d"]
    assert [line["parentUuid"] for line in found] == [None, "u1", "u2", "u3"]


async def test_a_disk_that_stays_full_costs_bounded_memory() -> None:
    store = Failing()
    log = start(store)
    warnings: list[str] = []
    log.on_warning = warnings.append
    for _ in range(40):
        await log.user([blocks.text("x" * 1_000_000)])
    assert "no longer recorded" in warnings[-1]
    assert len(warnings) == 2
    store.full = False
    await log.user([blocks.text("later")])
    assert await store.load(log.key) is None, "a transcript with a hole in it"


async def test_a_read_only_home_is_only_a_warning(tmp_path: Path) -> None:
    (tmp_path / "projects").write_text("in the way", encoding="utf-8")
    log = start(FileStore(str(tmp_path)))
    warnings: list[str] = []
    log.on_warning = warnings.append
    await log.user([blocks.text("Go")])
    assert len(warnings) == 1


class Slow(MemoryStore):
    """A store that waits, as one behind a network does."""

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span:
        await asyncio.sleep(0)
        return await super().append(key, lines)


async def test_appends_at_once_keep_their_order_in_a_store_that_waits() -> None:
    store = Slow()
    log = start(store)
    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(log.user([blocks.text(str(n))]))
    found = await lines(store, log)
    assert [line["uuid"] for line in found] == [f"u{n}" for n in range(1, 21)]
    assert [line["parentUuid"] for line in found[1:]] == [f"u{n}" for n in range(1, 20)]


async def test_every_batch_is_shown_once_it_is_written() -> None:
    store = MemoryStore()
    log = start(store)
    seen: list[bytes] = []
    log.on_written = seen.extend
    await log.user([blocks.text("Go")], prompt=True)
    await log.call_started("t1", "Bash")
    assert seen == await store.load(log.key)


async def test_a_result_that_is_no_json_is_stored_without_its_structure() -> None:
    store = MemoryStore()
    log = start(store)
    warnings: list[str] = []
    log.on_warning = warnings.append
    await log.user([blocks.tool_result("t1", "ok")], tool_use_result=object())
    (line,) = await lines(store, log)
    assert "toolUseResult" not in line
    assert "was not stored" in warnings[0]


async def test_lines_carry_the_folder_and_branch_of_their_time(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    store = MemoryStore()
    log = start(store, cwd=str(tmp_path))
    await log.user([blocks.text("a")], prompt=True)
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/topic/x\n", encoding="utf-8")
    log.cwd = str(tmp_path / "sub")
    await log.user([blocks.text("b")], prompt=True)
    (tmp_path / ".git/HEAD").write_text("0123456789abcdef\n", encoding="utf-8")
    await log.user([blocks.text("c")], prompt=True)
    found = [line for line in await lines(store, log) if line["type"] == "user"]
    assert [(line["cwd"], line["gitBranch"]) for line in found] == [
        (str(tmp_path), "main"),
        (str(tmp_path / "sub"), "topic/x"),
        (str(tmp_path / "sub"), "HEAD"),
    ]


@pytest.mark.parametrize("size", [100, 1_000])
async def test_the_last_prompt_is_kept_short(size: int) -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([blocks.text("word " * size)], prompt=True)
    _, last = await lines(store, log)
    assert len(last["lastPrompt"]) <= 201
    assert last["lastPrompt"].endswith("…")
