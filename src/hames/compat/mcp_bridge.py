"""A caller's MCP server, spoken to in memory.

It runs in the loop of the conversation. Functions that were made tools by `create_sdk_mcp_server` are
called in the caller's world, which they find in `caller`.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from hames.errors import HamesError
from hames.sdk.world import World

if TYPE_CHECKING:
    from mcp.server import Server

log = logging.getLogger("hames.compat")

caller: ContextVar[World | None] = ContextVar("caller", default=None)
"""Where the functions behind a server's tools live; None when they live here."""

PATIENCE = 5.0
"""Seconds that a server gets to end."""
NOT_FOUND = -32601
FAILED = -32603
CANCELLED = -32800


class Bridge:
    """One server: JSON-RPC messages in, answers out."""

    def __init__(self, name: str, server: Server[Any], world: World) -> None:
        self.name = name
        self._server = server
        self._world = world
        self._open: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._to_server: Any = None
        self._ready = asyncio.Event()

    async def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message; what cannot be answered is an error in JSON-RPC's form."""
        try:
            return await self._handle(message)
        except Exception as error:  # the border of a caller's server
            return _error(message.get("id"), FAILED, str(error) or type(error).__name__)

    async def close(self) -> None:
        """End the server, and what it is doing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=PATIENCE)

    async def _handle(self, message: dict[str, Any]) -> dict[str, Any]:
        from mcp.shared.message import ServerMessageMetadata, SessionMessage
        from mcp.types import JSONRPCRequest, jsonrpc_message_adapter

        await self._started()
        caller.set(self._world)  # what is sent is handled in the sender's context
        parsed = jsonrpc_message_adapter.validate_python(message, by_name=False)
        if not isinstance(parsed, JSONRPCRequest):
            await self._to_server.send(SessionMessage(parsed))
            return {"jsonrpc": "2.0", "result": {}}
        if parsed.id in self._open:
            raise HamesError(f"The request id `{parsed.id}` is in use.")
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[parsed.id] = answer

        async def unanswered() -> None:
            self._settle(_error(parsed.id, CANCELLED, "The request was cancelled."))

        try:
            metadata = ServerMessageMetadata(on_request_unanswered=unanswered)
            await self._to_server.send(SessionMessage(parsed, metadata=metadata))
            return await answer
        except asyncio.CancelledError:
            await self._take_back(parsed.id)
            raise
        finally:
            self._open.pop(parsed.id, None)

    async def _started(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"hames mcp {self.name}")
        await self._ready.wait()
        if self._task.done():
            raise HamesError(f"The MCP server `{self.name}` has ended.")

    async def _run(self) -> None:
        from mcp.shared.memory import create_client_server_memory_streams

        try:
            async with create_client_server_memory_streams() as (ours, theirs):
                answers, self._to_server = ours
                serving = asyncio.create_task(self._serve(*theirs))
                self._ready.set()
                try:
                    async for item in answers:
                        await self._deliver(item)
                finally:
                    serving.cancel()
                    await asyncio.wait([serving], timeout=PATIENCE)
        except Exception:  # the border of a caller's server
            log.exception("The MCP server `%s` failed.", self.name)
        finally:
            self._ready.set()
            for id in list(self._open):
                self._settle(_error(id, FAILED, f"The MCP server `{self.name}` has ended."))

    async def _serve(self, read: Any, write: Any) -> None:
        try:
            options = self._server.create_initialization_options()
            await self._server.run(read, write, options, raise_exceptions=False)
        finally:
            await write.aclose()

    async def _deliver(self, item: Any) -> None:
        if isinstance(item, Exception):
            log.debug("The MCP server `%s` sent an error: %r", self.name, item)
            return
        said = item.message.model_dump(by_alias=True, mode="json", exclude_none=True)
        if "method" not in said:
            self._settle(said)
        elif "id" in said:
            await self._refuse(said)

    async def _refuse(self, asked: dict[str, Any]) -> None:
        """A server may ask whether we are there; nothing else is asked of a session yet."""
        if asked["method"] == "ping":
            return await self._send({"jsonrpc": "2.0", "id": asked["id"], "result": {}})
        log.warning(
            "The MCP server `%s` asked for `%s`, which there is not.", self.name, asked["method"]
        )
        said = f"{asked['method']} is not supported for servers in this process"
        return await self._send(_error(asked["id"], NOT_FOUND, said))

    async def _take_back(self, id: Any) -> None:
        params = {"requestId": id, "reason": "the call was cancelled"}
        await self._send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})

    async def _send(self, message: dict[str, Any]) -> None:
        from mcp.shared.message import SessionMessage
        from mcp.types import jsonrpc_message_adapter

        await self._to_server.send(
            SessionMessage(jsonrpc_message_adapter.validate_python(message, by_name=False))
        )

    def _settle(self, answer: dict[str, Any]) -> None:
        waiting = self._open.get(answer.get("id"))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _error(id: Any, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}}
