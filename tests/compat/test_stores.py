"""Session stores behind the official names: the kit, the mirror, what is read from a store and written."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import claude_agent_sdk as official
import pytest
from claude_agent_sdk.testing import run_session_store_conformance as official_kit
from compat_place import Place, asked, result_of, said

from hames.compat import claude_agent_sdk as ours
from hames.compat.claude_agent_sdk import (
    ClaudeSDKClient,
    InMemorySessionStore,
    MirrorErrorMessage,
    fold_session_summary,
)
from hames.compat.claude_agent_sdk.testing import run_session_store_conformance
from hames.testing import says

Here = Callable[..., Place]


async def test_the_store_in_memory_keeps_to_both_kits() -> None:
    await run_session_store_conformance(InMemorySessionStore)
    await official_kit(InMemorySessionStore)


async def test_the_official_store_keeps_to_our_kit() -> None:
    await run_session_store_conformance(official.InMemorySessionStore)


class Forgetful(InMemorySessionStore):
    """Loses the order of what is appended."""

    async def append(self, key: Any, entries: Any) -> None:
        await super().append(key, list(reversed(entries)))


class Lingering(InMemorySessionStore):
    """Deletes a session without its subagents."""

    async def delete(self, key: Any) -> None:
        before = {name: list(entries) for name, entries in self._entries.items()}
        await super().delete(key)
        self._entries.update({name: entries for name, entries in before.items() if name[2]})


@pytest.mark.parametrize("broken", [Forgetful, Lingering])
async def test_a_broken_store_does_not_pass(broken: type[InMemorySessionStore]) -> None:
    with pytest.raises(AssertionError):
        await run_session_store_conformance(broken)


async def test_what_a_store_does_not_have_is_passed_over() -> None:
    class Growing:
        def __init__(self) -> None:
            self.kept = InMemorySessionStore()

        async def append(self, key: Any, entries: Any) -> None:
            await self.kept.append(key, entries)

        async def load(self, key: Any) -> Any:
            return await self.kept.load(key)

    await run_session_store_conformance(Growing)  # type: ignore[arg-type]  # the others are optional


ENTRIES: list[Any] = [
    {"type": "user", "timestamp": "2026-01-02T03:04:05.678Z", "cwd": "/a", "message": {"content": "<command-name>/init</command-name>"}},
    {"type": "user", "isMeta": True, "message": {"content": "not this"}},
    {"type": "user", "message": {"content": [{"type": "tool_result", "content": "nor this"}]}},
    {"type": "user", "gitBranch": "main", "message": {"content": [{"type": "text", "text": "x" * 300}]}},
    {"type": "custom-title", "customTitle": "A title"},
    {"type": "tag", "tag": "old"},
    {"type": "tag", "tag": ""},
    {"type": "user", "message": {"content": "a later prompt"}, "timestamp": "whenever"},
    {"type": "last-prompt", "lastPrompt": "a later prompt"},
]  # fmt: skip


@pytest.mark.parametrize("batches", [[ENTRIES], [[entry] for entry in ENTRIES]])
def test_summaries_are_the_official_ones(batches: list[list[Any]]) -> None:
    key: Any = {"project_key": "p", "session_id": "s"}
    told: dict[str, Any] = {"ours": None, "theirs": None}
    for batch in batches:
        told["ours"] = fold_session_summary(told["ours"], key, batch)
        told["theirs"] = official.fold_session_summary(told["theirs"], key, batch)
    assert told["ours"] == told["theirs"]


async def test_a_run_is_mirrored_and_goes_on_from_the_store_alone(here: Here) -> None:
    place = here(says("One."), says("Two."))
    store = InMemorySessionStore()
    first = result_of(await asked("First.", place.options(session_store=store)))
    [file] = (place.config / "projects").glob("*/*.jsonl")
    key: Any = {"project_key": file.parent.name, "session_id": first.session_id}
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert store.get_entries(key) == written

    shutil.rmtree(place.config)
    again = place.options(session_store=store, resume=first.session_id)
    messages = await asked("Second.", again)
    assert said(messages) == ["Two."]
    assert result_of(messages).session_id == first.session_id
    assert "One." in json.dumps(place.api.requests[1].messages)
    assert len(store.get_entries(key)) > len(written)
    assert not place.config.exists(), "what was put on disk for the run is gone"


async def test_the_newest_session_of_a_store_is_continued(here: Here) -> None:
    place = here(says("One."), says("Two."), says("Three."))
    store = InMemorySessionStore()
    await asked("First.", place.options(session_store=store))
    second = result_of(await asked("Second.", place.options(session_store=store)))
    shutil.rmtree(place.config)
    going_on = place.options(session_store=store, continue_conversation=True)
    assert result_of(await asked("Third.", going_on)).session_id == second.session_id


async def test_an_eager_mirror_does_not_wait_for_the_result(here: Here) -> None:
    place = here(says("Hello.").hang(events=3))
    stored = asyncio.Event()

    class Watched(InMemorySessionStore):
        async def append(self, key: Any, entries: Any) -> None:
            await super().append(key, entries)
            if any(entry["type"] == "user" for entry in entries):
                stored.set()

    options = place.options(session_store=Watched(), session_store_flush="eager")
    async with asyncio.timeout(30), ClaudeSDKClient(options) as client:
        await client.query("Hi.")
        await stored.wait()


async def test_a_store_that_fails_is_told_of_and_the_run_goes_on(here: Here) -> None:
    class Failing(InMemorySessionStore):
        tries = 0

        async def append(self, key: Any, entries: Any) -> None:
            Failing.tries += 1
            raise OSError("the disk is full")

    place = here(says("Hello."))
    messages = await asked("Hi.", place.options(session_store=Failing()))
    [told] = [message for message in messages if isinstance(message, MirrorErrorMessage)]
    assert (told.error, said(messages)) == ("the disk is full", ["Hello."])
    assert told.key is not None
    assert Failing.tries >= 3


async def test_a_store_that_hangs_stops_a_resume(here: Here) -> None:
    class Hanging(InMemorySessionStore):
        async def load(self, key: Any) -> Any:
            await asyncio.Event().wait()

    id = "3f0c2f5e-1111-4222-8333-444455556666"
    options = here().options(session_store=Hanging(), resume=id, load_timeout_ms=10)
    with pytest.raises(RuntimeError, match="timed out after 10ms"):
        await asked("Hi.", options)


async def test_a_store_is_read_as_officially(here: Here) -> None:
    """Whoever reads a store that a run has filled sees the same, the official functions or ours."""
    place = here(says("One."), says("Two."))
    store = InMemorySessionStore()
    first = result_of(await asked("First.", place.options(session_store=store)))
    await asked("Second.", place.options(session_store=store, resume=first.session_id))
    id, folder = first.session_id, str(place.cwd)
    await ours.rename_session_via_store(store, id, " Named ", folder)
    await ours.tag_session_via_store(store, id, "mine", folder)
    fork = await ours.fork_session_via_store(store, id, folder)

    async def seen(package: Any) -> list[Any]:
        listed = await package.list_sessions_from_store(store, folder)
        told = await package.get_session_info_from_store(store, id, folder)
        messages = await package.get_session_messages_from_store(store, fork.session_id, folder)
        return [[asdict(one) for one in [*listed, told, *messages]]]

    assert await seen(ours) == await seen(official)
    [newest, named] = await ours.list_sessions_from_store(store, folder)
    assert (named.custom_title, named.tag) == ("Named", "mine")
    assert newest.custom_title == "Named (fork)"
    said_there = await official.get_session_messages_from_store(store, fork.session_id, folder)
    assert [one.type for one in said_there] == ["user", "assistant"] * 2
    await ours.delete_session_via_store(store, id, folder)
    assert [one.session_id for one in await official.list_sessions_from_store(store, folder)] == [
        fork.session_id
    ]


async def test_a_session_on_disk_is_imported(here: Here) -> None:
    place = here(says("One."))
    id = result_of(await asked("First.", place.options())).session_id
    store, theirs = InMemorySessionStore(), official.InMemorySessionStore()
    await ours.import_session_to_store(id, store, directory=str(place.cwd), batch_size=2)
    await official.import_session_to_store(id, theirs, directory=str(place.cwd))
    key: Any = {"project_key": ours.project_key_for_directory(place.cwd), "session_id": id}
    assert store.get_entries(key) == theirs.get_entries(key) != []
