"""G1: a stored session can always be continued.

Random sessions, made by really running agents, are cut at every line and in the middle of lines, as
`kill -9` would, then continued. The next request is judged by the model of the API's rules, and must
hold everything that was stored.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator, Sequence

import pytest
from stories import MARK, MODELS, Tale, make, play, signed

from hames import AgentOptions, _json, blocks
from hames.agent.conversation import Conversation
from hames.agent.inbox import Prompt
from hames.agent.opening import open_session
from hames.agent.respond import respond
from hames.context.request import Frame
from hames.sessions.memory import MemoryStore
from hames.sessions.normalise import may_think
from hames.sessions.rules import judge
from hames.sessions.store import Key
from hames.settings.environ import Environ
from hames.testing import Scripted, says

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
    said = [list(_marks(line)) for line in lines]
    for cut in range(1, len(lines) + 1):
        body = await _next_request(frames[cut % 3], key, lines[:cut])
        _judge(body, said[:cut])
    # Of a file whose very first line is torn nothing is left: that is no session yet.
    torn = tale.rng.randrange(1, len(lines))
    middle = lines[torn][: tale.rng.randrange(1, len(lines[torn]))]
    _judge(await _next_request(frames[0], key, [*lines[:torn], middle]), said[:torn])
    cut = tale.rng.randint(1, len(lines))
    await _go_on(tale, key, lines[:cut], said[:cut])


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


async def _go_on(tale: Tale, key: Key, lines: list[bytes], said: list[list[str]]) -> None:
    """Really continue: with another model, then again after another process did the same."""
    grown = []
    for _ in range(2):
        store = MemoryStore()
        await store.append(key, lines)
        agent = await make(store, tale, [says(tale.mark())], resume=key.session_id)
        result = await respond(agent, Prompt(tale.prompt()))
        await agent.close()
        assert isinstance(agent.provider, Scripted)
        _judge(agent.provider.requests[0].body(), said)
        assert not result.is_error
        grown.append((await store.load(key) or [])[len(lines) :])
    store = MemoryStore()
    await store.append(key, [*lines, *_shuffled_together(tale.rng, *grown)])
    agent = await make(store, tale, [says("Fine.")], resume=key.session_id)
    await respond(agent, Prompt(tale.prompt()))
    await agent.close()
    assert isinstance(agent.provider, Scripted)
    _judge(agent.provider.requests[0].body(), said)


def _judge(body: bytes, said: list[list[str]]) -> None:
    violations = judge(_json.decode(body), size=len(body), signed=signed)
    assert not violations, f"The API would refuse it: {violations[0]}"
    text = body.decode()
    lost = [mark for marks in said for mark in marks if mark not in text]
    assert not lost, f"Stored, but not sent: {lost}"


def _marks(line: bytes) -> list[str]:
    """The marks of what a line says in the conversation."""
    entry = _json.decode(line)
    told = "uuid" in entry and not entry.get("isApiErrorMessage")
    return MARK.findall(line.decode()) if told else []


def _shuffled_together(
    rng: random.Random, first: Sequence[bytes], second: Sequence[bytes]
) -> list[bytes]:
    """The lines of two writers as they may lie in one file: each in its order."""
    left = [list(first), list(second)]
    mixed = []
    while any(left):
        mixed.append(rng.choice([lines for lines in left if lines]).pop(0))
    return mixed
