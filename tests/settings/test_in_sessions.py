"""What settings change in a session: rules, mode, model, variables, credentials, stored permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, PermissionResultAllow, PermissionRuleValue, PermissionUpdate, query
from hames.errors import OptionsError
from hames.settings import sources
from hames.testing import calls, says

ALL = ("user", "project", "local")


@pytest.fixture(autouse=True)
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    return tmp_path / "managed"


def write(file: Path, values: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values, indent=1), encoding="utf-8")


def at(folder: Path, **options: Any) -> dict[str, Any]:
    """Options of a session in `folder/p` whose home is `folder`."""
    (folder / "p").mkdir(exist_ok=True)
    env = {"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config"), "CI": ""}
    return {"cwd": folder / "p", "env": env, "setting_sources": ALL, **options}


async def test_a_denied_command_is_denied_by_the_users_settings(
    harness: Any, tmp_path: Path
) -> None:
    write(tmp_path / "config/settings.json", {"permissions": {"deny": ["Bash(echo:*)"]}})
    play = [calls("Bash", command="echo hi"), says("no")]
    run = await harness(plays=play, **at(tmp_path, allowed_tools=["Bash"]))
    assert [denial["tool_name"] for denial in run.result.permission_denials] == ["Bash"]
    run = await harness(plays=play, **at(tmp_path, setting_sources=None))
    assert run.result.permission_denials == []


async def test_rules_of_the_settings_option_count(harness: Any, tmp_path: Path) -> None:
    settings = {"permissions": {"allow": ["Bash(mkdir:*)"]}}
    write(tmp_path / "p/extra.json", settings)
    for given in (settings, json.dumps(settings), "extra.json"):
        play = [calls("Bash", command="mkdir -p made"), says("ok")]
        run = await harness(plays=play, settings=given, **at(tmp_path, setting_sources=None))
        assert run.result.permission_denials == []


async def test_a_deny_rule_that_cannot_be_read_denies_its_tool(
    harness: Any, tmp_path: Path
) -> None:
    rules = {"deny": ["Bash(rm"], "allow": ["Edit(x"]}
    write(tmp_path / "config/settings.json", {"permissions": rules})
    run = await harness(plays=[says("ok")], **at(tmp_path))
    offered = [tool["name"] for tool in run.requests[0].body["tools"]]
    assert "Bash" not in offered
    assert "Edit" in offered


async def test_the_mode_is_the_callers_else_that_of_the_settings(
    harness: Any, tmp_path: Path
) -> None:
    write(tmp_path / "config/settings.json", {"permissions": {"defaultMode": "acceptEdits"}})
    play = [calls("Write", file_path=str(tmp_path / "p/new.txt"), content="x"), says("ok")]
    run = await harness(plays=play, **at(tmp_path))
    assert (tmp_path / "p/new.txt").read_text("utf-8") == "x"
    run = await harness(plays=play, **at(tmp_path, permission_mode="dontAsk"))
    assert len(run.result.permission_denials) == 1


async def test_bypass_can_be_switched_off(harness: Any, managed: Path, tmp_path: Path) -> None:
    write(
        managed / "managed-settings.json",
        {"permissions": {"disableBypassPermissionsMode": "disable"}},
    )
    env = {"IS_SANDBOX": "1"}
    with pytest.raises(OptionsError, match="disableBypassPermissionsMode"):
        await harness(plays=[says("x")], permission_mode="bypassPermissions", env=env)

    update = PermissionUpdate("setMode", mode="bypassPermissions", destination="session")
    asked = [calls("Bash", command="mkdir a"), calls("Bash", command="mkdir b"), says("ok")]
    seen = []

    async def counted(*call: Any) -> PermissionResultAllow:
        seen.append(call[1]["command"])
        return PermissionResultAllow(updated_permissions=[update])

    await harness(plays=asked, can_use_tool=counted, env=env)
    assert seen == ["mkdir a", "mkdir b"]


async def test_model_and_variables_come_from_settings(harness: Any, tmp_path: Path) -> None:
    write(
        tmp_path / "config/settings.json",
        {"model": "haiku", "env": {"GREETING": "hello", "MAX_THINKING_TOKENS": "0"}},
    )
    run = await harness(
        plays=[calls("Bash", command="echo $GREETING"), says("ok")],
        **at(tmp_path, allowed_tools=["Bash"]),
    )
    assert "haiku" in run.requests[0].body["model"]
    assert run.requests[0].body["thinking"] == {"type": "disabled"}
    assert "hello" in json.dumps(run.requests[1].body["messages"][-1])
    run = await harness(plays=[says("ok")], **at(tmp_path, model="opus"))
    assert "opus" in run.requests[0].body["model"]


async def test_additional_directories_of_settings_can_be_read(harness: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").write_text("content", "utf-8")
    folders = ["../other", "~/gone"]
    write(tmp_path / "config/settings.json", {"permissions": {"additionalDirectories": folders}})
    play = [calls("Read", file_path=str(tmp_path / "other/a.txt")), says("ok")]
    run = await harness(plays=play, **at(tmp_path))
    assert run.result.permission_denials == []


async def test_answers_of_the_callback_are_written_where_they_say(
    harness: Any, tmp_path: Path
) -> None:
    async def answer(tool: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        rule = PermissionRuleValue("Bash", "mkdir:*")
        updates = [
            PermissionUpdate("addRules", rules=[rule], behavior="allow", destination=destination)
            for destination in ("userSettings", "localSettings", "session")
        ]
        return PermissionResultAllow(updated_permissions=updates)

    play = [calls("Bash", command="mkdir a"), calls("Bash", command="mkdir b"), says("ok")]
    await harness(plays=play, **at(tmp_path, can_use_tool=answer))
    expected = {"permissions": {"allow": ["Bash(mkdir:*)"]}}
    files = [tmp_path / "config/settings.json", tmp_path / "p/.claude/settings.local.json"]
    assert [json.loads(file.read_text("utf-8")) for file in files] == [expected, expected]
    assert not (tmp_path / "p/.claude/settings.json").exists()
    again = await harness(plays=[calls("Bash", command="mkdir c"), says("ok")], **at(tmp_path))
    assert again.result.permission_denials == []


async def test_the_output_of_the_key_helper_is_sent(fake_api: Any, tmp_path: Path) -> None:
    write(tmp_path / "config/settings.json", {"apiKeyHelper": "printf 'key-%s' $((40 + 2))"})
    api = fake_api([says("ok")])
    options = at(tmp_path)
    options["env"] |= {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": ""}
    messages = [m async for m in query(prompt="hi", options=AgentOptions(**options))]
    assert messages[-1].is_error is False  # type: ignore[union-attr]
    headers = api.requests[0].headers
    assert (headers["x-api-key"], headers["authorization"]) == ("key-42", "Bearer key-42")


async def test_a_key_helper_that_fails_is_told(fake_api: Any, tmp_path: Path) -> None:
    write(tmp_path / "config/settings.json", {"apiKeyHelper": "echo no vault >&2; exit 3"})
    options = at(tmp_path)
    options["env"] |= {"ANTHROPIC_BASE_URL": fake_api().url, "ANTHROPIC_API_KEY": ""}
    messages = [m async for m in query(prompt="hi", options=AgentOptions(**options))]
    result: Any = messages[-1]
    assert result.is_error
    assert "exit code 3: no vault" in (result.result or "") + " ".join(result.errors or [])
