"""A client in memory: what the tests of this folder drive the server with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from hames import AgentOptions
from hames.protocol.server import Launch, Server
from hames.providers.scripted import Scripted
from hames.sdk.supervisor import Supervisor

LIMIT = 20
"""Seconds after which something hangs."""
HI = {"type": "user", "message": {"role": "user", "content": "Hi."}}


class Talk:
    """A client in memory: lines given beforehand, and more as answers come."""

    def __init__(self, folder: Path, *plays: Any, launch: Launch | None = None, **options: Any):
        self.said: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.model = Scripted(plays)
        given = {"cwd": folder, "persist_session": False, **options}
        self.options = AgentOptions(provider=self.model, **given)
        self.launch = launch or Launch()
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._news = asyncio.Event()
        self.answers: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        """What the client says to questions of the session."""
        self._reactions: list[tuple[Callable[[Any], bool], Callable[[Any], None]]] = []

    def send(self, *lines: dict[str, Any] | bytes) -> None:
        for line in lines:
            self._incoming.put_nowait(
                line if isinstance(line, bytes) else json.dumps(line).encode()
            )

    def end(self) -> None:
        self._incoming.put_nowait(None)

    async def run(self, *lines: dict[str, Any] | bytes) -> list[dict[str, Any]]:
        """Send the lines, end the input, and return all that was said."""
        self.send(*lines)
        self.end()
        await self.serve()
        return self.said

    async def run_until_result(self, *lines: dict[str, Any] | bytes) -> None:
        """The same for a client that can answer questions until the result is there."""
        self.send(*lines)
        self.when(lambda line: line["type"] == "result", lambda _: self.end())
        await self.serve()

    def when(
        self, matches: Callable[[dict[str, Any]], bool], act: Callable[[dict[str, Any]], None]
    ) -> None:
        """Do something as soon as such a line is there, once."""
        self._reactions.append((matches, act))

    async def serve(self) -> None:
        async with asyncio.timeout(LIMIT):
            await Server(self.options, self.launch, self._hear, _open).run(self._lines())

    async def until(self, **fields: Any) -> dict[str, Any]:
        """The first line with these fields, waited for."""
        async with asyncio.timeout(LIMIT):
            while True:
                for line in self.said:
                    if fields.items() <= line.items():
                        return line
                self._news.clear()
                await self._news.wait()

    async def until_answered(self, id: str) -> dict[str, Any]:
        """The answer to a request, waited for."""
        async with asyncio.timeout(LIMIT):
            while not any(
                line["type"] == "control_response" and line["response"]["request_id"] == id
                for line in self.said
            ):
                self._news.clear()
                await self._news.wait()
        return self.answer_to(id)

    @property
    def lengths(self) -> list[int]:
        """Characters of each line."""
        return [len(line.decode()) for line in self.raw]

    @property
    def requests(self) -> list[Any]:
        """What the model was asked."""
        return self.model.requests

    def answer_to(self, id: str) -> dict[str, Any]:
        [found] = [
            line["response"]
            for line in self.said
            if line["type"] == "control_response" and line["response"]["request_id"] == id
        ]
        answer: dict[str, Any] = found
        return answer

    def _hear(self, line: bytes) -> None:
        assert b"\n" not in line
        self.raw.append(line)
        said = json.loads(line)
        self.said.append(said)
        self._news.set()
        if said["type"] == "control_request" and self.answers is not None:
            response = {"subtype": "success", "request_id": said["request_id"]}
            response["response"] = self.answers(said["request"])
            self.send({"type": "control_response", "response": response})
        due = [reaction for reaction in self._reactions if reaction[0](said)]
        self._reactions = [reaction for reaction in self._reactions if reaction not in due]
        for _, act in due:
            act(said)

    async def _lines(self) -> AsyncIterator[bytes]:
        while (line := await self._incoming.get()) is not None:
            yield line


async def _open(options: AgentOptions, listener: Any) -> Supervisor:
    supervisor = Supervisor(options, listener)
    await supervisor.agent()
    return supervisor


def request(id: str, subtype: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "control_request",
        "request_id": id,
        "request": {"subtype": subtype, **fields},
    }


def kinds(said: Sequence[dict[str, Any]]) -> list[str]:
    return [line.get("subtype") or line["type"] for line in said]
