"""The main job: an agent that finds, edits, tests and commits in a real repository, from the command line
and from Python, over real HTTP."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from asked import ask, options_for
from big_repo import CRLF, fill
from installed import STREAM, Installed, of_type

from hames import run
from hames.providers.plays import Source
from hames.testing import FakeAPI, Play, Recorded, assert_prefix_stable, calls, says, thinks
from hames.testing.scratch_repo import ScratchRepo

Start = Callable[..., FakeAPI]
Hames = Callable[..., Installed]
TESTS = "python3 -m unittest -q"


@pytest.fixture
def repo(scratch_repo: ScratchRepo) -> ScratchRepo:
    fill(scratch_repo)
    return scratch_repo


def in_order(steps: Sequence[Source]) -> Callable[[dict[str, Any]], Play]:
    """A model that takes these steps; a function among them sees the request first."""
    left = list(steps)

    def act(body: dict[str, Any]) -> Play:
        step = left.pop(0)
        return step(body) if not isinstance(step, Play) else step

    return act


def job_id(body: dict[str, Any]) -> str:
    """The id of the background command, as the model was told it."""
    found = re.search(r"\bb[0-9a-z]{8}\b", json.dumps(body["messages"]))
    assert found is not None
    return found[0]


def mends(repo: Path) -> list[Source]:
    """What a model does that mends the rounding, tidies up, and commits."""
    rates = str(repo / "shop/tax/rates.py")
    return [
        thinks("Tests first.")
        + says("I run the tests.")
        + calls("TodoWrite", todos=todos("in_progress", "pending"))
        + calls("Bash", command=TESTS, description="Run the tests"),
        calls("Grep", pattern=r"def rate_for|def with_tax")
        + calls("Grep", pattern="with_tax", output_mode="count", glob="*_00?.py")
        + calls("Glob", pattern="**/rates*"),
        calls("Read", file_path=rates)
        + calls("Read", file_path=str(repo / "notes/rates.ipynb"))
        + calls("Read", file_path=str(repo / "shop.ini"))
        + calls("Read", file_path=str(repo / "deploy.sh")),
        calls("Edit", file_path=rates, old_string="int(cents", new_string="round(cents"),
        calls("Edit", file_path=rates, old_string="nothing like it", new_string="x")
        + calls(
            "MultiEdit",
            file_path=str(repo / "deploy.sh"),
            edits=[
                {"old_string": "echo deploying", "new_string": "echo deploying now"},
                {"old_string": "exit 0", "new_string": "exit 1"},
            ],
        )
        + calls(
            "Edit", file_path=str(repo / "shop.ini"),
            old_string="name=Caf\u00e9\ncurrency=EUR", new_string="name=Th\u00e9\ncurrency=CHF",
        )
        + calls(
            "NotebookEdit", notebook_path=str(repo / "notes/rates.ipynb"), cell_id="second",
            new_source="print(round(1.5))",
        )
        + calls("Write", file_path=str(repo / "docs/rounding.md"), content="Rounded, not cut.\n"),
        calls("Bash", command="mkfifo go; echo up; echo > go; sleep 300", run_in_background=True),
        calls("Bash", command="until [ -p go ]; do :; done; read line < go; rm go; echo seen"),
        lambda body: calls("BashOutput", bash_id=job_id(body)),
        lambda body: calls("KillShell", shell_id=job_id(body)),
        calls("TodoWrite", todos=todos("completed", "in_progress"))
        + calls("Bash", command=TESTS),
        calls("Bash", command="git add -A && git commit -q -m 'Round tax to the nearest cent'"),
        calls("Bash", command="git push origin main")
        + calls("Write", file_path=str(repo.parent / "outside.txt"), content="x")
        + calls("Bash", command="git status --short && git log --oneline -1"),
        says("Mended and committed; pushing was not allowed."),
        says("You are welcome."),
    ]  # fmt: skip


def todos(first: str, second: str) -> list[dict[str, str]]:
    return [
        {"content": "Mend", "status": first, "activeForm": "Mending"},
        {"content": "Commit", "status": second, "activeForm": "Committing"},
    ]


RULES = ["Bash(python3 -m unittest:*)", "Bash(git add:*)", "Bash(git commit:*)",
         "Bash(mkfifo:*)", "Bash(echo:*)", "Bash(sleep:*)", "Bash(until:*)", "Bash(read:*)",
         "Bash(rm go)", "TaskStop"]  # fmt: skip


def check(repo: ScratchRepo, requests: list[Recorded]) -> None:
    """What the model saw on the way, and what is there in the end."""
    results = [request.result_texts for request in requests]
    listed, tested = results[1]
    assert "FAILED" in tested
    assert "1188 != 1189" in tested
    assert listed
    found, counted, globbed = results[2]
    assert "shop/tax/rates.py" in found
    assert "node_modules" not in found
    assert counted.count("_00") == 60
    assert "rates.py" in globbed
    assert "rates.ipynb" in globbed
    read = results[3]
    assert "int(cents" in read[0]
    assert "print(2)" in read[1]
    assert "Caf\u00e9" in read[2]
    edits = requests[5].tool_results
    assert [bool(result.get("is_error")) for result in edits] == [True, False, False, False, False]
    assert "nothing like it" in results[5][0]
    assert "seen" in results[7][0]
    assert "up" in results[8][0]
    assert "OK" in results[10][1]
    refused = requests[12].tool_results
    assert [bool(result.get("is_error")) for result in refused] == [True, True, False]
    assert "Round tax to the nearest cent" in results[12][2]
    assert_prefix_stable(requests)

    assert repo.git("log", "--format=%s", "-1") == "Round tax to the nearest cent"
    assert repo.git("status", "--short") == ""
    changed = repo.git("diff", "--stat=200", "HEAD~1").splitlines()
    assert [line.split("|")[0].strip() for line in changed[:-1]] == [
        "deploy.sh", "docs/rounding.md", "notes/rates.ipynb", "shop.ini", "shop/tax/rates.py",
    ]  # fmt: skip
    assert (repo.path / "shop.ini").read_bytes() == b"\xef\xbb\xbf" + CRLF.replace(
        "Caf\u00e9", "Th\u00e9"
    ).replace("EUR", "CHF").encode()
    script = repo.path / "deploy.sh"
    assert script.read_bytes() == b"#!/bin/sh\necho deploying now\nexit 1"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    cells = json.loads((repo.path / "notes/rates.ipynb").read_text("utf-8"))["cells"]
    assert [cell["source"] for cell in cells][1] in ("print(round(1.5))", ["print(round(1.5))"])
    assert (
        subprocess.run(TESTS.split(), cwd=repo.path, capture_output=True, check=False).returncode
        == 0
    )
    assert not (repo.path.parent / "outside.txt").exists()


def test_a_fault_is_mended_from_the_command_line(installed: Hames, repo: ScratchRepo) -> None:
    hames = installed(in_order(mends(repo.path)))
    hames.cwd = repo.path
    ran = hames.run(
        "-p", "Make the tests pass.", *STREAM, "--permission-mode", "acceptEdits",
        "--allowedTools", *RULES,
    )  # fmt: skip
    assert (ran.code, ran.errors) == (0, "")
    check(repo, hames.api.requests)
    assert ran.result["result"] == "Mended and committed; pushing was not allowed."
    denied = [denial["tool_name"] for denial in ran.result["permission_denials"]]
    assert denied == ["Bash", "Write"]
    assert ran.result["num_turns"] == 13
    assert len(of_type(ran.lines, "task_started")) == 1
    assert of_type(ran.lines, "task_notification")[0]["status"] == "stopped"
    assert hames.ask("-c", "Thanks.")["result"] == "You are welcome."
    assert_prefix_stable(hames.api.requests)
    assert hames.api.problems == []


def test_the_same_from_python(fake_api: Start, repo: ScratchRepo, tmp_path: Path) -> None:
    api = fake_api([in_order(mends(repo.path))])
    options = options_for(
        api, tmp_path, cwd=repo.path, permission_mode="acceptEdits", allowed_tools=RULES,
        tools=["default", "MultiEdit", "NotebookEdit", "BashOutput"],
    )  # fmt: skip
    result = run("Make the tests pass.", options)
    check(repo, api.requests)
    assert result.text == "Mended and committed; pushing was not allowed."
    assert {"MultiEdit", "NotebookEdit"} <= api.requests[0].tools.keys()


async def test_nothing_is_changed_when_nobody_can_answer(
    fake_api: Start, repo: ScratchRepo, tmp_path: Path
) -> None:
    """Without rules only reading and commands known to be harmless run; the model is told of the rest."""
    before = repo.git("rev-parse", "HEAD")
    steps = [step for step in mends(repo.path) if isinstance(step, Play)]
    api = fake_api(steps)
    asked = await ask(api, tmp_path, "Make the tests pass.", cwd=repo.path)
    assert asked.result.subtype == "success"
    assert repo.git("rev-parse", "HEAD") == before
    assert repo.git("status", "--short") == ""
    denied = {denial["tool_name"] for denial in asked.result.permission_denials or ()}
    assert denied == {"Bash", "Edit", "MultiEdit", "NotebookEdit", "Write"}
    assert "1188" not in api.requests[-1].text, "the tests were not run"
    assert "int(cents" in api.requests[3].text, "the file was read"
    assert api.problems == []


async def test_a_mode_that_skips_permissions_runs_all_of_it(
    fake_api: Start, repo: ScratchRepo, tmp_path: Path
) -> None:
    api = fake_api([in_order([*mends(repo.path)[:-3], says("Done.")])])
    asked = await ask(
        api, tmp_path, "Make the tests pass.", cwd=repo.path,
        permission_mode="bypassPermissions", env={"IS_SANDBOX": "1"},
    )  # fmt: skip
    assert asked.result.permission_denials == []
    assert repo.git("log", "--format=%s", "-1") == "Round tax to the nearest cent"


def test_the_demo_ends_with_green_tests_and_a_commit(installed: Hames, tmp_path: Path) -> None:
    hames = installed()
    ran = hames.run("demo", "--folder", "shop")
    assert (ran.code, ran.errors) == (0, "")
    assert "RECORDED" in ran.output
    project = hames.cwd / "shop"
    [folder] = [path.parent for path in project.rglob(".git")]
    log = subprocess.run(
        ["git", "log", "--oneline"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert len(log.stdout.splitlines()) == 2
    tests = subprocess.run(
        [sys.executable, "-m", "unittest"], cwd=folder, capture_output=True, check=False
    )
    assert tests.returncode == 0
    assert hames.api.requests == [], "nothing is asked of a real model"
