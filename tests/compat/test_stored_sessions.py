"""The functions about sessions on disk, ours and the official ones, on what runs have left behind."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import claude_agent_sdk as official
import pytest
from compat_place import Place, asked, result_of

from hames.compat import claude_agent_sdk as ours
from hames.testing import calls, fails, says

Here = Callable[..., Place]

PACKAGES = [pytest.param(official, id="official"), pytest.param(ours, id="ours")]


async def run(place: Place, prompt: str, **options: Any) -> str:
    """The id of a session that has answered a prompt."""
    return result_of(await asked(prompt, place.options(**options))).session_id


def shown(package: Any, id: str, folder: str) -> dict[str, Any]:
    """All that the functions tell of a session."""
    info = package.get_session_info(id, folder)
    return {
        "info": info and asdict(info),
        "messages": [asdict(one) for one in package.get_session_messages(id, folder)],
        "page": [asdict(one) for one in package.get_session_messages(id, folder, 2, 1)],
        "subagents": package.list_subagents(id, folder),
    }


async def test_every_run_is_read_alike(here: Here) -> None:
    place = here(
        says("One."), calls("Bash", command="echo 1"), says("Two."), says("Three."), fails(400, "No."),
    )  # fmt: skip
    folder = str(place.cwd)
    first = await run(place, "First.")
    second = await run(place, "Second.", allowed_tools=["Bash"])
    fork = await run(place, "Third.", resume=second, fork_session=True)
    with pytest.raises(Exception, match="No\\."):
        await run(place, "Fourth.", resume=first)
    for id in (first, second, fork):
        assert shown(ours, id, folder) == shown(official, id, folder)
    assert [asdict(one) for one in ours.list_sessions(folder)] == [
        asdict(one) for one in official.list_sessions(folder)
    ]
    assert [asdict(one) for one in ours.list_sessions(limit=1, offset=1)] == [
        asdict(one) for one in official.list_sessions(limit=1, offset=1)
    ]
    assert [one.type for one in ours.get_session_messages(second, folder)] == [
        "user", "assistant", "user", "assistant",
    ]  # fmt: skip


async def test_changes_of_ours_are_seen_officially(here: Here) -> None:
    place = here(says("One."), says("Two."))
    folder = str(place.cwd)
    id = await run(place, "First.")
    ours.rename_session(id, " A name ", folder)
    ours.tag_session(id, "bl​ue", folder)
    info = official.get_session_info(id, folder)
    assert info is not None
    assert (info.custom_title, info.tag) == ("A name", "blue")
    ours.tag_session(id, None, folder)
    info = official.get_session_info(id, folder)
    assert info is not None
    assert info.tag is None

    [prompt, reply] = official.get_session_messages(id, folder)
    fork = ours.fork_session(id, folder, up_to_message_id=reply.uuid, title="A copy").session_id
    copied = official.get_session_messages(fork, folder)
    assert [one.message for one in copied] == [prompt.message, reply.message]
    assert {one.uuid for one in copied}.isdisjoint({prompt.uuid, reply.uuid})
    await run(place, "Second.", resume=fork)
    assert len(official.get_session_messages(fork, folder)) == 4

    ours.delete_session(id, folder)
    assert [one.session_id for one in official.list_sessions(folder)] == [fork]


@pytest.mark.parametrize("package", PACKAGES)
async def test_what_is_not_there_is_an_error(here: Here, package: Any) -> None:
    folder = str(here().cwd)
    missing = str(uuid.uuid4())
    assert package.get_session_info(missing, folder) is None
    assert package.get_session_messages("no id", folder) == []
    for change in (
        lambda id: package.rename_session(id, "x", folder),
        lambda id: package.tag_session(id, "x", folder),
        lambda id: package.delete_session(id, folder),
        lambda id: package.fork_session(id, folder),
    ):
        with pytest.raises(FileNotFoundError, match=missing):
            change(missing)
        with pytest.raises(ValueError, match="Invalid session_id: no id"):
            change("no id")
    with pytest.raises(ValueError, match="title must be non-empty"):
        package.rename_session(missing, " ", folder)
    with pytest.raises(ValueError, match="tag must be non-empty"):
        package.tag_session(missing, "\u200b", folder)
