"""G1: a stored session can always be continued.

The promise: whatever has happened to a session, its next request is one that the API accepts, and holds
everything that was stored since it was last compacted.

How it is tried: random sessions, made by really running agents with odd texts, pictures, thinking, lost
connections, interrupts, deaths, changes of model, compactions and clocks that jump. Each is cut at every
line and in the middle of lines, as `kill -9` would, then continued, by two at once and as a fork too. The
requests are judged by the model of the API's rules, `hames.sessions.rules`; some go to a strict server.

Run: `pytest tests/guarantees/test_g1_always_sendable.py -m "not slow"` for a thousand seeds, with
`-m slow` for fifty thousand (half an hour). A failure names its seed. Damaged files are in `test_g1_damaged_transcripts`,
what the API refuses all the same in `test_g1_refused`.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator, Sequence

import pytest
from stories import MARK, MODELS, Tale, Wire, make, play, signed, since_compaction

from hames import AgentOptions, _json, blocks
from hames.agent.conversation import Conversation
from hames.agent.prompts.inbox import Prompt
from hames.agent.respond import respond
from hames.agent.start.opening import open_session
from hames.context.request import Frame
from hames.sessions.memory import MemoryStore
from hames.sessions.normalise import may_think
from hames.sessions.rules import judge
from hames.sessions.store import Key
from hames.settings.environ import Environ
from hames.testing import FakeAPI, Scripted, says

GROUP = 100
"""Seeds of one test."""

ENVIRON = Environ.read(os.environ)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Every repair is a warning, and there are hundreds of thousands."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("group", range(10))
async def test_a_session_cut_anywhere_can_be_continued(group: int) -> None:
    await _continue_all(range(group * GROUP, (group + 1) * GROUP))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", range(50))
async def test_fifty_thousand_sessions_cut_anywhere_can_be_continued(group: int) -> None:
    await _continue_all(range(10_000 + group * 1_000, 10_000 + (group + 1) * 1_000))


@pytest.mark.parametrize("group", range(2))
async def test_a_strict_server_answers_what_was_cut_anywhere(group: int) -> None:
    """The same over HTTP; the server refuses thinking that it has not made."""
    for seed in range(50_000 + group * 12, 50_000 + (group + 1) * 12):
        wire = Wire()
        async with FakeAPI([wire], signatures=True) as api:
            wire.url = api.url
            tale = Tale(random.Random(seed), wire=wire)
            store = MemoryStore()
            await play(store, tale)
            [stored] = await store.list()
            lines = await store.load(stored.key) or []
            for _ in range(3):
                cut = MemoryStore()
                await cut.append(stored.key, lines[: tale.rng.randint(1, len(lines))])
                agent = await make(cut, tale, [says("Fine.")], resume=stored.key.session_id)
                result = await respond(agent, Prompt(tale.prompt()))
                await agent.close()
                assert result.result == "Fine.", f"Seed {seed}: {result}"
            assert api.problems == [], f"Seed {seed}"


async def _continue_all(seeds: Sequence[int]) -> None:
    for seed in seeds:
        try:
            await _continue_at_every_cut(seed)
        except Exception as error:
            raise AssertionError(f"Seed {seed}: {error}") from error


async def _continue_at_every_cut(seed: int) -> None:
    tale = Tale(random.Random(seed))
    store = MemoryStore()
    agent = await play(store, tale)
    frames = [agent.frames(model)[1] for model in MODELS]
    [stored] = await store.list()
    key, lines = stored.key, await store.load(stored.key) or []
    for cut in range(1, len(lines) + 1):
        body = await _next_request(frames[cut % 3], key, lines[:cut])
        _judge(body, lines[:cut])
    # Of a file whose very first line is torn nothing is left: that is no session yet.
    torn = tale.rng.randrange(1, len(lines))
    middle = lines[torn][: tale.rng.randrange(1, len(lines[torn]))]
    _judge(await _next_request(frames[0], key, [*lines[:torn], middle]), lines[:torn])
    await _go_on(tale, key, lines[: tale.rng.randint(1, len(lines))])


async def _next_request(frame: Frame, key: Key, lines: list[bytes]) -> bytes:
    """Take up what is stored, as every session does, give a prompt, and see what would be sent."""
    store = MemoryStore()
    await store.append(key, lines)
    options = AgentOptions(session_store=store, resume=key.session_id)
    opened = await open_session(options, ENVIRON, "/")
    conversation = Conversation(opened.log, opened.turns)
    await conversation.say([blocks.text("And now?")])
    turns, encoded = conversation.sendable()
    assert not conversation.repairs, "what was loaded is sendable, so a prompt changes nothing"
    return frame.request(turns, encoded, may_think=may_think(turns)).body()


async def _go_on(tale: Tale, key: Key, lines: list[bytes]) -> None:
    """Really continue: with another model, then again after another process did the same."""
    grown = []
    for _ in range(2):
        store = MemoryStore()
        await store.append(key, lines)
        agent = await make(store, tale, [says(tale.mark())], resume=key.session_id)
        result = await respond(agent, Prompt(tale.prompt()))
        await agent.close()
        assert isinstance(agent.provider, Scripted)
        _judge(agent.provider.requests[0].body(), lines)
        assert not result.is_error
        grown.append((await store.load(key) or [])[len(lines) :])
    store = MemoryStore()
    await store.append(key, [*lines, *_shuffled_together(tale.rng, *grown)])
    copied = tale.rng.random() < 0.3
    agent = await make(store, tale, [says("Fine.")], resume=key.session_id, fork_session=copied)
    await respond(agent, Prompt(tale.prompt()))
    await agent.close()
    assert isinstance(agent.provider, Scripted)
    _judge(agent.provider.requests[0].body(), lines)


def _judge(body: bytes, stored: Sequence[bytes]) -> None:
    violations = judge(_json.decode(body), size=len(body), signed=signed)
    assert not violations, f"The API would refuse it: {violations[0]}"
    counts, sent = since_compaction(stored), set(MARK.findall(body.decode()))
    assert not (lost := _marks(counts) - sent), f"Stored, but not sent: {lost}"
    gone = _marks(stored) - _marks(counts)
    assert not (back := gone & sent), f"Compacted away, but sent: {back}"


def _marks(lines: Sequence[bytes]) -> set[str]:
    """The marks of all that the conversation says."""
    told = [
        line.decode() for line in lines if b'"uuid":' in line and b'"isApiErrorMessage"' not in line
    ]
    return set(MARK.findall(" ".join(told)))


def _shuffled_together(
    rng: random.Random, first: Sequence[bytes], second: Sequence[bytes]
) -> list[bytes]:
    """The lines of two writers as they may lie in one file: each in its order."""
    left = [list(first), list(second)]
    mixed = []
    while any(left):
        mixed.append(rng.choice([lines for lines in left if lines]).pop(0))
    return mixed
