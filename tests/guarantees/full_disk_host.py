"""A host whose disk is full for a while: `python full_disk_host.py CONFIG FOLDER HOW`.

HOW is `tmpfs`, where a file fills the disk and is removed after the first answer; `limit`, where no file
may grow over some size until then; or `readonly`. It prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from hames import AgentOptions, Client
from hames.messages import ResultMessage
from hames.sessions.files import FileStore
from hames.testing import Scripted, calls, says

TEXT = "A text that takes room. " * 400


async def main(config: str, folder: Path, how: str) -> dict[str, Any]:
    store = FileStore(config)
    echo = calls("Bash", command="echo ran >> effects.txt")
    plays = [says("Small."), says(TEXT) + echo, says(TEXT), says("Last.")]
    options = AgentOptions(
        provider=Scripted(plays),
        session_store=store,
        cwd=folder,
        tools=["Bash"],
        allowed_tools=["Bash"],
    )
    told = []
    async with Client(options) as client:
        for prompt, before in (("One.", None), ("Two.", fill), ("Three.", free)):
            if before is not None:
                before(Path(config), how)
            await client.query(prompt)
            [*_, result] = [message async for message in client.receive_response()]
            assert isinstance(result, ResultMessage)
            owed = [each["text"] for each in result.obligations or ()]
            told.append({"result": result.result, "is_error": result.is_error, "told": owed})
        session = client.session_id
    data = b"".join(path.read_bytes() for path in Path(config).rglob(f"{session}.jsonl"))
    again = Scripted([says("Yes.")])
    missing = None
    try:
        more = AgentOptions(
            provider=again, session_store=FileStore(config), cwd=folder, resume=session
        )
        async with Client(more) as client:
            await client.query("Still there?")
            [*_, result] = [message async for message in client.receive_response()]
    except Exception as error:
        missing = str(error)
    sent = json.dumps(again.bodies[0]["messages"]) if again.bodies else ""
    return {"answers": told, "bytes": len(data), "sent": sent, "missing": missing}


def fill(config: Path, how: str) -> None:
    if how == "tmpfs":
        with open(config / "filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
    elif how == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))


def free(config: Path, how: str) -> None:
    if how == "tmpfs":
        os.unlink(config / "filler")
    elif how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    answer = asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
    print(json.dumps(answer))
