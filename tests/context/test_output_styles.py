"""Output styles: where they are looked for, and what they make of the system prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames.context.output_styles import BUILT_IN, CODING
from hames.context.system_prompt import base_prompt
from hames.messages import SystemMessage
from hames.settings import sources
from hames.testing import says

USER = "config/output-styles"
PROJECT = "p/.claude/output-styles"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))


async def asked(
    harness: Any, folder: Path, name: str, files: dict[str, str] | None = None, **options: Any
) -> Any:
    (folder / "p").mkdir(exist_ok=True)
    for path, text in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    env = {"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config"), "CI": ""}
    given = {"cwd": folder / "p", "env": env, "setting_sources": ["user", "project"], **options}
    return await harness([says("ok")], settings={"outputStyle": name}, **given)


def system(run: Any) -> str:
    text: str = run.requests[0].system_text
    return text


def init(run: Any) -> str:
    [found] = [m.data["output_style"] for m in run.of(SystemMessage) if m.subtype == "init"]
    return str(found)


@pytest.mark.parametrize("name", BUILT_IN)
async def test_built_in_styles_add_to_the_prompt(harness: Any, tmp_path: Path, name: str) -> None:
    run = await asked(harness, tmp_path, name)
    assert system(run).startswith(base_prompt())
    assert f"# Output style: {name}\n" in system(run)
    assert init(run) == name


async def test_a_style_of_the_users_replaces_what_we_say_about_coding(
    harness: Any, tmp_path: Path
) -> None:
    style = "---\nname: Poet\ndescription: Verse\n---\nAnswer in verse."
    run = await asked(harness, tmp_path, "Poet", {f"{USER}/verse.md": style})
    prompt = system(run)
    assert prompt.endswith("# Output style: Poet\nAnswer in verse.")
    assert [f"# {section}\n" in prompt for section in CODING] == [False, False]
    assert "# Tools\n" in prompt
    assert "# Care\n" in prompt
    assert "engineering" not in prompt
    assert init(run) == "Poet"


async def test_a_style_may_keep_it(harness: Any, tmp_path: Path) -> None:
    style = "---\nkeep-coding-instructions: true\n---\nAnswer in verse."
    run = await asked(harness, tmp_path, "verse", {f"{USER}/verse.md": style})
    assert system(run).startswith(base_prompt())


async def test_the_projects_style_goes_before_the_users(harness: Any, tmp_path: Path) -> None:
    files = {f"{USER}/x.md": "the user's", f"{PROJECT}/x.md": "the project's"}
    assert system(await asked(harness, tmp_path, "x", files)).endswith("the project's")
    run = await asked(harness, tmp_path, "x", setting_sources=["user"])
    assert system(run).endswith("the user's")


async def test_a_name_that_nobody_has_is_told_and_changes_nothing(
    harness: Any, tmp_path: Path
) -> None:
    run = await asked(harness, tmp_path, "Nobody")
    assert system(run) == base_prompt()
    assert any("`Nobody`" in one.get("text", "") for one in run.result.obligations)
    assert init(run) == "default"


async def test_a_link_of_a_strange_folder_brings_nothing_in(harness: Any, tmp_path: Path) -> None:
    (tmp_path / PROJECT).mkdir(parents=True)
    (tmp_path / "key").write_text("hunter2")
    (tmp_path / PROJECT / "x.md").symlink_to(tmp_path / "key")
    assert "hunter2" not in system(await asked(harness, tmp_path, "x"))


async def test_a_prompt_of_the_callers_has_no_style(harness: Any, tmp_path: Path) -> None:
    run = await asked(harness, tmp_path, "Learning", system_prompt="Mine.")
    assert system(run) == "Mine."
