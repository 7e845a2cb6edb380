"""`hames session rewind`: put the files of a stored session back as they were at one of its prompts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from hames._clock import Clock, Ids
from hames._json import encode
from hames.cli.parse import Parsed
from hames.errors import OptionsError, SessionError
from hames.sandbox.workspace import Workspace
from hames.sessions import listing, resume
from hames.sessions.checkpoints.history import History, Point
from hames.sessions.files import FileStore
from hames.sessions.log import SessionLog
from hames.sessions.store import Key
from hames.settings.environ import Environ

if TYPE_CHECKING:
    from hames.agent.checkpointing import RewindResult
    from hames.sessions.resume import Loaded


async def run_rewind(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Rewind to a prompt; without one, write the prompts that have a checkpoint."""
    if len(names) not in (1, 2):
        raise OptionsError(
            "`hames session rewind` needs a session, and the uuid of one of its prompts."
        )
    config = Environ.read(os.environ).config_folder
    store = FileStore(config)
    cwd = os.path.realpath(values.get("cwd") or os.getcwd())
    key = await resume.find(store, cwd=cwd, id_or_title=names[0])
    if len(names) == 1:
        return await _list(store, key, values, out)
    result = await rewind(config, store, key, names[1], dry_run="dry-run" in values)
    if "json" in values:
        out.write(encode(vars(result)).decode() + "\n")
    else:
        out.write(_told(result, dry_run="dry-run" in values))
    return 0


def rewind_by_flag(parsed: Parsed) -> int:
    """`hames --resume SESSION --rewind-files UUID`, the official spelling."""
    # Official 2.1.330 has the same two conditions.
    if not parsed.values.get("resume"):
        raise OptionsError("`--rewind-files` needs `--resume`: which session is the prompt in?")
    if parsed.rest:
        raise OptionsError("`--rewind-files` stands alone; leave out the prompt.")
    names = [parsed.values["resume"], parsed.values["rewind-files"]]
    return asyncio.run(run_rewind(names, parsed.values, sys.stdout))


async def rewind(
    config: str, store: FileStore, key: Key, id: str, *, dry_run: bool
) -> RewindResult:
    """Put the files back. Raises SessionError when the session has no such checkpoint."""
    from hames.agent.checkpointing import NOT_FOUND, Checkpoints

    loaded = await resume.load(store, key)
    target = History.of(loaded.checkpoints).target(id)
    if target is None:
        raise SessionError(f"{NOT_FOUND} `hames session rewind {key.session_id}` lists them.")
    clock, ids = Clock(), Ids()
    log = SessionLog.resume(store, loaded, cwd=_root(target, loaded), clock=clock, ids=ids)
    root = _root(target, loaded)
    folders = tuple(folder for folder in target.trees if folder != root)
    checkpoints = Checkpoints(
        log,
        Workspace(root, root, folders),
        config,
        clock=clock,
        ids=ids,
        warn=lambda said: print(said, file=sys.stderr),
        stored=loaded.checkpoints,
    )
    try:
        return await checkpoints.rewind(id, dry_run=dry_run)
    finally:
        log.release()


def _root(target: Point, loaded: Loaded) -> str:
    """The folder that the session worked in; its tree comes first."""
    return next(iter(target.trees), None) or loaded.cwd or os.getcwd()


async def _list(store: FileStore, key: Key, values: dict[str, Any], out: TextIO) -> int:
    loaded = await resume.load(store, key)
    points = [point.id for point in History.of(loaded.checkpoints).points if point.kind != "end"]
    said = {one.uuid: _text(one.message) for one in await listing.messages(store, key.session_id)}
    for id in dict.fromkeys(points):
        line = said.get(id, "(before a rewind)")
        if "json" in values:
            out.write(encode({"id": id, "prompt": line}).decode() + "\n")
        else:
            out.write(f"{id}  {line}\n")
    if not points and "json" not in values:
        out.write("This session has no file checkpoints.\n")
    return 0


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(
            str(block.get("text", "")) for block in content if isinstance(block, dict)
        )
    line = " ".join(str(content).split())
    return line if len(line) <= 70 else line[:69].rstrip() + "…"


def _told(result: RewindResult, *, dry_run: bool) -> str:
    verb = "would be put back" if dry_run else "put back"
    lines = [f"{path}\n" for path in result.files_changed]
    lines.append(
        f"{len(result.files_changed)} file(s) {verb}, {result.insertions} line(s) added,"
        f" {result.deletions} taken away.\n"
    )
    lines += [f"Changed by somebody else: {path}\n" for path in result.changed_by_others]
    lines += [f"Left as it is: {one}\n" for one in result.left]
    if result.undo:
        lines.append(f"To take this back, rewind to {result.undo}.\n")
    return "".join(lines)
