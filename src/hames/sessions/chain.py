"""Which of a transcript's lines are the conversation: the newest branch of the tree they form."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hames.blocks import Block
from hames.sessions.transcript import NO_PARENT, Compacted, Entry, Segment


class Chain(msgspec.Struct):
    """A branch from its root to its leaf, the lines of parallel calls put back."""

    entries: list[Entry]
    gaps: list[Entry] = []
    """Lines whose parent is missing; they were taken to follow the line before them in the file, if any."""
    by_time: bool = False
    """The file is out of order, so the time stamps counted instead."""


def newest(entries: Sequence[Entry], *, mend: bool) -> Chain:
    """The branch whose last user or assistant line stands latest in the file.

    With `mend` the branch is what a resume continues: a missing parent does not end it, and a last
    line for the model only is as good as any, and a file in which lines stand before their parents is
    put in order by time. Without, it is what official clients show.
    """
    tree = _Tree(entries, mend=mend, relink=mend)
    leaf = tree.newest_leaf()
    return Chain([]) if leaf is None else tree.branch(leaf)


def history(entries: Sequence[Entry], chain: Chain) -> list[Entry]:
    """The chain with what was compacted away before it."""
    tree = _Tree(entries, mend=True, relink=False)
    whole = chain.entries
    seen = {entry.uuid for entry in whole}
    while whole and (before := tree.by_uuid.get(whole[0].logicalParentUuid or "")):
        earlier = tree.branch(before).entries
        earlier = [entry for entry in earlier if entry.uuid not in seen]
        if not earlier:
            break
        seen.update(entry.uuid for entry in earlier)
        whole = earlier + whole
    return whole


def is_out_of_order(entries: Sequence[Entry]) -> bool:
    """Whether a line stands before its parent, or is its own."""
    known = {entry.uuid for entry in entries}
    seen: set[str | None] = {None}
    for entry in entries:
        if entry.parentUuid not in seen and entry.parentUuid in known:
            return True
        seen.add(entry.uuid)
    return False


def kept_and_missing(active: Sequence[Entry], entries: Sequence[Entry]) -> list[str]:
    """The uuids of lines that the compactions of a branch kept and that are not in the file."""
    kept = [e.compactMetadata.preservedMessages for e in active if e.compactMetadata is not None]
    known = {entry.uuid for entry in entries} if kept else set()
    return [uuid for each in kept if each is not None for uuid in each.uuids if uuid not in known]


def circles(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Lines whose parents lead back to them."""
    by_uuid = {entry.uuid: entry for entry in entries}
    found = []
    done: set[str | None] = set()
    for start in entries:
        walk: list[Entry] = []
        entry: Entry | None = by_uuid[start.uuid]
        places: dict[str | None, int] = {}
        while entry is not None and entry.uuid not in done:
            done.add(entry.uuid)
            places[entry.uuid] = len(walk)
            walk.append(entry)
            entry = by_uuid.get(entry.parentUuid)
        if entry is not None and entry.uuid in places:
            found.append(walk[places[entry.uuid] :])
    return found


class _Tree:
    """The chain lines of a file by uuid, and where they stand."""

    def __init__(self, entries: Sequence[Entry], *, mend: bool, relink: bool) -> None:
        self.mend = mend
        self.entries = [entry for entry in entries if entry.in_chain]
        self.by_time = mend and is_out_of_order(self.entries)
        if self.by_time:
            self.entries.sort(key=_time)
        self.by_uuid: dict[str, Entry] = {}
        self.place: dict[str, int] = {}
        self.parents: dict[str, str | None] = {}
        for i, entry in enumerate(self.entries):
            assert entry.uuid is not None
            self.by_uuid[entry.uuid] = entry
            self.place[entry.uuid] = i
            self.parents[entry.uuid] = entry.parentUuid
        if self.by_time:
            self._cut_circles()
        if relink:
            for entry in self.entries:
                if entry.compactMetadata is not None:
                    self._relink(entry.compactMetadata)

    def parent(self, entry: Entry) -> Entry | None:
        return self.by_uuid.get(self.parents[entry.uuid or ""] or "")

    def newest_leaf(self) -> Entry | None:
        """The end of the newest branch. What follows its last user or assistant line counts as well."""
        parents = set(self.parents.values())
        best: tuple[bool, int] | None = None
        newest = None
        for terminal in self.by_uuid.values():
            if terminal.uuid in parents or (said := self._last_said(terminal)) is None:
                continue
            assert said.uuid is not None
            aside = said.isSidechain or said.teamName is not None or (said.isMeta and not self.mend)
            rank = (not aside, self.place[said.uuid])
            if best is None or rank >= best:
                best, newest = rank, terminal
        return newest

    def _cut_circles(self) -> None:
        """Parents that lead back to a line count as missing, where they stand behind their child."""
        for circle in circles(self.entries):
            for entry in circle:
                uuid = entry.uuid or ""
                if self.place[self.parents[uuid] or ""] >= self.place[uuid]:
                    self.parents[uuid] = NO_PARENT

    def branch(self, leaf: Entry) -> Chain:
        """The lines from the root to a leaf."""
        entries: list[Entry] = []
        gaps: list[Entry] = []
        seen: set[str | None] = set()
        entry: Entry | None = leaf
        while entry is not None and entry.uuid not in seen:
            seen.add(entry.uuid)
            entries.append(entry)
            above = self.parent(entry)
            if above is None and self.mend and self.parents[entry.uuid or ""] is not None:
                above = self._before(entry, seen)
                gaps.append(entry)
            entry = above
        entries.reverse()
        if len(entries) < len(self.by_uuid):
            entries = self._with_parallel_calls(entries, seen)
        return Chain(entries, gaps, self.by_time)

    def _relink(self, compacted: Compacted) -> None:
        """Put lines that a compaction kept behind its summary, as the official reader does."""
        if kept := compacted.preservedMessages:
            anchor, uuids = kept.anchorUuid, kept.uuids
        elif segment := compacted.preservedSegment:
            anchor, uuids = segment.anchorUuid, self._segment(segment)
        else:
            return
        uuids = [uuid for uuid in uuids if uuid in self.by_uuid]
        if not uuids or anchor not in self.by_uuid:
            return
        for uuid, parent in self.parents.items():
            if parent == anchor:
                self.parents[uuid] = uuids[-1]
        for uuid, before in zip(uuids, [anchor, *uuids], strict=False):
            self.parents[uuid] = before

    def _segment(self, segment: Segment) -> list[str]:
        uuids: list[str] = []
        uuid: str | None = segment.tailUuid
        while uuid in self.by_uuid and uuid not in uuids:
            uuids.append(uuid)
            if uuid == segment.headUuid:
                return uuids[::-1]
            uuid = self.parents[uuid]
        return []

    def _last_said(self, entry: Entry) -> Entry | None:
        seen: set[str | None] = set()
        current: Entry | None = entry
        while current is not None and current.uuid not in seen:
            if current.type in ("user", "assistant"):
                return current
            seen.add(current.uuid)
            current = self.parent(current)
        return None

    def _before(self, entry: Entry, seen: set[str | None]) -> Entry | None:
        """The line before in the file, of the same conversation, that is not in the branch yet."""
        assert entry.uuid is not None
        for other in reversed(self.entries[: self.place[entry.uuid]]):
            if other.isSidechain == entry.isSidechain and other.uuid not in seen:
                return other
        return None

    def _with_parallel_calls(self, chain: list[Entry], seen: set[str | None]) -> list[Entry]:
        """The chain with calls and results that the walk missed, after the end of their response.

        A response with several calls is several lines, one after another; each result hangs from the
        line of its own call, so the walk up finds one result and the calls before it.
        """
        last_of = {e.message.id: e for e in chain if e.type == "assistant" and e.message.id}
        if not last_of:
            return chain
        responses, owners = self._responses()
        claims = self._claims(seen, owners)
        answered = {block.id for entry in chain for block in _of_type(entry, "tool_result")}
        after: dict[str | None, list[Entry]] = {}
        for id in dict.fromkeys(e.message.id for e in chain if e.type == "assistant"):
            if id is None or id not in last_of:
                continue
            lines = responses[id]
            calls = [line for line in lines if line.uuid not in seen]
            found = _results(lines, claims, seen, answered, owners, self.place)
            missing = sorted(calls, key=_time) + sorted(found, key=_time)
            seen.update(entry.uuid for entry in missing)
            after[last_of[id].uuid] = missing
        return [line for entry in chain for line in (entry, *after.get(entry.uuid, ()))]

    def _responses(self) -> tuple[dict[str, list[Entry]], dict[str, Entry | None]]:
        """The lines of each response; and by call id the line that made it.

        An id that two responses claim has no owner.
        """
        responses: dict[str, list[Entry]] = {}
        owners: dict[str, Entry | None] = {}
        for entry in self.by_uuid.values():
            if entry.type != "assistant" or not entry.message.id:
                continue
            responses.setdefault(entry.message.id, []).append(entry)
            for block in _of_type(entry, "tool_use"):
                if block.id is not None:
                    owner = owners.get(block.id, entry)
                    same = owner is not None and owner.message.id == entry.message.id
                    owners[block.id] = entry if same else None
        return responses, owners

    def _claims(
        self, seen: set[str | None], owners: dict[str, Entry | None]
    ) -> dict[str | None, list[Entry]]:
        """For each assistant line the results that may be its own: by parent, source and call."""
        claims: dict[str | None, list[Entry]] = {}
        for entry in self.by_uuid.values():
            if entry.type != "user" or entry.uuid in seen or not entry.parentUuid:
                continue
            if not (results := _of_type(entry, "tool_result")):
                continue
            claims.setdefault(entry.parentUuid, []).append(entry)
            source = self.by_uuid.get(entry.sourceToolAssistantUUID or "")
            for maker in (source, *[owners.get(block.id or "") for block in results]):
                if maker is not None and _same_writer(maker, entry):
                    claims.setdefault(maker.uuid, []).append(entry)
        return claims


def _results(
    lines: list[Entry],
    claims: dict[str | None, list[Entry]],
    seen: set[str | None],
    answered: set[str | None],
    owners: dict[str, Entry | None],
    place: dict[str, int],
) -> list[Entry]:
    """The missing results of a response: those that hang from it, then those that answer an open call."""
    uuids = {line.uuid for line in lines}
    claimed = {entry.uuid: entry for line in lines for entry in claims.get(line.uuid, ())}
    missing = [entry for uuid, entry in claimed.items() if uuid not in seen]
    found = [entry for entry in missing if entry.parentUuid in uuids]
    closed = answered | {block.id for entry in found for block in _of_type(entry, "tool_result")}
    for entry in sorted(missing, key=lambda entry: place[entry.uuid or ""]):
        ids = {block.id for block in _of_type(entry, "tool_result")}
        makers = [owners.get(id or "") for id in ids - closed]
        if entry.parentUuid not in uuids and any(m and m.uuid in uuids for m in makers):
            closed |= ids
            found.append(entry)
    return found


def _time(entry: Entry) -> str:
    return entry.timestamp or ""


def _same_writer(a: Entry, b: Entry) -> bool:
    return (a.isSidechain, a.agentId) == (b.isSidechain, b.agentId)


def _of_type(entry: Entry, type: str) -> list[Block]:
    return [block for block in entry.blocks if block.type == type]
