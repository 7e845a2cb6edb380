"""The fixtures that Hames gives to every pytest run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from raw_client import body, post

from hames.errors import ScriptError
from hames.testing import calls, denied, says, succeeded


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import hames.testing.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert loaded == ["hames", "hames._version", "hames.testing", "hames.testing.pytest_plugin"]


def test_every_public_name_loads() -> None:
    import hames.testing

    assert all(getattr(hames.testing, name) for name in hames.testing.__all__)
    assert dir(hames.testing) == hames.testing.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = hames.testing.nonsense


def test_fake_apis_are_started_with_their_plays(fake_api) -> None:
    one, two = fake_api([says("One.")]), fake_api([says("Two.")], judge=False)
    assert post(one.url).text == "One."
    assert post(two.url, body(messages=[])).text == "Two."


def test_a_scratch_repo_is_a_repository_with_one_commit(scratch_repo) -> None:
    assert scratch_repo.git("log", "--format=%s %an %cI") == "Begin Test 2026-01-01T12:00:00+00:00"
    assert scratch_repo.git("status", "--porcelain") == ""
    assert Path(scratch_repo, "README.md").read_text("utf-8") == "# Scratch\n"
    head = scratch_repo.commit("Add a module", {"src/a.py": "x = 1\n"})
    assert scratch_repo.git("rev-parse", "HEAD") == head
    with pytest.raises(RuntimeError, match="`git frobnicate` failed"):
        scratch_repo.git("frobnicate")


async def test_the_harness_runs_a_prompt_and_shows_all_of_it(harness) -> None:
    run = await harness(
        plays=[says("I look.") + calls("Read", file_path="a.txt"), says("It says hello.")],
        prompt="What is in a.txt?",
        files={"a.txt": "hello\n"},
    )
    assert run.text == "It says hello."
    assert run.result.is_error is False
    assert run.requests[0].prompt == "What is in a.txt?"
    assert run.requests[1].tool_results == [succeeded("hello")]
    assert [type(m).__name__ for m in run.messages][-1] == "ResultMessage"
    assert len(run.said) >= 2


async def test_settings_of_the_harness_deny(harness) -> None:
    run = await harness(
        plays=[calls("Bash", command="rm -rf build"), says("Not allowed.")],
        settings={"permissions": {"deny": ["Bash(rm:*)"]}},
        files={"build/a.txt": "x"},
    )
    assert run.text == "Not allowed."
    assert run.requests[1].tool_results == [denied("Bash(rm:*)")]
    assert (run.cwd / "build" / "a.txt").exists()


async def test_a_run_can_be_resumed_by_the_next(harness) -> None:
    first = await harness(plays=[says("Blue.")], prompt="Name a colour.")
    second = await harness(plays=[says("You asked.")], prompt="Again?", resume=first.session_id)
    assert second.session_id == first.session_id
    assert "Blue." in second.requests[0].text


async def test_a_request_beyond_the_script_fails_the_test(harness) -> None:
    with pytest.raises(ScriptError, match="has no play"):
        await harness(plays=[calls("Bash", command="true")])


async def test_settings_go_the_way_of_all_settings(harness) -> None:
    run = await harness(plays=[says("Hello.")], settings={"theme": "dark", "model": "haiku"})
    assert "haiku" in run.requests[0].body["model"]
