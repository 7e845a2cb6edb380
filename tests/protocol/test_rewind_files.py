"""The control request `rewind_files`, as official clients send it.

Observed of official 2.1.330: what cannot be done is an error, and with `dry_run` an answer that says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from talk import Talk, request

from hames.testing import calls, says

UUID = "aaaaaaaa-0000-4000-8000-000000000001"
PROMPT = {"type": "user", "message": {"role": "user", "content": "Go."}, "uuid": UUID}


async def answers(talk: Talk, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to requests that are sent one after the other when the prompt is answered."""
    left = list(requests)

    def go_on(_: dict[str, Any]) -> None:
        if left:
            talk.when(lambda line: line["type"] == "control_response", go_on)
            talk.send(left.pop(0))
        else:
            talk.end()

    talk.when(lambda line: line["type"] == "result", go_on)
    talk.send(PROMPT)
    await talk.serve()
    return [talk.answer_to(one["request_id"]) for one in requests]


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING", "true")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/a").write_text("old\n")
    plays = [calls("Bash", command="echo new > a; echo more >> a"), says("Done.")]
    return Talk(tmp_path / "work", *plays, allowed_tools=["Bash"])


async def test_files_are_put_back_and_a_dry_run_only_tells(talk: Talk, tmp_path: Path) -> None:
    told, done, again = await answers(
        talk,
        request("1", "rewind_files", user_message_id=UUID, dry_run=True),
        request("2", "rewind_files", user_message_id=UUID),
        request("3", "rewind_files", user_message_id=UUID, dry_run=True),
    )
    changes = {
        "canRewind": True,
        "filesChanged": [str(tmp_path / "work/a")],
        "insertions": 1,
        "deletions": 2,
        "changedByOthers": [],
        "left": [],
    }
    assert told["response"] == changes
    undo = done["response"].pop("undo")
    assert done["response"] == {**changes, "skippedLinks": 0}
    assert len(undo) == 36
    assert again["response"]["filesChanged"] == []
    assert (tmp_path / "work/a").read_text() == "old\n"


async def test_what_cannot_be_done_is_an_error_or_told_by_a_dry_run(talk: Talk) -> None:
    told, refused = await answers(
        talk,
        request("1", "rewind_files", user_message_id="nope", dry_run=True),
        request("2", "rewind_files", user_message_id="nope"),
    )
    assert told["response"]["canRewind"] is False
    assert "No file checkpoint" in told["response"]["error"]
    assert refused["subtype"] == "error"
    assert "No file checkpoint" in refused["error"]


async def test_without_checkpoints_nothing_is_put_back(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING")
    [refused] = await answers(talk, request("1", "rewind_files", user_message_id=UUID))
    assert "not enabled" in refused["error"]
