"""Settings and memory files as `hames -p` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, Ran, here

from hames.settings import sources
from hames.testing import calls, says

FLAGS = ("-p", "Go.", "--output-format", "json")


class Line:
    """`hames` in a project with a configuration of its own, in this process."""

    def __init__(self, folder: Path, api: Any, monkeypatch: Any, capture: Any) -> None:
        self.line = CommandLine(folder, api)
        self.api = api
        self._rest = (monkeypatch, capture)

    def write(self, name: str, values: Mapping[str, Any] | str) -> None:
        file = self.line.cwd.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(values if isinstance(values, str) else json.dumps(values), "utf-8")

    def run(self, *arguments: str) -> Ran:
        return here(self.line, [*FLAGS, *arguments], *self._rest)

    def denied(self, *arguments: str) -> bool:
        return bool(json.loads(self.run(*arguments).output)["permission_denials"])


@pytest.fixture
def line(fake_api: Any, tmp_path: Path, monkeypatch: Any, capfd: Any) -> Any:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    monkeypatch.delenv("CI", raising=False)

    def started(plays: Any) -> Line:
        return Line(tmp_path, fake_api(plays, account=False), monkeypatch, capfd)

    return started


def making(*names: str) -> list[Any]:
    return [play for name in names for play in (calls("Bash", command=f"mkdir {name}"), says("ok"))]


def test_a_rule_from_json_on_the_command_line_works(line: Any) -> None:
    run = line(making("a", "b"))
    assert run.denied()
    assert not run.denied("--settings", '{"permissions": {"allow": ["Bash(mkdir:*)"]}}')


def test_a_rule_of_the_project_is_absent_when_it_is_excluded(line: Any) -> None:
    run = line(making("a", "b", "c"))
    run.write("project/.claude/settings.json", {"permissions": {"deny": ["Bash(mkdir:*)"]}})
    allow = ("--allowedTools", "Bash")
    assert run.denied(*allow)
    assert not run.denied(*allow, "--setting-sources", "user")
    assert not run.denied(*allow, "--setting-sources", "")


def test_a_broken_file_is_a_warning_and_the_run_goes_on(line: Any) -> None:
    run = line([says("fine")])
    run.write("project/.claude/settings.json", "{\n  broken")
    ran = run.run()
    assert (ran.code, json.loads(ran.output)["result"]) == (0, "fine")


def test_a_settings_file_that_is_not_there_ends_the_start(line: Any) -> None:
    ran = line([]).run("--settings", "none.json")
    assert (ran.code, "none.json" in ran.errors) == (1, True)


def test_memory_is_told_unless_its_source_is_left_out(line: Any) -> None:
    run = line([says("a"), says("b")])
    run.write("project/CLAUDE.md", "Be kind. @more.md")
    run.write("project/more.md", "Be exact.")
    run.run()
    run.run("--setting-sources", "user")
    with_memory, without = (request.body["messages"][0]["content"] for request in run.api.requests)
    assert "Be kind." in with_memory[0]["text"]
    assert "Be exact." in with_memory[0]["text"]
    assert "Be kind." not in json.dumps(without)
