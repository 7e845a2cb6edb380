"""The official client: a conversation that takes prompts until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from types import TracebackType
from typing import Any, Self, cast

from hames.compat.errors import CLIConnectionError
from hames.compat.exchange import Exchange, user_message
from hames.compat.messages import Message, ResultMessage
from hames.compat.options import ClaudeAgentOptions
from hames.compat.parse import parse_message
from hames.compat.server_types import ContextUsageResponse, McpStatusResponse
from hames.compat.transport import Transport
from hames.messages import PermissionMode
from hames.sdk.world import Home, World, in_trio


class ClaudeSDKClient:
    """A session that is opened by `connect` and ended by `disconnect`, or by leaving `async with`.

    Without `cli_path` and `transport` it lives in this process. Works with asyncio and Trio.
    """

    def __init__(
        self, options: ClaudeAgentOptions | None = None, transport: Transport | None = None
    ) -> None:
        self.options = options if options is not None else ClaudeAgentOptions()
        self._given = transport
        self._home: Home | None = None
        self._exchange: Exchange | None = None

    async def connect(self, prompt: str | AsyncIterable[dict[str, Any]] | None = None) -> None:
        """Begin, with first prompts if some are given. Raises what prevents it.

        A session that is there already is ended first.
        """
        await self.disconnect()
        home = self._home = Home.here()
        world = World()

        async def opened() -> Exchange:
            exchange = Exchange(self.options, self._given, world)
            await exchange.open(prompt, last=False)
            return exchange

        self._exchange = await home.run(opened())

    async def receive_messages(self) -> AsyncIterator[Message]:
        """All messages until the session ends. Raises `ResultError` when it ends after an error result."""
        home, exchange = self._live()
        while (data := await home.run(exchange.next())) is not None:
            if (message := parse_message(data)) is not None:
                yield message

    async def query(
        self, prompt: str | AsyncIterable[dict[str, Any]], session_id: str = "default"
    ) -> None:
        """Send a prompt, or each of a stream of prompts."""
        home, exchange = self._live()
        if isinstance(prompt, str):
            await home.run(exchange.prompt(user_message(prompt, session_id)))
            return
        async for message in prompt:
            await home.run(exchange.prompt({"session_id": session_id, **message}))

    async def interrupt(self) -> None:
        """Stop the answer under way; its result follows."""
        await self._request("interrupt")

    async def set_permission_mode(self, mode: PermissionMode) -> None:
        """Judge calls by another mode from the next one on."""
        await self._request("set_permission_mode", mode=mode)

    async def set_model(self, model: str | None = None) -> None:
        """Ask another model from the next request on; None goes back to the default."""
        await self._request("set_model", model=model)

    async def rewind_files(self, user_message_id: str) -> None:
        """Put files back to what they were at a prompt."""
        await self._request("rewind_files", user_message_id=user_message_id)

    async def reconnect_mcp_server(self, server_name: str) -> None:
        """Connect a server once more."""
        await self._request("mcp_reconnect", serverName=server_name)

    async def toggle_mcp_server(self, server_name: str, enabled: bool) -> None:
        """Switch a server on or off."""
        await self._request("mcp_toggle", serverName=server_name, enabled=enabled)

    async def stop_task(self, task_id: str) -> None:
        """End a background task."""
        await self._request("stop_task", task_id=task_id)

    async def get_mcp_status(self) -> McpStatusResponse:
        """How the servers stand."""
        return cast(McpStatusResponse, await self._request("mcp_status"))

    async def get_context_usage(self) -> ContextUsageResponse:
        """What fills the model's window."""
        return cast(ContextUsageResponse, await self._request("get_context_usage"))

    async def get_server_info(self) -> dict[str, Any] | None:
        """What the session said of itself when it began."""
        _, exchange = self._live()
        return exchange.info

    async def receive_response(self) -> AsyncIterator[Message]:
        """The messages up to the next result, that included."""
        home, exchange = self._live()
        while (data := await home.run(exchange.next())) is not None:
            if (message := parse_message(data)) is not None:
                yield message
                if isinstance(message, ResultMessage):
                    return

    async def disconnect(self) -> None:
        """End the session. Safe to call twice."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None and self._home is not None:
            await to_the_end(self._home, exchange)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool:
        await self.disconnect()
        return False

    async def _request(self, subtype: str, **fields: Any) -> dict[str, Any]:
        home, exchange = self._live()
        return await home.run(exchange.request(subtype, **fields))

    def _live(self) -> tuple[Home, Exchange]:
        if self._exchange is None or self._home is None:
            raise CLIConnectionError("Not connected. Call connect() first.")
        return self._home, self._exchange

    def __del__(self) -> None:
        if self._exchange is not None and self._home is not None:
            self._home.soon(self._exchange.abandon)


async def to_the_end(home: Home, exchange: Exchange) -> None:
    """Close, also for a caller who is being cancelled."""
    if in_trio():
        import trio

        with trio.CancelScope(shield=True):
            await home.run(exchange.close())
        return
    await asyncio.shield(asyncio.ensure_future(home.run(exchange.close())))
