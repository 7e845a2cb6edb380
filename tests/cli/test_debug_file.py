"""`--debug-file` and `--name`, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from hames.testing import says
from hames.testing.fake_api import FakeAPI

Hames = Callable[..., CommandLine]


@pytest.fixture
def hames(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Hames:
    return lambda *plays: CommandLine(tmp_path, fake_api(plays))


def test_a_file_gets_the_log_and_standard_error_does_not(hames: Hames, tmp_path: Path) -> None:
    file = tmp_path / "debug.log"
    ran = hames(says("Hello.")).run("-p", "Hi.", "--debug-file", str(file))
    assert (ran.code, ran.output, ran.errors) == (0, "Hello.\n", "")
    assert "hames." in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_named(hames: Hames) -> None:
    ran = hames().run("-p", "Hi.", "--debug-file", "/none/debug.log")
    assert (ran.code, ran.output) == (1, "")
    assert "`--debug-file`: `/none/debug.log` cannot be written" in ran.errors


def test_a_session_is_called_as_asked(hames: Hames) -> None:
    line = hames(says("Hello."), says("Again."))
    line.run("-p", "Hi.", "-n", "My session")
    ran = line.run("-p", "Go on.", "--resume", "My session", "--output-format", "json")
    answer: dict[str, Any] = json.loads(ran.output)
    assert answer["result"] == "Again."
