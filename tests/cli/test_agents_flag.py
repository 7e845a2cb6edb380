"""`--agents`, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine

from hames.testing import says
from hames.testing.fake_api import FakeAPI

HELPER = {"helper": {"description": "Helps.", "prompt": "You help."}}


@pytest.mark.parametrize("in_file", [False, True])
def test_agents_are_read_from_text_and_from_a_file(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, in_file: bool
) -> None:
    given = json.dumps(HELPER)
    if in_file:
        file = tmp_path / "agents.json"
        file.write_text(given)
        given = str(file)
    output = ("--output-format", "stream-json", "--verbose")
    ran = CommandLine(tmp_path, fake_api([says("Hello.")])).run(
        "-p", "Hi.", "--agents", given, *output
    )
    assert json.loads(ran.output.splitlines()[0])["agents"] == ["helper"]


def test_what_is_no_object_is_refused(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> None:
    ran = CommandLine(tmp_path, fake_api([])).run("-p", "Hi.", "--agents", "[]")
    assert ran.code == 1
    assert "`--agents` is an object" in ran.errors
