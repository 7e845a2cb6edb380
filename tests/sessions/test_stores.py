"""What every store promises, run over all of them; then what only files can show."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hames.errors import SessionError
from hames.sessions import files
from hames.sessions.files import FileStore
from hames.sessions.memory import MemoryStore
from hames.sessions.store import Key, Span, Store

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
MakeStore = Callable[[], Store]


@pytest.fixture(params=["files", "memory"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes stores that see the same sessions, as far as the kind allows it."""
    if request.param == "files":
        return lambda: FileStore(str(tmp_path))
    store = MemoryStore()
    return lambda: store


async def test_lines_come_back_in_order(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b'{"a":1}', b'{"b":2}'])
    await store.append(Key("p", A), [b'{"c":3}'])
    assert await make_store().load(Key("p", A)) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


async def test_a_session_nobody_wrote_is_absent(make_store: MakeStore) -> None:
    store = make_store()
    assert await store.load(Key("p", A)) is None
    assert await store.list() == []
    assert await store.find(A) == []
    assert await store.subpaths(Key("p", A)) == []
    await store.delete(Key("p", A))


async def test_a_damaged_line_is_kept_as_it_is(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b'{"torn', b"", b"\xff\xfe", b'{"b":2}'])
    assert await store.load(Key("p", A)) == [b'{"torn', b"", b"\xff\xfe", b'{"b":2}']


async def test_a_line_of_many_megabytes_comes_back_whole(make_store: MakeStore) -> None:
    store = make_store()
    line = b'"' + b"x" * 9_000_000 + b'"'
    await store.append(Key("p", A), [line, b"{}"])
    assert await store.load(Key("p", A)) == [line, b"{}"]


async def test_spans_of_one_writer_join(make_store: MakeStore) -> None:
    store = make_store()
    first = await store.append(Key("p", A), [b"{}"])
    second = await store.append(Key("p", A), [b"[]", b"1"])
    assert first is not None
    assert second is not None
    assert first.end == second.start
    assert await store.read(Key("p", A), second) == [b"[]", b"1"]


async def test_a_gap_between_spans_holds_what_another_wrote(make_store: MakeStore) -> None:
    mine, other = make_store(), make_store()
    before = await mine.append(Key("p", A), [b"1"])
    await other.append(Key("p", A), [b"2", b"3"])
    after = await mine.append(Key("p", A), [b"4"])
    assert before is not None
    assert after is not None
    assert await mine.read(Key("p", A), Span(before.end, after.start)) == [b"2", b"3"]


async def test_list_has_main_transcripts_newest_first(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b'{"a":1}'])
    await store.append(Key("q", B), [b'{"b":1}'])
    await store.append(Key("p", A, "subagents/agent-a1"), [b"{}"])
    await store.append(Key("p", A), [b'{"a":2}'])
    if path := store.path(Key("q", B)):
        os.utime(path, (1, 1))
    everything = await store.list()
    assert [stored.key for stored in everything] == [Key("p", A), Key("q", B)]
    assert everything[0].size == len(b'{"a":1}\n{"a":2}\n')
    assert everything[0].head == everything[0].tail == b'{"a":1}\n{"a":2}\n'
    assert [stored.key for stored in await store.list("q")] == [Key("q", B)]


async def test_list_shows_only_both_ends_of_a_long_session(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b"a" * 40_000, b"b" * 40_000, b"c" * 40_000])
    (stored,) = await store.list()
    assert (len(stored.head), len(stored.tail)) == (65536, 65536)
    assert (stored.head[:1], stored.tail[-2:]) == (b"a", b"c\n")


async def test_find_looks_into_every_project(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b"{}"])
    await store.append(Key("q", A), [b"{}"])
    await store.append(Key("q", B), [b"{}"])
    assert sorted(key.project for key in await store.find(A)) == ["p", "q"]
    assert await store.find("no-such-id") == []


async def test_subagents_have_transcripts_of_their_own(make_store: MakeStore) -> None:
    store = make_store()
    main, agent = Key("p", A), Key("p", A, "subagents/agent-a1")
    nested = Key("p", A, "subagents/workflows/r1/agent-a2")
    await store.append(main, [b'{"m":1}'])
    await store.append(nested, [b'{"n":1}'])
    await store.append(agent, [b'{"type":"agent_metadata","agentType":"old"}', b'{"s":1}'])
    await store.append(agent, [b'{"type":"agent_metadata","agentType":"helper"}'])
    assert await store.subpaths(main) == [agent.subpath, nested.subpath]
    assert await store.load(agent) == [
        b'{"s":1}',
        b'{"type":"agent_metadata","agentType":"helper"}',
    ]
    assert await store.load(main) == [b'{"m":1}']


async def test_delete_takes_the_subagents_with_it(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b"{}"])
    await store.append(Key("p", A, "subagents/agent-a1"), [b"{}"])
    await store.append(Key("p", B), [b"{}"])
    await store.delete(Key("p", A))
    assert await store.load(Key("p", A)) is None
    assert await store.load(Key("p", A, "subagents/agent-a1")) is None
    assert [stored.key for stored in await store.list()] == [Key("p", B)]


async def test_a_deleted_session_can_be_written_again(make_store: MakeStore) -> None:
    store = make_store()
    await store.append(Key("p", A), [b"1"])
    await store.delete(Key("p", A))
    await store.append(Key("p", A), [b"2"])
    assert await make_store().load(Key("p", A)) == [b"2"]


async def test_files_lie_where_official_readers_look(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    agent = Key("-home-ana", A, "subagents/agent-a1")
    await store.append(Key("-home-ana", A), [b"{}"])
    await store.append(agent, [b"{}", b'{"type":"agent_metadata","finished":true}'])
    session = tmp_path / "projects/-home-ana" / A
    assert store.path(Key("-home-ana", A)) == f"{session}.jsonl"
    assert store.spill_folder(Key("-home-ana", A)) == f"{session}/tool-results"
    assert (session / "subagents/agent-a1.jsonl").read_bytes() == b"{}\n"
    assert (session / "subagents/agent-a1.meta.json").read_bytes() == b'{"finished":true}'


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    await store.append(Key("p", A), [b"{}"])
    assert stat.S_IMODE(os.stat(store.path(Key("p", A))).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "projects/p").st_mode) == 0o700


async def test_a_torn_last_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    await store.append(Key("p", A), [b'{"a":1}'])
    Path(store.path(Key("p", A))).write_bytes(b'{"a":1}\n{"to')
    await store.append(Key("p", A), [b'{"b":1}'])
    assert await FileStore(str(tmp_path)).load(Key("p", A)) == [b'{"a":1}', b'{"to', b'{"b":1}']


async def test_a_file_that_was_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    await store.append(Key("p", A), [b"1"])
    os.unlink(store.path(Key("p", A)))
    await store.append(Key("p", A), [b"2"])
    assert await store.load(Key("p", A)) == [b"2"]


async def test_few_files_stay_open_however_many_stores_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every session has a store of its own."""
    monkeypatch.setattr(files, "most_open_files", lambda: 512)
    stores = [FileStore(str(tmp_path)) for _ in range(100)]
    before = len(os.listdir("/dev/fd"))
    keys = [Key("p", f"{n:08}-1111-4111-8111-111111111111") for n in range(300)]
    for number, key in enumerate(keys + keys):
        await stores[number % 100].append(key, [b"{}"])
    assert len(os.listdir("/dev/fd")) - before <= 32
    assert await stores[0].load(keys[0]) == [b"{}", b"{}"]
    for store in stores:
        store.close()
    assert len(os.listdir("/dev/fd")) <= before


async def test_no_key_leads_out_of_the_folder(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    for key in (
        Key("../x", A),
        Key("..", A),
        Key("p", "../../etc/passwd"),
        Key("p", A, "../../x"),
        Key("p", A, "/etc/x"),
    ):
        with pytest.raises(SessionError, match=r"names no|no session id"):
            await store.append(key, [b"{}"])


async def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "projects").write_text("a file", encoding="utf-8")
    with pytest.raises(OSError, match="projects"):
        await FileStore(str(tmp_path)).append(Key("p", A), [b"{}"])


async def test_other_files_in_the_folder_are_no_sessions(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    await store.append(Key("p", A), [b"{}"])
    folder = tmp_path / "projects/p"
    (folder / f"{B}.jsonl").touch()
    (folder / "notes.jsonl").write_bytes(b"{}\n")
    (folder / "memory").mkdir()
    (tmp_path / "projects/file").touch()
    assert [stored.key for stored in await store.list()] == [Key("p", A)]


async def test_a_cut_project_name_with_another_hash_is_found(tmp_path: Path) -> None:
    """Observed: clients and command line disagree about the hash of some paths."""
    store = FileStore(str(tmp_path))
    await store.append(Key("a" * 200 + "-abc", A), [b"{}"])
    (stored,) = await store.list("a" * 200 + "-xyz")
    assert stored.key == Key("a" * 200 + "-abc", A)


_WRITER = """
import asyncio, sys
from hames.sessions.files import FileStore
from hames.sessions.store import Key
async def main(folder, name):
    store = FileStore(folder)
    for n in range(100):
        await store.append(Key("p", "%s"), [b'{"w":"%%s","n":%%d,"fill":"%%s"}' %% (name.encode(), n, b"x" * 3000)])
asyncio.run(main(*sys.argv[1:]))
"""


def test_sixteen_writers_mix_no_lines(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER % A, str(tmp_path), str(w)])
        for w in range(16)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 16
    text = (tmp_path / "projects/p" / f"{A}.jsonl").read_bytes()
    found = [json.loads(line) for line in text.splitlines() if line]
    assert len(found) == 1600
    for w in range(16):
        assert [entry["n"] for entry in found if entry["w"] == str(w)] == list(range(100))
