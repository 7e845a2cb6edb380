"""The official Python SDK: `python official_session.py MODE JSON`."""

from __future__ import annotations

import sys

if sys.argv[1] == "import":
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, query

    sys.exit()

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage, query

TASK = json.loads(sys.argv[2])
OPTIONS = ClaudeAgentOptions(cwd=TASK["cwd"], allowed_tools=["Read", "Edit", "Bash", "Grep"])


async def one() -> None:
    """Answer the prompt."""
    result = None
    async for message in query(prompt=TASK["prompt"], options=OPTIONS):
        if isinstance(message, ResultMessage):
            result = message
    assert result is not None
    assert result.subtype == "success", result
    assert not result.is_error, result
    assert result.num_turns == TASK.get("turns", 0) + 1, result


async def idle() -> dict[str, Any]:
    """Memory of one more session: ours and that of the processes it started."""
    clients: list[ClaudeSDKClient] = []

    async def more(count: int) -> int:
        for _ in range(count):
            client = ClaudeSDKClient(OPTIONS)
            await client.connect()
            await client.query(TASK["prompt"])
            async for _message in client.receive_response():
                pass
            clients.append(client)
        return sum(map(proportional, family(os.getpid())))

    few = await more(TASK["few"])
    many = await more(TASK["many"])
    for client in clients:
        await client.disconnect()
    return {"each": (many - few) / TASK["many"]}


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(member for child in children for member in family(int(child)))]


def proportional(pid: int) -> int:
    """Bytes of a process, its share of what it has in common with others."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    if sys.argv[1] == "query":
        asyncio.run(one())
    else:
        print(json.dumps(asyncio.run(idle())))


main()
