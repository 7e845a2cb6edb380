"""What several tests of hooks need: hooks that keep what they hear, and a service that hears events."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def commands(*texts: str, matcher: str | None = None, **fields: Any) -> list[dict[str, Any]]:
    """The groups of an event: these commands under one matcher."""
    hooks = [{"type": "command", "command": text, **fields} for text in texts]
    return [{"matcher": matcher, "hooks": hooks}]


def prints(value: Any) -> str:
    """A command that prints this as JSON."""
    return f"cat >/dev/null; cat <<'END'\n{json.dumps(value)}\nEND"


def specific(event: str, **fields: Any) -> dict[str, Any]:
    """An answer that concerns one event."""
    return {"hookSpecificOutput": {"hookEventName": event, **fields}}


def notes(run: Any, subtype: str = "informational") -> list[dict[str, Any]]:
    """The system messages of a subtype."""
    return [m.data for m in run.messages if getattr(m, "subtype", None) == subtype]


def heard(path: Path) -> list[dict[str, Any]]:
    """What hooks have appended to a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def is_running(pid: str) -> bool:
    """Whether a process is there and more than an entry that nobody has reaped."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return found.stdout.strip()[:1] not in ("", "Z")


async def stored(run: Any) -> list[dict[str, Any]]:
    """The lines of the run's transcript."""
    found = []
    for one in await run.store.list():
        found += [json.loads(line) for line in await run.store.load(one.key)]
    return found


@dataclass
class Ears:
    """A callback that keeps what it hears and gives one answer."""

    answer: Any = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    tool_use_ids: list[str | None] = field(default_factory=list)

    async def __call__(self, input: dict[str, Any], tool_use_id: str | None, context: Any) -> Any:
        self.inputs.append(input)
        self.tool_use_ids.append(tool_use_id)
        return self.answer

    @property
    def events(self) -> list[str]:
        return [input["hook_event_name"] for input in self.inputs]


@asynccontextmanager
async def service(
    answer: bytes = b"{}", status: int = 200
) -> AsyncIterator[tuple[str, list[tuple[str, Any]]]]:
    """A local service: its URL, and the headers and events it was sent."""
    got: list[tuple[str, Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next(int(x[15:]) for x in lines if x.startswith("content-length:"))
                got.append((head.decode(), json.loads(await reader.readexactly(length))))
                writer.write(
                    b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer), answer)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()
