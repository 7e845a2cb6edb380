"""From stored lines back to the conversation: ours, official ones, damaged ones."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hames import blocks
from hames._clock import Clock, Ids
from hames.blocks import Turn
from hames.errors import OptionsError, SessionError, SessionExists, SessionNotFound
from hames.sessions import resume
from hames.sessions.files import FileStore
from hames.sessions.fork import fork
from hames.sessions.log import SessionLog
from hames.sessions.memory import MemoryStore
from hames.sessions.normalise import normalise
from hames.sessions.rules import judge_messages
from hames.sessions.store import Key, Store

DATA = Path(__file__).parent.parent / "data/sessions"
A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
KEY = Key("-nowhere-app", A)
GO, NEXT, DONE = blocks.text("Go"), blocks.text("And now?"), blocks.text("Done.")


def start(store: Store, id: str = A, cwd: str = "/nowhere/app") -> SessionLog:
    return SessionLog.start(store, session_id=id, cwd=cwd, clock=Clock(), ids=Ids())


async def reply(log: SessionLog, *items: blocks.Block, id: str) -> list[str]:
    return await log.assistant(
        items, message_id=id, model="claude-sonnet-4-5", usage={}, stop_reason=None
    )


def call(id: str) -> blocks.Block:
    return blocks.tool_use(id, "Bash", b'{"command": "ls",  "n":1.0}')


def uuid(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


def said(turns: list[Turn]) -> list[tuple[str, list[str]]]:
    """Roles, and of each block the text or id."""
    return [
        (turn.role, [block.id or block.value().get("text") or block.type for block in turn.blocks])
        for turn in turns
    ]


async def stored(lines: list[bytes]) -> MemoryStore:
    store = MemoryStore()
    await store.append(KEY, lines)
    return store


async def test_what_was_said_comes_back_to_the_byte() -> None:
    store = MemoryStore()
    log = start(store)
    raw = b'{"type": "thinking","thinking":"caf\\u00e9 \xf0\x9f\x98\x80",  "signature":"s/="}'
    turns = [
        Turn("user", [GO, blocks.text("\u2028 and more")]),
        Turn("assistant", [blocks.from_raw(raw), blocks.text("I look."), call("t1"), call("t2")]),
        Turn("user", [blocks.tool_result("t1", "1"), blocks.tool_result("t2", "2")]),
        Turn("assistant", [DONE]),
    ]
    await log.user(turns[0].blocks, prompt=True)
    await reply(log, *turns[1].blocks, id="m1")
    for result in turns[2].blocks:
        await log.user([result])
    await reply(log, DONE, id="m2")
    loaded = await resume.load(store, log.key)
    assert loaded.turns == turns
    assert (loaded.leaf, loaded.warnings, loaded.fates) == (log.leaf, [], {})


async def test_a_resumed_session_goes_on_in_the_same_chain() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([GO], prompt=True)
    await reply(log, DONE, id="m1")
    again = SessionLog.resume(
        store,
        await resume.load(store, log.key),
        cwd="/other",
        clock=Clock(),
        ids=Ids(),
    )
    await again.user([NEXT], prompt=True)
    loaded = await resume.load(store, log.key)
    assert said(loaded.turns) == [
        ("user", ["Go"]),
        ("assistant", ["Done."]),
        ("user", ["And now?"]),
    ]
    assert loaded.cwd == "/other"


async def test_calls_come_back_for_tools_to_remember() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([GO])
    await reply(log, call("t1"), call("t2"), id="m1")
    await log.user([blocks.tool_result("t1", "ok")], tool_use_result={"stdout": "ok"})
    await log.user([blocks.tool_result("t2", "no", is_error=True)], tool_use_result="Error: no")
    calls = (await resume.load(store, log.key)).calls
    assert [(c.id, c.name, c.input, c.data, c.is_error) for c in calls] == [
        ("t1", "Bash", {"command": "ls", "n": 1.0}, {"stdout": "ok"}, False),
        ("t2", "Bash", {"command": "ls", "n": 1.0}, "Error: no", True),
    ]


async def test_after_a_crash_it_is_known_which_calls_had_started() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([GO])
    uuids = await reply(log, call("t1"), call("t2"), call("t3"), id="m1")
    await log.call_started("t1", "Bash")
    await log.call_started("t2", "Bash")
    await log.user([blocks.tool_result("t2", "ok")])
    loaded = await resume.load(store, log.key)
    assert loaded.fates == {"t1": "started", "t3": "not started"}
    assert loaded.callers == {"t1": uuids[0], "t3": uuids[2]}


async def test_repairs_are_appended_and_not_needed_again() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([GO])
    await reply(log, call("t1"), call("t2"), id="m1")
    await log.call_started("t1", "Bash")
    loaded = await resume.load(store, log.key)
    done = normalise(loaded.turns, fates=loaded.fates)
    again = SessionLog.resume(store, loaded, cwd="/nowhere/app", clock=Clock(), ids=Ids())
    await again.repaired(done.repairs)
    after = await resume.load(store, log.key)
    assert normalise(after.turns).repairs == []
    assert normalise(after.turns).turns == done.turns


async def test_a_session_killed_at_any_line_can_be_continued() -> None:
    store = MemoryStore()
    log = start(store)
    for n in range(3):
        await log.user([GO], prompt=True)
        await reply(log, DONE, call(f"a{n}"), call(f"b{n}"), id=f"m{n}")
        await log.call_started(f"a{n}", "Bash")
        await log.call_started(f"b{n}", "Bash")
        await log.user([blocks.tool_result(f"b{n}", "2")])
        await log.user([blocks.tool_result(f"a{n}", "1")])
        await reply(log, DONE, id=f"e{n}")
        await log.finish_turn(cost={"totalCostUSD": n})
    lines = await store.load(log.key) or []
    for end in range(1, len(lines) + 1):
        for torn in (b"", lines[end - 1][: len(lines[end - 1]) // 2]):
            cut = await stored([*lines[:end], *([torn] if torn else [])])
            loaded = await resume.load(cut, KEY)
            turns = normalise(loaded.turns, fates=loaded.fates).turns
            messages = [json.loads(turn.encode()) for turn in [*turns, Turn("user", [NEXT])]]
            assert judge_messages(messages) == []
            assert len(loaded.warnings) == bool(torn)
            whole = normalise((await resume.load(store, log.key)).turns).turns
            assert turns[:-2] == whole[: len(turns[:-2])], "the beginning must not move"


async def test_an_official_transcript_is_read() -> None:
    """Observed shapes: string contents, attachments, parallel results, unknown lines."""
    store = await stored((DATA / "official.jsonl").read_bytes().splitlines())
    loaded = await resume.load(store, KEY)
    assert said(loaded.turns) == [
        ("user", ["Find the largest file.", "A reminder from the harness."]),
        ("assistant", ["thinking", "I look in both folders.", "toolu_a", "toolu_b"]),
        ("user", ["toolu_a", "toolu_b"]),
        ("assistant", ["`b/y` is the largest."]),
        ("user", ["Thanks. And the smallest?"]),
        ("user", ["<note>Only for the model.</note>"]),
        ("user", ["Try again."]),
        ("assistant", ["It is `a/z`."]),
    ]
    assert normalise(loaded.turns).repairs == []
    assert loaded.leaf == uuid(16)
    assert loaded.title == "Largest file"
    assert loaded.permission_mode == "default"
    assert loaded.cwd == "/home/ana/app"
    assert loaded.cost is not None
    assert loaded.cost["totalCostUSD"] == 0.25
    assert [call.data["stdout"] for call in loaded.calls] == ["10 x", "20 y"]
    assert loaded.positions[uuid(8)] == loaded.positions[uuid(9)] == 2
    assert loaded.warnings == []


async def test_the_four_fields_that_are_enough() -> None:
    """Observed: the reference resumes transcripts of nothing else."""
    store = await stored((DATA / "minimal.jsonl").read_bytes().splitlines())
    assert said((await resume.load(store, KEY)).turns) == [("user", ["Q"]), ("assistant", ["R"])]


async def test_a_compacted_session_is_its_summary_and_what_was_kept() -> None:
    store = await stored((DATA / "compacted.jsonl").read_bytes().splitlines())
    loaded = await resume.load(store, KEY)
    assert said(normalise(loaded.turns).turns) == [
        ("user", ["All that happened, in short."]),
        ("assistant", ["toolu_a"]),
        ("user", ["toolu_a"]),
        ("assistant", ["Half done."]),
        ("user", ["Go on."]),
        ("assistant", ["Done."]),
    ]
    assert [call.id for call in loaded.calls] == ["toolu_a"]


async def test_our_own_compaction_reads_the_same() -> None:
    store = MemoryStore()
    log = start(store)
    await log.user([GO])
    await reply(log, call("t1"), id="m1")
    await log.user([blocks.tool_result("t1", "ok")], tool_use_result={"stdout": "ok"})
    kept = await reply(log, DONE, id="m2")
    await log.compacted([blocks.text("In short.")], metadata={"trigger": "auto"}, keep=kept)
    await log.user([NEXT])
    loaded = await resume.load(store, log.key)
    assert said(loaded.turns) == [
        ("user", ["In short."]),
        ("assistant", ["Done."]),
        ("user", ["And now?"]),
    ]
    assert [call.data for call in loaded.calls] == [{"stdout": "ok"}], "tools still remember"


async def test_damaged_lines_cost_only_themselves() -> None:
    lines = (DATA / "official.jsonl").read_bytes().splitlines()
    lines[6] = lines[6][:100]
    lines[13] = b"\x00\xff garbage"
    lines.append(b'{"parentUuid":"x","type":"us')
    loaded = await resume.load(await stored(lines), KEY)
    assert said(normalise(loaded.turns).turns) == [
        ("user", ["Find the largest file.", "A reminder from the harness."]),
        ("assistant", ["thinking", "toolu_a", "toolu_b"]),
        (
            "user",
            [
                "toolu_a",
                "toolu_b",
                "Thanks. And the smallest?",
                "<note>Only for the model.</note>",
                "Try again.",
            ],
        ),
        ("assistant", ["It is `a/z`."]),
    ]
    assert len(loaded.warnings) == 3
    assert "cut off" in loaded.warnings[0]
    assert loaded.warnings[1].endswith("were left out: 7, 14.")


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"user","uuid":"x","parentUuid":"B","message":{"role":"user","content":"tail"}}',
        b'{"type":"user","uuid":"x","parentUuid":"B","isMeta":"yes","message":{"content":"tail"}}',
        b'{"type":"user","uuid":"x","parentUuid":"B","message":{"id":7,"content":[{"type":"text","text":"tail"},3]}}',
        b'{"type":"user","uuid":"x","parentUuid":"B","timestamp":5,"cwd":[],"message":{"content":"tail"}}',
        b'{"type":"user","uuid":"x","parentUuid":"missing","message":{"content":"tail"}}',
    ],
)
async def test_odd_lines_are_read_as_far_as_they_make_sense(line: bytes) -> None:
    store = await stored([*(DATA / "minimal.jsonl").read_bytes().splitlines(), line])
    loaded = await resume.load(store, KEY)
    assert said(loaded.turns)[2:] == [("user", ["tail"])]


async def test_half_characters_do_not_make_a_session_unreadable() -> None:
    line = b'{"type":"user","uuid":"x","parentUuid":"B","message":{"content":"a\\ud83d b \xff"}}'
    store = await stored([*(DATA / "minimal.jsonl").read_bytes().splitlines(), line])
    (block,) = (await resume.load(store, KEY)).turns[2].blocks
    assert block.value()["text"] == "a\ufffd b \ufffd"


async def test_a_loop_of_parents_ends() -> None:
    lines = [
        b'{"type":"user","uuid":"a","parentUuid":"b","message":{"content":"1"}}',
        b'{"type":"assistant","uuid":"b","parentUuid":"a","message":{"content":"2"}}',
        b'{"type":"user","uuid":"c","parentUuid":"c","message":{"content":"3"}}',
        b'{"type":"user","uuid":"d","parentUuid":"b","message":{"content":"4"}}',
    ]
    loaded = await resume.load(await stored(lines), KEY)
    assert said(loaded.turns) == [("user", ["1"]), ("assistant", ["2"]), ("user", ["4"])]


async def test_the_newest_branch_is_the_conversation() -> None:
    store = await stored((DATA / "official.jsonl").read_bytes().splitlines())
    at = await resume.load(store, KEY, at=uuid(11))
    log = SessionLog.resume(store, at, cwd="/x", clock=Clock(), ids=Ids())
    await log.user([NEXT])
    loaded = await resume.load(store, KEY)
    assert said(loaded.turns)[-2:] == [
        ("assistant", ["`b/y` is the largest."]),
        ("user", ["And now?"]),
    ]
    with pytest.raises(SessionError, match=f"No message found with message.uuid of: {uuid(16)}"):
        await resume.load(store, KEY, at=uuid(16))


async def test_a_note_for_the_model_at_the_end_is_not_lost() -> None:
    """Our choice: official clients do not count such a line as an end, so parallel results before
    it would hide all that followed."""
    store = MemoryStore()
    log = start(store)
    await log.user([GO])
    await reply(log, call("t1"), call("t2"), id="m1")
    await log.user([blocks.tool_result("t1", "1")])
    await log.user([blocks.tool_result("t2", "2")])
    await reply(log, DONE, id="m2")
    await log.user([blocks.text("note")], is_meta=True)
    assert said((await resume.load(store, log.key)).turns)[-2:] == [
        ("assistant", ["Done."]),
        ("user", ["note"]),
    ]


async def test_an_unknown_session_is_refused_in_the_words_clients_look_for() -> None:
    store = MemoryStore()
    for id in (A, "my title"):
        with pytest.raises(SessionNotFound, match=f"No conversation found with session ID: {id}"):
            await resume.find(store, cwd="/nowhere/app", id_or_title=id)
    with pytest.raises(SessionNotFound, match="No conversation found with session ID"):
        await resume.load(store, KEY)


async def test_sessions_are_found_by_id_everywhere_and_by_exact_title(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    here, there = start(store), start(store, B, cwd="/other")
    for log, title in ((here, "Mine"), (there, "Yours")):
        await log.user([GO], prompt=True)
        await log.state("custom-title", {"customTitle": title})
    for wanted, key in ((A, here.key), (B, there.key), ("Mine", here.key), ("Yours", there.key)):
        assert await resume.find(store, cwd="/nowhere/app", id_or_title=wanted) == key
    with pytest.raises(SessionNotFound):
        await resume.find(store, cwd="/nowhere/app", id_or_title="Min")


async def test_the_newest_session_of_the_folder_is_continued() -> None:
    store = MemoryStore()
    assert await resume.newest(store, "/nowhere/app") is None
    for id, cwd in ((A, "/nowhere/app"), (B, "/nowhere/app")):
        await start(store, id, cwd).user([GO], prompt=True)
    third = start(store, "33333333-3333-4333-8333-333333333333", "/other")
    await third.user([GO], prompt=True)
    assert await resume.newest(store, "/nowhere/app") == Key("-nowhere-app", B)


async def test_a_new_id_must_be_free_and_a_uuid() -> None:
    store = MemoryStore()
    await start(store).user([GO])
    await resume.check_new_id(store, B)
    with pytest.raises(SessionExists, match=A):
        await resume.check_new_id(store, A)
    with pytest.raises(OptionsError, match="UUID"):
        await resume.check_new_id(store, "latest")


async def test_a_fork_goes_its_own_way() -> None:
    store = await stored((DATA / "official.jsonl").read_bytes().splitlines())
    before = await store.load(KEY)
    key = await fork(store, KEY, new_id=B, cwd="/home/ana/app")
    original, copy = await resume.load(store, KEY), await resume.load(store, key)
    assert key == Key("-home-ana-app", B)
    assert (copy.turns, copy.leaf, copy.cost) == (
        original.turns,
        original.leaf,
        {**(original.cost or {}), "sessionId": B},
    )
    assert copy.title is None
    log = SessionLog.resume(store, copy, cwd="/home/ana/app", clock=Clock(), ids=Ids())
    await log.user([NEXT])
    assert await store.load(KEY) == before
    entries: list[dict[str, Any]] = [json.loads(line) for line in await store.load(key) or ()]
    assert {entry["sessionId"] for entry in entries} == {B}
    assert entries[0]["forkedFrom"] == {"sessionId": A, "messageUuid": uuid(1)}


async def test_a_fork_may_end_at_an_earlier_message() -> None:
    store = await stored((DATA / "official.jsonl").read_bytes().splitlines())
    key = await fork(store, KEY, new_id=B, cwd="/home/ana/app", at=uuid(11))
    assert (await resume.load(store, key)).leaf == uuid(11)


async def test_ten_sessions_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    logs = [start(store, f"{n:08}-1111-4111-8111-111111111111") for n in range(10)]
    for n in range(20):
        for log in logs:
            await log.user([blocks.text(f"{log.id} {n}")])
    for log in logs:
        loaded = await resume.load(FileStore(str(tmp_path)), log.key)
        assert [t.blocks[0].value()["text"] for t in loaded.turns] == [
            f"{log.id} {n}" for n in range(20)
        ]


_KILLED = """
import asyncio, os, signal, sys
from hames import blocks
from hames._clock import Clock, Ids
from hames.sessions.files import FileStore
from hames.sessions.log import SessionLog

async def main(folder, id):
    log = SessionLog.start(
        FileStore(folder), session_id=id, cwd="/nowhere/app", clock=Clock(), ids=Ids()
    )
    await log.user([blocks.text("Go")], prompt=True)
    calls = [blocks.tool_use(name, "Bash", b"{}") for name in ("t1", "t2")]
    await log.assistant(calls, message_id="m", model="x", usage={}, stop_reason="tool_use")
    await log.call_started("t1", "Bash")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_process_loses_nothing_it_has_logged(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), A], check=False)
    assert killed.returncode == -signal.SIGKILL
    loaded = asyncio.run(resume.load(FileStore(str(tmp_path)), KEY))
    assert said(loaded.turns) == [("user", ["Go"]), ("assistant", ["t1", "t2"])]
    assert loaded.fates == {"t1": "started", "t2": "not started"}
    assert loaded.warnings == []
