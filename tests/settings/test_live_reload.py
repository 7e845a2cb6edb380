"""Settings files that change while a session runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, notes, prints, stored

from hames import AgentOptions, Client, HookMatcher, PermissionResultAllow
from hames.agent.start.reconfigure import reconfigure
from hames.approvals import PermissionRuleValue, PermissionUpdate
from hames.providers.scripted import Scripted
from hames.settings import sources
from hames.testing import calls, says

DENY = {"permissions": {"deny": ["Bash(mkdir:*)"]}}
ALLOW = {"permissions": {"allow": ["Bash(mkdir:*)"]}}
MKDIR = calls("Bash", command="mkdir made")


@pytest.fixture(autouse=True)
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "managed"


def write(file: Path, values: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = values if isinstance(values, str) else json.dumps(values)
    beside = file.with_name(file.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, file)  # another inode: the stamp differs however coarse the clock is


class Home:
    """A home, a project in it, and a client whose model does what a test says."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "p"
        self.user = folder / "config/settings.json"
        self.local = self.project / ".claude/settings.local.json"
        self.shared = self.project / ".claude/settings.json"
        self.project.mkdir()
        self.user.parent.mkdir()
        self._env = {"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(self.user.parent), "CI": ""}

    def client(self, *plays: Any, **options: Any) -> Client:
        chosen: dict[str, Any] = {
            "provider": Scripted(plays),
            "cwd": self.project,
            "env": self._env,
            "persist_session": False,
            "setting_sources": ["user", "project", "local"],
            **options,
        }
        return Client(AgentOptions(**chosen))

    def made(self) -> bool:
        return (self.project / "made").exists()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def ask(client: Client) -> Any:
    """Ask, and give the messages: the last one is the result."""
    await client.query("Go.")
    return [message async for message in client.receive_response()]


async def test_a_new_deny_rule_holds_for_the_next_call(home: Home) -> None:
    """Observed with the official client."""
    play = [says("first"), MKDIR, says("ok")]
    async with home.client(*play, allowed_tools=["Bash"]) as client:
        await ask(client)
        write(home.shared, DENY)
        messages = await ask(client)
    assert not home.made()
    assert [d["tool_name"] for d in messages[-1].permission_denials] == ["Bash"]


@pytest.mark.parametrize("file", ["user", "local"])
async def test_an_allow_rule_written_between_calls_holds_for_the_next(
    home: Home, file: str
) -> None:
    async with home.client(says("first"), MKDIR, says("ok")) as client:
        await ask(client)
        write(getattr(home, file), ALLOW)
        await ask(client)
    assert home.made()


async def test_the_agent_cannot_allow_itself_more(home: Home) -> None:
    write(home.local, {"permissions": {"allow": ["Bash(cp:*)"], "deny": ["Bash(rmdir:*)"]}})
    write(home.project / "new.json", {"permissions": {"allow": ["Bash(mkdir:*)", "Bash(cp:*)"]}})

    def yes(tool: str, input: Mapping[str, Any], context: Any) -> PermissionResultAllow:
        assert "cp" in input["command"]
        return PermissionResultAllow()

    (home.project / "old").mkdir()
    copy = calls("Bash", command="cp new.json .claude/settings.local.json")
    rmdir = calls("Bash", command="rmdir old")
    refused = [MKDIR, rmdir, says("ok")]
    async with home.client(copy, *refused, MKDIR, rmdir, says("ok"), can_use_tool=_only(yes)) as c:
        messages = await ask(c)
        write(home.user, {"model": "haiku"})  # a change elsewhere lends that one nothing
        again = await ask(c)
    assert json.loads(home.local.read_text()) == json.loads((home.project / "new.json").read_text())
    assert not home.made()
    assert (home.project / "old").exists()
    for result in (messages[-1], again[-1]):
        commands = [d["tool_input"]["command"] for d in result.permission_denials]
        assert commands == ["mkdir made", "rmdir old"]
    assert "only" in _told(messages)[0] or "forbid more" in _told(messages)[0]


def _only(yes: Any) -> Any:
    """Answers for copies; whatever else is asked about is refused."""
    from hames import PermissionResultDeny

    def answer(tool: str, input: Mapping[str, Any], context: Any) -> Any:
        if "cp" in input["command"]:
            return yes(tool, input, context)
        return PermissionResultDeny(message="no")

    return answer


def _told(messages: list[Any]) -> list[str]:
    found = [m.data for m in messages if getattr(m, "subtype", None) == "informational"]
    return [one["content"] for one in found]


async def test_what_was_granted_in_the_session_stays_granted(home: Home) -> None:
    asked = []

    def grant(tool: str, input: Mapping[str, Any], context: Any) -> PermissionResultAllow:
        asked.append(input["command"])
        rule = PermissionRuleValue("Bash", "mkdir:*")
        updates = [
            PermissionUpdate(
                "addRules", rules=[rule], behavior="allow", destination="localSettings"
            )
        ]
        return PermissionResultAllow(updated_permissions=updates)

    play = [MKDIR, calls("Bash", command="mkdir other"), says("ok")]
    again = [calls("Bash", command="mkdir third"), says("ok")]
    async with home.client(*play, *again, can_use_tool=grant) as client:
        await ask(client)
        write(home.local, {})
        await ask(client)
    assert asked == ["mkdir made"]
    assert (home.project / "third").is_dir()


async def test_a_hook_may_keep_a_change_from_taking_effect(home: Home) -> None:
    """Observed with the official client."""
    ears = Ears()
    hook = {"type": "command", "command": prints({"decision": "block", "reason": "Not here."})}
    hooks = {"ConfigChange": [HookMatcher("local_settings", [ears, hook])]}
    async with home.client(says("1"), MKDIR, says("2"), hooks=hooks) as client:
        await ask(client)
        write(home.local, ALLOW)
        messages = await ask(client)
    assert not home.made()
    assert [(i["source"], i["file_path"]) for i in ears.inputs] == [
        ("local_settings", str(home.local))
    ]
    assert "Not here." in _told(messages)[0]


async def test_the_administrator_is_not_kept_from_anything(home: Home, managed: Path) -> None:
    ears = Ears({"decision": "block", "reason": "No."})
    managed.mkdir()
    hooks = {"ConfigChange": [HookMatcher(None, [ears])]}
    play = [says("1"), MKDIR, says("2")]
    async with home.client(*play, hooks=hooks, allowed_tools=["Bash"]) as client:
        await ask(client)
        write(managed / "managed-settings.d/10.json", DENY)
        await ask(client)
    assert [i["source"] for i in ears.inputs] == ["policy_settings"]
    assert not home.made()


async def test_managed_rules_alone_may_be_asked_for_on_the_way(home: Home, managed: Path) -> None:
    managed.mkdir()
    write(home.user, ALLOW)
    play = [says("1"), MKDIR, says("2")]
    async with home.client(*play, allowed_tools=["Bash"]) as client:
        await ask(client)
        write(managed / "managed-settings.json", {"allowManagedPermissionRulesOnly": True})
        await ask(client)
    assert not home.made()


@pytest.mark.parametrize("broken", ["{", "[]", "x"])
async def test_a_file_that_is_broken_on_the_way_says_what_it_said_before(
    home: Home, broken: str
) -> None:
    write(home.user, DENY)
    play = [says("1"), MKDIR, says("2"), MKDIR, says("3")]
    async with home.client(*play, allowed_tools=["Bash"]) as client:
        await ask(client)
        write(home.user, broken)
        messages = await ask(client)
        assert not home.made()
        assert "cannot be read" in _told(messages)[0]
        write(home.user, {})
        await ask(client)
    assert home.made()


async def test_hooks_variables_and_mode_hold_as_they_were_at_the_start(home: Home) -> None:
    """Our choice: the official client reads hooks and variables anew as well."""
    write(home.user, {"hooks": {"Stop": commands("touch ../old")}, "env": {"WHO": "old"}})
    show = calls("Bash", command="echo $WHO > who")
    async with home.client(says("1"), show, says("2"), allowed_tools=["Bash"]) as client:
        await ask(client)
        mode = {"defaultMode": "plan"}
        hooks = {"Stop": commands("touch ../new")}
        write(home.user, {"hooks": hooks, "env": {"WHO": "new"}, "permissions": mode})
        await ask(client)
    assert (home.project / "who").read_text() == "old\n"
    assert (home.project.parent / "old").exists()
    assert not (home.project.parent / "new").exists()


async def test_what_a_client_changes_brings_no_old_rules_back(home: Home) -> None:
    write(home.user, ALLOW)
    play = [says("1"), MKDIR, says("2"), MKDIR, says("3")]
    async with home.client(*play) as client:
        await ask(client)
        write(home.user, {})
        await ask(client)
        assert client._supervisor is not None
        agent = await client._supervisor.agent()
        assert agent.settings.settled is not None
        reconfigure(agent, agent.settings.settled)
        await ask(client)
    assert not home.made()


async def test_rules_of_the_settings_option_stay(home: Home) -> None:
    write(home.project / "extra.json", ALLOW)
    play = [says("1"), MKDIR, says("2")]
    async with home.client(*play, settings=str(home.project / "extra.json")) as client:
        await ask(client)
        write(home.project / "extra.json", {})
        write(home.local, {"permissions": {"deny": ["Bash(curl:*)"]}})
        await ask(client)
    assert home.made()


async def test_a_change_stands_in_the_transcript(harness: Any, home: Home) -> None:
    def edit(*_: Any) -> dict[str, Any]:
        write(home.local, DENY)
        return {}

    run = await harness(
        [calls("Read", file_path="x"), MKDIR, says("ok")],
        cwd=home.project,
        setting_sources=["local"],
        hooks={"PostToolBatch": [HookMatcher(None, [edit])]},
    )
    assert len(run.result.permission_denials) == 1
    lines = [line for line in await stored(run) if line.get("subtype") == "informational"]
    assert [str(home.local) in line["content"] for line in lines] == [True, True]
    assert len(notes(run)) == 2
