"""One agent per file, side by side in one process, each with a ceiling on its cost."""

import asyncio
import sys
from pathlib import Path

from hames import AgentOptions, ResultMessage, query


async def describe(file: Path) -> str:
    options = AgentOptions(tools=["Read"], max_budget_usd=0.05, persist_session=False)
    answer = ""
    async for message in query(prompt=f"In one sentence: what does {file} do?", options=options):
        if isinstance(message, ResultMessage):
            answer = message.text
    return f"{file}: {answer}"


async def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or sorted(Path.cwd().glob("*.py"))
    for line in await asyncio.gather(*[describe(file) for file in files]):
        print(line)


asyncio.run(main())
