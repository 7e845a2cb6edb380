"""A program for older Python clients: `python older_program.py MODULE`, with the client on PYTHONPATH.

It prints what came of a query, and of a client whose hook and permission callback are called.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

sdk = importlib.import_module(sys.argv[1])
types = importlib.import_module(f"{sys.argv[1]}.types")
Options = getattr(sdk, "ClaudeAgentOptions", None) or sdk.ClaudeCodeOptions


async def main() -> None:
    told: dict[str, Any] = {"hooks": [], "asked": []}
    messages = [m async for m in sdk.query(prompt="Hi.", options=Options(allowed_tools=["Bash"]))]
    told["query"] = [type(message).__name__ for message in messages]

    async def watch(input: Any, tool_use_id: Any, context: Any) -> Any:
        told["hooks"].append(input["tool_name"])
        return {}

    async def allow(tool: str, input: Any, context: Any) -> Any:
        told["asked"].append(tool)
        return types.PermissionResultAllow()

    hooks = {"PreToolUse": [types.HookMatcher(matcher="Bash", hooks=[watch])]}
    # The first one did not say that it has a callback, and answered `{allow: true}`; official 2.1.330
    # does not understand that any more.
    first = {"permission_prompt_tool_name": "stdio"} if "code" in sys.argv[1] else {}
    may = {"can_use_tool": allow, **first}
    options = Options(hooks=hooks, **may)
    async with sdk.ClaudeSDKClient(options) as client:
        await client.query("Go.")
        messages = [message async for message in client.receive_response()]
    told["client"] = messages[-1].result
    print(json.dumps(told))


asyncio.run(asyncio.wait_for(main(), 30))
