"""What breaks an official client when a command line does it wrong: a test for each, observed faults."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from golden import FREELY, SANDBOX, Desk
from talk import HI, Talk, kinds, request

from hames.protocol import client_servers
from hames.protocol.input import lines
from hames.protocol.server import Launch
from hames.protocol.shorten import LONGEST
from hames.testing import calls, gives, hangs, says

MUCH = "x" * 1_500_000
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
GUARD = {"PreToolUse": [{"matcher": None, "hookCallbackIds": ["guard"]}]}


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [b'{"type":"keep_alive"}'],
        [request("r", "initialize")],
        [request("r", "initialize"), HI],
        [HI, HI],
        [request("r", "sing")],
    ],
    ids=[
        "nothing",
        "a sign of life",
        "initialize",
        "a prompt",
        "two prompts",
        "an unknown request",
    ],
)
async def test_it_ends_when_its_input_ends(tmp_path: Path, sent: list[Any]) -> None:
    """A client waits for the end of the output without a limit."""
    said = await Talk(tmp_path, says("Hello.").forever()).run(*sent)
    assert kinds(said).count("success") == sent.count(HI)


@pytest.mark.parametrize("asked", ["permission", "hook", "server"])
async def test_it_ends_when_nobody_answers_its_questions_any_more(
    tmp_path: Path, asked: str
) -> None:
    server = asked == "server"
    launch = Launch(ask_client=asked == "permission", client_servers=["desk"] if server else [])
    talk = Talk(tmp_path, calls("Bash", command="make it"), says("Not run."), launch=launch)
    hooks = GUARD if asked == "hook" else None
    talk.send(request("r", "initialize", hooks=hooks), HI)
    talk.when(lambda line: line["type"] == "control_request", lambda _: talk.end())
    await talk.serve()
    assert kinds(talk.said)[-1] == "success"


async def test_initialize_is_answered_though_a_server_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official Python client waits for 60 s; ours gives a server half of it."""
    assert client_servers.CONNECT <= 30
    monkeypatch.setattr(client_servers, "CONNECT", 0.05)
    talk = Talk(tmp_path, launch=Launch(client_servers=["silent"]))
    talk.send(request("r", "initialize"), request("s", "mcp_status"))
    talk.when(lambda line: line["type"] == "control_response", lambda _: talk.end())
    await talk.serve()
    [server] = talk.answer_to("s")["response"]["mcpServers"]
    assert (talk.answer_to("r")["subtype"], server["status"]) == ("success", "failed")


async def test_no_line_is_longer_than_a_client_reads(tmp_path: Path) -> None:
    """Official clients read 1 MiB (Python, unless told otherwise)."""
    write = calls("Write", file_path=str(tmp_path / "a.txt"), content=MUCH)
    talk = Talk(
        tmp_path, write, calls("Read", file_path=str(tmp_path / "a.txt")), says(MUCH), says("Hm."),
        launch=Launch(replay=True, mirror=False), include_partial_messages=True, env=SANDBOX, **FREELY,
    )  # fmt: skip
    (tmp_path / "b.bin").write_bytes(b"\0" * 500_000)
    prompt = {"type": "user", "message": {"role": "user", "content": MUCH}}
    await talk.run(HI, prompt, request("r", "read_file", path="b.bin"))
    assert max(talk.lengths) <= LONGEST
    assert kinds(talk.said).count("success") == 2
    assert "ask for less" in talk.answer_to("r")["error"]
    assert (tmp_path / "a.txt").stat().st_size == len(MUCH), "only the stream is cut"


async def test_a_call_too_long_for_its_question_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    talk = Talk(
        tmp_path, calls("Write", file_path=str(file), content=MUCH), says("Not run."),
        launch=Launch(ask_client=True), entrypoint="sdk-py",
    )  # fmt: skip
    await talk.run_until_result(HI)
    assert (file.exists(), max(talk.lengths) <= LONGEST) == (False, True)


async def test_a_call_does_not_pass_its_guard_by_being_too_long_for_it(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    talk = Talk(
        tmp_path, calls("Write", file_path=str(file), content=MUCH), says("Not run."),
        env=SANDBOX, **FREELY,
    )  # fmt: skip
    talk.answers = Desk(talk).answer
    await talk.run_until_result(request("r", "initialize", hooks=GUARD), HI)
    assert not file.exists()
    [result] = [line for line in talk.said if line["type"] == "result"]
    assert [one["tool_name"] for one in result["permission_denials"]] == ["Write"]


async def test_a_client_that_reads_any_length_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    talk = Talk(
        tmp_path, calls("Write", file_path=str(file), content=MUCH), says("Done."),
        launch=Launch(ask_client=True), entrypoint="sdk-ts",
    )  # fmt: skip
    talk.answers = Desk(talk).answer
    await talk.run_until_result(HI)
    assert file.stat().st_size == len(MUCH)


async def test_every_line_is_one_json_object_in_utf_8(tmp_path: Path) -> None:
    """What programs print is anything: halves of characters, controls, line separators."""
    printed = r"printf 'a\xff\x00\xed\xa0\x80\n\u2028\u0085 \x1b[31m'"
    talk = Talk(
        tmp_path, calls("Bash", command=printed), says("\ud800 half"), env=SANDBOX, **FREELY
    )
    for raw in (await talk.run(HI)) and talk.raw:
        assert isinstance(json.loads(raw.decode("utf-8")), dict)
        assert b"\n" not in raw


async def test_a_failure_is_a_result_and_the_session_goes_on(tmp_path: Path) -> None:
    talk = Talk(tmp_path, gives().stopping("refusal").times(2), says("Hello."))
    results = [line for line in await talk.run(HI, HI) if line["type"] == "result"]
    assert [result["is_error"] for result in results] == [True, False]


async def test_every_task_that_starts_is_told_to_end(tmp_path: Path) -> None:
    """The official Python client keeps its input open for a task until then."""
    play = calls("Bash", command="sleep 600", run_in_background=True)
    talk = Talk(tmp_path, play, says("Started."), background_grace=0.0, env=SANDBOX, **FREELY)
    said = await talk.run(HI)
    [started] = [line for line in said if line.get("subtype") == "task_started"]
    [ended] = [line for line in said if line.get("subtype") == "task_notification"]
    assert (ended["task_id"], ended["status"]) == (started["task_id"], "stopped")


async def test_the_state_ends_idle_whatever_happens(tmp_path: Path) -> None:
    """A client with hooks waits for ten minutes after `running` without `idle`."""
    talk = Talk(tmp_path, hangs(), launch=Launch(states="hidden"))
    talk.when(
        lambda line: line.get("subtype") == "init", lambda _: talk.send(request("r", "interrupt"))
    )
    await talk.run_until_result(HI)
    states = [line["state"] for line in talk.said if "state" in line]
    assert (states[0], states[-1]) == ("running", "idle")


async def test_a_line_may_come_in_any_pieces() -> None:
    line = '{"text":"hällo 🦊"}'.encode()
    for cut in range(1, len(line)):
        assert await _read_in_pieces(line[:cut], line[cut:] + b"\n" + line) == [line, line]


async def test_a_very_long_line_is_read_whole() -> None:
    line = b'{"text":"' + b"x" * 20_000_000 + b'"}'
    assert await _read_in_pieces(line + b"\n") == [line]


async def _read_in_pieces(*pieces: bytes) -> list[bytes]:
    reading, writing = os.pipe()

    def write() -> None:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(writing, left) :]
        os.close(writing)

    written = asyncio.create_task(asyncio.to_thread(write))
    try:
        return [line async for line in lines(reading)]
    finally:
        await written
        os.close(reading)


async def test_a_request_that_is_withdrawn_is_not_answered(tmp_path: Path) -> None:
    talk = Talk(tmp_path, launch=Launch(client_servers=["desk"]))
    desk = Desk(talk)
    talk.answers = desk.answer
    connected = asyncio.Event()
    talk.when(lambda line: line["type"] == "control_response", lambda _: connected.set())
    talk.send(request("r", "initialize"))
    serving = asyncio.create_task(talk.serve())
    await asyncio.wait_for(connected.wait(), 20)
    talk.answers = None
    talk.when(lambda line: line["type"] == "control_request", lambda _: _withdraw(talk))
    talk.send(request("again", "mcp_reconnect", serverName="desk"))
    await serving
    assert "again" not in [line.get("response", {}).get("request_id") for line in talk.said]
    assert kinds(talk.said)[-1] == "control_cancel_request", "what it asked is withdrawn as well"


def _withdraw(talk: Talk) -> None:
    talk.send({"type": "control_cancel_request", "request_id": "again"})
    talk.end()


async def test_hooks_of_one_event_are_asked_side_by_side(tmp_path: Path) -> None:
    hooks = {"PreToolUse": [{"matcher": None, "hookCallbackIds": ["one", "two"]}]}
    talk = Talk(tmp_path, calls("Bash", command="true"), says("Done."), env=SANDBOX, **FREELY)
    asked: list[str] = []

    def is_new(line: dict[str, Any]) -> bool:
        return line["type"] == "control_request" and line["request_id"] not in asked

    def answer_both(line: dict[str, Any]) -> None:
        asked.append(line["request_id"])
        for id in reversed(asked):
            response = {"subtype": "success", "request_id": id, "response": {}}
            talk.send({"type": "control_response", "response": response})

    def wait_for_the_other(line: dict[str, Any]) -> None:
        asked.append(line["request_id"])
        talk.when(is_new, answer_both)

    talk.when(is_new, wait_for_the_other)
    await talk.run_until_result(request("r", "initialize", hooks=hooks), HI)
    assert (len(asked), kinds(talk.said)[-1]) == (2, "success")


async def test_pictures_of_a_prompt_reach_the_model(tmp_path: Path) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    talk = Talk(tmp_path, says("A dot."))
    await talk.run({"type": "user", "message": {"role": "user", "content": content}})
    assert PIXEL.encode() in b"".join(talk.requests[0].messages)


async def test_answers_to_nothing_are_passed_over(tmp_path: Path) -> None:
    answer = {"subtype": "success", "request_id": "unknown", "response": {}}
    said = await Talk(tmp_path, says("Hello.")).run(
        {"type": "control_response", "response": answer},
        {"type": "control_cancel_request", "request_id": "unknown"},
        HI,
    )
    assert kinds(said) == ["init", "assistant", "success"]


async def test_subagents_speak_with_the_id_of_their_call() -> None:
    """Official clients sort lines by `parent_tool_use_id`."""
    from hames.blocks import text, tool_result
    from hames.events import AssistantSaid, UserSaid
    from hames.protocol.wire import Wire

    said = AssistantSaid(text("Hm."), "u", "msg_1", "m", {}, parent_tool_use_id="toolu_1")
    answered = UserSaid([tool_result("toolu_2", "ok")], "u", parent_tool_use_id="toolu_1")
    told = [json.loads(Wire("s").line(event)) for event in (said, answered)]
    assert [line["parent_tool_use_id"] for line in told] == ["toolu_1", "toolu_1"]
