"""One assertion for each key that has an effect, and none that is forgotten."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hames
from hames import AgentOptions
from hames.cli.commands.doctor import examine
from hames.providers.scripted import Scripted
from hames.sdk.query import query
from hames.settings import sources
from hames.settings.schema import LATER, NOTHING_HERE, Settings, fields
from hames.testing import calls, says

SOURCE = Path(hames.__file__).parent
NOT_HERE = ("settings/schema.py", "settings/trust.py")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    monkeypatch.delenv("CI", raising=False)


def opening(run: Any) -> str:
    return json.dumps(run.requests[0].body["messages"][0], ensure_ascii=False)


async def with_settings(harness: Any, settings: dict[str, Any], *plays: Any, **more: Any) -> Any:
    return await harness(list(plays) or [says("ok")], settings=settings, **more)


def test_every_key_is_used_or_said_to_be_without_effect() -> None:
    """A key of `LATER` whose feature has come is to be taken out of it."""
    texts = {
        str(path.relative_to(SOURCE)): path.read_text("utf-8") for path in SOURCE.rglob("*.py")
    }
    code = "\n".join(text for name, text in texts.items() if name not in NOT_HERE)
    attributes = {one.encode_name: one.name for one in msgspec.structs.fields(Settings)}
    for key in fields(Settings):
        as_value = rf"\b(?:values|settings)\.{attributes[key]}\b"
        if key in LATER | NOTHING_HERE:
            assert not re.search(as_value, code), key
        else:
            assert re.search(rf'{as_value}|"{key}"', code), key


async def test_language_and_last_lines_of_commits_are_told_to_the_model(harness: Any) -> None:
    run = await with_settings(
        harness,
        {"language": "français", "attribution": {"commit": "Signed-off-by: A", "pr": "By A"}},
    )
    said = opening(run)
    assert "Language of your answers: français" in said
    assert "Commit messages end with:\\n    Signed-off-by: A" in said
    assert "Descriptions of pull requests end with:\\n    By A" in said


@pytest.mark.parametrize(
    ("settings", "sources", "named"),
    [
        ({}, ["user"], True),
        ({}, None, False),
        ({"includeCoAuthoredBy": False}, ["user"], False),
        ({"includeCoAuthoredBy": True}, None, True),
        ({"attribution": {"commit": ""}}, ["user"], False),
        ({"includeCoAuthoredBy": True, "attribution": {"commit": "Mine"}}, ["user"], False),
    ],
)
async def test_commits_name_the_model_where_settings_are_read(
    harness: Any, tmp_path: Path, settings: dict[str, Any], sources: Any, named: bool
) -> None:
    """Documented: the line is there unless a setting says otherwise. A library adds nothing unasked."""
    env = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path / "config")}
    run = await with_settings(harness, settings, setting_sources=sources, env=env)
    assert ("Co-Authored-By: Claude" in opening(run)) is named


async def test_models_go_by_the_names_of_a_provider(harness: Any) -> None:
    names = {"claude-haiku-5-5": "eu.haiku-profile"}
    run = await with_settings(harness, {"model": "haiku", "modelOverrides": names})
    assert run.requests[0].body["model"] == "eu.haiku-profile"


async def test_prices_of_settings_count_and_wrong_ones_are_told(harness: Any) -> None:
    prices = {"own-model": {"input": 1.0, "output": 2.0}, "other": {"input": "much"}}
    run = await with_settings(
        harness, {"model": "own-model", "modelPricing": prices}, max_budget_usd=100.0
    )
    assert run.result.total_cost_usd > 0
    assert any("`other`" in o.get("text", "") for o in run.result.obligations)


@pytest.mark.parametrize("effort", ["low", "high"])
async def test_effort_and_thinking(harness: Any, effort: str) -> None:
    run = await with_settings(harness, {"model": "opus", "effortLevel": effort})
    assert run.requests[0].body["output_config"]["effort"] == effort
    run = await with_settings(harness, {"model": "opus", "alwaysThinkingEnabled": False})
    assert run.requests[0].body["thinking"] == {"type": "disabled"}


async def test_the_cache_lives_an_hour_where_a_setting_says_so(harness: Any) -> None:
    run = await with_settings(harness, {"promptCacheTtl": "1h"})
    assert '"ttl":"1h"' in run.requests[0].raw.decode().replace(" ", "")


async def test_output_of_commands_is_bounded_by_a_setting(harness: Any) -> None:
    play = [calls("Bash", command="seq 1 2000"), says("ok")]
    settings = {"bashOutputMaxChars": 500, "permissions": {"allow": ["Bash"]}}
    run = await with_settings(harness, settings, *play)
    assert len(run.requests[1].tool_results[0]["content"]) < 1500


def age(config: Path, name: str, days: float) -> Path:
    """A transcript of a session last used so many days ago, with a folder beside it."""
    file = config / "projects/-p" / f"{name * 8}-1111-4111-8111-{name * 12}.jsonl"
    (file.with_suffix("") / "tool-results").mkdir(parents=True)
    file.write_text("{}\n")
    then = time.time() - days * 86_400
    os.utime(file, (then, then))
    return file


async def tidied(tmp_path: Path, settings: dict[str, Any], **options: Any) -> None:
    chosen: dict[str, Any] = {"setting_sources": ["user"], **options}
    env = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path / "config")}
    chosen |= {"provider": Scripted([says("ok")]), "cwd": tmp_path, "env": env}
    async for _ in query(prompt="Hi.", options=AgentOptions(settings=settings, **chosen)):
        pass


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ["b", "c"]),
        ({"cleanupPeriodDays": 10}, ["c"]),
        ({"cleanupPeriodDays": 365}, ["a", "b", "c"]),
        ({"cleanupPeriodDays": 0}, ["a", "b", "c"]),
        ({"cleanupPeriodDays": "never"}, ["a", "b", "c"]),
    ],
)
async def test_sessions_that_nobody_used_for_long_are_removed(
    tmp_path: Path, settings: dict[str, Any], left: list[str]
) -> None:
    """Documented: 30 days, at least 1. In doubt nothing is removed."""
    config = tmp_path / "config"
    old = {name: age(config, name, days) for name, days in (("a", 31), ("b", 29), ("c", 1))}
    other = config / "projects/-p/notes.jsonl"
    other.write_text("mine")
    os.utime(other, (0, 0))
    await tidied(tmp_path, settings)
    assert [name for name, file in old.items() if file.exists()] == left
    assert [name for name, file in old.items() if file.with_suffix("").exists()] == left
    assert other.exists()


@pytest.mark.parametrize("options", [{"setting_sources": None}, {"persist_session": False}])
async def test_who_reads_no_settings_or_stores_nothing_removes_nothing(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    old = age(tmp_path / "config", "a", 100)
    await tidied(tmp_path, {"cleanupPeriodDays": 1}, **options)
    assert old.exists()


async def test_sessions_are_removed_once_a_day_and_never_the_one_in_use(tmp_path: Path) -> None:
    await tidied(tmp_path, {})
    old = age(tmp_path / "config", "a", 100)
    await tidied(tmp_path, {})
    assert old.exists()
    mine, _ = [f for f in (tmp_path / "config").glob("projects/*/*.jsonl") if f != old]
    os.utime(mine, (0, 0))
    os.utime(tmp_path / "config/.last-cleanup", (0, 0))
    await tidied(tmp_path, {}, resume=mine.stem)
    assert mine.exists()
    assert not old.exists()


def test_the_doctor_says_which_keys_wait_for_their_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    key = sorted(LATER)[0]
    settings = {key: None, "sandbox": {"enabled": True}, "statusLine": {"type": "command"}}
    (tmp_path / "settings.json").write_text(json.dumps(settings, indent=1))
    told = [
        (one.level, one.line)
        for one in examine(str(tmp_path))
        if "accepted" in one.text and one.file == str(tmp_path / "settings.json")
    ]
    assert told == [("warning", 3), ("ok", 6)]
