"""A loop on the standard library and nothing else: the floor. `python bare_session.py MODE JSON`.

It streams replies over its own connection, runs Read, Edit, Grep and Bash, marks the newest message for
the cache, and appends what was said to a file. No permissions, no limits, no interrupts, no retries, no
resume: what it costs is what no harness can go below, not what a harness could cost.
"""

from __future__ import annotations

import sys

if sys.argv[1] == "import":
    import asyncio  # that is the figure

    sys.exit()

import asyncio
import json
import os
import re
import uuid
from typing import Any

SYSTEM = "You are an agent. Use the tools to do what the user asks."
PATHS = {"file_path": {"type": "string"}}
TOOLS = [
    ("Read", "Read a file.", PATHS),
    (
        "Edit",
        "Replace text in a file.",
        {**PATHS, "old_string": {"type": "string"}, "new_string": {"type": "string"}},
    ),
    ("Grep", "Search files.", {"pattern": {"type": "string"}, "path": {"type": "string"}}),
    ("Bash", "Run a command.", {"command": {"type": "string"}}),
]
DEFINITIONS = [
    {"name": n, "description": d, "input_schema": {"type": "object", "properties": p}}
    for n, d, p in TOOLS
]
MARK = {"cache_control": {"type": "ephemeral"}}


class Session:
    """One conversation."""

    def __init__(self, cwd: str, log: str) -> None:
        self.cwd = cwd
        self.messages: list[bytes] = []
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        system = [{"type": "text", "text": SYSTEM, **MARK}]
        head = {"model": "claude-sonnet-4-5", "max_tokens": 8000, "stream": True}
        head |= {"tools": DEFINITIONS, "system": system}
        self.head = json.dumps(head).encode()[:-1] + b',"messages":['
        self.stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def answer(self, prompt: str) -> int:
        """Answer a prompt; the number of turns."""
        self.add("user", [{"type": "text", "text": prompt}])
        turns = 0
        while True:
            turns += 1
            reply = await self.ask()
            self.add("assistant", reply)
            calls = [block for block in reply if block["type"] == "tool_use"]
            if not calls:
                return turns
            results = []
            for call in calls:
                said = await run(call["name"], call["input"], self.cwd)
                result = {"type": "tool_result", "tool_use_id": call["id"], "content": said}
                results.append(result)
            self.add("user", results)

    def add(self, role: str, blocks: list[dict[str, Any]]) -> None:
        """Add a message; the newest of the user's carries the cache mark."""
        raw = json.dumps({"role": role, "content": blocks}).encode()
        os.write(self.log, raw + b"\n")
        self.messages.append(raw)
        if role == "user":
            marked = [*blocks[:-1], {**blocks[-1], **MARK}]
            self.newest = json.dumps({"role": role, "content": marked}).encode()

    def load(self, log: str) -> None:
        """Take up the messages of a log."""
        with open(log, "rb") as lines:
            for line in lines:
                message = json.loads(line)
                self.add(message["role"], message["content"])

    async def ask(self) -> list[dict[str, Any]]:
        """The blocks of the model's reply."""
        body = self.head + b",".join([*self.messages[:-1], self.newest]) + b"]}"
        if self.stream is None:
            host, _, port = os.environ["ANTHROPIC_BASE_URL"].partition("://")[2].partition(":")
            self.stream = await asyncio.open_connection(host, int(port), limit=1 << 20)
        reader, writer = self.stream
        head = f"POST /v1/messages HTTP/1.1\r\nhost: api\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await reader.readuntil(b"\r\n\r\n")
        blocks: dict[int, dict[str, Any]] = {}
        parts: dict[int, list[str]] = {}
        while size := int(await reader.readline(), 16):
            frame = await reader.readexactly(size + 2)
            event = json.loads(frame[frame.index(b"data: ") + 6 :])
            self.emit(event)
            match event["type"]:
                case "content_block_start":
                    blocks[event["index"]] = event["content_block"]
                    parts[event["index"]] = []
                case "content_block_delta":
                    delta = event["delta"]
                    parts[event["index"]].append(delta.get("text") or delta.get("partial_json"))
        await reader.readline()
        return [finished(block, "".join(parts[index])) for index, block in blocks.items()]

    def emit(self, event: dict[str, Any]) -> None:
        if PARTIAL and event["type"].startswith("content_block"):
            sys.stdout.write(json.dumps({"type": "stream_event", "event": event}) + "\n")


def finished(block: dict[str, Any], text: str) -> dict[str, Any]:
    if block["type"] == "tool_use":
        return {**block, "input": json.loads(text)}
    return {**block, "text": text}


async def run(name: str, args: dict[str, Any], cwd: str) -> str:
    """The result of a call."""
    path = os.path.join(cwd, args.get("file_path") or args.get("path") or "")
    match name:
        case "Read":
            return read(path, args.get("offset", 1), args.get("limit"))
        case "Edit":
            return edit(path, args["old_string"], args["new_string"])
        case "Grep":
            return grep(args["pattern"], path)
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", args["command"], cwd=cwd, stdout=-1, stderr=-2
    )
    output, _ = await process.communicate()
    return output.decode() or "(no output)"


def read(path: str, offset: int, limit: int | None) -> str:
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()[offset - 1 :][:limit]
    return "".join(f"{n}\t{line}" for n, line in enumerate(lines, offset))


def edit(path: str, old: str, new: str) -> str:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new, 1))
    return "Edited."


def grep(pattern: str, path: str) -> str:
    found = []
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            file = os.path.join(folder, name)
            with open(file, encoding="utf-8", errors="replace") as lines:
                found += [
                    f"{file}:{n}:{x}" for n, x in enumerate(lines, 1) if re.search(pattern, x)
                ]
    return "".join(found)


PARTIAL = False


async def one(task: dict[str, Any]) -> Session:
    folder = os.environ["BENCH_FOLDER"]
    session = Session(task["cwd"], os.path.join(folder, f"{uuid.uuid4()}.jsonl"))
    turns = await session.answer(task["prompt"])
    assert turns == task.get("turns", 0) + 1, turns
    return session


async def many(task: dict[str, Any]) -> dict[str, Any]:
    from inside import Watch, cpu, peak

    loop = asyncio.get_running_loop()
    ends: list[float] = []

    async def session() -> None:
        await one(task)
        ends.append(loop.time() - began)

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
    from inside import resident

    sessions: list[Session] = []

    async def more(count: int) -> int:
        sessions.extend([await one(task) for _ in range(count)])
        return resident()

    few = await more(task["few"])
    return {"each": (await more(task["many"]) - few) / task["many"]}


async def growth(task: dict[str, Any]) -> dict[str, Any]:
    from inside import cpu, slope

    marks: list[float] = []
    asked = Session.ask

    async def ask(self: Session) -> list[dict[str, Any]]:
        reply = await asked(self)
        marks.append(cpu())
        return reply

    Session.ask = ask  # type: ignore[method-assign]
    await one(task)
    return {place: slope(marks, task[place], task["width"]) for place in ("early", "late")}


async def resume(task: dict[str, Any]) -> None:
    """Load a log of messages, and answer one more prompt."""
    session = Session(task["cwd"], os.devnull)
    session.load(task["log"])
    await session.answer(task["prompt"])


def main() -> None:
    global PARTIAL
    mode, task = sys.argv[1], json.loads(sys.argv[2])
    if mode in ("query", "stream"):
        PARTIAL = mode == "stream"
        asyncio.run(one(task))
    elif mode == "resume":
        asyncio.run(resume(task))
    else:
        modes = {"many": many, "idle": idle, "growth": growth}
        print(json.dumps(asyncio.run(modes[mode](task))))


main()
