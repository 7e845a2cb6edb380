"""Requests about files: what a client shows to its user, under the rules that hold for the model."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from hames.access import Reads
from hames.permissions.decide import decide
from hames.permissions.types import Question
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import FileSuggestions, ReadFile, SeedReadState
from hames.tools.seen import SeenFiles, digest_of

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.protocol.server import Server

MOST_BYTES = 500_000
"""Bytes of a file in an answer, so that its line stays short enough for every client."""
SUGGESTED = 20
LOOKED_AT = 20_000
"""Files that a search for suggestions passes at most."""
PASSED_OVER = frozenset({".git", "node_modules", "__pycache__", ".venv"})


@handles(ReadFile)
async def read_file(server: Server, request: ReadFile) -> dict[str, Any]:
    """A file, if the model could read it without asking."""
    agent = await server.agent()
    path = _readable(agent, request.path)
    most = min(MOST_BYTES if request.max_bytes is None else request.max_bytes, MOST_BYTES)
    if most < 0:
        raise Refused("`max_bytes` must be 0 or more.")
    data = await _bytes(agent, path, request.path, most + 1)
    shown, answer = data[:most], {"absPath": path, "truncated": len(data) > most}
    if request.encoding == "base64":
        return {"contents": base64.b64encode(shown).decode(), **answer, "encoding": "base64"}
    text = shown.decode(errors="replace")
    return {"contents": text, **answer, "lossy": text.encode() != shown}


@handles(FileSuggestions)
async def file_suggestions(server: Server, request: FileSuggestions) -> dict[str, Any]:
    """Paths for a name that is being typed: those that begin with it first, then those that hold it."""
    agent = await server.agent()
    query = request.query.removeprefix("@").removeprefix("./").lower()
    hidden = agent.gate.hidden(agent.workspace.cwd)
    found = [
        path
        for path, full in await _paths(agent)
        if query in path.lower() and not (hidden and hidden(full))
    ]
    found.sort(key=lambda path: (_distance(path.lower(), query), len(path), path))
    suggestions = [{"path": path} for path in found[:SUGGESTED]]
    return {"suggestions": suggestions, "cwd": agent.workspace.cwd}


@handles(SeedReadState)
async def seed_read_state(server: Server, request: SeedReadState) -> None:
    """Count a file as read, if the model might read it and it is as it was then."""
    agent = await server.agent()
    path = _readable(agent, request.path)
    stat = await agent.machine.stat(path)
    if stat is None or stat.mtime_ns // 1_000_000 > request.mtime:
        return  # the model has seen something else
    real = await agent.machine.real_path(path)
    digest = digest_of(await _bytes(agent, path, request.path))
    seen: SeenFiles = agent.states.setdefault(SeenFiles, SeenFiles())
    seen.saw(real, digest, whole=True)


def _readable(agent: Agent, path: str) -> str:
    full = agent.workspace.resolve(path)
    question = Question("Read", {"file_path": full}, [Reads(full)], agent.workspace.cwd)
    decision = decide(agent.gate.policy, question)
    if decision.behavior != "allow":
        raise Refused(f"`{path}` may not be read: {decision.reason}")
    return full


async def _bytes(agent: Agent, path: str, named: str, limit: int | None = None) -> bytes:
    stat = await agent.machine.stat(path)
    if stat is None:
        raise Refused(f"`{named}` is not there.")
    if stat.kind != "file":
        raise Refused(f"`{named}` is no file.")
    try:
        return await agent.machine.read(path, limit=limit)
    except OSError as error:
        raise Refused(f"`{named}` cannot be read: {error.strerror}.") from error


async def _paths(agent: Agent) -> list[tuple[str, str]]:
    """Files and folders below the working directory, nearest first: relative and absolute path."""
    found: list[tuple[str, str]] = []
    folders = [("", agent.workspace.cwd)]
    while folders and len(found) < LOOKED_AT:
        below, folder = folders.pop(0)
        try:
            entries = await agent.machine.list(folder)
        except OSError:
            continue
        for entry in entries:
            path, full = below + entry.name, f"{folder}/{entry.name}"
            if entry.kind == "folder" and entry.name not in PASSED_OVER:
                path += "/"
                folders.append((path, full))
            found.append((path, full))
    return found


def _distance(path: str, query: str) -> int:
    """0: it begins so; 1: its name does; 2: it has it somewhere."""
    if path.startswith(query):
        return 0
    return 1 if path.rstrip("/").rpartition("/")[2].startswith(query) else 2
