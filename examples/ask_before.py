"""Decide about each call that no rule decides."""

import asyncio
import sys
from typing import Any

from hames import (
    AgentOptions,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    ToolPermissionContext,
    query,
)


async def ask(
    tool: str, input: dict[str, Any], context: ToolPermissionContext
) -> PermissionResultAllow | PermissionResultDeny:
    print(f"{tool} {input}\nAllow it? [y/N] ", end="", flush=True)
    answer = await asyncio.to_thread(sys.stdin.readline)
    if answer.strip().lower() == "y":
        return PermissionResultAllow()
    return PermissionResultDeny(message="The user does not want this.")


async def main() -> None:
    options = AgentOptions(can_use_tool=ask, disallowed_tools=["Bash(git push:*)"])
    async for message in query(
        prompt="Write a haiku about this folder to haiku.txt", options=options
    ):
        if isinstance(message, ResultMessage):
            print(message.text)


asyncio.run(main())
