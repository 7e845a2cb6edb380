"""What a client says beside the words of a prompt: when, whether, by whom, and once only."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from talk import HI, Talk, kinds, request

from hames.protocol.server import Launch
from hames.sessions.memory import MemoryStore
from hames.testing import calls, hangs, says

A, B, C = (f"{digit}1111111-1111-4111-8111-111111111111" for digit in "123")
WAITS = "touch begun; until [ -e go ]; do sleep 0.01; done"
FREELY: dict[str, Any] = {"permission_mode": "bypassPermissions", "env": {"IS_SANDBOX": "1"}}


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": text}, **fields}


def fates(talk: Talk) -> list[tuple[str, str]]:
    return [
        (line["command_uuid"], line["state"])
        for line in talk.said
        if line["type"] == "command_lifecycle"
    ]


def sent(talk: Talk, number: int) -> str:
    return b"".join(talk.requests[number].messages).decode()


async def test_a_prompt_that_asks_nothing_is_only_added(tmp_path: Path) -> None:
    """Official 2.1.330: it has `init` and an empty result; the next prompt brings it to the model."""
    talk = Talk(tmp_path, says("Noted, and here."))
    await talk.run(user("The door is red.", shouldQuery=False), user("Which colour?"))
    first, second = (line for line in talk.said if line["type"] == "result")
    assert (first["num_turns"], first["result"], first["subtype"]) == (0, "", "success")
    assert "terminal_reason" not in first
    assert second["num_turns"] == 1
    assert [len(talk.requests), "The door is red." in sent(talk, 0)] == [1, True]


async def test_the_fate_of_a_named_prompt_is_told(tmp_path: Path) -> None:
    """Observed of official 2.1.330; a prompt without `uuid` has no such lines."""
    talk = Talk(tmp_path, says("One."), says("Two."))
    said = await talk.run(user("Hi.", uuid=A), HI)
    assert kinds(said) == [
        "command_lifecycle", "command_lifecycle", "init", "assistant", "success", "command_lifecycle",
        "init", "assistant", "success",
    ]  # fmt: skip
    assert fates(talk) == [(A, "queued"), (A, "started"), (A, "completed")]


async def test_a_prompt_that_comes_twice_is_answered_once(tmp_path: Path) -> None:
    """Official 2.1.330 echoes it, where echoes are wanted, and does no more."""
    talk = Talk(tmp_path, says("Once."), launch=Launch(replay=True))
    said = await talk.run(user("Hi.", uuid=A), user("Hi.", uuid=A))
    assert kinds(said).count("success") == 1
    assert [line["uuid"] for line in said if line["type"] == "user"] == [A, A]


async def test_a_prompt_that_is_stored_already_is_not_answered_again(tmp_path: Path) -> None:
    """Our choice: a client that lost the answer may send it again without harm."""
    store = MemoryStore()
    first = Talk(tmp_path, says("Once."), persist_session=True, session_store=store)
    [result] = [x for x in await first.run(user("Hi.", uuid=A)) if x["type"] == "result"]
    again = Talk(
        tmp_path, persist_session=True, session_store=store, resume=result["session_id"],
        launch=Launch(replay=True),
    )  # fmt: skip
    assert kinds(await again.run(user("Hi.", uuid=A))) == ["user"]


async def test_a_later_prompt_waits_for_the_end_of_the_answer(tmp_path: Path) -> None:
    talk = Talk(tmp_path, calls("Bash", command=WAITS), says("First."), says("Second."), **FREELY)
    serving = asyncio.create_task(talk.serve())
    talk.send(HI)
    await talk.until(type="assistant")
    talk.send(user("Then this.", priority="later"), request("r", "get_binary_version"))
    await talk.until(type="control_response")
    (tmp_path / "go").touch()
    talk.end()
    await serving
    assert [line["result"] for line in talk.said if line["type"] == "result"] == [
        "First.",
        "Second.",
    ]
    assert "Then this." not in sent(talk, 1)


async def test_an_urgent_prompt_ends_the_answer_under_way(tmp_path: Path) -> None:
    """Official 2.1.330 calls the result of the ended answer a success; ours says what happened."""
    talk = Talk(tmp_path, hangs(), says("At once."), **FREELY)
    serving = asyncio.create_task(talk.serve())
    talk.send(user("Hi.", uuid=A))
    await talk.until(type="system", subtype="init")
    talk.send(user("Stop that.", uuid=B, priority="now"))
    talk.end()
    await serving
    results = [line for line in talk.said if line["type"] == "result"]
    assert [line["subtype"] for line in results] == ["error_during_execution", "success"]
    assert fates(talk)[-3:] == [(A, "cancelled"), (B, "started"), (B, "completed")]


async def test_a_prompt_that_waits_can_be_taken_back(tmp_path: Path) -> None:
    talk = Talk(tmp_path, calls("Bash", command=WAITS), says("Done."), **FREELY)
    serving = asyncio.create_task(talk.serve())
    talk.send(user("Hi.", uuid=A))
    await talk.until(type="assistant")
    talk.send(user("Not this.", uuid=B), user("Nor this.", uuid=C, priority="later"))
    for uuid in (B, C, A):
        talk.send(request(uuid, "cancel_async_message", message_uuid=uuid))
    await talk.until_answered(A)
    (tmp_path / "go").touch()
    talk.end()
    await serving
    assert talk.answer_to(B)["response"] == {"cancelled": True, "message_uuid": B}
    assert talk.answer_to(C)["response"] == {"cancelled": True, "message_uuid": C}
    assert talk.answer_to(A)["response"] == {"cancelled": False}
    assert [one for one in fates(talk) if "can" in one[1]] == [(B, "cancelled"), (C, "cancelled")]
    assert "this." not in sent(talk, 1)


async def test_an_interrupt_can_take_all_that_waits_with_it(tmp_path: Path) -> None:
    talk = Talk(tmp_path, calls("Bash", command=WAITS), **FREELY)
    serving = asyncio.create_task(talk.serve())
    talk.send(user("Hi.", uuid=A))
    await talk.until(type="assistant")
    talk.send(user("Not this.", uuid=B), request("stop", "interrupt", cancel_queued=True))
    await talk.until(type="result")
    talk.end()
    await serving
    assert talk.answer_to("stop")["response"] == {"still_queued": [], "cancelled": [B]}
    assert len(talk.requests) == 1


async def test_the_model_knows_what_the_user_has_not_written(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("I see."))
    said = await talk.run(user("Build 7 failed.", isSynthetic=True, origin={"kind": "peer"}))
    [result] = [line for line in said if line["type"] == "result"]
    assert result["origin"] == {"kind": "peer"}
    assert "not by the user" in sent(talk, 0)
    assert not [line for line in said if line["type"] == "user"], "the client knows what it said"


async def test_unknown_words_of_newer_clients_change_nothing(tmp_path: Path) -> None:
    talk = Talk(tmp_path, says("Hello."))
    said = await talk.run(user("Hi.", priority="soonish", origin="me", timestamp=1, colour="red"))
    assert kinds(said) == ["init", "assistant", "success"]
