"""What settings and memory of a large repository take: `python discover.py FOLDER ROUNDS`.

The first session of a process that looks for them, less one that does not.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from hames import AgentOptions, Client


async def opened(cwd: str, sources: list[str]) -> float:
    """CPU of opening a session."""
    options = AgentOptions(cwd=cwd, setting_sources=sources)
    client = Client(options)
    began = time.thread_time()
    await client.connect()
    used = time.thread_time() - began
    await client.close()
    return used


async def main() -> None:
    cwd, rounds = sys.argv[1], int(sys.argv[2])
    # What both need is loaded.
    await opened(cwd, [])
    first = await opened(cwd, ["user", "project", "local"])
    bare = [await opened(cwd, []) for _ in range(rounds)]
    print(json.dumps({"first": first - statistics.median(bare)}))


asyncio.run(main())
