"""The servers of the client together: which there are, and what of them the model is offered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hames.agent.agent import Agent
from hames.permissions.rules import is_removed
from hames.protocol.client_servers import ClientServer
from hames.protocol.questions import Questions
from hames.tools.tool import Tool


class ClientTools:
    """All servers of one client. Agents are told when it changes, by `offer`."""

    def __init__(self, questions: Questions) -> None:
        self.servers: list[ClientServer] = []
        self._questions = questions
        self._offered: list[Tool] = []
        """What the model has of them."""

    def find(self, name: str) -> ClientServer | None:
        """The server of that name."""
        return next((one for one in self.servers if one.name == name), None)

    async def replace(self, names: Iterable[str]) -> list[ClientServer]:
        """Have the servers of these names and no others; those that came, connected as far as they can be."""
        wanted = dict.fromkeys(names)
        present = {one.name: one for one in self.servers}
        fresh = [ClientServer(name, self._questions) for name in wanted if name not in present]
        await asyncio.gather(*(one.connect() for one in fresh))
        self.servers = [one for one in self.servers if one.name in wanted] + fresh
        return fresh

    def tools(self) -> list[Tool]:
        """The tools of all servers that are switched on."""
        self._offered = [tool for one in self.servers if one.enabled for tool in one.tools]
        return self._offered

    def offer(self, agent: Agent) -> None:
        """Offer the tools that there are by now, from the next request on."""
        earlier = set(map(id, self._offered))
        own = [tool for tool in agent.toolbox.tools if id(tool) not in earlier]
        policy = agent.gate.policy
        tools = [one for one in self.tools() if not is_removed(policy, one.name, one.aliases)]
        agent.offer([*own, *tools])
        self.tell(agent)

    def tell(self, agent: Agent) -> None:
        """Let the next `init` say how the servers are."""
        agent.settings.init["mcp_servers"] = [
            {"name": one.name, "status": one.state, "source": "sdk"} for one in self.servers
        ]
