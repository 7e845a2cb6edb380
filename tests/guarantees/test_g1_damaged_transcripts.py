"""G1: a damaged transcript can be continued too.

The promise: whatever has happened to the file, the session goes on with all that can be read; what cannot
is told; stored lines are never changed. `hames session check` finds it, `repair` writes a copy without it.

How it is tried: transcripts of ours and an official one, damaged in the forty ways of `damage` and at
random, and the small files in `tests/data/damaged`, are resumed, checked and repaired. What is sent is judged by the same
model of the API's rules that all of it uses.

Run: `pytest tests/guarantees/test_g1_damaged_transcripts.py -m "not slow"`, with `-m slow` lines of
100 MB and ten thousand random damages. A failure names its seed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from damage import DAMAGES, Damage, any_bytes, anything_anywhere, lines
from raw_client import body, post
from stories import Tale, play, since_compaction

from hames import AgentOptions, query
from hames._clock import Ids
from hames.blocks import Turn
from hames.errors import SessionNotFound
from hames.messages import ResultMessage
from hames.sessions.check import Report, examine, key_of, read, report
from hames.sessions.files import FileStore
from hames.sessions.memory import MemoryStore
from hames.sessions.names import project_key
from hames.sessions.repair import repaired
from hames.sessions.rules import judge
from hames.sessions.store import Key
from hames.testing import FakeAPI, Scripted, says

DATA = Path(__file__).parents[1] / "data"
ID = "33333333-3333-4333-8333-333333333333"
WORD = re.compile(r"⟦\d+⟧|marked\d+")
"""Every text of the originals has one."""


BREAKING_RULES = [
    damage
    for damage in DAMAGES
    if damage.__name__ in ("results_lost", "calls_lost", "one_id_for_all_calls", "texts_blank")
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def written_by_us(seed: int) -> bytes:
    """A sound transcript of ours, with calls and several turns."""
    while True:
        store = MemoryStore()
        await play(store, Tale(random.Random(seed)))
        stored = await store.load((await store.list())[0].key) or []
        if sum(b'"type":"tool_use"' in line for line in stored) >= 2:
            return b"".join(line + b"\n" for line in stored)
        seed += 1_000


def official() -> bytes:
    return (DATA / "sessions/official.jsonl").read_bytes()


async def continued(folder: Path, data: bytes) -> tuple[dict[str, Any], ResultMessage, bytes]:
    """Resume a file with these bytes: the request, the result, and the file afterwards."""
    store = FileStore(str(folder / "config"))
    path = folder / "config/projects" / project_key(str(folder)) / f"{ID}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    provider = Scripted([says("Here I am.")])
    options = AgentOptions(provider=provider, session_store=store, cwd=folder, resume=ID)
    messages = [message async for message in query(prompt="Still there?", options=options)]
    store.close()
    result = messages[-1]
    assert isinstance(result, ResultMessage)
    [body] = provider.bodies
    return body, result, path.read_bytes()


def assert_continued(
    data: bytes, body: dict[str, Any], result: ResultMessage, after: bytes
) -> None:
    assert result.result == "Here I am."
    assert judge(body) == []
    assert after.startswith(data), "a stored line was changed"
    sent = set(WORD.findall(json.dumps(body, ensure_ascii=False)))
    stored = b"".join(since_compaction(lines(data))).decode("utf-8", "replace")
    lost = set(WORD.findall(stored)) - sent
    owed = result.obligations or ()
    told = [each["text"] for each in owed if each["kind"] in ("warning", "repair")]
    assert told or not lost, f"Lost without a word: {lost}"
    unread = b" ".join(filter(_is_unreadable, data.splitlines())).decode("utf-8", "replace")
    if set(WORD.findall(unread)) & lost:
        named = [text for text in told if "left out" in text]
        assert named, f"Lines that cannot be read, and not a word of them: {told}"


def _is_unreadable(line: bytes) -> bool:
    try:
        json.loads(line or b"{}")
    except (ValueError, RecursionError):
        return bool(line.strip())
    return False


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_file_is_continued(damage: Damage, tmp_path: Path) -> None:
    for seed in range(4):
        rng = random.Random(f"{damage.__name__} {seed}")
        sound = official() if seed == 0 else await written_by_us(seed)
        data = damage(sound, rng)
        assert_continued(data, *await continued(tmp_path, data))


@pytest.mark.parametrize("path", sorted((DATA / "damaged").glob("*.jsonl")), ids=lambda p: p.stem)
async def test_a_file_of_the_corpus_is_continued(path: Path, tmp_path: Path) -> None:
    """Small files, written by hand, each with what its name says."""
    data = path.read_bytes()
    assert_continued(data, *await continued(tmp_path, data))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_file_is_checked_and_repaired(
    damage: Damage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        rng = random.Random(f"{damage.__name__} {seed}")
        sound = official() if seed == 0 else await written_by_us(seed)
        path = tmp_path / f"{seed}.jsonl"
        path.write_bytes(data := damage(sound, rng))
        found = await checked(path)
        copy = tmp_path / f"{seed}-copy.jsonl"
        if found.is_sound:
            continue
        whole = repaired(await examine(key_of(path), read(path)), ID, Ids())
        copy.write_bytes(b"\n".join([*whole, b""]))
        assert path.read_bytes() == data
        assert (await checked(copy)).problems == []
        assert await sent(tmp_path / "1", data) == await sent(tmp_path / "2", copy.read_bytes())


async def checked(path: Path) -> Report:
    return report(await examine(key_of(path), read(path)))


async def sent(folder: Path, data: bytes) -> Any:
    """The messages with which a file is continued."""
    folder.mkdir(exist_ok=True)
    body, _, _ = await continued(folder, data)
    return body["messages"]


@pytest.mark.parametrize("damage", [anything_anywhere, any_bytes], ids=["values", "bytes"])
async def test_a_file_damaged_at_random_is_continued_checked_and_repaired(
    damage: Damage, tmp_path: Path
) -> None:
    await _damage_at_random(damage, range(40), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("damage", [anything_anywhere, any_bytes], ids=["values", "bytes"])
async def test_thousands_of_files_damaged_at_random(damage: Damage, tmp_path: Path) -> None:
    await _damage_at_random(damage, range(1_000, 6_000), tmp_path)


async def _damage_at_random(damage: Damage, seeds: Sequence[int], folder: Path) -> None:
    for seed in seeds:
        sound = official() if seed % 2 else await written_by_us(seed % 8)
        data = damage(sound, random.Random(seed))
        try:
            body, result, after = await continued(folder, data)
            assert result.result == "Here I am."
            assert judge(body) == []
            assert after.startswith(data)
            found = await examine(Key("file", ID), data.splitlines())
            if not report(found).is_sound:
                copy = repaired(found, ID, Ids())
                assert report(await examine(Key("file", ID), copy)).problems == []
        except SessionNotFound:
            continue  # nothing that says anything was left
        except Exception as error:
            raise AssertionError(f"Seed {seed}: {error!r}") from error


@pytest.mark.parametrize("damage", BREAKING_RULES, ids=lambda damage: damage.__name__)
async def test_one_model_of_the_rules_judges_for_all(damage: Damage) -> None:
    """What the judge finds the fake API refuses and the check reports; what is sent passes both."""
    stored = lines(damage(official(), random.Random(1)))
    found = await examine(Key("file", ID), [line.rstrip(b"\n") for line in stored])
    violations = judge(request_of(found.loaded.turns))
    assert violations
    assert not report(found).is_sound
    assert judge(request_of(found.turns)) == []
    with FakeAPI([says("Fine.")]) as api:
        refused = await asyncio.to_thread(post, api.url, request_of(found.loaded.turns))
        assert refused.status == 400
        assert [str(each) in refused.json["error"]["message"] for each in violations] == (
            [True] * len(violations)
        )
        assert (await asyncio.to_thread(post, api.url, request_of(found.turns))).status == 200


def request_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """A request with these turns as they are."""
    messages = [{"role": t.role, "content": [b.value() for b in t.blocks]} for t in turns]
    return body(*messages, {"role": "user", "content": "And now?"})


@pytest.mark.parametrize("data", [b"", b"\n", bytes(range(256)) * 40, b"\0" * 9000, b"{}\n[]\n"])
async def test_a_file_without_any_message_is_named_and_left_alone(
    data: bytes, tmp_path: Path
) -> None:
    with pytest.raises(SessionNotFound, match="No conversation found"):
        await continued(tmp_path, data)
    [path] = tmp_path.rglob("*.jsonl")
    # Looking for a session may end its torn last line, which loses nothing.
    assert path.read_bytes() in (data, data + b"\n")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["beside", "garbage"])
async def test_a_line_of_a_hundred_megabytes(where: str, tmp_path: Path) -> None:
    sound = lines(official())
    if where == "garbage":
        data = b"".join([*sound[:5], b"[" * 100_000_000 + b"\n", *sound[5:]])
    else:
        huge = b'"toolUseResult":"' + b"x" * 100_000_000 + b'"}\n'
        data = b"".join([*sound[:10], sound[10][:-2] + b"," + huge, *sound[11:]])
    assert_continued(data, *await continued(tmp_path, data))


async def test_a_repair_keeps_the_lines_of_a_sound_conversation_byte_for_byte(
    tmp_path: Path,
) -> None:
    """What one lost result costs: one line more, and links."""
    sound = lines(official())
    path = tmp_path / f"{ID}.jsonl"
    path.write_bytes(b"".join(sound[:11] + sound[12:]))
    copy = repaired(await examine(key_of(path), read(path)), ID, Ids())
    before = [json.loads(line)["message"] for line in sound[:11] if b'"message"' in line]
    after = [json.loads(line)["message"] for line in copy if b'"message"' in line]
    assert after[: len(before)] == before
    assert "No result of this call was recorded" in json.dumps(after[len(before)])
