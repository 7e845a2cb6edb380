"""G2: deny always denies.

The promise: what a deny rule names is not read, written or run, in whatever mode, by whatever tool, under
whatever spelling; also when a hook, a callback or a prompt brings it, and when a link is exchanged between
the decision and the opening of a file.

How it is tried here: whole sessions, in every mode, that call every tool with many spellings of denied files
and programs, allowed by everything else there is. What the model then sees must not hold the secret, and what
the canary leaves must not be there. Seeded fuzzing of the same is `tests/permissions/test_fuzz.py`, exchanged
links `tests/sandbox/test_guard.py`, single decisions `tests/data/permissions/cases.jsonl`.

Run: `pytest tests/guarantees/test_g2_deny.py tests/permissions tests/sandbox/test_guard.py`; with `-m slow`
100,000 random programs, those allowed really run.
"""

from __future__ import annotations

import json
import os
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest
from programs import make_scratch

from hames import HookMatcher, PermissionResultAllow
from hames.testing import calls, says
from hames.tools.tool import Call, Result, Tool

MODES = ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions")
SECRET = "S3CRET"
DENY = ["Read(.env)", "Read(secret/**)", "Edit(kept/**)", "Bash(canary:*)"]
ALLOW = ["Bash", "Read", "Edit", "Write", "MultiEdit", "NotebookEdit", "Grep", "Glob", "LS", "peek"]
CASES = Path(__file__).parent.parent / "data" / "permissions" / "cases.jsonl"


def place(folder: Path) -> list[str]:
    """Denied files and other ways to them; the spellings."""
    make_scratch(folder)
    for name in (".env", "secret/key", "kept/app"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{SECRET}\n", encoding="utf-8")
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "secret" / "n.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "to-key").symlink_to("secret/key")
    (folder / "around").symlink_to(".")
    return [
        *(".env", "./.env", "src/../.env", f"{folder}/.env", ".//.env", ".ENV", "around/.env"),
        *("secret/key", "to-key", "around/around/secret/./key", "~/../.env"),
        f"/proc/self/root{folder}/.env",
    ]


def every_file_tool(path: str) -> list[Any]:
    edit = {"old_string": SECRET, "new_string": "gone"}
    return [
        calls("Read", file_path=path),
        calls("Edit", file_path=path, **edit),
        calls("Write", file_path=path, content="gone"),
        calls("MultiEdit", file_path=path, edits=[edit]),
        calls("Grep", pattern="S3", path=path, output_mode="content"),
        calls("Glob", pattern="*", path=path),
        calls("LS", path=path),
        calls("Bash", command=f"cat {path}"),
        calls("Bash", command=f"head -c 99 < {path}", run_in_background=True),
        calls("peek", file=path),
    ]


def further_ways() -> list[Any]:
    return [
        calls("Grep", pattern="S3", output_mode="content"),
        calls("Grep", pattern="S3", path="secret", output_mode="content", glob="*"),
        calls("Glob", pattern="**/.e*"),
        calls("NotebookEdit", notebook_path="secret/n.ipynb", new_source="x", edit_mode="insert"),
        calls("Write", file_path="kept/new", content="x"),
        calls("Edit", file_path="kept/app", old_string=SECRET, new_string="gone"),
        calls("LS", path="secret"),
        calls("Glob", pattern="*", path="secret"),
    ]


async def peek(args: dict[str, Any], call: Call) -> Result:
    """A tool that declares nothing."""
    path = call.resolve(args["file"])
    try:
        return Result((await call.machine.read(path)).decode())
    except OSError as error:
        return Result(f"{error}")


PEEK = Tool("peek", "Shows a file.", {"type": "object"}, peek, native=False)


def state(folder: Path) -> dict[str, bytes]:
    kept = [path for name in ("secret", "kept") for path in (folder / name).iterdir()]
    return {str(path): path.read_bytes() for path in (folder / ".env", *kept)}


def sent(run: Any) -> str:
    """All that the model was given."""
    return "".join(json.dumps(request.body["messages"]) for request in run.requests)


async def test_no_tool_in_no_mode_reaches_a_denied_file(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    folder = tmp_path / "w"
    spellings = place(folder)
    before = state(folder)
    asked = [one for path in spellings for one in every_file_tool(path)] + further_ways()
    for mode in MODES:
        run = await harness(
            [reduce(add, asked), says("ok")],
            cwd=folder,
            permission_mode=mode,
            allowed_tools=ALLOW,
            disallowed_tools=DENY,
            tools=["default", PEEK],
            env={"HOME": str(folder / "src")},
            can_use_tool=lambda tool, input, context: PermissionResultAllow(),
        )
        # The model itself names the text that it looks for.
        results = json.dumps(run.requests[1].tool_results)
        assert len(run.requests[1].tool_results) == len(asked)
        assert f"{SECRET}\\n" not in results, mode
        listed = [str(one["content"]) for one in run.requests[1].tool_results[-2:]]
        assert not any("key" in names for names in listed), mode
        assert state(folder) == before, mode


async def test_no_hook_and_no_callback_brings_what_is_denied(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    folder = tmp_path / "w"
    place(folder)
    mark = tmp_path / "ran"
    other = {"Read": {"file_path": "to-key"}, "Bash": {"command": "bin/canary"}}

    def hook(*given: Any) -> dict[str, Any]:
        changed = other[given[0]["tool_name"]]
        return {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "allow",
                "updatedInput": changed,
            }
        }

    def callback(tool: str, input: dict[str, Any], context: Any) -> Any:
        return PermissionResultAllow(updated_input=other[tool])

    for brought in (
        {"hooks": {"PreToolUse": [HookMatcher(None, [hook])]}},
        {"can_use_tool": callback},
    ):
        run = await harness(
            [
                calls("Read", file_path="/etc/hostname") + calls("Bash", command="touch made"),
                says("ok"),
            ],
            cwd=folder,
            disallowed_tools=DENY,
            env={"CANARY_MARK": str(mark)},
            **brought,
        )
        assert [one["is_error"] for one in run.requests[1].tool_results] == [True, True], brought
        assert SECRET not in sent(run)
        assert not mark.exists()
        assert len(run.result.permission_denials) == 2


async def test_no_mention_shows_a_denied_file(harness: Any, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    spellings = place(folder)
    run = await harness(
        [says("ok")],
        prompt="Look at " + " ".join(f"@{path}" for path in spellings) + " and @README.md",
        cwd=folder,
        permission_mode="acceptEdits",
        allowed_tools=ALLOW,
        disallowed_tools=DENY,
        env={"HOME": str(folder / "src")},
    )
    assert "hello" in sent(run)
    assert SECRET not in sent(run)


def commands() -> list[str]:
    """The attacks of the case file, with the canary as the denied program; and its own spellings."""
    found = []
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        command = case["input"].get("command", "")
        if (
            "Bash(rm:*)" in case["rules"]["deny"]
            and case["expect"] != "allow"
            and "rm x" in command
        ):
            found.append(command.replace("rm x", "canary"))
    own = [
        "bin/canary",
        "c''anary",
        "$'\\x63anary'",
        "x=canary; $x",
        "bash -c canary",
        "`echo canary`",
    ]
    return [*found, *own, "true && canary", "(canary)", "echo $(canary)", "{canary,x}", "bin/can*"]


async def test_no_command_line_runs_a_denied_program(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the mode that allows everything else, with nobody to ask."""
    monkeypatch.setenv("IS_SANDBOX", "1")
    folder = tmp_path / "w"
    place(folder)
    mark = tmp_path / "ran"
    asked = commands()
    assert len(asked) > 25
    run = await harness(
        [reduce(add, (calls("Bash", command=one) for one in asked)), says("ok")],
        cwd=folder,
        permission_mode="bypassPermissions",
        allowed_tools=ALLOW,
        disallowed_tools=DENY,
        env={
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "CANARY_MARK": str(mark),
            "HOME": str(folder / "src"),
        },
    )
    ran = [
        command
        for command, result in zip(asked, run.requests[1].tool_results, strict=True)
        if not result.get("is_error")
    ]
    assert not mark.exists(), ran
    assert len(run.result.permission_denials) >= len(asked) - 3


async def test_the_canary_sings_when_it_is_not_denied(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the rule the same session runs it: the tests above could fail."""
    monkeypatch.setenv("IS_SANDBOX", "1")
    folder = tmp_path / "w"
    place(folder)
    mark = tmp_path / "ran"
    run = await harness(
        [calls("Bash", command="bin/canary") + calls("Bash", command="cat to-key"), says("ok")],
        cwd=folder,
        permission_mode="bypassPermissions",
        env={"CANARY_MARK": str(mark)},
    )
    assert mark.exists()
    assert SECRET in sent(run)
