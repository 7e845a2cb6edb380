"""Requests about the servers of tools: those that live in the client's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.protocol.client_servers import ClientServer
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import McpMessage, McpReconnect, McpSetServers, McpStatus, McpToggle

if TYPE_CHECKING:
    from hames.protocol.server import Server

ACKNOWLEDGED = {"mcp_response": {"jsonrpc": "2.0", "result": {}, "id": 0}}


@handles(McpStatus)
async def mcp_status(server: Server, request: McpStatus) -> dict[str, Any]:
    await server.agent()
    return {"mcpServers": [one.status() for one in server.client_tools.servers]}


@handles(McpReconnect)
async def mcp_reconnect(server: Server, request: McpReconnect) -> None:
    """Introduce ourselves to a server once more; its tools are those that it names then."""
    one = await _named(server, request.server_name)
    one.enabled = True
    await _learn_again(server, one)
    if one.error:
        raise Refused(one.error)


@handles(McpToggle)
async def mcp_toggle(server: Server, request: McpToggle) -> None:
    """Take a server's tools from the model, or give them back."""
    one = await _named(server, request.server_name)
    if one.enabled == request.enabled:
        return
    one.enabled = request.enabled
    if one.enabled:
        await _learn_again(server, one)
    else:
        server.client_tools.offer(await server.agent())


@handles(McpSetServers)
async def mcp_set_servers(server: Server, request: McpSetServers) -> dict[str, Any]:
    """These servers instead of those there are. Only such as live in the client; others are errors."""
    agent = await server.agent()
    errors = {
        name: f"The server `{name}` is no server of the client's process (`type: sdk`); this version"
        " knows no others."
        for name, config in request.servers.items()
        if config.get("type") != "sdk"
    }
    wanted = [name for name in request.servers if name not in errors]
    before = [one.name for one in server.client_tools.servers]
    # Official 2.1.330 answers before it introduces itself to the servers.
    fresh = await server.client_tools.replace(wanted)
    server.client_tools.offer(agent)
    errors.update({one.name: one.error for one in fresh if one.error})
    return {
        "added": [one.name for one in fresh],
        "removed": [name for name in before if name not in wanted],
        "errors": errors,
    }


@handles(McpMessage)
async def mcp_message(server: Server, request: McpMessage) -> dict[str, Any]:
    """Something that a server says by itself: its tools have changed, or it asks the user."""
    one = await _named(server, request.server_name)
    match request.message:
        case {"method": "notifications/tools/list_changed"}:
            server.later(_learn_again(server, one), ahead=True)
        case {"method": str(), "id": int() | str()} as asked:
            server.later(one.serve(asked))
    return ACKNOWLEDGED


async def _learn_again(server: Server, one: ClientServer) -> None:
    await one.connect()
    server.client_tools.offer(await server.agent())


async def _named(server: Server, name: str) -> ClientServer:
    """The server of that name, once the session has begun. Raises `Refused` when there is none."""
    await server.agent()
    if (found := server.client_tools.find(name)) is None:
        raise Refused(f"Server not found: {name}")  # the words of official 2.1.330
    return found
