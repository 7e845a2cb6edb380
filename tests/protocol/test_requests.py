"""What control requests do, one by one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden import validator
from talk import HI, Talk, request

from hames.protocol.server import Launch
from hames.testing import calls, says

THINKER = "claude-opus-4-6"


async def asked(talk: Talk, subtype: str, *lines: Any, **fields: Any) -> dict[str, Any]:
    """The answer to one request, sent after other lines."""
    await talk.run(*lines, request("asked", subtype, **fields))
    answer = talk.answer_to("asked")
    if "response" not in answer:
        return answer
    validator(f"answers/{subtype}").validate(answer["response"])
    told: dict[str, Any] = answer["response"]
    return told


async def asked_when(
    talk: Talk, matches: Callable[[dict[str, Any]], bool], subtype: str, **fields: Any
) -> dict[str, Any]:
    """The answer to a request that is sent when such a line has come."""

    def ask(line: dict[str, Any]) -> None:
        told = {name: value(line) if callable(value) else value for name, value in fields.items()}
        talk.send(request("asked", subtype, **told))
        talk.end()

    talk.when(matches, ask)
    talk.send(HI)
    await talk.serve()
    answer: dict[str, Any] = talk.answer_to("asked")["response"]
    validator(f"answers/{subtype}").validate(answer)
    return answer


def is_result(line: dict[str, Any]) -> bool:
    return line["type"] == "result"


async def test_settings_are_told_with_their_sources(tmp_path: Path) -> None:
    """Observed of official 2.1.330, which has many more fields in `applied`."""
    talk = Talk(tmp_path, model=THINKER, settings='{"permissions": {"deny": ["Bash(rm:*)"]}}')
    said = await asked(talk, "get_settings")
    assert said == {
        "effective": {"permissions": {"deny": ["Bash(rm:*)"]}},
        "sources": [
            {"source": "flagSettings", "settings": {"permissions": {"deny": ["Bash(rm:*)"]}}}
        ],
        "applied": {"model": THINKER, "effort": "high", "permissionMode": "default"},
    }


async def test_settings_of_the_flag_can_be_changed_and_taken_back(tmp_path: Path) -> None:
    talk = Talk(
        tmp_path, calls("Bash", command="true"), says("Denied."), model=THINKER,
        settings='{"permissions": {"allow": ["Bash(true)"]}, "effortLevel": "low"}',
    )  # fmt: skip
    changed = {"permissions": {"deny": ["Bash"]}, "effortLevel": None, "newer": 1}
    said = await asked(
        talk, "get_settings", request("r", "apply_flag_settings", settings=changed), HI
    )
    assert said["effective"] == {"permissions": {"deny": ["Bash"]}, "newer": 1}
    [result] = [line for line in talk.said if line["type"] == "result"]
    assert [one["tool_name"] for one in result["permission_denials"]] == ["Bash"]
    assert talk.requests[0].params["output_config"] == {"effort": "high"}


async def test_a_model_of_the_settings_answers_the_next_prompt(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), model=THINKER)
    await talk.run(request("r", "apply_flag_settings", settings={"model": "claude-other-1"}), HI)
    assert talk.requests[0].model == "claude-other-1"


async def test_folders_of_other_settings_are_worked_in(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (tmp_path / "project", first, second):
        folder.mkdir()
        (folder / "a.txt").write_text("text")
    before, after = (
        {"permissions": {"additionalDirectories": [str(one)]}} for one in (first, second)
    )
    talk = Talk(tmp_path / "project", settings=json.dumps(before))
    talk.send(
        request("a", "read_file", path=f"{first}/a.txt"),
        request("r", "apply_flag_settings", settings=after),
        request("b", "read_file", path=f"{first}/a.txt"),
    )
    said = await asked(talk, "read_file", path=f"{second}/a.txt")
    assert [talk.answer_to(id)["subtype"] for id in ("a", "r", "b")] == [
        "success",
        "success",
        "error",
    ]
    assert said["contents"] == "text"


async def test_other_settings_leave_what_the_client_has_set(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), model="claude-opus-4-5")
    await talk.run(
        request("m", "set_model", model=THINKER),
        request("t", "set_max_thinking_tokens", max_thinking_tokens=2000),
        request("r", "apply_flag_settings", settings={"effortLevel": "low"}),
        HI,
    )
    [sent] = talk.requests
    assert (sent.model, sent.params["output_config"]) == (THINKER, {"effort": "low"})
    assert sent.params["thinking"] == {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hooks": {}, "env": {}}, "`hooks`, `env` cannot be changed while a session runs"),
        ({"permissions": 7}, "permissions"),
        ({"permissions": {"defaultMode": "bypassPermissions"}}, "bypassPermissions"),
    ],
)
async def test_settings_that_cannot_be_are_refused_and_nothing_changes(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    talk = Talk(tmp_path, env={"IS_SANDBOX": "1"})
    said = await asked(talk, "get_settings", request("r", "apply_flag_settings", settings=settings))
    assert message in talk.answer_to("r")["error"]
    assert (said["effective"], said["applied"]["permissionMode"]) == ({}, "default")


async def test_rules_that_a_call_wrote_to_a_file_do_not_come_in_with_other_settings(
    tmp_path: Path,
) -> None:
    """Changing the settings of the flag reads no file again."""
    talk = Talk(tmp_path, setting_sources=["project"])
    folder = tmp_path / ".claude"

    def write_rules(line: Any) -> None:
        folder.mkdir()
        (folder / "settings.json").write_text('{"permissions": {"allow": ["Bash"]}}')
        talk.send(
            request("t", "apply_flag_settings", settings={"effortLevel": "low"}),
            request("rules", "list_permission_rules"),
        )
        talk.end()

    talk.send(request("s", "get_settings"))
    talk.when(lambda line: line["type"] == "control_response", write_rules)
    await talk.serve()
    assert talk.answer_to("t")["subtype"] == "success"
    assert talk.answer_to("rules")["response"]["state"]["rules"] == []


async def test_a_client_writes_harmless_settings_to_a_file(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), model=None, setting_sources=["local"])
    settings = {"model": "claude-other-1"}
    await talk.run(request("r", "update_settings", source="localSettings", settings=settings), HI)
    assert json.loads((tmp_path / ".claude/settings.local.json").read_text()) == settings
    assert talk.requests[0].model == "claude-other-1"


async def test_a_client_does_not_write_what_permits_or_runs_something(tmp_path: Path) -> None:
    talk = Talk(tmp_path, setting_sources=["local"])
    settings = {"permissions": {"allow": ["Bash"]}, "hooks": {}}
    said = await asked(talk, "update_settings", source="localSettings", settings=settings)
    assert "`permissions`, `hooks` cannot be written by a client" in said["error"]
    assert not (tmp_path / ".claude").exists()


async def test_rules_are_listed_with_their_sources(tmp_path: Path) -> None:
    talk = Talk(tmp_path, allowed_tools=["Edit"], settings='{"permissions": {"ask": ["WebFetch"]}}')
    said = await asked(talk, "list_permission_rules")
    assert said["state"] == {
        "rules": [
            {"behavior": "ask", "source": "flagSettings", "rule": "WebFetch", "editability": "readonly"},
            {"behavior": "allow", "source": "cliArg", "rule": "Edit", "editability": "session"},
        ],
        "workspaceDirectories": [],
        "originalCwd": str(tmp_path),
        "managedOnly": False,
    }  # fmt: skip


async def test_hooks_are_listed(tmp_path: Path) -> None:
    hook = {"type": "command", "command": "true", "timeout": 5}
    settings = json.dumps({"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [hook]}]}})
    said = await asked(Talk(tmp_path, settings=settings), "get_hooks_listing")
    [event] = said["events"]
    assert (event["name"], event["hookCount"], event["supportsMatcher"]) == ("PreToolUse", 1, True)
    [listed] = said["hooks"]
    assert (listed["matcher"], listed["type"], listed["commandText"]) == ("Bash", "command", "true")
    assert "Stop" in [row["name"] for row in said["eventCatalog"]]


async def test_thinking_is_changed_part_by_part(tmp_path: Path) -> None:
    talk = Talk(tmp_path, *(says("Hello.") for _ in range(3)), model=THINKER)
    await talk.run(
        request("a", "set_max_thinking_tokens", thinking_display="summarized"), HI,
    )  # fmt: skip
    assert talk.requests[0].params["thinking"] == {"type": "adaptive", "display": "summarized"}
    talk = Talk(tmp_path, says("Hello."), model=THINKER)
    await talk.run(
        request("a", "set_max_thinking_tokens", max_thinking_tokens=2000),
        request("b", "set_max_thinking_tokens", thinking_display="omitted"),
        request("c", "set_model", model="claude-sonnet-4-5"),
        HI,
    )
    expected = {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    assert talk.requests[0].params["thinking"] == expected


async def test_a_file_is_read_as_the_model_might_read_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hällo")
    talk = Talk(tmp_path)
    assert await asked(talk, "read_file", path="a.txt", max_bytes=2) == {
        "contents": "h\ufffd", "absPath": f"{tmp_path}/a.txt", "truncated": True, "lossy": True,
    }  # fmt: skip
    whole = await asked(Talk(tmp_path), "read_file", path="a.txt", encoding="base64")
    assert base64.b64decode(whole["contents"]).decode() == "hällo"


@pytest.mark.parametrize("path", ["secret.txt", "/etc/passwd", "link"])
async def test_a_file_that_the_model_may_not_read_is_not_read(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "secret.txt").write_text("key")
    (folder / "link").symlink_to(folder / "secret.txt")
    talk = Talk(folder, disallowed_tools=["Read(secret.txt)"])
    said = await asked(talk, "read_file", path=path)
    assert f"`{path}` may not be read" in said["error"]


async def test_paths_are_suggested_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in (
        "src/apple.py",
        "src/pine_apple.py",
        "apple.md",
        "node_modules/apple.js",
        "secret/apple",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("")
    talk = Talk(tmp_path, disallowed_tools=["Read(secret/**)"])
    said = await asked(talk, "file_suggestions", query="@app")
    paths = [one["path"] for one in said["suggestions"]]
    assert paths == ["apple.md", "src/apple.py", "src/pine_apple.py"]


async def test_a_file_that_the_model_has_seen_before_may_be_edited(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    edit = calls("Edit", file_path=str(file), old_string="one", new_string="two")
    mtime = file.stat().st_mtime_ns // 1_000_000
    late = Talk(tmp_path, edit, says("No."), allowed_tools=["Edit"])
    await late.run(request("r", "seed_read_state", path="a.txt", mtime=mtime - 10_000), HI)
    assert file.read_text() == "one", "it has changed since the model saw it"
    talk = Talk(tmp_path, edit, says("Done."), allowed_tools=["Edit"])
    await talk.run(request("r", "seed_read_state", path="a.txt", mtime=mtime), HI)
    assert file.read_text() == "two"


async def test_a_folder_of_the_session_can_be_worked_in_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    talk = Talk(tmp_path)
    talk.send(request("a", "register_repo_root", directory="/usr"))
    talk.send(request("b", "register_repo_root", directory="sub"))
    again = await asked(talk, "register_repo_root", directory="sub")
    assert "none of the session's folders" in talk.answer_to("a")["error"]
    assert talk.answer_to("b")["subtype"] == "success"
    assert "worked in already" in again["error"]


async def test_usage_is_told_in_numbers(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."))
    said = await asked_when(talk, is_result, "get_usage")
    [result] = [line for line in talk.said if line["type"] == "result"]
    assert said["session"]["total_cost_usd"] == result["total_cost_usd"] > 0
    assert said["session"]["model_usage"] == result["modelUsage"]
    assert (said["rate_limits_available"], said["rate_limits"]) == (False, None)


async def test_the_categories_of_the_context_add_up(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text("Speak like a pirate. " * 100)
    play = says("Arr.").using(input_tokens=9000)
    talk = Talk(tmp_path, play, setting_sources=["project"])
    said = await asked_when(talk, is_result, "get_context_usage")
    tokens = {category["id"]: category["tokens"] for category in said["categories"]}
    free = tokens.pop("free_space")
    assert list(tokens) == [
        "system_prompt",
        "system_tools",
        "mcp_tools",
        "memory_files",
        "messages",
    ]
    assert sum(tokens.values()) == said["totalTokens"] > 0
    assert said["totalTokens"] + free == said["maxTokens"]
    [memory] = said["memoryFiles"]
    assert (memory["path"], tokens["memory_files"] > 100) == (str(tmp_path / "CLAUDE.md"), True)
    assert [len(row) for row in said["gridRows"]] == [20] * 10


async def test_what_a_command_in_the_background_printed_can_be_asked_for(tmp_path: Path) -> None:
    play = calls("Bash", command="echo printed", run_in_background=True)
    talk = Talk(
        tmp_path, play, says("Started."), says("It ended."), permission_mode="bypassPermissions",
        env={"IS_SANDBOX": "1"},
    )  # fmt: skip
    said = await asked_when(
        talk,
        lambda line: line.get("subtype") == "task_notification",
        "get_task_output",
        task_id=lambda line: line["task_id"],
    )
    assert said == {"output": "printed\n", "total_bytes": 8, "truncated": False}


async def test_tools_that_a_server_changes_are_offered_from_the_next_request_on(
    tmp_path: Path,
) -> None:
    talk = Talk(tmp_path, says("One."), says("Two."), launch=Launch(client_servers=["desk"]))
    names = ["first"]

    def serve(question: dict[str, Any]) -> dict[str, Any]:
        message, result = question["message"], dict[str, Any]()
        if message["method"] == "tools/list":
            schema = {"type": "object"}
            result = {"tools": [{"name": name, "inputSchema": schema} for name in names]}
        return {"mcp_response": {"jsonrpc": "2.0", "id": message.get("id", 0), "result": result}}

    def change(line: dict[str, Any]) -> None:
        names[:] = ["second", "third"]
        news = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        talk.send(request("n", "mcp_message", server_name="desk", message=news))
        talk.when(is_list, lambda _: ask_again())

    def is_list(line: dict[str, Any]) -> bool:
        message = line.get("request", {}).get("message", {})
        return bool(message.get("method") == "tools/list")

    def ask_again() -> None:
        talk.send(request("s", "mcp_status"), HI)
        talk.end()

    talk.answers = serve
    talk.when(is_result, change)
    talk.send(HI)
    await talk.serve()
    offered = [
        [tool["name"] for raw in sent.tools if "desk" in (tool := json.loads(raw))["name"]]
        for sent in talk.requests
    ]
    assert offered == [["mcp__desk__first"], ["mcp__desk__second", "mcp__desk__third"]]
