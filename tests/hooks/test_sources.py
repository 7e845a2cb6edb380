"""Where hooks may stand, which are read, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, notes

from hames import AgentOptions, HookMatcher, OptionsError, query
from hames.hooks.config import parse_hooks
from hames.hooks.events import PreToolUse, SessionStart
from hames.providers.scripted import Scripted
from hames.testing import calls, failed, says, succeeded


@pytest.fixture(autouse=True)
def _trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust is strict where `CI` is set; here tests say themselves how strict it is."""
    monkeypatch.delenv("CI", raising=False)


def write(path: Path, settings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings), encoding="utf-8")


@pytest.mark.parametrize(
    ("matcher", "tool", "matches"),
    [
        (None, "Bash", True),
        ("", "Bash", True),
        ("*", "Bash", True),
        ("Bash", "Bash", True),
        ("Bash", "BashOutput", False),
        ("bash", "Bash", False),
        ("Edit|Write", "Write", True),
        ("Edit|Write", "MultiEdit", False),
        ("Multi.*|Note", "MultiEdit", True),
        (".*Edit", "NotebookEdit", True),
        ("mcp__memory__.*", "mcp__memory__add", True),
        ("mcp__memory", "mcp__memory__add", False),
        ("^Web", "WebFetch", True),
    ],
)
def test_matchers(matcher: str | None, tool: str, matches: bool) -> None:
    table = parse_hooks({"PreToolUse": commands("x", matcher=matcher)}, "here")
    event = PreToolUse(tool_name=tool, tool_input={}, tool_use_id="t")
    assert bool(table.matching(event)) is matches


def test_other_events_match_by_their_own_field() -> None:
    table = parse_hooks({"SessionStart": commands("x", matcher="resume|fork")}, "here")
    assert table.matching(SessionStart(source="startup")) == []
    assert len(table.matching(SessionStart(source="fork"))) == 1


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({"PreToolUse": {"hooks": []}}, "not a list"),
        ({"PreToolUse": [{"matcher": "Bash"}]}, "no list `hooks`"),
        ({"PreToolUse": commands("x", matcher="Bash(")}, "no regular expression"),
        ({"PreToolUse": [{"hooks": [{"type": "command"}]}]}, "command"),
        ({"PreToolUse": [{"hooks": [{"type": "telepathy"}]}]}, "telepathy"),
        ({"PreToolUse": [{"hooks": [{"type": "agent", "prompt": "x"}]}]}, "`agent`"),
        ({"PreToolUse": commands("x", timeout=-1)}, "greater than 0"),
        ({"PreToolUse": commands("x", **{"if": "Bash("})}, "not a permission rule"),
        ({"PreToolUse": [HookMatcher("Bash", [3])]}, "a hook is a function"),  # type: ignore[list-item]
        ({"PreTooluse": commands("x")}, "no hook event"),
    ],
)
async def test_a_wrong_hook_stops_the_start_and_is_named(
    harness: Any, hooks: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionsError, match=words.replace("(", r"\(")):
        await harness([says("never")], hooks=hooks)


async def test_events_of_newer_versions_in_files_are_reported_and_ignored(tmp_path: Path) -> None:
    table = parse_hooks({"NewerEvent": commands("x"), "FileChanged": commands("x")}, "a.json")
    assert not table
    assert [said.split("(")[0] for said in table.warnings] == [
        "The hook event `NewerEvent` ",
        "The hook event `FileChanged` ",
    ]


async def run(cwd: Path, *plays: Any, **options: Any) -> list[Any]:
    """The messages of a run that reads settings of the project and the user."""
    env = {"CLAUDE_CONFIG_DIR": str(cwd / "config"), **options.pop("env", {})}
    chosen = AgentOptions(
        provider=Scripted(plays),
        cwd=cwd,
        env=env,
        persist_session=False,
        setting_sources=["user", "project", "local"],
        **options,
    )
    return [message async for message in query(prompt="Go.", options=chosen)]


async def test_hooks_of_settings_and_options_run_together(tmp_path: Path) -> None:
    ears = Ears()
    write(tmp_path / "config/settings.json", {"hooks": {"Stop": commands("touch user")}})
    await run(
        tmp_path,
        says("ok"),
        hooks={"Stop": [HookMatcher(None, [ears])]},
        settings={"hooks": {"Stop": commands("touch sdk")}},
    )
    assert ears.events == ["Stop"]
    assert (tmp_path / "user").exists()
    assert (tmp_path / "sdk").exists()


@pytest.mark.parametrize(("strict", "runs"), [("1", False), ("0", True)])
async def test_hooks_of_a_project_nobody_trusts_run_unless_trust_is_strict(
    tmp_path: Path, strict: str, runs: bool
) -> None:
    """Observed with the official client, which has no strict switch."""
    write(tmp_path / ".claude/settings.json", {"hooks": {"Stop": commands("touch project")}})
    await run(tmp_path, says("ok"), env={"HAMES_STRICT_TRUST": strict})
    assert (tmp_path / "project").exists() is runs


async def test_disable_all_hooks_spares_the_functions_of_the_host(tmp_path: Path) -> None:
    """Our choice: a setting must not switch off what the program that we are part of relies on."""
    ears = Ears()
    write(
        tmp_path / "config/settings.json",
        {"disableAllHooks": True, "hooks": {"Stop": commands("touch user")}},
    )
    await run(tmp_path, says("ok"), hooks={"Stop": [HookMatcher(None, [ears])]})
    assert not (tmp_path / "user").exists()


async def test_an_older_name_of_a_tool_still_matches(harness: Any) -> None:
    play = [calls("Bash", command="ls"), says("ok")]
    result = await harness(play, hooks={"PreToolUse": commands("exit 2", matcher="Edit")})
    assert result.requests[1].tool_results == [succeeded("")]
    result = await harness(play, hooks={"PreToolUse": commands("exit 2", matcher="Ba.h")})
    assert result.requests[1].tool_results == [failed("")]
    assert notes(result) == []
