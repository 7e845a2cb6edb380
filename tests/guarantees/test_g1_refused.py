"""G1: what the API refuses all the same is found and left out, and the session goes on.

The promise: a 400 that our model of the rules did not foresee costs the block that it is about, not the
session. The caller is told, and the next process knows.

How it is tried: random sessions are continued with an API that refuses every request in which one of
their texts stands, and does not say where.

Run: `pytest tests/guarantees/test_g1_refused.py`.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
from stories import MARK, Tale, make, play

from hames import blocks
from hames.agent.prompts.inbox import Prompt
from hames.agent.respond import respond
from hames.messages import ResultMessage
from hames.sessions.memory import MemoryStore
from hames.sessions.rules import judge
from hames.testing import Play, Scripted, fails, says

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Refusing:
    """An API that does not take a text, in whatever block it stands."""

    def __init__(self, refused: str) -> None:
        self.refused = refused

    def __call__(self, body: Body) -> Play:
        if self.refused in json.dumps(body["messages"], ensure_ascii=False):
            return fails(400, "this cannot be processed")
        return says("Fine.")


async def go_on(
    store: MemoryStore, tale: Tale, session: str, *plays: Any
) -> tuple[ResultMessage, list[Body]]:
    """Resume and ask something: the result, and what was sent."""
    agent = await make(store, tale, list(plays), resume=session)
    result = await respond(agent, Prompt([blocks.text("And now?")]))
    await agent.close()
    assert isinstance(agent.provider, Scripted)
    return result, agent.provider.bodies


def marks(message: dict[str, Any]) -> set[str]:
    return set(MARK.findall(json.dumps(message, ensure_ascii=False)))


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_is_refused_is_left_out_with_little_else(seed: int) -> None:
    tale, store = Tale(random.Random(f"refused {seed}")), MemoryStore()
    await play(store, tale)
    [stored] = await store.list()
    session = stored.key.session_id
    copy = MemoryStore()
    await copy.append(stored.key, await store.load(stored.key) or [])
    _, [whole, *_] = await go_on(copy, tale, session, says("Fine."))
    refused = tale.rng.choice(sorted(set.union(*map(marks, whole["messages"]))))
    where = next(i for i, m in enumerate(whole["messages"]) if refused in marks(m))

    result, bodies = await go_on(store, tale, session, Refusing(refused))
    assert result.result == "Fine.", result
    assert judge(bodies[-1]) == []
    told = [owed["text"] for owed in result.obligations if owed.get("cause") == "refused"]
    assert len(told) == 1, result.obligations
    assert "this cannot be processed" in told[0]
    near = set.union(*map(marks, whole["messages"][max(0, where - 1) : where + 2]))
    lost = set.union(*map(marks, whole["messages"])) - set.union(
        *map(marks, bodies[-1]["messages"])
    )
    assert refused in lost
    assert lost <= near, "something far from it was left out too"

    again, bodies = await go_on(store, tale, session, Refusing(refused))
    assert (again.result, len(bodies)) == ("Fine.", 1), "the next process knows it from the start"
