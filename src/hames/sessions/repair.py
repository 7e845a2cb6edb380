"""A sound copy of a damaged transcript. The original is never touched.

What can be kept is kept byte for byte, in one straight chain: the lines before a compaction, the
conversation as it can be sent, and the lines that belong to the session as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hames import _json
from hames._clock import Ids
from hames.blocks import Block, Role, Turn
from hames.sessions import chain, transcript
from hames.sessions.check import Examined
from hames.sessions.mend import mended
from hames.sessions.resume import attached
from hames.sessions.transcript import Entry

_NOT_COPIED = frozenset({transcript.REPAIR, "file-history-snapshot", "file-history-delta"})
"""State lines that the copy does not have: it needs no repair, and the backups are not its own."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def repaired(found: Examined, new_id: str, ids: Ids) -> list[bytes]:
    """The lines of the copy."""
    return _Copy(found, new_id, ids).lines()


class _Copy:
    """Writes the lines of the copy, one after another."""

    def __init__(self, found: Examined, new_id: str, ids: Ids) -> None:
        self._found = found
        self._chain = found.loaded.lines
        self._session = _raw(new_id)
        self._ids = ids
        self._given = {id(block) for turn in found.loaded.turns for block in turn.blocks}
        self._kept = {id(block) for turn in found.turns for block in turn.blocks}
        self._place_of = {
            id(block): place
            for place, entry in enumerate(self._chain)
            if _speaks(entry)
            for block in entry.blocks
        }
        """For each block of a message line, the line's place in the chain."""
        self._next = 0
        """The first place in the chain that is not dealt with."""
        self._leaf: str | None = None
        self._used: set[str | None] = set()
        self._lines: list[bytes] = []

    def lines(self) -> list[bytes]:
        self._earlier()
        for turn in self._found.turns:
            for place, part in self._parts(turn):
                self._message(turn.role, place, part)
        self._pass_to(len(self._chain))
        self._lines += self._state()
        return self._lines

    def _earlier(self) -> None:
        """What was compacted away, linked as it was."""
        known = {entry.uuid for entry in self._chain}
        before: str | None = None
        for entry in chain.history(self._found.entries, chain.Chain(self._chain)):
            if entry.uuid in known:
                continue
            fields = _objects.decode(entry.raw)
            if entry.parentUuid is not None and entry.parentUuid not in self._used:
                fields["parentUuid"] = _raw(before)
            if entry.is_odd and _speaks(entry):
                fields |= self._content(fields, _role_of(entry), entry.blocks)
            self._used.add(entry.uuid)
            self._lines.append(self._line(entry, fields))
            before = entry.uuid

    def _parts(self, turn: Turn) -> Iterator[tuple[int | None, list[Block]]]:
        """The blocks by the lines they come from, or by no line when they are new.

        Blocks of attachments are left out: they come with the lines of these.
        """
        part: list[Block] = []
        place: int | None = None
        for i, block in enumerate(turn.blocks):
            own = self._place_of.get(id(block))
            if own is None and id(block) in self._given:
                continue
            if own is None:
                own = self._vacant(turn, i, place)
            if part and (own != place or own is None):
                yield place, part
                part = []
            place = own
            part.append(block)
        if part:
            yield place, part

    def _vacant(self, turn: Turn, i: int, last: int | None) -> int | None:
        """The line whose content the new block replaces: it has lost its own, and stands between."""
        following = (self._place_of.get(id(block)) for block in turn.blocks[i + 1 :])
        end = next((place for place in following if place is not None), len(self._chain))
        start = self._next if last is None else last + 1
        free = [
            place
            for place in range(start, end)
            if self._chain[place].type == turn.role
            and _speaks(self._chain[place])
            and all(id(block) not in self._kept for block in self._chain[place].blocks)
        ]
        kind = turn.blocks[i].type
        alike = [p for p in free if any(b.type == kind for b in self._chain[p].blocks)]
        return next(iter(alike), None)

    def _message(self, role: Role, place: int | None, part: Sequence[Block]) -> None:
        """The line of some blocks, as it was but for what had to be changed."""
        if place is None:
            self._append({**self._like_the_last(), **self._content({}, role, part)})
            return
        self._pass_to(place)
        entry = self._chain[place]
        fields = _objects.decode(entry.raw)
        same = len(part) == len(entry.blocks) and all(id(b) in self._place_of for b in part)
        if entry.is_odd or not same:
            fields |= self._content(fields, role, part)
        self._append(fields, entry)

    def _content(
        self, fields: dict[str, msgspec.Raw], role: Role, part: Sequence[Block]
    ) -> dict[str, msgspec.Raw]:
        try:
            message = _objects.decode(fields.get("message", b"{}"))
        except _json.DecodeError:
            message = {}
        message["role"] = _raw(role)
        message["content"] = msgspec.Raw(b"[%b]" % b",".join([block.raw for block in part]))
        return {"type": _raw(role), "message": _raw(message)}

    def _pass_to(self, place: int) -> None:
        """Write the lines before a place that are no messages to the model: attachments, notes."""
        while self._next < place:
            entry = self._chain[self._next]
            self._next += 1
            if not _speaks(entry) and _is_fine(entry):
                self._append(_objects.decode(entry.raw), entry)
        self._next = max(self._next, place + 1)

    def _like_the_last(self) -> dict[str, msgspec.Raw]:
        """Time and place for a line that is new."""
        near = self._chain[min(self._next, len(self._chain) - 1)]
        return {"timestamp": _raw(near.timestamp or ""), "cwd": _raw(near.cwd or "")}

    def _append(self, fields: dict[str, msgspec.Raw], entry: Entry | None = None) -> None:
        """One more line of the chain, after the last one."""
        uuid = entry.uuid if entry else None
        if uuid is None or uuid in self._used:
            uuid = self._ids.uuid()
        self._used.add(uuid)
        linked = {"parentUuid": _raw(self._leaf), "uuid": _raw(uuid)}
        self._lines.append(self._line(entry, {**fields, **linked}))
        self._leaf = uuid

    def _line(self, entry: Entry | None, fields: dict[str, msgspec.Raw]) -> bytes:
        if entry is not None and entry.uuid is not None:
            fields = fields or _objects.decode(entry.raw)
            origin = {"sessionId": self._found.key.session_id, "messageUuid": entry.uuid}
            fields["forkedFrom"] = _raw(origin)
        return _json.encode({**fields, "sessionId": self._session})

    def _state(self) -> Iterator[bytes]:
        """The lines without uuid, the title marked."""
        for entry in self._found.entries:
            if entry.in_chain or entry.type in _NOT_COPIED or entry.type in ("user", "assistant"):
                continue
            fields = _objects.decode(entry.raw)
            if entry.type == "custom-title" and entry.customTitle:
                title = entry.customTitle.removesuffix(" (repaired)")
                fields["customTitle"] = _raw(f"{title} (repaired)")
            yield _json.encode({**fields, "sessionId": self._session})


def _speaks(entry: Entry) -> bool:
    """Whether its content is sent to the model."""
    return entry.type in ("user", "assistant") and not entry.isApiErrorMessage


def _is_fine(entry: Entry) -> bool:
    """Whether what an attachment gives the model can be sent; other lines give it nothing."""
    given = attached(entry) if entry.type == "attachment" else []
    return all(mended(block, "user") is block for block in given)


def _role_of(entry: Entry) -> Role:
    return "assistant" if entry.type == "assistant" else "user"


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_json.encode(value))
