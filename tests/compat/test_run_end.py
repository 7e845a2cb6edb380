"""How long the input of a query stays open: until nobody can ask the caller for anything any more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from compat_place import LIMIT

from hames.compat.claude_agent_sdk import ClaudeAgentOptions, HookMatcher, Transport, query

STATE = {"type": "system", "subtype": "session_state_changed", "sdk_host_only": True}
TASK = {"type": "system", "task_id": "t", "description": "d", "uuid": "u", "session_id": "s"}
RESULT = {
    "type": "result", "subtype": "success", "is_error": False, "session_id": "s",
    "duration_ms": 1, "duration_api_ms": 1, "num_turns": 1,
}  # fmt: skip
REPLY = {"type": "assistant", "message": {"model": "m", "content": []}}


class Told(Transport):
    """Says what a test has written once it was asked, and looks whether its input is open before the last."""

    def __init__(self, lines: list[Any]) -> None:
        self._lines = lines
        self._ended = asyncio.Event()
        self._asked = asyncio.Event()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.open_before_last = False

    async def connect(self) -> None:
        pass

    async def write(self, data: str) -> None:
        said = json.loads(data)
        if said["type"] == "control_request":
            response = {"subtype": "success", "request_id": said["request_id"], "response": {}}
            self._answers.put_nowait({"type": "control_response", "response": response})
        else:
            self._asked.set()

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        yield await self._answers.get()
        await self._asked.wait()
        *first, last = self._lines
        for line in first:
            yield line
        for _ in range(20):  # whoever would end the input has had many turns to do it
            await asyncio.sleep(0)
        self.open_before_last = not self._ended.is_set()
        yield last
        await self._ended.wait()

    async def close(self) -> None:
        pass

    def is_ready(self) -> bool:
        return True

    async def end_input(self) -> None:
        self._ended.set()


async def watch(input: Any, tool_use_id: str | None, context: Any) -> Any:
    return {}


HOOKS: Any = {"PreToolUse": [HookMatcher(None, [watch])]}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([REPLY, RESULT], id="the result"),
        pytest.param(
            [{**STATE, "state": "running"}, RESULT, {**STATE, "state": "idle"}], id="idle"
        ),
        pytest.param(
            [
                {**STATE, "state": "running"},
                {**TASK, "subtype": "task_started", "task_type": "local_agent"},
                RESULT,
                {**STATE, "state": "idle"},
                {**TASK, "subtype": "task_updated", "patch": {"status": "killed"}},
            ],
            id="a subagent",
        ),
    ],
)
async def test_the_input_stays_open_until_the_end_of(lines: list[Any]) -> None:
    transport = Told(lines)
    options = ClaudeAgentOptions(hooks=HOOKS)
    async with asyncio.timeout(LIMIT):
        [_ async for _ in query(prompt="Hi.", options=options, transport=transport)]
    assert transport.open_before_last


async def test_the_input_ends_at_once_when_nobody_can_be_asked() -> None:
    transport = Told([REPLY, RESULT])
    async with asyncio.timeout(LIMIT):
        [_ async for _ in query(prompt="Hi.", options=ClaudeAgentOptions(), transport=transport)]
    assert not transport.open_before_last


async def test_a_session_that_does_not_say_that_it_is_idle_is_given_up() -> None:
    """Official: `CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS` bounds the wait after a result."""
    options = ClaudeAgentOptions(hooks=HOOKS, env={"CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS": "20"})
    lines = [{**STATE, "state": "running"}, RESULT]
    async with asyncio.timeout(LIMIT):
        [_ async for _ in query(prompt="Hi.", options=options, transport=Told(lines))]
