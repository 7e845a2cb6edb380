"""Sessions behind the official names live in this process: what programs rely on, one by one.

The programs of `tests/conformance/test_python_client.py` run here as well; see `test_compat.py` there.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from compat_place import LIMIT, Place, asked, result_of, said, tool_results

from hames.compat.claude_agent_sdk import (
    CanUseToolShadowedWarning,
    ClaudeSDKClient,
    CLIConnectionError,
    HookMatcher,
    Message,
    PermissionResultAllow,
    ProcessError,
    ResultError,
    ResultMessage,
    SystemMessage,
    ToolAnnotations,
    Transport,
    create_sdk_mcp_server,
    query,
    tool,
)
from hames.sdk.world import private_loop
from hames.testing import calls, fails, hangs, says

Here = Callable[..., Place]


def children() -> list[str]:
    """The ids of our child processes."""
    return [
        child
        for file in Path("/proc/self/task").glob("*/children")
        for child in file.read_text().split()
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
async def test_no_process_is_started(here: Here) -> None:
    place = here(calls("Write", file_path="it", content="1"), says("Made."))
    seen: list[list[str]] = []

    async def look(name: str, input: Any, context: Any) -> PermissionResultAllow:
        seen.append(children())
        return PermissionResultAllow()

    before = children()
    messages = await asked("Make it.", place.options(can_use_tool=look))
    assert said(messages) == ["Made."]
    assert seen == [before]


async def test_a_whole_program_runs_in_trio(here: Here) -> None:
    """Hooks, permissions and tools are called in Trio, where they may use it."""
    place = here(
        calls("mcp__calc__add", a=1, b=2), calls("Write", file_path="it", content="1"), says("Done.")
    )  # fmt: skip
    called: list[str] = []

    async def here_in_trio(what: str) -> None:
        await trio.lowlevel.checkpoint()
        called.append(what)

    @tool("add", "Add two numbers.", {"a": int, "b": int})
    async def add(args: dict[str, Any]) -> dict[str, Any]:
        await here_in_trio("tool")
        return {"content": [{"type": "text", "text": str(args["a"] + args["b"])}]}

    async def allow(name: str, input: Any, context: Any) -> PermissionResultAllow:
        await here_in_trio(f"permission for {name}")
        return PermissionResultAllow()

    async def watch(input: Any, tool_use_id: str | None, context: Any) -> Any:
        await here_in_trio(f"hook before {input['tool_name']}")
        return {}

    options = place.options(
        mcp_servers={"calc": create_sdk_mcp_server("calc", tools=[add])},
        can_use_tool=allow,
        hooks={"PreToolUse": [HookMatcher(None, [watch])]},
    )

    async def program() -> list[Message]:
        with trio.fail_after(LIMIT):
            async with ClaudeSDKClient(options) as client:
                await client.query("Go.")
                return [message async for message in client.receive_response()]

    messages = await asyncio.to_thread(trio.run, program)
    assert said(messages) == ["Done."]
    assert called == [
        "hook before mcp__calc__add",
        "permission for mcp__calc__add",
        "tool",
        "hook before Write",
        "permission for Write",
    ]


async def test_a_tool_may_say_how_long_its_results_are(here: Here) -> None:
    """Official: `maxResultSizeChars` keeps a large result whole; others are put in a file."""
    place = here(calls("mcp__long__kept"), calls("mcp__long__spilled"), says("Done."))
    large = {"content": [{"type": "text", "text": "x" * 150_000}]}

    @tool("kept", "Is long.", {}, ToolAnnotations(maxResultSizeChars=200_000))
    async def kept(args: dict[str, Any]) -> dict[str, Any]:
        return large

    @tool("spilled", "Is long.", {})
    async def spilled(args: dict[str, Any]) -> dict[str, Any]:
        return large

    server = create_sdk_mcp_server("long", tools=[kept, spilled])
    await asked("Go.", place.options(mcp_servers={"long": server}, allowed_tools=["mcp__long"]))
    [whole], [short] = (request.result_texts for request in place.api.requests[1:])
    assert whole == "x" * 150_000
    assert len(short) < 10_000


async def test_a_cancelled_query_in_trio_ends_its_session(here: Here) -> None:
    place = here(hangs())

    async def program() -> bool:
        with trio.move_on_after(LIMIT) as scope:
            async for message in query(prompt="Hi.", options=place.options()):
                if isinstance(message, SystemMessage):
                    scope.cancel()
        return scope.cancelled_caught

    assert await asyncio.to_thread(trio.run, program)
    assert asyncio.all_tasks(private_loop()) == set()


async def test_settings_files_are_read_unless_there_are_to_be_none(here: Here) -> None:
    """Official: None reads all, an empty list none."""
    place = here(calls("Bash", command="ls"), says("1"), calls("Bash", command="ls"), says("2"))
    place.config.mkdir()
    deny = {"permissions": {"deny": ["Bash(ls:*)"]}}
    (place.config / "settings.json").write_text(json.dumps(deny))
    read = await asked("Go.", place.options(setting_sources=None, allowed_tools=["Bash"]))
    unread = await asked("Go.", place.options(setting_sources=[], allowed_tools=["Bash"]))
    assert [one.is_error for one in tool_results(read)] == [True]
    assert [one.is_error for one in tool_results(unread)] == [False]


async def test_relative_paths_mean_what_they_mean_in_the_working_directory(here: Here) -> None:
    place = here(calls("Bash", command="ls"), says("Done."))
    (place.cwd / "beside").mkdir()
    (place.cwd / "mine.json").write_text(json.dumps({"permissions": {"allow": ["Bash(ls:*)"]}}))
    (place.cwd / "prompt.md").write_text("You are a pirate.")
    prompt = {"type": "file", "path": "prompt.md"}
    options = place.options(settings="mine.json", system_prompt=prompt, add_dirs=["beside", "~"])
    messages = await asked("Go.", options)
    assert result_of(messages).permission_denials == []
    assert place.api.requests[0].system_text == "You are a pirate."


async def test_an_error_result_is_raised_with_what_it_says(here: Here) -> None:
    place = here(calls("Glob", pattern="*").forever())
    with pytest.raises(ResultError) as raised:
        await asked("Go.", place.options(max_turns=1))
    error: ResultError = pickle.loads(pickle.dumps(raised.value))
    assert (error.subtype, error.terminal_reason, error.exit_code) == (
        "error_max_turns",
        "max_turns",
        1,
    )
    assert error.session_id == error.data["session_id"]
    assert str(error).startswith("Claude Code returned an error result: ")


async def test_a_missing_working_directory_is_a_connection_error(here: Here) -> None:
    place = here()
    with pytest.raises(CLIConnectionError, match="Working directory does not exist"):
        await asked("Hi.", place.options(cwd=place.folder / "gone"))


async def test_a_flag_that_there_is_not_is_named(here: Here) -> None:
    place = here()
    with pytest.raises(ProcessError, match="--frobnicate") as raised:
        await asked("Hi.", place.options(extra_args={"frobnicate": None}))
    assert raised.value.exit_code == 1
    [line] = place.errors
    assert "--frobnicate" in line


async def test_what_cannot_be_done_in_this_process_is_refused_by_name(here: Here) -> None:
    place = here()
    with pytest.raises(CLIConnectionError, match="`user`"):
        await asked("Hi.", place.options(user="somebody"))


async def test_a_flag_for_processes_says_what_to_do_instead(here: Here) -> None:
    place = here()
    with pytest.raises(ProcessError, match="logger `hames`"):
        await asked("Hi.", place.options(extra_args={"debug-file": "log"}))


async def test_debug_logs_reach_the_stderr_callback(here: Here) -> None:
    """Official: the flag makes the process say more on standard error."""
    place = here(says("Hello."))
    await asked("Hi.", place.options(extra_args={"debug-to-stderr": None}))
    assert any("[DEBUG]" in line for line in place.errors)


async def test_leaving_the_loop_ends_the_session(here: Here) -> None:
    """That no task is left is checked for every test here."""
    place = here(hangs())
    async for message in query(prompt="Hi.", options=place.options()):
        assert isinstance(message, SystemMessage)
        break
    gc.collect()


async def test_a_dropped_client_ends_its_session(here: Here) -> None:
    place = here(hangs())
    client = ClaudeSDKClient(place.options())
    await client.connect("Hi.")
    await place.api.received(1)
    del client
    gc.collect()
    await asyncio.sleep(0)


async def test_connecting_again_begins_another_session(here: Here) -> None:
    place = here(hangs(), says("Hello."))
    client = ClaudeSDKClient(place.options())
    async with asyncio.timeout(LIMIT):
        await client.connect("Hi.")
        await place.api.received(1)
        await client.connect("Hi again.")
        assert said([message async for message in client.receive_response()]) == ["Hello."]
        await client.disconnect()
        await client.disconnect()


async def test_a_client_that_is_not_connected_says_so(here: Here) -> None:
    client = ClaudeSDKClient(here().options())
    with pytest.raises(CLIConnectionError, match="connect"):
        await client.query("Hi.")
    await client.disconnect()


async def test_a_session_is_resumed_from_an_earlier_line(here: Here) -> None:
    place = here(says("One."), says("Two."), says("Again."))
    async with ClaudeSDKClient(place.options()) as client:
        await client.query("First.")
        first = [message async for message in client.receive_response()]
        await client.query("Second.")
        [_ async for _ in client.receive_response()]
    [kept] = [message.uuid for message in first if getattr(message, "model", None)]
    id = result_of(first).session_id
    messages = await asked("Third.", place.options(resume=id, resume_session_at=kept))
    assert said(messages) == ["Again."]
    texts = [json.dumps(message["content"]) for message in place.api.requests[2].messages]
    assert [("First." in text, "Second." in text) for text in texts] == [
        (True, False),
        (False, False),
        (False, False),
    ]


async def test_files_are_put_back(here: Here) -> None:
    place = here(calls("Write", file_path="it", content="new"), says("Written."))
    id = "3f0c2f5e-1111-4222-8333-444455556666"

    async def prompt() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "user", "uuid": id, "message": {"role": "user", "content": "Write."}}

    options = place.options(permission_mode="acceptEdits", enable_file_checkpointing=True)
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(options) as client:
        await client.query(prompt())
        messages = [message async for message in client.receive_response()]
        assert (said(messages), (place.cwd / "it").exists()) == (["Written."], True)
        await client.rewind_files(id)
        assert not (place.cwd / "it").exists()


async def test_a_callback_that_would_never_be_asked_is_warned_about(here: Here) -> None:
    place = here(says("Hello."))

    async def allow(name: str, input: Any, context: Any) -> PermissionResultAllow:
        return PermissionResultAllow()

    options = place.options(can_use_tool=allow, allowed_tools=["Bash", "Read(./a)"])
    with pytest.warns(CanUseToolShadowedWarning, match="for: Bash"):
        await asked("Hi.", options)


async def test_options_that_exclude_each_other_are_refused(here: Here) -> None:
    async def allow(name: str, input: Any, context: Any) -> PermissionResultAllow:
        return PermissionResultAllow()

    options = here().options(can_use_tool=allow, permission_prompt_tool_name="mcp__a__b")
    with pytest.raises(ValueError, match="permission_prompt_tool_name"):
        await asked("Hi.", options)


class Recording(Transport):
    """Answers like a session, and keeps what was written."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.closed = False
        self._lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def connect(self) -> None:
        pass

    async def write(self, data: str) -> None:
        said = json.loads(data)
        self.written.append(said)
        if said["type"] == "control_request":
            response = {"subtype": "success", "request_id": said["request_id"], "response": {}}
            self._lines.put_nowait({"type": "control_response", "response": response})
        if said["type"] == "user":
            numbers = {"duration_ms": 1, "duration_api_ms": 1, "num_turns": 1}
            told = {"type": "result", "subtype": "success", "is_error": False, "session_id": "s"}
            self._lines.put_nowait({**told, **numbers})

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while (line := await self._lines.get()) is not None:
            yield line

    async def close(self) -> None:
        self.closed = True

    def is_ready(self) -> bool:
        return not self.closed

    async def end_input(self) -> None:
        self._lines.put_nowait(None)


async def test_a_transport_of_ones_own_stands_in_for_the_session(here: Here) -> None:
    transport = Recording()
    options = here().options(verbatim_prompts=True)
    async with asyncio.timeout(LIMIT):
        messages = [m async for m in query(prompt="Hi.", options=options, transport=transport)]
    assert [type(message) for message in messages] == [ResultMessage]
    opening, prompt = transport.written
    assert opening["request"] == {"subtype": "initialize", "hooks": None}
    assert (prompt["message"]["content"], prompt["client_composed"]) == ("Hi.", True)
    assert transport.closed


async def test_a_failing_stream_of_prompts_ends_the_input(here: Here) -> None:
    """Official: what came before is answered, and the failure is logged."""
    place = here(says("One."))

    async def prompts() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "user", "message": {"role": "user", "content": "First."}}
        raise RuntimeError("out of prompts")

    assert said(await asked(prompts(), place.options())) == ["One."]


async def test_a_refused_request_is_an_exception_and_the_session_goes_on(here: Here) -> None:
    place = here(fails(400, "This cannot be."), says("Hello."))
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(place.options()) as client:
        with pytest.raises(Exception, match="mode"):
            await client.set_permission_mode("sometimes")  # type: ignore[arg-type]
        await client.query("Hi.")
        first = [message async for message in client.receive_response()]
        await client.query("Hi.")
        second = [message async for message in client.receive_response()]
    assert (result_of(first).is_error, said(second)) == (True, ["Hello."])
