"""Sessions in which every kind of line is said, and what of a line is the same in every run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
from talk import HI, Talk, request

from hames.protocol import schema
from hames.protocol.server import Launch
from hames.providers.retry import RetryPolicy
from hames.testing import calls, fails, gives, says, thinks

FILE = Path(__file__).with_name("golden.jsonl")
A, B = (f"{digit}1111111-1111-4111-8111-111111111111" for digit in "12")
FREELY: dict[str, Any] = {"permission_mode": "bypassPermissions"}
SANDBOX = {"IS_SANDBOX": "1"}
LONG = 60
"""Characters from which a text is prose, whose words may change."""
VOLATILE = {
    "uuid", "session_id", "request_id", "timestamp", "duration_ms", "duration_api_ms", "cwd", "tools",
    "total_cost_usd", "usage", "modelUsage", "entries", "filePath", "output_file", "task_id", "hook_id",
    "retry_delay_ms", "pid", "commands", "models", "agents", "slash_commands", "skills", "input",
    "callback_id", "costUSD", "signature", "end_time", "hames_version", "version",
}  # fmt: skip


async def tools(folder: Path) -> Talk:
    """Thoughts, a call, its result; hooks, echoes, states, what is stored, all of it in pieces."""
    hook = {"type": "command", "command": "echo noted"}
    groups = [{"matcher": "", "hooks": [hook]}]
    talk = Talk(
        folder, thinks("Hm.") + calls("Bash", command="echo hello"), says("Done."),
        launch=Launch(replay=True, mirror=True, states="shown"), include_partial_messages=True,
        include_hook_events=True, settings=json.dumps({"hooks": {"PreToolUse": groups}}),
        persist_session=True, env={"CLAUDE_CONFIG_DIR": str(folder / "config"), **SANDBOX}, **FREELY,
    )  # fmt: skip
    prompt = {**HI, "uuid": A}
    await talk.run(request("a", "rename_session", title="Greeting"), prompt)
    return talk


async def questions(folder: Path) -> Talk:
    """What a client is asked: for permission, by hooks, by its servers."""
    talk = Talk(
        folder, calls("Bash", command="touch it"), calls("mcp__desk__ask", who="Ann"), says("Done."),
        launch=Launch(ask_client=True, client_servers=["desk"]),
    )  # fmt: skip
    desk = Desk(talk)
    talk.answers = desk.answer
    hooks = {"PreToolUse": [{"matcher": None, "hookCallbackIds": ["hook_0"]}]}
    await talk.run_until_result(request("a", "initialize", hooks=hooks), HI)
    return talk


async def interrupted(folder: Path) -> Talk:
    """A question that is taken back, a request that is refused, a prompt that is dropped."""
    talk = Talk(folder, calls("Bash", command="touch it"), launch=Launch(ask_client=True))

    def stop(line: dict[str, Any]) -> None:
        talk.send({**HI, "uuid": B}, request("a", "cancel_async_message", message_uuid=B))
        talk.send(request("b", "sing"), request("c", "interrupt"))

    talk.when(lambda line: line["type"] == "control_request", stop)
    await talk.run_until_result({**HI, "uuid": A})
    return talk


async def denied(folder: Path) -> Talk:
    talk = Talk(folder, calls("Bash", command="make it"), says("Not allowed."))
    await talk.run(request("a", "set_permission_mode", mode="acceptEdits"), HI)
    return talk


async def background(folder: Path) -> Talk:
    play = calls("Bash", command="echo printed", run_in_background=True)
    talk = Talk(folder, play, says("Started."), says("It ended."), env=SANDBOX, **FREELY)
    await talk.run(HI)
    return talk


async def failures(folder: Path) -> Talk:
    """A request that is sent again, one that fails, a refusal, a limit."""
    talk = Talk(
        folder, fails(529), fails(400, "no such thing"), calls("Bash", command="true"), max_turns=1,
        retry=RetryPolicy(base_delay=0.001), env=SANDBOX, **FREELY,
    )  # fmt: skip
    await talk.run(HI, HI)
    return talk


async def refused(folder: Path) -> Talk:
    refusal = gives().stopping("refusal")
    talk = Talk(folder, refusal.times(2))
    await talk.run(HI)
    return talk


async def blocked(folder: Path) -> Talk:
    hook = {"type": "command", "command": "echo no >&2; exit 2"}
    groups = [{"hooks": [hook]}]
    talk = Talk(folder, settings=json.dumps({"hooks": {"UserPromptSubmit": groups}}))
    await talk.run(HI)
    return talk


SESSIONS: dict[str, Callable[[Path], Awaitable[Talk]]] = {
    one.__name__: one
    for one in (tools, questions, interrupted, denied, background, failures, refused, blocked)
}


class Desk:
    """A client with a hook and a server whose one tool asks the user."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._asked: dict[str, Any] = {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        match question:
            case {"subtype": "can_use_tool", "input": given}:
                return {"behavior": "allow", "updatedInput": given}
            case {"subtype": "elicitation"}:
                return {"action": "accept", "content": {"name": "Ann"}}
            case {"subtype": "mcp_message", "message": message}:
                return {"mcp_response": self._serve(message)}
        return {}

    def _serve(self, message: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        match message:
            case {"method": "initialize"}:
                result = {"serverInfo": {"name": "desk", "version": "1"}, "capabilities": {}}
            case {"method": "tools/list"}:
                result = {"tools": [{"name": "ask", "inputSchema": {"type": "object"}}]}
            case {"method": "tools/call"}:
                schema = {"type": "object", "properties": {"name": {"type": "string"}}}
                asked = {"message": "Who?", "requestedSchema": schema}
                params = {
                    "jsonrpc": "2.0",
                    "id": 7,
                    "method": "elicitation/create",
                    "params": asked,
                }
                self._talk.send(request("e", "mcp_message", server_name="desk", message=params))
                result = {"content": [{"type": "text", "text": "asked"}]}
        return {"jsonrpc": "2.0", "id": message.get("id", 0), "result": result}


def validator(part: str) -> Any:
    """Judges by a part of the schema: `$defs/Output`, `answers/get_usage`."""
    whole = schema.schema()
    return jsonschema.Draft202012Validator({**whole, "anyOf": [{"$ref": f"#/{part}"}]})


def kind(line: dict[str, Any]) -> str:
    """What sort of line it is."""
    inner = line.get("request") or line.get("response") or line.get("event") or {}
    parts = [line["type"], line.get("subtype"), inner.get("subtype") or inner.get("type")]
    if line["type"] in ("assistant", "user"):
        content = line["message"]["content"]
        parts.append(content if isinstance(content, str) else content[-1]["type"])
        parts += [name for name in ("isReplay", "isSynthetic", "error") if line.get(name)]
    if "status" in line:
        parts.append(str(line["status"]))
    if "state" in line:
        parts.append(line["state"])
    return " ".join(part for part in parts if part)


def masked(value: Any, name: str = "") -> Any:
    """The value without what differs from run to run."""
    if name in VOLATILE:
        return f"<{name}>"
    match value:
        case dict():
            return {key: masked(item, key) for key, item in value.items()}
        case list():
            return [masked(item) for item in value]
        case str() if value.startswith("msg_"):
            return "<message>"
        case str() if len(value) > LONG or "/" in value:
            return "<text>"
    return value


async def all_lines(folder: Path) -> list[dict[str, Any]]:
    """Every line of every session."""
    said: list[dict[str, Any]] = []
    for name, session in SESSIONS.items():
        place = folder / name
        place.mkdir()
        async with asyncio.timeout(60):
            said += (await session(place)).said
    return said


def first_of_each(said: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The first line of each kind, masked."""
    found: dict[str, dict[str, Any]] = {}
    for line in said:
        found.setdefault(kind(line), masked(line))
    return dict(sorted(found.items()))
