"""G8 for calls that were put off: whatever dies when, and whoever resumes, a call runs once or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hames.testing import FakeAPI, calls, says

HOST = Path(__file__).with_name("deferring.py")
LIMIT = 60

FINISHED = calls("Bash", command="echo allowed >> finished")
FIRST = calls("Bash", command="echo first >> first")
SECOND = calls("Bash", command="echo second >> second")


class Workers:
    """Processes that share a folder, a home and a fake API."""

    def __init__(self, folder: Path, api: FakeAPI) -> None:
        self.api = api
        self.cwd = folder / "project"
        self.cwd.mkdir()
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CLAUDE_CONFIG_DIR": str(folder / "config"),
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "test-key",
        }

    def start(self, **job: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(HOST), json.dumps(job)],
            cwd=self.cwd,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **job: Any) -> dict[str, Any]:
        """What a worker that ends by itself has to say."""
        output, errors = self.start(**job).communicate(timeout=LIMIT)
        assert output, errors
        said: dict[str, Any] = json.loads(output.splitlines()[-1])
        return said

    def dies(self, **job: Any) -> None:
        process = self.start(**job)
        process.communicate(timeout=LIMIT)
        assert process.returncode == -signal.SIGKILL

    def count(self, name: str) -> int:
        """How often a command has run."""
        path = self.cwd / name
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def session(self) -> str:
        (stored,) = (self.cwd.parent / "config").glob("projects/*/*.jsonl")
        return stored.stem


@pytest.fixture
def workers(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Callable[..., Workers]:
    return lambda *plays: Workers(tmp_path, fake_api(plays))


def test_another_process_runs_what_was_allowed_refuses_the_rest_and_repeats_nothing(
    workers: Callable[..., Workers],
) -> None:
    work = workers(FINISHED + FIRST + SECOND, says("Done."))
    began = work.run(prompt="Go.", defer=["first", "second"])
    assert began["reason"] == "tool_deferred"
    first, second = began["deferred"]
    assert [work.count(name) for name in ("finished", "first", "second")] == [1, 0, 0]

    ended = work.run(
        resume=began["session"],
        decisions={first: "allow", second: {"behavior": "deny", "message": "No."}},
        defer=["first", "second"],
    )
    assert (ended["reason"], ended["text"]) == ("completed", "Done.")
    assert [work.count(name) for name in ("finished", "first", "second")] == [1, 1, 0]
    assert [r.get("is_error", False) for r in work.api.requests[1].tool_results] == [
        False,
        False,
        True,
    ]
    assert work.api.problems == []


def test_a_process_that_dies_while_it_puts_calls_off_loses_none(
    workers: Callable[..., Workers],
) -> None:
    work = workers(FINISHED + FIRST + SECOND, says("Done."))
    work.dies(prompt="Go.", defer=["first", "second"], die_at="second")
    again = work.run(resume=work.session(), defer=["first", "second"])
    assert len(again["deferred"]) == 2
    ended = work.run(resume=work.session(), decisions=dict.fromkeys(again["deferred"], "allow"))
    assert ended["reason"] == "completed"
    assert [work.count(name) for name in ("finished", "first", "second")] == [1, 1, 1]
    assert work.api.problems == []


def test_a_call_that_was_killed_while_it_ran_is_not_run_again(
    workers: Callable[..., Workers],
) -> None:
    killing = calls("Bash", command="echo first >> first; kill -9 $PPID")
    work = workers(killing + SECOND, says("Done."))
    began = work.run(prompt="Go.", defer=["first", "second"])
    decisions = dict.fromkeys(began["deferred"], "allow")
    work.dies(resume=began["session"], decisions=decisions)
    assert [work.count(name) for name in ("first", "second")] == [1, 0]

    # The decisions are given once more, as a job queue would: they hold for what still waits.
    ended = work.run(resume=began["session"], decisions=decisions, prompt="Go on.")
    assert ended["reason"] == "completed"
    assert [work.count(name) for name in ("first", "second")] == [1, 1]
    told = work.api.requests[-1].result_texts
    assert "may have taken effect" in told[0]
    assert any("does not wait any more" in said for said in ended["warnings"])
    assert work.api.problems == []


def test_of_two_processes_that_resume_at_once_one_runs_the_call(
    workers: Callable[..., Workers],
) -> None:
    work = workers(FIRST, says("Done.").forever())
    began = work.run(prompt="Go.", defer=["first"])
    job = {"resume": began["session"], "decisions": {began["deferred"][0]: "allow"}, "wait": True}
    both = [work.start(**job) for _ in range(2)]
    for process in both:  # both have read the session, and neither has begun
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ended = [json.loads(process.communicate("\n", timeout=LIMIT)[0]) for process in both]
    assert work.count("first") == 1
    assert sorted(one["reason"] for one in ended) == ["completed", "turn_setup_failed"]
    (late,) = [one for one in ended if one["errors"]]
    assert "was not run twice" in late["errors"][0]


def test_killed_at_every_append_a_call_runs_at_most_once_and_none_is_lost(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(HOST.with_name("deferral_host.py")), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    runs = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(runs) > 25
    for run in runs:
        assert max(run["runs"].values()) <= 1, run
        assert run["refused"] == [], run
        assert run["reasons"][-1:] in (["completed"], []), run
    put_off = [run for run in runs if run["which"] == "put off" and run["waited"]]
    assert put_off
    for run in put_off:
        assert run["runs"] == {"finished": 1, "first": 1, "second": 1}, run
    # Killed while the allowed calls ran: only one that had begun may not have been run.
    for run in [run for run in runs if run["which"] == "resumed"]:
        assert run["runs"]["finished"] == 1, run
        assert run["runs"]["first"] + run["runs"]["second"] >= 1, run
