"""Checkpoints of a session at work: taken at each prompt, kept current by its tools, used by a rewind."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hames._aio import in_thread
from hames._clock import Clock, Ids
from hames.access import Access, Writes
from hames.agent.checkpoint_place import Place, outermost
from hames.errors import SessionError
from hames.sandbox.workspace import Workspace
from hames.sessions.checkpoints import history as lines
from hames.sessions.checkpoints.history import History, Point
from hames.sessions.checkpoints.rewind import Done, Plan, carry_out, plan
from hames.sessions.checkpoints.trees import MOST, TooMany
from hames.sessions.log import SessionLog

NOT_FOUND = "No file checkpoint found for this message."
"""As official programs expect it."""


@dataclass
class RewindResult:
    """What a rewind did, or would do. The first six are the fields of the official answer."""

    can_rewind: bool
    error: str | None = None
    files_changed: list[str] = field(default_factory=list)
    """Files and links, absolute."""
    insertions: int = 0
    deletions: int = 0
    skipped_links: int | None = None
    """Paths that were left because a link stood in the way; None for a dry run."""
    changed_by_others: list[str] = field(default_factory=list)
    """Those of the changed files that somebody else had changed between the answers or after them."""
    left: list[str] = field(default_factory=list)
    """What differs and was not put back, with the reason."""
    undo: str | None = None
    """A rewind to this id takes the rewind back."""


class Checkpoints:
    """The checkpoints of one session."""

    def __init__(
        self,
        log: SessionLog,
        workspace: Workspace,
        config_folder: str,
        *,
        clock: Clock,
        ids: Ids,
        warn: Callable[[str], None],
        stored: Iterable[bytes] = (),
        kept: bool = True,
    ) -> None:
        self.history = History.of(stored)
        self._config_folder = config_folder
        self._log = log
        self._workspace = workspace
        self._clock = clock
        self._ids = ids
        self._warn = warn
        self._kept = kept
        self._place = Place(config_folder, log.id, workspace.root)
        self._place.backups.latest = {
            self._place.backups.path(name): one
            for name, one in self.history.latest_backups().items()
        }
        self._lock = threading.Lock()
        self._roots = outermost([workspace.root, *workspace.folders])
        self._given_up: set[str] = set()
        self._open: Point | None = None
        """The prompt that is being answered."""

    def anew(self, log: SessionLog) -> Checkpoints:
        """Those of a session that begins where this one ends; what is kept here stays."""
        self.close()
        return Checkpoints(
            log,
            self._workspace,
            self._config_folder,
            clock=self._clock,
            ids=self._ids,
            warn=self._warn,
            kept=self._kept,
        )

    async def prompt(self, id: str) -> None:
        """Keep how the files are as this prompt is taken up."""
        point = self._open = Point(id)
        timestamp = self._clock.timestamp()
        await self._keep(point, timestamp)
        await self._log.state(*lines.snapshot(point, timestamp))
        await self._log.state(*lines.checkpoint(point, timestamp))

    async def before(self, access: Sequence[Access], call_id: str) -> None:
        """Keep the files that a call is about to write, if they are not kept yet."""
        point = self._open
        if point is None:
            return
        for one in access:
            if isinstance(one, Writes):
                path = os.path.realpath(self._workspace.resolve(one.path))
                await self._keep_file(point, path, call_id)

    async def answered(self) -> None:
        """Note how the files are at the end of an answer: what differs later, others have changed."""
        if self._open is None:
            return
        point = Point(self._open.id, "end")
        self._open = None
        await self._end(point)

    async def rewind(self, id: str, *, dry_run: bool = False) -> RewindResult:
        """Put the files back as they were at a prompt, or before an earlier rewind.

        Raises SessionError when there is no such checkpoint, or what it needs is lost.
        """
        target = self.history.target(id)
        if target is None:
            raise SessionError(NOT_FOUND)
        before = Point(self._ids.uuid(), "rewind")
        timestamp = self._clock.timestamp()
        if dry_run:
            before.trees = await in_thread(self._trees)
        else:
            await self._keep(before, timestamp)
            await self._log.state(*lines.snapshot(before, timestamp))
            await self._log.state(*lines.checkpoint(before, timestamp))
        made = await in_thread(self._planned, target, before)
        result = RewindResult(
            True,
            files_changed=made.files,
            insertions=made.insertions,
            deletions=made.deletions,
            changed_by_others=made.by_others,
            left=made.left + [f"`{root}`: not kept, as was told" for root in sorted(self._given_up)],
        )  # fmt: skip
        if dry_run:
            return result
        done = await asyncio.shield(in_thread(self._carried_out, made))
        result.skipped_links = len(done.links)
        result.left += [f"`{path}`: a link stands in the way" for path in done.links] + done.failed
        result.undo = before.id
        if self._open is None:  # else the answer goes on, and what it changes is its own
            await self._end(Point(before.id, "end"))
        if made.changes and len(done.links) + len(done.failed) >= len(made.changes):
            raise SessionError(f"Nothing could be put back: {'; '.join(result.left)}.")
        return result

    def close(self) -> None:
        """Forget what a session that is not stored has kept."""
        if not self._kept:
            import shutil

            shutil.rmtree(self._place.folder, ignore_errors=True)

    async def _keep(self, point: Point, timestamp: str) -> None:
        """Take the trees, and backups of all tracked files that have changed."""
        point.trees = await in_thread(self._trees)
        backups = self._place.backups
        for path in list(backups.latest):
            try:
                backups.take(path, timestamp)
            except OSError as error:
                self._warn(f"`{path}` is not in the checkpoint: {error.strerror}.")
        point.backups = {backups.name(path): one for path, one in backups.latest.items()}
        self.history.add(point)

    async def _keep_file(self, point: Point, path: str, call_id: str) -> None:
        backups = self._place.backups
        if path in backups.latest:
            return
        timestamp = self._clock.timestamp()
        try:
            backup = backups.take(path, timestamp)
        except OSError as error:
            self._warn(f"`{path}` is not in the checkpoint: {error.strerror}.")
            return
        if backup is not None:
            name = backups.name(path)
            point.backups[name] = backup
            line = self._log.caller(call_id) or call_id
            await self._log.state(*lines.delta(point, name, backup, line, timestamp))

    async def _end(self, point: Point) -> None:
        point.trees = await in_thread(self._trees)
        self.history.add(point)
        await self._log.state(*lines.checkpoint(point, self._clock.timestamp()))

    def _trees(self) -> dict[str, str]:
        """The trees as they are. A folder that cannot be kept is told of once."""
        found = {}
        with self._lock:
            for root in self._roots:
                if root in self._given_up:
                    continue
                try:
                    found[root] = self._place.look(root)
                except TooMany:
                    self._give_up(root, f"it has more than {MOST:,} entries")
                except RecursionError:
                    self._give_up(root, "its folders are nested too deeply")
                except OSError as error:
                    self._give_up(root, f"{error.strerror} (`{error.filename}`)")
        return found

    def _give_up(self, root: str, why: str) -> None:
        self._given_up.add(root)
        self._warn(
            f"No checkpoints of `{root}`: {why}. Files that tools write are kept all the same,"
            " what commands change is not."
        )

    def _planned(self, target: Point, now: Point) -> Plan:
        with self._lock:
            return plan(self._place.objects, self._place.backups, self.history, target, now.trees)

    def _carried_out(self, made: Plan) -> Done:
        with self._lock:
            return carry_out(self._place.objects, made)
