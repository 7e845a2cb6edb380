"""Hames in a process: `python hames_session.py MODE JSON`. Prints figures as JSON.

import                the public names
query                 one prompt
many                  so many sessions side by side, each with the same prompt
idle                  what one more session takes that has answered and waits
growth                what a turn costs at two places of a long session
"""

from __future__ import annotations

import sys

if sys.argv[1] == "import":
    from hames import AgentOptions, Client, query  # that is the figure

    sys.exit()

import asyncio
import json
from typing import Any

from hames import AgentOptions, AssistantMessage, Client, ResultMessage, query


def options(task: dict[str, Any]) -> AgentOptions:
    """Everything that tasks call is allowed."""
    allowed = ["Read", "Edit", "Bash", "Grep"]
    return AgentOptions(cwd=task["cwd"], allowed_tools=allowed)


async def one(task: dict[str, Any]) -> ResultMessage:
    """Answer the prompt. Raises when the answer is not the one that was asked for."""
    result = None
    async for message in query(prompt=task["prompt"], options=options(task)):
        if isinstance(message, ResultMessage):
            result = message
    assert result is not None
    assert result.subtype == "success", result
    assert result.num_turns == task.get("turns", 0) + 1, result
    assert not result.permission_denials, result.permission_denials
    return result


async def many(task: dict[str, Any]) -> dict[str, Any]:
    """So many sessions that begin together."""
    from inside import Watch, cpu, peak

    loop = asyncio.get_running_loop()
    ends: list[float] = []

    async def session() -> None:
        await one(task)
        ends.append(loop.time() - began)

    await one(task)
    before, began = cpu(), loop.time()
    with Watch() as watch:
        async with asyncio.TaskGroup() as group:
            for _ in range(task["sessions"]):
                group.create_task(session())
    return {
        "cpu": cpu() - before,
        "peak": peak(),
        "slowest": max(ends),
        "fastest": min(ends),
        "files": watch.files,
        "processes": watch.processes,
    }


async def idle(task: dict[str, Any]) -> dict[str, Any]:
    """Memory of one more session."""
    from inside import resident

    clients: list[Client] = []

    async def more(count: int) -> int:
        for _ in range(count):
            client = Client(options(task))
            await client.connect()
            await client.query(task["prompt"])
            async for _message in client.receive_response():
                pass
            clients.append(client)
        return resident()

    few = await more(task["few"])
    many = await more(task["many"])
    for client in clients:
        await client.close()
    return {"each": (many - few) / task["many"]}


async def growth(task: dict[str, Any]) -> dict[str, Any]:
    """CPU of a turn at two places: the mean of the turns around them."""
    from inside import cpu, slope

    marks: list[float] = []
    async for message in query(prompt=task["prompt"], options=options(task)):
        if isinstance(message, AssistantMessage):
            marks.append(cpu())
    return {place: slope(marks, task[place], task["width"]) for place in ("early", "late")}


def main() -> None:
    mode, task = sys.argv[1], json.loads(sys.argv[2])
    if mode == "query":
        asyncio.run(one(task))
        return
    modes = {"many": many, "idle": idle, "growth": growth}
    print(json.dumps(asyncio.run(modes[mode](task))))


main()
