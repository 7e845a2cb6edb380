"""Hooks and the administrator: what managed settings switch off, and what nobody switches off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands

from hames import AgentOptions, HookMatcher, query
from hames.providers.scripted import Scripted
from hames.settings import sources
from hames.testing import says


class Computer:
    """Settings files of everybody, each with a `Stop` hook that leaves its name."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "p"
        self.managed = folder / "managed"
        self._folder = folder
        self._env = {"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config"), "CI": ""}
        self.write("config/settings.json", "user")
        self.write("p/.claude/settings.json", "project")
        self.write("p/.claude/settings.local.json", "local")

    def write(self, file: str, name: str, **values: Any) -> None:
        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        hooks = {"Stop": commands(f"touch {self._folder}/ran-{name}")}
        path.write_text(json.dumps({"hooks": hooks, **values}), encoding="utf-8")

    async def ran(self, **options: Any) -> set[str]:
        """The names of the hooks that ran, `callback` for the function of the host."""
        ears = Ears()
        chosen = AgentOptions(
            provider=Scripted([says("ok")]),
            cwd=self.project,
            env=self._env,
            persist_session=False,
            setting_sources=["user", "project", "local"],
            hooks={"Stop": [HookMatcher(None, [ears])]},
            **options,
        )
        async for _ in query(prompt="Go.", options=chosen):
            pass
        files = {path.name.removeprefix("ran-") for path in self._folder.glob("ran-*")}
        return files | ({"callback"} if ears.inputs else set())


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    monkeypatch.delenv("CI", raising=False)
    return Computer(tmp_path)


MAIN = "managed/managed-settings.json"
DROP_IN = "managed/managed-settings.d/20-hooks.json"


async def test_hooks_of_all_sources_run_beside_each_other(computer: Computer) -> None:
    computer.write(MAIN, "managed")
    computer.write(DROP_IN, "drop-in")
    everybody = {"user", "project", "local", "managed", "drop-in", "callback"}
    assert await computer.ran() == everybody


@pytest.mark.parametrize("file", [MAIN, DROP_IN])
async def test_managed_hooks_only_leaves_those_of_the_host(computer: Computer, file: str) -> None:
    """Documented: hooks of the administrator and of the SDK."""
    computer.write(file, "managed", allowManagedHooksOnly=True)
    assert await computer.ran() == {"managed", "callback"}


async def test_only_the_administrator_can_ask_for_managed_hooks_only(computer: Computer) -> None:
    computer.write("config/settings.json", "user", allowManagedHooksOnly=True)
    assert await computer.ran() == {"user", "project", "local", "callback"}


async def test_nobody_else_switches_managed_hooks_off(computer: Computer) -> None:
    computer.write(MAIN, "managed")
    computer.write("config/settings.json", "user", disableAllHooks=True)
    assert await computer.ran() == {"managed", "callback"}
    assert await computer.ran(settings={"disableAllHooks": True}) == {"managed", "callback"}


async def test_the_administrator_switches_all_hooks_off(computer: Computer) -> None:
    computer.write(MAIN, "managed", disableAllHooks=True)
    assert await computer.ran() == set()


async def test_a_folder_nobody_trusts_switches_nothing_off(computer: Computer) -> None:
    computer.write("p/.claude/settings.json", "project", disableAllHooks=True)
    assert await computer.ran() == {"user", "project", "local", "callback"}


async def test_later_files_of_the_administrator_win_and_none_can_be_overridden(
    computer: Computer, harness: Any
) -> None:
    computer.write(MAIN, "managed", model="sonnet", env={"A": "1"})
    computer.write(DROP_IN, "drop-in", model="haiku")
    computer.write("managed/managed-settings.d/10.json", "earlier", model="opus")
    computer.write("managed/managed-settings.d/.30.json", "hidden", model="opus")
    run = await harness([says("ok")], settings={"model": "opus"})
    assert "haiku" in run.requests[0].body["model"]
