"""`hames demo`: real loop, tools, permissions, tests and git; a recorded model."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine

from hames.demo.recording import Recording
from hames.providers.plays import says
from hames.testing.fake_api import FakeAPI

Start = Callable[..., FakeAPI]


def test_demo_mends_tests_commits_and_leaves_nothing(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api()
    line = CommandLine(tmp_path, api)
    (tmp_path / "temporary").mkdir()
    ran = line.run("demo", TMPDIR=str(tmp_path / "temporary"))
    assert (ran.code, ran.errors) == (0, "")
    assert "The model is RECORDED" in ran.output
    assert "+        if count >= 10:" in ran.output
    assert "Checked  the tests pass, one more commit" in ran.output
    assert "1 of them denied" in ran.output
    assert "\x1b" not in ran.output
    assert api.requests == []
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not line.config.exists()


def test_demo_may_be_kept_and_gone_on_with(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([says("I mended a comparison.")])
    line = CommandLine(tmp_path, api)
    ran = line.run("demo", "--folder", "kept")
    assert ran.code == 0
    found = re.search(r"cd (\S+) && hames -p -r (\S+)", ran.output)
    assert found is not None
    line.cwd = Path(found[1])
    assert line.cwd == tmp_path / "project/kept"
    resumed = line.run("-p", "-r", found[2], "What did you do?")
    assert (resumed.code, resumed.output) == (0, "I mended a comparison.\n")
    assert "count >= 10" in api.requests[0].raw.decode()


def test_demo_fails_loudly_when_the_agent_leaves_the_recording(
    fake_api: Start, tmp_path: Path
) -> None:
    line = CommandLine(tmp_path, fake_api())
    ran = line.run("demo", GIT_AUTHOR_DATE="no date at all")  # the agent's commit will not work
    assert ran.code == 1
    assert "did not do what the recording expects" in ran.errors
    assert "the results show `1 file changed`" in ran.errors


def test_demo_fails_when_the_fault_is_still_there(fake_api: Start, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, fake_api([says("I would rather not.")]))
    ran = line.run("demo", "--live")
    assert ran.code == 1
    assert "Checked  the tests FAIL, NO commit" in ran.output


def test_demo_asks_the_real_model_with_live(fake_api: Start, tmp_path: Path) -> None:
    """The recording serves as the real model here, over HTTP."""
    recording = Recording(str(tmp_path / "project/kept"))
    api = fake_api([recording], account=False)
    ran = CommandLine(tmp_path, api).run("demo", "--live", "--model", "haiku", "--folder", "kept")
    assert (ran.code, ran.errors) == (0, "")
    assert "The model is real." in ran.output
    assert "haiku" in api.requests[0].body["model"]
    recording.finish()


def test_demo_without_credentials_says_what_is_missing(fake_api: Start, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, fake_api())
    del line.environment["ANTHROPIC_API_KEY"]
    ran = line.run("demo", "--live")
    assert ran.code == 1
    assert "ANTHROPIC_API_KEY" in ran.errors
    assert ran.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["word"], "takes options only"),
        (["--model", "opus"], "needs `--live`"),
        (["--kep"], "Did you mean `--keep`?"),
        (["--folder", "."], "needs an empty folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_demo_refuses_what_it_cannot_do(
    arguments: list[str], message: str, fake_api: Start, tmp_path: Path
) -> None:
    line = CommandLine(tmp_path, fake_api())
    (line.cwd / "something").write_text("here", encoding="utf-8")
    ran = line.run("demo", *arguments)
    assert (ran.code, ran.output) == (1, "")
    assert message in ran.errors


def test_demo_does_not_touch_a_folder_of_yours(fake_api: Start, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, fake_api())
    (line.cwd / "something").write_text("here", encoding="utf-8")
    line.run("demo", "--folder", ".")
    listed = subprocess.run(["ls", "-A"], cwd=line.cwd, capture_output=True, text=True, check=True)
    assert listed.stdout == "something\n"
