"""Pydantic AI with tools of the same names: `python pydantic_ai_session.py MODE JSON`.

It brings no tools of its own, so its Read, Edit and Bash are the shortest that work.
"""

from __future__ import annotations

import sys

if sys.argv[1] == "import":
    from pydantic_ai import Agent  # that is the figure
    from pydantic_ai.models.anthropic import AnthropicModel

    sys.exit()

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.usage import UsageLimits

TASK = json.loads(sys.argv[2])


async def Read(file_path: str) -> str:  # the name of the tool
    """Read a file."""
    lines = Path(TASK["cwd"], file_path).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(f"{n}\t{line}" for n, line in enumerate(lines, 1))


async def Edit(file_path: str, old_string: str, new_string: str) -> str:
    """Replace text in a file."""
    path = Path(TASK["cwd"], file_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old_string, new_string, 1), encoding="utf-8")
    return "Edited."


async def Bash(command: str, description: str = "") -> str:
    """Run a command."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, cwd=TASK["cwd"], stdout=-1, stderr=-2
    )
    output, _ = await process.communicate()
    return output.decode() or "(no output)"


def agent() -> Agent[None, str]:
    provider = AnthropicProvider(
        api_key=os.environ["ANTHROPIC_API_KEY"], base_url=os.environ["ANTHROPIC_BASE_URL"]
    )
    model = AnthropicModel("claude-sonnet-4-5", provider=provider)
    return Agent(model, instructions="Use the tools.", tools=[Read, Edit, Bash])


async def one(agent: Agent[None, str]) -> Any:
    """Answer the prompt over a stream, as a program would that shows progress."""
    requests = 0
    async with agent.iter(TASK["prompt"], usage_limits=UsageLimits(request_limit=None)) as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                requests += 1
                async with node.stream(run.ctx) as stream:
                    async for _ in stream:
                        pass
    assert requests == TASK.get("turns", 0) + 1, requests
    assert run.result is not None
    return run.result


async def many() -> dict[str, Any]:
    from inside import Watch, cpu, peak

    shared = agent()
    loop = asyncio.get_running_loop()
    ends: list[float] = []

    async def session() -> None:
        await one(shared)
        ends.append(loop.time() - began)

    await one(shared)
    before, began = cpu(), loop.time()
    with Watch() as watch:
        async with asyncio.TaskGroup() as group:
            for _ in range(TASK["sessions"]):
                group.create_task(session())
    return {
        "cpu": cpu() - before,
        "peak": peak(),
        "slowest": max(ends),
        "fastest": min(ends),
        "files": watch.files,
        "processes": watch.processes,
    }


async def idle() -> dict[str, Any]:
    from inside import resident

    kept: list[Any] = []

    async def more(count: int) -> int:
        for _ in range(count):
            own = agent()
            kept.append((own, await one(own)))
        return resident()

    few = await more(TASK["few"])
    return {"each": (await more(TASK["many"]) - few) / TASK["many"]}


def main() -> None:
    mode = sys.argv[1]
    if mode == "query":
        asyncio.run(one(agent()))
        return
    print(json.dumps(asyncio.run({"many": many, "idle": idle}[mode]())))


main()
