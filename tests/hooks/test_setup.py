"""`Setup` hooks: before all others, when a session or the command line is told to set up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, here
from hook_parts import Ears, commands

from hames import HookMatcher
from hames.testing import says
from hames.testing.fake_api import FakeAPI


def hooks(**answers: Any) -> tuple[Ears, dict[str, Any]]:
    ears = Ears()
    return ears, {name: [HookMatcher(None, [ears])] for name in ("Setup", "SessionStart")}


@pytest.mark.parametrize("kind", ["init", "maintenance"])
async def test_setup_comes_before_the_start_once(harness: Any, kind: str) -> None:
    """Observed with the official client."""
    ears, given = hooks()
    await harness([says("ok")], hooks=given, setup=kind)
    assert ears.events == ["Setup", "SessionStart"]
    assert ears.inputs[0]["trigger"] == kind


async def test_without_being_told_nothing_is_set_up(harness: Any) -> None:
    ears, given = hooks()
    await harness([says("ok")], hooks=given)
    assert ears.events == ["SessionStart"]


async def test_what_setup_prints_and_sets_is_there_for_the_session(harness: Any) -> None:
    hook = 'echo "installed"; echo "export TOOL=1" >> "$CLAUDE_ENV_FILE"'
    run = await harness(
        [says("ok")],
        setup="init",
        hooks={"Setup": commands(hook, matcher="init"), "Stop": commands("true")},
    )
    assert "installed" in json.dumps(run.requests[0].body["messages"])


@pytest.fixture
def line(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, fake_api([says("ok")]))


def settings(command: str) -> tuple[str, str]:
    return "--settings", json.dumps({"hooks": {"Setup": commands(command)}})


def test_the_command_line_sets_up_and_then_answers(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = settings('grep -o \'"trigger":"[a-z]*"\' > told')
    ran = here(line, ["-p", "Hi.", "--maintenance", *given], monkeypatch, capfd)
    assert (ran.code, ran.output) == (0, "ok\n")
    assert (line.cwd / "told").read_text() == '"trigger":"maintenance"\n'


def test_setting_up_alone_needs_no_key_and_asks_no_model(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    line.environment["ANTHROPIC_API_KEY"] = ""
    ran = here(line, ["--init-only", *settings("echo installed")], monkeypatch, capfd)
    assert (ran.code, ran.output, ran.errors) == (0, "", "installed\n")
    assert line.api.requests == []
    assert line.transcripts() == []


def test_a_setup_that_fails_is_an_exit_code(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Our choice: whoever sets up in a script wants to know."""
    ran = here(line, ["--init-only", *settings("echo no net >&2; exit 3")], monkeypatch, capfd)
    assert ran.code == 1
    assert "no net" in ran.errors


@pytest.mark.parametrize(
    "arguments", [["--init-only", "Hi."], ["-p", "Hi.", "--init", "--maintenance"]]
)
def test_what_cannot_go_together_is_refused(
    line: CommandLine,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ran = here(line, arguments, monkeypatch, capfd)
    assert (ran.code, ran.output) == (1, "")
    assert "--init" in ran.errors
    assert sys.stdout is not None
