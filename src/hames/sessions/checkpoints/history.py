"""The transcript lines about checkpoints, and what they say of a prompt.

Official lines (`file-history-snapshot`, `file-history-delta`) name the backups of files that tools wrote;
our own line names the trees. A session that the official command line has kept has only the former.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from hames.sessions.checkpoints.backups import Backup, encoded

CHECKPOINT = "hames-checkpoint"
SNAPSHOT = "file-history-snapshot"
DELTA = "file-history-delta"

Kind = Literal["prompt", "end", "rewind"]


class Point(msgspec.Struct):
    """How files stood at one moment: at a prompt, at the end of its answer, before a rewind."""

    id: str
    """Of the prompt, or one of its own for a rewind."""
    kind: Kind = "prompt"
    trees: dict[str, str] = {}
    """Folder to the name of its tree."""
    backups: dict[str, Backup] = {}
    """By the name of the file as lines have it."""


class _Snapshot(msgspec.Struct, rename="camel"):
    tracked_file_backups: dict[str, Backup] = {}


class _Line(msgspec.Struct, rename="camel"):
    type: str
    message_id: str = ""
    kind: Kind = "prompt"
    trees: dict[str, str] = {}
    snapshot: _Snapshot = msgspec.field(default_factory=_Snapshot)
    snapshot_message_id: str = ""
    tracking_path: str = ""
    backup: Backup = msgspec.field(default_factory=Backup)


_lines = msgspec.json.Decoder(_Line)
_STARTS = tuple(b'{"type":"%b"' % type.encode() for type in (CHECKPOINT, SNAPSHOT, DELTA))


class History:
    """The points of a session, in the order they were taken."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> History:
        """What the lines of a transcript say; lines that cannot be read are passed over."""
        history = cls()
        for raw in lines:
            if raw.startswith(_STARTS):
                try:
                    history._take(_lines.decode(raw))
                except msgspec.DecodeError:
                    continue
        return history

    def add(self, point: Point) -> None:
        self.points.append(point)

    def target(self, id: str) -> Point | None:
        """The point that a rewind to this id goes to."""
        found = [point for point in self.points if point.id == id and point.kind != "end"]
        return found[-1] if found else None

    def since(self, point: Point) -> list[Point]:
        """A point and those after it."""
        return self.points[self.points.index(point) :]

    def backups_at(self, point: Point) -> dict[str, Backup]:
        """The state of tracked files at a point: what was kept first from there on."""
        found: dict[str, Backup] = {}
        for later in self.since(point):
            for name, backup in later.backups.items():
                found.setdefault(name, backup)
        return found

    def latest_backups(self) -> dict[str, Backup]:
        """The last backup of each tracked file."""
        return {name: one for point in self.points for name, one in point.backups.items()}

    def _take(self, line: _Line) -> None:
        if line.type == DELTA:
            point = self.target(line.snapshot_message_id)
            if point is not None:
                point.backups.setdefault(line.tracking_path, line.backup)
            return
        point = self.target(line.message_id) if line.kind != "end" else None
        if point is None:
            point = Point(line.message_id, line.kind)
            self.points.append(point)
        if line.type == SNAPSHOT:
            point.backups = {**point.backups, **line.snapshot.tracked_file_backups}
        else:
            point.trees = line.trees


def checkpoint(point: Point, timestamp: str) -> tuple[str, dict[str, Any]]:
    """Our line about a point: its type and fields."""
    fields = {
        "messageId": point.id,
        "kind": point.kind,
        "trees": point.trees,
        "timestamp": timestamp,
    }
    return CHECKPOINT, fields


def snapshot(point: Point, timestamp: str) -> tuple[str, dict[str, Any]]:
    """The official line about a prompt."""
    return SNAPSHOT, {
        "messageId": point.id,
        "snapshot": {
            "messageId": point.id,
            "trackedFileBackups": {name: encoded(one) for name, one in point.backups.items()},
            "timestamp": timestamp,
        },
        "isSnapshotUpdate": False,
    }


def delta(
    point: Point, name: str, backup: Backup, message_id: str, timestamp: str
) -> tuple[str, dict[str, Any]]:
    """The official line about a file that a tool is about to write for the first time."""
    return DELTA, {
        "messageId": message_id,
        "snapshotMessageId": point.id,
        "trackingPath": name,
        "backup": encoded(backup),
        "timestamp": timestamp,
    }
