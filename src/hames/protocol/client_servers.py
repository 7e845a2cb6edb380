"""Tools that live in the client's process: MCP servers whose messages ride in control requests."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any

from hames import _json
from hames._version import __version__
from hames.errors import ClientError, ToolError
from hames.protocol.elicitation import elicit
from hames.protocol.questions import Questions
from hames.tools.tool import Asks, Call, Result, Tool

log = logging.getLogger("hames.mcp")

PROTOCOL = "2025-11-25"
CONNECT = 30.0
"""Seconds for a server to introduce itself."""
LONGEST_CALL = 100_000.0
"""Seconds that a call may take; the client's own functions are its own affair."""
MAX_CHARS = 100_000


class ClientServer:
    """One server of the client's."""

    def __init__(self, name: str, questions: Questions) -> None:
        self.name = name
        self.tools: list[Tool] = []
        self.info: dict[str, Any] = {}
        self.error: str | None = None
        self.enabled = True
        """Switched off, it has no tools for the model."""
        self._questions = questions
        self._listed: list[dict[str, Any]] = []
        self._ids = count()

    async def connect(self) -> None:
        """Introduce ourselves and learn the tools. A failure stands in `error`."""
        self.error, self._listed, self.tools = None, [], []
        try:
            async with asyncio.timeout(CONNECT):
                await self._connect()
        except TimeoutError:
            self.error = f"no answer within {CONNECT:g} s"
        except (ClientError, ToolError) as error:
            self.error = str(error)
        if self.error:
            log.warning("The client's MCP server `%s` cannot be used: %s", self.name, self.error)

    async def serve(self, asked: dict[str, Any]) -> None:
        """Answer a request of the server's own: a question to the user, or whether we are there."""
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        params = asked.get("params")
        match asked["method"]:
            case "elicitation/create" if isinstance(params, dict):
                answer["result"] = await elicit(self._questions, self.name, params)
            case "ping":
                answer["result"] = {}
            case method:
                answer["error"] = {"code": -32601, "message": f"There is no method `{method}`."}
        try:
            await self._send(answer)
        except ToolError as error:
            log.warning("%s", error)

    @property
    def state(self) -> str:
        """The official word for how it stands."""
        if not self.enabled:
            return "disabled"
        return "failed" if self.error else "connected"

    def status(self) -> dict[str, Any]:
        """The server as `mcp_status` tells of it."""
        told: dict[str, Any] = {
            "name": self.name,
            "status": self.state,
            "config": {"type": "sdk", "name": self.name},
            "scope": "dynamic",
            "source": "sdk",
            "transport": "sdk",
        }
        if not self.enabled:
            return told
        if self.error:
            return {**told, "error": self.error}
        return {**told, "serverInfo": self.info, "tools": [_shown(raw) for raw in self._listed]}

    async def _connect(self) -> None:
        client = {"name": "hames", "version": __version__}
        began = await self._request(
            "initialize",
            protocolVersion=PROTOCOL,
            clientInfo=client,
            capabilities={"elicitation": {}},
        )
        info = began.get("serverInfo")
        self.info = info if isinstance(info, dict) else {}
        await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        cursor: dict[str, Any] = {}
        while True:
            page = await self._request("tools/list", **cursor)
            self._listed += [raw for raw in page.get("tools") or () if _is_tool(raw)]
            if not page.get("nextCursor"):
                break
            cursor = {"cursor": page["nextCursor"]}
        self.tools = [self._tool(raw) for raw in self._listed]

    def _tool(self, raw: dict[str, Any]) -> Tool:
        name, most = str(raw["name"]), _longest(raw)

        async def run(args: dict[str, Any], call: Call) -> Result:
            meta = {"claudecode/toolUseId": call.id}
            answer = await self._request("tools/call", name=name, arguments=args, _meta=meta)
            return _result(answer, most)

        full = f"mcp__{self.name}__{name}"
        return Tool(
            full,
            str(raw.get("description") or ""),
            raw.get("inputSchema") or {"type": "object"},
            run,
            access=lambda args: [Asks(full)],
            parallel=_hint(raw, "readOnlyHint"),
            max_chars=most,
            timeout=LONGEST_CALL,
            native=False,
        )

    async def _request(self, method: str, **params: Any) -> dict[str, Any]:
        """A method's result. Raises ToolError for an answer that is an error."""
        answer = await self._send(
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        )
        match answer:
            case {"error": {"message": str() as message}}:
                raise ToolError(message)
            case {"result": dict() as result}:
                return result
        raise ToolError(f"The MCP server `{self.name}` gave no answer to `{method}`.")

    async def _send(self, message: dict[str, Any]) -> Any:
        try:
            answer = await self._questions.ask(
                "mcp_message", server_name=self.name, message=message
            )
        except ClientError as error:
            raise ToolError(f"The MCP server `{self.name}` failed: {error}") from error
        return answer.get("mcp_response")


def _is_tool(raw: Any) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("name"), str)


def _hint(raw: dict[str, Any], name: str) -> bool:
    annotations = raw.get("annotations")
    return isinstance(annotations, dict) and annotations.get(name) is True


def _longest(raw: dict[str, Any]) -> int:
    """Characters of a result that the model is given as they are; more are put in a file."""
    meta = raw.get("_meta")
    own = meta.get("anthropic/maxResultSizeChars") if isinstance(meta, dict) else None
    return own if isinstance(own, int) and own > 0 else MAX_CHARS


def _shown(raw: dict[str, Any]) -> dict[str, Any]:
    hints = {
        "readOnlyHint": "readOnly",
        "destructiveHint": "destructive",
        "openWorldHint": "openWorld",
    }
    annotations = {short: True for long, short in hints.items() if _hint(raw, long)}
    return {
        "name": raw["name"],
        "description": str(raw.get("description") or ""),
        "annotations": annotations,
    }


def _result(raw: dict[str, Any], most: int) -> Result:
    blocks = [_block(item) for item in raw.get("content") or () if isinstance(item, dict)]
    if not blocks and raw.get("structuredContent") is not None:
        blocks = [_text(_json.encode(raw["structuredContent"]).decode())]
    if all(block["type"] == "text" for block in blocks):
        text = "\n".join(block["text"] for block in blocks)
        if len(text) > most or not blocks:
            return Result(text, data=blocks, is_error=raw.get("isError") is True or None)
    return Result(blocks, data=blocks, is_error=raw.get("isError") is True or None)


def _block(item: dict[str, Any]) -> dict[str, Any]:
    match item:
        case {"type": "text", "text": str() as text}:
            return _text(text)
        case {"type": "image", "data": str() as data, "mimeType": str() as kind}:
            source = {"type": "base64", "media_type": kind, "data": data}
            return {"type": "image", "source": source}
        case {"type": "resource", "resource": {"text": str() as text}}:
            return _text(text)
    return _text(_json.encode(item).decode())


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
