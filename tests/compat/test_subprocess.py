"""`cli_path`: a program is spoken to over its pipes, `hames` or another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compat_place import LIMIT, Place, asked, result_of, said

from hames.compat.claude_agent_sdk import (
    ClaudeSDKClient,
    CLIConnectionError,
    CLIJSONDecodeError,
    CLINotFoundError,
    HookMatcher,
    InMemorySessionStore,
    PermissionResultAllow,
    ProcessError,
    ResultError,
    create_sdk_mcp_server,
    get_session_messages,
    tool,
)
from hames.testing import calls, fails, says

Here = Callable[..., Place]

HAMES = Path(sys.executable).with_name("hames")


async def test_a_program_does_the_same_as_in_this_process(here: Here) -> None:
    place = here(
        calls("mcp__calc__add", a=1, b=2), calls("Bash", command="touch it"), says("Done."), says("More."),
    )  # fmt: skip
    heard: list[str] = []

    @tool("add", "Add two numbers.", {"a": int, "b": int})
    async def add(args: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": str(args["a"] + args["b"])}]}

    async def allow(name: str, input: Any, context: Any) -> PermissionResultAllow:
        heard.append(f"asked about {name}")
        return PermissionResultAllow()

    async def watch(input: Any, tool_use_id: str | None, context: Any) -> Any:
        heard.append(f"hook {input['hook_event_name']}")
        return {}

    store = InMemorySessionStore()
    options = place.options(
        cli_path=HAMES,
        mcp_servers={"calc": create_sdk_mcp_server("calc", tools=[add])},
        can_use_tool=allow,
        hooks={"PostToolUse": [HookMatcher("Bash", [watch])]},
        session_store=store,
    )
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(options) as client:
        await client.query("Go.")
        first = [message async for message in client.receive_response()]
        await client.query("More.")
        second = [message async for message in client.receive_response()]
        usage = await client.get_context_usage()
    assert (said(first), said(second)) == (["Done."], ["More."])
    assert heard == ["asked about mcp__calc__add", "asked about Bash", "hook PostToolUse"]
    assert usage["totalTokens"] > 0
    assert store.size == 1
    id = result_of(first).session_id
    assert len(get_session_messages(id, str(place.cwd))) == 8
    assert place.errors == []


async def test_an_error_result_and_the_exit_code_make_one_exception(here: Here) -> None:
    place = here(fails(400, "This cannot be."))
    with pytest.raises(ResultError, match="This cannot be") as raised:
        await asked("Hi.", place.options(cli_path=HAMES))
    assert (raised.value.exit_code, raised.value.api_error_status) == (1, 400)
    assert isinstance(raised.value.__cause__, ProcessError)


async def test_a_missing_program_or_folder_is_named(here: Here) -> None:
    place = here()
    with pytest.raises(CLINotFoundError, match="/no/such/program"):
        await asked("Hi.", place.options(cli_path="/no/such/program"))
    with pytest.raises(CLIConnectionError, match="Working directory does not exist"):
        await asked("Hi.", place.options(cli_path=HAMES, cwd=place.folder / "gone"))


def program(place: Place, text: str) -> Path:
    """A program in the place of `hames`; it answers `initialize` and then does as the text says."""
    path = place.folder / "program"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "id = json.loads(sys.stdin.readline())['request_id']\n"
        "answer = {'subtype': 'success', 'request_id': id, 'response': {}}\n"
        "print(json.dumps({'type': 'control_response', 'response': answer}), flush=True)\n" + text
    )
    path.chmod(0o755)
    return path


async def test_a_process_that_dies_is_an_error_with_its_code(here: Here) -> None:
    place = here()
    path = program(place, "sys.stdin.readline(); print('oh no', file=sys.stderr); sys.exit(7)")
    with pytest.raises(ProcessError) as raised:
        await asked("Hi.", place.options(cli_path=path))
    assert (raised.value.exit_code, place.errors) == (7, ["oh no"])


async def test_a_line_that_is_no_json_is_an_error(here: Here) -> None:
    place = here()
    path = program(place, "print('a warning'); print('{\"type\": oops}')")
    with pytest.raises(CLIJSONDecodeError) as raised:
        await asked("Hi.", place.options(cli_path=path))
    assert raised.value.line == '{"type": oops}'


async def test_a_line_that_is_too_long_is_an_error(here: Here) -> None:
    place = here()
    path = program(place, "print('{\"type\": \"' + 'x' * 5000 + '\"}')")
    with pytest.raises(CLIJSONDecodeError, match="maximum buffer size of 1000"):
        await asked("Hi.", place.options(cli_path=path, max_buffer_size=1000))


async def test_a_process_that_ignores_the_end_of_its_input_is_ended(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hames.compat.subprocess.PATIENCE", 0.1)
    place = here()
    path = program(
        place,
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()",
    )
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(place.options(cli_path=path)) as client:
        process = client._exchange._transport._process  # type: ignore[union-attr]  # nobody else knows it
    assert process.returncode == -9
