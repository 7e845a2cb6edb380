"""The server over lines in memory: what it answers, whatever it is sent, and that it always ends."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from golden import validator
from talk import HI, Talk, kinds, request

from hames import OptionsError
from hames.protocol.requests import subtypes
from hames.protocol.server import Launch
from hames.sessions.memory import MemoryStore
from hames.testing import calls, hangs, says


async def test_a_prompt_is_enough(tmp_path: Path) -> None:
    said = await Talk(tmp_path, says("Hello.")).run(HI)
    assert kinds(said) == ["init", "assistant", "success"]


async def test_no_prompt_is_no_result(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    assert kinds(await talk.run(request("r1", "initialize"))) == ["control_response"]
    assert talk.answer_to("r1")["subtype"] == "success"


async def test_what_initialize_brings_is_there_for_a_prompt_right_behind_it(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Arr."))
    begin = request("r1", "initialize", systemPrompt=["You are a pirate."])
    said = await talk.run(begin, HI)
    assert kinds(said) == ["control_response", "init", "assistant", "success"]
    assert b"pirate" in talk.options.provider.requests[0].system[0]  # type: ignore[union-attr]


async def test_a_client_may_say_how_to_plan(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("A poem."), permission_mode="plan")
    await talk.run(request("r1", "initialize", planModeInstructions="Plan as a poem."), HI)
    assert b"Plan as a poem." in talk.options.provider.requests[0].body()  # type: ignore[union-attr]


async def test_what_comes_too_late_is_refused(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."))
    await talk.run(HI, request("r1", "initialize", systemPrompt=["You are a pirate."]))
    assert "has begun already" in talk.answer_to("r1")["error"]


async def test_prompts_wait_for_what_the_client_brings_along(tmp_path: Path) -> None:
    """`--await-initialize`: the prompt may come first."""
    talk = Talk(tmp_path, says("Arr."), launch=Launch(await_initialize=True))
    begin = request("r1", "initialize", systemPrompt=["You are a pirate."], mcpServers={})
    said = await talk.run(HI, begin)
    assert kinds(said) == ["control_response", "init", "assistant", "success"]
    assert b"pirate" in talk.requests[0].system[0]
    assert talk.answer_to("r1")["response"]["mcp_servers_applied"] is True


async def test_prompts_are_answered_although_no_initialize_has_come(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), launch=Launch(await_initialize=True))
    assert kinds(await talk.run(HI)) == ["init", "assistant", "success"]


async def test_servers_that_are_not_the_clients_are_refused_by_name(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    servers = {"db": {"type": "stdio", "command": "db"}}
    await talk.run(
        request("r1", "initialize", mcpServers=servers),
        request("r2", "mcp_set_servers", servers=servers),
    )
    assert "`db` is no server of the client" in talk.answer_to("r1")["error"]
    assert "`db` is no server of the client" in talk.answer_to("r2")["response"]["errors"]["db"]


async def test_a_session_gets_the_title_that_the_client_brings(tmp_path: Path) -> None:
    store = MemoryStore()
    talk = Talk(tmp_path, says("Hello."), persist_session=True, session_store=store)
    await talk.run(request("r1", "initialize", title="Greeting"), HI)
    again = Talk(
        tmp_path, says("Again."), persist_session=True, session_store=store, resume="Greeting"
    )
    assert kinds(await again.run(HI)) == ["init", "assistant", "success"]


@pytest.mark.parametrize("name", ["skills", "jsonSchema", "toolAliases", "plugins"])
async def test_what_there_is_not_is_refused_by_name(tmp_path: Path, name: str) -> None:
    value: Any = ["x"] if name in ("skills", "plugins") else {"x": "y"}
    talk = Talk(tmp_path)
    await talk.run(request("r1", "initialize", **{name: value}))
    assert f"`{name}`" in talk.answer_to("r1")["error"]


async def test_unknown_requests_are_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    """Official: the error names the subtype."""
    talk = Talk(tmp_path, says("Hello."))
    said = await talk.run(request("r1", "sing"), HI)
    assert talk.answer_to("r1") == {
        "subtype": "error",
        "request_id": "r1",
        "error": "Unsupported control request subtype: sing",
        "error_code": "unsupported_request",
    }
    assert kinds(said)[-1] == "success"


FIELDS: dict[str, dict[str, Any]] = {
    "apply_flag_settings": {"settings": {}},
    "cancel_async_message": {"message_uuid": "11111111-1111-4111-8111-111111111111"},
    "file_suggestions": {"query": "a"},
    "get_task_output": {"task_id": "none"},
    "mcp_message": {"server_name": "none", "message": {}},
    "mcp_reconnect": {"serverName": "none"},
    "mcp_set_servers": {"servers": {}},
    "mcp_toggle": {"serverName": "none", "enabled": True},
    "read_file": {"path": "none"},
    "register_repo_root": {"directory": "none"},
    "rename_session": {"title": "A title"},
    "seed_read_state": {"path": "none", "mtime": 1},
    "set_has_subscribers": {"has_subscribers": None},
    "set_permission_mode": {"mode": "plan"},
    "rewind_files": {"user_message_id": "none"},
    "stop_task": {"task_id": "none"},
    "update_settings": {"source": "localSettings", "settings": {}},
}
REFUSED = {
    "get_task_output": "no command `none`",
    "mcp_message": "Server not found: none",
    "mcp_reconnect": "Server not found: none",
    "mcp_toggle": "Server not found: none",
    "read_file": "`none` is not there",
    "register_repo_root": "`none` is not a folder",
    "rewind_files": "",
    "update_settings": "does not read `localSettings`",
}


@pytest.mark.parametrize("subtype", sorted(subtypes()))
async def test_every_request_is_answered_once(tmp_path: Path, subtype: str) -> None:
    talk = Talk(tmp_path)
    await talk.run(request("r1", subtype, **FIELDS.get(subtype, {})))
    answer = talk.answer_to("r1")
    assert answer["subtype"] == ("error" if subtype in REFUSED else "success")
    assert REFUSED.get(subtype, "") in answer.get("error", "")
    if "response" in answer:
        validator(f"answers/{subtype}").validate(answer["response"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{not json", "is not JSON: `{not json`"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"type":"user"}', "whose `role` is `user`"),
        (b'{"type":"user","message":{"role":"assistant","content":"x"}}', "whose `role` is `user`"),
        (b'{"type":"user","message":{"role":"user"}}', "needs `message.content`"),
        (b'{"type":"user","message":{"role":"user","content":[1]}}', "no list of content blocks"),
    ],
)  # fmt: skip
async def test_lines_that_are_not_ours_end_the_run(
    tmp_path: Path, line: bytes, message: str
) -> None:
    with pytest.raises(OptionsError) as raised:
        await Talk(tmp_path, hangs()).run(HI, line)
    assert message in str(raised.value)


async def test_lines_that_mean_nothing_are_passed_over(tmp_path: Path) -> None:
    said = await Talk(tmp_path, says("Hello.")).run(
        b"", b"  ", b"1", b"null", b'{"type":"keep_alive"}', b'{"type":"song"}', b"{}",
        b'{"type":"control_request"}', b'{"type":"control_response","response":{"request_id":"?"}}', HI,
    )  # fmt: skip
    assert kinds(said) == ["init", "assistant", "success"]


async def test_prompts_are_echoed_when_they_are_taken_up(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), launch=Launch(replay=True))
    said = await talk.run({**HI, "uuid": "11111111-1111-4111-8111-111111111111"})
    said = [line for line in said if line["type"] != "command_lifecycle"]
    assert kinds(said) == ["init", "user", "assistant", "success"]
    assert (said[1]["uuid"], said[1]["isReplay"]) == ("11111111-1111-4111-8111-111111111111", True)


async def test_a_result_names_all_prompts_that_it_answers(tmp_path: Path) -> None:
    """Official: a prompt that comes during a turn is taken up by it, and has no result of its own."""
    command = "touch begun; until [ -e go ]; do sleep 0.01; done"
    talk = Talk(
        tmp_path, calls("Bash", command=command), says("Both."), permission_mode="bypassPermissions",
        env={"IS_SANDBOX": "1"},
    )  # fmt: skip
    serving = asyncio.create_task(talk.serve())
    talk.send({**HI, "uuid": "a"})
    await talk.until(type="assistant")
    talk.send({**HI, "uuid": "b"}, request("r1", "get_binary_version"))
    await talk.until(type="control_response")
    (tmp_path / "go").touch()
    talk.end()
    await serving
    [result] = [line for line in talk.said if line["type"] == "result"]
    assert (result["user_message_uuid"], result["user_message_uuids"]) == ("a", ["a", "b"])


async def test_states_are_told_around_turns_and_questions(tmp_path: Path) -> None:
    launch = Launch(states="hidden", ask_client=True)
    talk = Talk(tmp_path, calls("Bash", command="touch it"), says("Done."), launch=launch)
    serving = asyncio.create_task(talk.serve())
    talk.send(HI)
    asked = await talk.until(type="control_request")
    answer = {"behavior": "deny", "message": "No."}
    response = {"subtype": "success", "request_id": asked["request_id"], "response": answer}
    talk.send({"type": "control_response", "response": response})
    await talk.until(type="result")
    talk.end()
    await serving
    order = [line.get("state") or line.get("subtype") or line["type"] for line in talk.said]
    assert order == [
        "running",
        "init",
        "assistant",
        "requires_action",
        "control_request",
        "running",
        "user",
        "assistant",
        "success",
        "idle",
    ]
    assert all(line["sdk_host_only"] for line in talk.said if "state" in line)


async def test_a_question_that_nobody_can_answer_any_more_fails_its_call(tmp_path: Path) -> None:
    """Official: at the end of input the call fails, and the turn goes on."""
    launch = Launch(ask_client=True)
    talk = Talk(tmp_path, calls("Bash", command="touch it"), says("Then not."), launch=launch)
    said = await talk.run(HI)
    [result] = [line for line in said if line["type"] == "result"]
    assert (result["result"], len(result["permission_denials"])) == ("Then not.", 1)
    assert not (tmp_path / "it").exists()


async def test_an_interrupt_takes_the_question_back_before_it_is_answered(tmp_path: Path) -> None:
    launch = Launch(ask_client=True)
    talk = Talk(tmp_path, calls("Bash", command="touch it"), launch=launch)
    serving = asyncio.create_task(talk.serve())
    talk.send(HI)
    asked = await talk.until(type="control_request")
    talk.send(request("r1", "interrupt"))
    await talk.until(type="result")
    talk.end()
    await serving
    after = talk.said[talk.said.index(asked) + 1 :]
    assert [line["type"] for line in after] == [
        "control_cancel_request",
        "control_response",
        "user",
        "user",
        "result",
    ]


async def test_a_server_of_the_client_that_fails_is_told_of(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."), launch=Launch(client_servers=["calc"]))
    serving = asyncio.create_task(talk.serve())
    talk.send(request("r1", "initialize"))
    asked = await talk.until(type="control_request")
    wrong = {"subtype": "error", "request_id": asked["request_id"], "error": "no such server"}
    talk.send({"type": "control_response", "response": wrong}, request("r2", "mcp_status"), HI)
    await talk.until(type="result")
    talk.end()
    await serving
    [server] = talk.answer_to("r2")["response"]["mcpServers"]
    assert (server["status"], "no such server" in server["error"]) == ("failed", True)
    init = await talk.until(subtype="init")
    assert init["mcp_servers"] == [{"name": "calc", "status": "failed", "source": "sdk"}]


@pytest.mark.parametrize("seed", range(30))
async def test_random_lines_neither_crash_nor_hang_it(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    launch = Launch(ask_client=chance.random() < 0.5, replay=True, states="shown")
    plays = [chance.choice([says("Hello."), calls("Bash", command="touch it")]) for _ in range(40)]
    talk = Talk(tmp_path, *plays, says("The end.").forever(), launch=launch)
    with suppress(OptionsError):  # a line that is not JSON ends it, as it should
        await talk.run(*(_random_line(chance) for _ in range(30)))
    ids = [line["response"]["request_id"] for line in talk.said if "response" in line]
    assert len(ids) == len(set(ids))


def _random_line(chance: random.Random) -> bytes:
    subtypes_and_worse = [*subtypes(), "song", None, 7]
    fields = {
        name: chance.choice([None, "", "plan", "default", 0, -1, 5000, [], ["x"], {}, {"x": []}])
        for name in (
            "mode", "model", "hooks", "systemPrompt", "max_thinking_tokens", "task_id", "title", "settings",
            "servers", "serverName", "server_name", "message", "path", "query", "mtime", "source",
            "message_uuid", "directory", "enabled", "mcpServers",
        )
        if chance.random() < 0.5
    }  # fmt: skip
    line: Any = chance.choice(
        [
            HI,
            {
                **HI,
                "uuid": chance.choice([1, "", "x", "y"]),
                "shouldQuery": chance.choice([False, 0]),
            },
            {
                **HI,
                "priority": chance.choice(["now", "later", 7, []]),
                "origin": chance.choice([{}, 1]),
            },
            {
                "type": "control_request",
                "request_id": f"r{chance.random()}",
                "request": chance.choice(
                    [{"subtype": chance.choice(subtypes_and_worse), **fields}, [], None, "x"]
                ),
            },
            {"type": "control_response", "response": chance.choice([fields, [], None])},
            {"type": "control_cancel_request", "request_id": "r1"},
            {"type": chance.choice(["keep_alive", "song", None, 3, {}])},
        ]
    )
    text = json.dumps(line).encode()
    if chance.random() < 0.02:
        return text[: chance.randrange(len(text))]
    return text
