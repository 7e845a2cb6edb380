"""`hames session`: list, show, export, check and repair stored sessions."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hames._json import encode
from hames.cli import help
from hames.cli.commands import check
from hames.cli.parse import Flag, nearest, parse
from hames.errors import OptionsError, SessionNotFound
from hames.sessions import export, git, listing, resume
from hames.sessions.files import FileStore
from hames.sessions.memory import MemoryStore
from hames.sessions.names import is_session_id
from hames.sessions.store import Key, Store
from hames.settings.environ import Environ

INTRO = "List, show, export, check and repair stored sessions, those of the official command line included."
USAGE = "hames session list|show|export|check|repair [SESSION] [options]"
ARGUMENTS = (
    ("list", "Sessions of this folder and its git worktrees, the last used first."),
    ("show SESSION", "The conversation, as text."),
    ("export SESSION", "The same to a file or another format."),
    ("check SESSION...", "What is wrong with transcripts, line by line."),
    ("repair SESSION...", "Write a copy without that; the original stays as it is."),
    ("SESSION", "An id, an exact title, or the path of a transcript."),
)
FLAGS = (
    Flag(("--all",), "For `list`: the sessions of all folders."),
    Flag(("--cwd",), "Another folder than the present one.", "one", "FOLDER"),
    Flag(("--limit",), "At most so many sessions or messages.", "one", "N", int),
    Flag(("--offset",), "Leave out the first ones.", "one", "N", int),
    Flag(
        ("--format",),
        "For `export`.",
        "one",
        "FORMAT",
        choices=("markdown", "json", "jsonl"),
    ),
    Flag(("--output", "-o"), "For `export` and `repair`: the file to write.", "one", "FILE"),
    Flag(("--json",), "Answer in JSON."),
    Flag(("-h", "--help"), "This text."),
)
CLOSING = """\
Examples:
  hames session list --all
  hames session export 5f0d1c9e-1111-4222-8333-444455556666 -o talk.md
  hames session check ~/.claude/projects/-home-ana-app/*.jsonl
  hames session repair broken.jsonl --output whole.jsonl

Exit codes of `check` and `repair`: 0 sound, or now repaired; 1 problems; 2 cannot be read.
"""


def main(arguments: list[str]) -> int:
    """Run `hames session`."""
    parsed = parse(FLAGS, arguments)
    if "help" in parsed.values or not arguments:
        sys.stdout.write(help.text(USAGE, INTRO, FLAGS, arguments=ARGUMENTS, closing=CLOSING))
        return 0
    name = parsed.rest[0] if parsed.rest else ""
    if name not in _ACTIONS:
        hint = nearest(name, _ACTIONS)
        raise OptionsError(f"`hames session` knows {', '.join(_ACTIONS)}, not `{name}`.{hint}")
    return asyncio.run(_ACTIONS[name](parsed.rest[1:], parsed.values, sys.stdout))


async def run_list(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write a line for each session: when it was used, its id, what it is about."""
    if names:
        raise OptionsError(f"`hames session list` takes options only, not `{names[0]}`.")
    cwd = _folder(values)
    found = await listing.list_sessions(
        _store(),
        cwd=None if "all" in values else cwd,
        folders=git.worktrees(cwd),
        limit=values.get("limit"),
        offset=values.get("offset", 0),
    )
    for one in found:
        if "json" in values:
            out.write(_line(one))
        else:
            used = datetime.fromtimestamp(one.last_modified / 1000)
            tag = f" #{one.tag}" if one.tag else ""
            out.write(f"{used:%Y-%m-%d %H:%M}  {one.session_id}  {_short(one.summary)}{tag}\n")
    if not found and "json" not in values:
        out.write("No sessions here. `--all` lists those of other folders.\n")
    return 0


async def run_show(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write the conversation of a session as Markdown, or its messages as JSON, a line each."""
    store, key = await _session("show", names, values)
    found = await listing.messages(
        store, key.session_id, limit=values.get("limit"), offset=values.get("offset", 0)
    )
    if "json" in values:
        out.write("".join(map(_line, found)))
    else:
        stored = await store.look(key)
        out.write(export.markdown(found, listing.info(stored) if stored else None))
    return 0


async def run_export(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write a session to a file or to `out`."""
    store, key = await _session("export", names, values)
    format: export.Format = values.get("format") or ("json" if "json" in values else "markdown")
    text = await export.export(store, key, format)
    if "output" not in values:
        out.write(text)
        return 0
    path = Path(values["output"])
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionsError(f"`{path}` cannot be written: {error.strerror}.") from error
    return 0


_Action = Callable[[Sequence[str], dict[str, Any], TextIO], Coroutine[Any, Any, int]]

_ACTIONS: dict[str, _Action] = {
    "list": run_list,
    "show": run_show,
    "export": run_export,
    "check": check.run_check,
    "repair": check.run_repair,
}


def _store() -> FileStore:
    return FileStore(Environ.read(os.environ).config_folder)


def _folder(values: dict[str, Any]) -> str:
    return os.path.realpath(values.get("cwd") or os.getcwd())


async def _session(action: str, names: Sequence[str], values: dict[str, Any]) -> tuple[Store, Key]:
    """The session that is meant, and the store it lies in."""
    if len(names) != 1:
        raise OptionsError(f"`hames session {action}` needs one session: an id, a title or a path.")
    if names[0].endswith(".jsonl"):
        return await _from_file(Path(names[0]))
    store = _store()
    return store, await resume.find(store, cwd=_folder(values), id_or_title=names[0])


async def _from_file(path: Path) -> tuple[Store, Key]:
    """A transcript that lies anywhere, under the id in its name or one that stands for none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SessionNotFound(f"`{path}` cannot be read: {error.strerror}.") from error
    store = MemoryStore()
    id = path.stem if is_session_id(path.stem) else _NO_ID
    key = Key("file", id)
    await store.append(key, data.removesuffix(b"\n").split(b"\n"))
    return store, key


_NO_ID = "00000000-0000-0000-0000-000000000000"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:69].rstrip() + "…"


def _line(value: Any) -> str:
    return encode(msgspec.to_builtins(value)).decode() + "\n"
