"""A worker of a web back end: `python deferring.py JOB` runs one answer and prints what came of it.

The job is JSON: `prompt`, `resume`, `decisions`, `defer` (a command that holds one of these words is put
off), `die_at` (the process kills itself when a command with this word is asked about), `wait` (each call
waits until a line comes on standard input).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from hames import AgentOptions, HookMatcher, OptionsError, query
from hames.messages import ResultMessage


async def work(job: dict[str, Any]) -> dict[str, Any]:
    async def hook(input: Any, id: Any, context: Any) -> dict[str, Any]:
        command = input["tool_input"].get("command", "")
        if job.get("die_at") and job["die_at"] in command:
            os.kill(os.getpid(), signal.SIGKILL)
        if job.get("wait"):
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        if any(word in command for word in job.get("defer", [])):
            said = {"hookEventName": "PreToolUse", "permissionDecision": "defer"}
            return {"hookSpecificOutput": said}
        return {}

    options = AgentOptions(
        resume=job.get("resume"),
        decisions=job.get("decisions", {}),
        allowed_tools=["Bash(echo allowed:*)", "Edit(/finished)"],
        hooks={"PreToolUse": [HookMatcher("Bash", [hook])]},
    )
    result: ResultMessage | None = None
    async for message in query(prompt=job.get("prompt"), options=options):
        if isinstance(message, ResultMessage):
            result = message
    assert result is not None
    owed = result.obligations or []
    return {
        "session": result.session_id,
        "reason": result.terminal_reason,
        "text": result.result,
        "errors": result.errors,
        "deferred": [one["tool_use_id"] for one in owed if one["kind"] == "deferred"],
        "warnings": [one["text"] for one in owed if one["kind"] == "warning"],
    }


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))), flush=True)
    except OptionsError as error:
        print(json.dumps({"refused": str(error)}), flush=True)
