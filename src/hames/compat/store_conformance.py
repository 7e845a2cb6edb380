"""What a session store has to keep to: fourteen contracts, checked against a store of yours.

    await run_session_store_conformance(lambda: MyStore())

The maker gives an empty store each time. What a store does not have is passed over.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import Any

from hames.compat.session_types import SessionKey, SessionStore, implements
from hames.compat.stores import fold_session_summary

OPTIONAL = frozenset({"list_sessions", "list_session_summaries", "delete", "list_subkeys"})
MakeStore = Callable[[], SessionStore | Awaitable[SessionStore]]

KEY: SessionKey = {"project_key": "proj", "session_id": "sess"}
AGENT_1: SessionKey = {**KEY, "subpath": "subagents/agent-1"}
AGENT_2: SessionKey = {**KEY, "subpath": "subagents/agent-2"}


async def run_session_store_conformance(
    make_store: MakeStore, *, skip_optional: frozenset[str] = frozenset()
) -> None:
    """Check every contract that the store can be held to. Raises AssertionError for a broken one."""
    unknown = skip_optional - OPTIONAL
    assert not unknown, f"unknown optional methods in skip_optional: {sorted(unknown)}"
    probe = await _made(make_store)
    has = {name for name in OPTIONAL - skip_optional if implements(probe, name)}
    for needs, contract in CONTRACTS:
        if needs <= has:
            await contract(await _made(make_store), has)


async def keeps_order_within_an_append(store: SessionStore, has: set[str]) -> None:
    await store.append(KEY, [_entry(1, uuid="b"), _entry(2, uuid="a")])
    assert await store.load(KEY) == [_entry(1, uuid="b"), _entry(2, uuid="a")]


async def knows_nothing_of_what_was_never_written(store: SessionStore, has: set[str]) -> None:
    assert await store.load(_of("proj", "nope")) is None
    await store.append(KEY, [_entry(1)])
    assert await store.load({**KEY, "subpath": "nope"}) is None


async def keeps_order_across_appends(store: SessionStore, has: set[str]) -> None:
    for batch in ([1], [2, 3], [4]):
        await store.append(KEY, [_entry(n, uuid=f"{9 - n}") for n in batch])
    assert [_n(one) for one in await store.load(KEY) or ()] == [1, 2, 3, 4]


async def takes_an_empty_append_for_nothing(store: SessionStore, has: set[str]) -> None:
    await store.append(KEY, [_entry(1)])
    await store.append(KEY, [])
    assert await store.load(KEY) == [_entry(1)]


async def keeps_subpaths_apart(store: SessionStore, has: set[str]) -> None:
    await store.append(KEY, [_entry(1)])
    await store.append(AGENT_1, [_entry(2)])
    assert await store.load(KEY) == [_entry(1)]
    assert await store.load(AGENT_1) == [_entry(2)]


async def keeps_projects_apart(store: SessionStore, has: set[str]) -> None:
    for n, project in enumerate("AB"):
        await store.append(_of(project, "s1"), [_entry(n)])
    assert await store.load(_of("A", "s1")) == [_entry(0)]
    assert await store.load(_of("B", "s1")) == [_entry(1)]
    if "list_sessions" in has:
        assert [len(await store.list_sessions(project)) for project in "AB"] == [1, 1]


async def lists_the_sessions_of_a_project(store: SessionStore, has: set[str]) -> None:
    for project, session in (("proj", "a"), ("proj", "b"), ("other", "c")):
        await store.append(_of(project, session), [_entry(1)])
    sessions = await store.list_sessions("proj")
    assert sorted(one["session_id"] for one in sessions) == ["a", "b"]
    assert all(_is_time(one["mtime"]) for one in sessions), "`mtime` is in milliseconds since 1970"
    assert await store.list_sessions("never-appended-project") == []


async def lists_no_subagents_among_sessions(store: SessionStore, has: set[str]) -> None:
    await store.append(KEY, [_entry(1)])
    await store.append(AGENT_1, [_entry(1)])
    assert [one["session_id"] for one in await store.list_sessions("proj")] == ["sess"]


async def keeps_summaries_of_main_transcripts(store: SessionStore, has: set[str]) -> None:
    times = [f"2024-01-01T00:00:0{n}.000Z" for n in range(4)]
    await store.append(KEY, [_entry(1, timestamp=times[0], customTitle="first")])
    await store.append(KEY, [_entry(2, timestamp=times[1], customTitle="second")])
    await store.append(_of("other", "elsewhere"), [_entry(1, timestamp=times[0])])
    (summary,) = await store.list_session_summaries("proj")
    assert summary["session_id"] == "sess"
    assert _is_time(summary["mtime"])
    assert isinstance(summary["data"], dict)
    if "list_sessions" in has:
        (listed,) = await store.list_sessions("proj")
        assert summary["mtime"] >= listed["mtime"], "a summary is as new as its session"
    folded = fold_session_summary(summary, KEY, [_entry(3, timestamp=times[2])])
    assert (folded["session_id"], folded["mtime"]) == ("sess", summary["mtime"])
    data = dict(summary["data"])
    await store.append(AGENT_1, [_entry(4, timestamp=times[3], customTitle="subagent")])
    (after,) = await store.list_session_summaries("proj")
    assert after["data"] == data, "a subagent's lines say nothing of the session"
    assert await store.list_session_summaries("never-appended-project") == []
    if "delete" in has:
        await store.delete(KEY)
        assert await store.list_session_summaries("proj") == []


async def deletes_a_session(store: SessionStore, has: set[str]) -> None:
    await store.delete(_of("proj", "never-written"))
    await store.append(KEY, [_entry(1)])
    await store.delete(KEY)
    assert await store.load(KEY) is None


async def deletes_subagents_with_their_session(store: SessionStore, has: set[str]) -> None:
    others = [_of("proj", "sess2"), _of("other-proj", "sess")]
    for key in (KEY, AGENT_1, AGENT_2, *others):
        await store.append(key, [_entry(1)])
    await store.delete(KEY)
    assert [await store.load(key) for key in (KEY, AGENT_1, AGENT_2)] == [None] * 3
    assert [await store.load(key) for key in others] == [[_entry(1)]] * 2
    if "list_subkeys" in has:
        assert await store.list_subkeys(_named(KEY)) == []
    if "list_sessions" in has:
        assert [one["session_id"] for one in await store.list_sessions("proj")] == ["sess2"]


async def deletes_one_subagent(store: SessionStore, has: set[str]) -> None:
    for key in (KEY, AGENT_1, AGENT_2):
        await store.append(key, [_entry(1)])
    await store.delete(AGENT_1)
    assert await store.load(AGENT_1) is None
    assert [await store.load(key) for key in (KEY, AGENT_2)] == [[_entry(1)]] * 2
    if "list_subkeys" in has:
        assert await store.list_subkeys(_named(KEY)) == ["subagents/agent-2"]


async def lists_the_subagents_of_a_session(store: SessionStore, has: set[str]) -> None:
    other: SessionKey = {**_of("proj", "other-sess"), "subpath": "subagents/agent-x"}
    for key in (KEY, AGENT_1, AGENT_2, other):
        await store.append(key, [_entry(1)])
    found = await store.list_subkeys(_named(KEY))
    assert sorted(found) == ["subagents/agent-1", "subagents/agent-2"]


async def lists_no_main_transcript_among_subagents(store: SessionStore, has: set[str]) -> None:
    await store.append(KEY, [_entry(1)])
    assert await store.list_subkeys(_named(KEY)) == []
    assert await store.list_subkeys(_named(_of("proj", "never-appended"))) == []


CONTRACTS: tuple[tuple[set[str], Callable[[SessionStore, set[str]], Awaitable[None]]], ...] = (
    (set(), keeps_order_within_an_append),
    (set(), knows_nothing_of_what_was_never_written),
    (set(), keeps_order_across_appends),
    (set(), takes_an_empty_append_for_nothing),
    (set(), keeps_subpaths_apart),
    (set(), keeps_projects_apart),
    ({"list_sessions"}, lists_the_sessions_of_a_project),
    ({"list_sessions"}, lists_no_subagents_among_sessions),
    ({"list_session_summaries"}, keeps_summaries_of_main_transcripts),
    ({"delete"}, deletes_a_session),
    ({"delete"}, deletes_subagents_with_their_session),
    ({"delete"}, deletes_one_subagent),
    ({"list_subkeys"}, lists_the_subagents_of_a_session),
    ({"list_subkeys"}, lists_no_main_transcript_among_subagents),
)


async def _made(make_store: MakeStore) -> SessionStore:
    made = make_store()
    return await made if inspect.isawaitable(made) else made


def _of(project: str, session: str) -> SessionKey:
    return {"project_key": project, "session_id": session}


def _named(key: SessionKey) -> Any:
    return {"project_key": key["project_key"], "session_id": key["session_id"]}


def _entry(n: int, **fields: Any) -> Any:
    return {"type": "x", "n": n, **fields}


def _n(entry: Any) -> Any:
    return entry["n"]


def _is_time(milliseconds: float) -> bool:
    return math.isfinite(milliseconds) and milliseconds > 1e12
