"""What is wrong with a transcript, anyone's: in its lines, in the tree they form, in the conversation.

Nothing of it prevents a session from being continued here; `repair` writes a copy without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hames.blocks import Turn
from hames.errors import SessionNotFound
from hames.sessions import resume, transcript
from hames.sessions.chain import circles, is_out_of_order, kept_and_missing
from hames.sessions.memory import MemoryStore
from hames.sessions.names import is_session_id
from hames.sessions.normalise import Repair, normalise
from hames.sessions.refused import continued
from hames.sessions.resume import Loaded
from hames.sessions.rules import judge_messages
from hames.sessions.store import Key
from hames.sessions.transcript import Entry
from hames.sessions.waiting import waiting

KNOWN_TYPES = transcript.CHAIN_TYPES | {
    "agent-name",
    "agent_metadata",
    "ai-title",
    "api-request",
    "api-request-blob",
    "api-request-shape",
    "atis-latch",
    "content-replacement",
    "cost-state",
    "custom-title",
    "file-history-delta",
    "file-history-snapshot",
    "last-prompt",
    "mode",
    "queue-operation",
    "summary",
    "tag",
    "tools-used",
    transcript.CALL_MARK,
    transcript.REPAIR,
}
"""Lines that official tools and we write."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    kind: str
    text: str
    """A sentence for a person."""
    line: int | None = None
    """Number of the line, from 1."""


class Report(msgspec.Struct, frozen=True):
    """What a check found."""

    session_id: str
    lines: int
    turns: int
    problems: list[Problem]
    notes: list[str] = []
    """What is worth knowing and not wrong: other branches, lines of other tools."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing has to be mended."""
        return not self.problems


class Examined(msgspec.Struct, frozen=True):
    """A transcript taken apart, for a report or a repair."""

    key: Key
    lines: list[bytes]
    entries: list[Entry]
    numbers: dict[int, int]
    """By `id` of an entry, the number of its line."""
    loaded: Loaded
    given: list[Turn]
    """The conversation as stored, less what was left out of requests before."""
    turns: list[Turn]
    """The same as it can be sent."""
    repairs: list[Repair]


def lines_of(data: bytes) -> list[bytes]:
    """The lines of a transcript's file."""
    return data.removesuffix(b"\n").split(b"\n") if data else []


def read(path: Path) -> list[bytes]:
    """The lines of a file. Raises SessionNotFound when it cannot be read."""
    try:
        return lines_of(path.read_bytes())
    except OSError as error:
        raise SessionNotFound(f"`{path}` cannot be read: {error.strerror}.") from error


def key_of(path: Path) -> Key:
    """A key for a file that lies anywhere."""
    named = is_session_id(path.stem)
    return Key("file", path.stem if named else "00000000-0000-0000-0000-000000000000")


async def examine(key: Key, lines: list[bytes]) -> Examined:
    """Take a transcript apart. Raises SessionNotFound when it holds no conversation."""
    store = MemoryStore()
    await store.append(key, lines)
    loaded = await resume.load(store, key)
    if not loaded.lines:
        raise SessionNotFound("There is no user or assistant line in it, so it holds no session.")
    first = normalise(loaded.turns, fates=loaded.fates)
    given = continued(first.turns, loaded.repaired)
    second = normalise(given)
    numbers: dict[int, int] = {}
    entries = []
    for number, line in enumerate(lines, 1):
        for entry in transcript.decode_all([line])[0]:
            entries.append(entry)
            numbers[id(entry)] = number
    return Examined(
        key, lines, entries, numbers, loaded, given, second.turns, first.repairs + second.repairs
    )


def report(found: Examined) -> Report:
    """All that is wrong, in the order of the file as far as it has one."""
    problems = [*_damage(found), *_tree(found), *_conversation(found)]
    problems.sort(key=lambda problem: problem.line or len(found.lines) + 1)
    return Report(
        found.key.session_id, len(found.lines), len(found.turns), problems, list(_notes(found))
    )


def _damage(found: Examined) -> Iterator[Problem]:
    """Lines that are not what a program writes."""
    last = len(found.lines)
    by_line: dict[int, list[Entry]] = {}
    for entry in found.entries:
        by_line.setdefault(found.numbers[id(entry)], []).append(entry)
    for number, line in enumerate(found.lines, 1):
        entries = by_line.get(number, [])
        if not line.strip() or [entry.raw for entry in entries] == [line]:
            continue
        if not entries and number == last:
            yield Problem("torn-line", "The last line was cut off.", number)
        elif not entries:
            yield Problem("damaged-line", "The line is no JSON object.", number)
        elif b"\0" in line:
            yield Problem("zero-bytes", "There are zero bytes around the line.", number)
        elif entries[0].raw in line:
            text = "Beside a whole entry there is something else in the line."
            yield Problem("mixed-line", text, number)
        else:
            yield Problem("characters", "Some characters were not valid and are replaced.", number)


def _tree(found: Examined) -> Iterator[Problem]:
    """Uuids and parents."""
    chain = [entry for entry in found.entries if entry.in_chain]
    known = {entry.uuid for entry in chain}
    seen: dict[str | None, bytes] = {}
    for entry in chain:
        number = found.numbers[id(entry)]
        if seen.setdefault(entry.uuid, entry.raw) != entry.raw:
            text = f"Another line has the uuid `{entry.uuid}` as well; the last one counts."
            yield Problem("repeated-uuid", text, number)
        if entry.parentUuid is not None and entry.parentUuid not in known:
            named = f"The parent `{entry.parentUuid}` of the line is missing."
            text = named if entry.parentUuid else "The line does not say which one it follows."
            yield Problem("missing-parent", text, number)
    if missing := kept_and_missing(found.loaded.lines, found.entries):
        text = f"{len(missing)} line(s) that a compaction kept are missing, first `{missing[0]}`."
        yield Problem("kept-line-missing", text)
    if is_out_of_order(chain):
        yield Problem("out-of-order", "Lines stand before their parents.")
    for circle in circles(chain):
        number = min(found.numbers[id(entry)] for entry in circle)
        yield Problem("circle", "The parents of the line lead back to it.", number)
    for entry in found.entries:
        if entry.type not in ("user", "assistant"):
            continue
        if entry.uuid is None:
            text = "The message has no uuid, so no reader finds it."
            yield Problem("no-uuid", text, found.numbers[id(entry)])
        elif entry.is_odd and not entry.isApiErrorMessage:
            text = "The content of the message, or a part of it, cannot be read."
            yield Problem("unreadable-content", text, found.numbers[id(entry)])


def _conversation(found: Examined) -> Iterator[Problem]:
    """What has to be changed so that the API accepts it."""
    first: dict[int, int] = {}
    lines = {e.uuid: found.numbers[id(e)] for e in found.entries if e.uuid is not None}
    for uuid, turn in found.loaded.positions.items():
        first.setdefault(turn, lines[uuid])
    waits = {block.id for block in waiting(found.loaded)}
    for repair in found.repairs:
        if repair.block is not None and repair.block.id in waits:
            continue  # it has no result because nobody has decided yet
        yield Problem(repair.kind, repair.text, first.get(repair.where))
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": [block.value() for block in turn.blocks]}
        for turn in found.turns
    ]
    messages.append({"role": "user", "content": "Go on."})
    for violation in judge_messages(messages):
        yield Problem("not-mended", f"The API would refuse {violation}.")


def _notes(found: Examined) -> Iterator[str]:
    active = {entry.uuid for entry in found.loaded.lines}
    aside = sum(e.in_chain and e.isSidechain and e.uuid not in active for e in found.entries)
    beside = sum(e.in_chain and e.uuid not in active for e in found.entries) - aside
    if beside:
        yield f"{beside} line(s) are of other branches, or stand before a compaction."
    if aside:
        yield f"{aside} line(s) are of subagents."
    if waits := waiting(found.loaded):
        yield f"{len(waits)} call(s) wait for a decision: {', '.join(str(b.id) for b in waits)}."
    foreign = sorted({entry.type for entry in found.entries} - KNOWN_TYPES)
    if foreign:
        yield f"Lines of other types are passed over: {', '.join(foreign)[:200]}."
    if found.loaded.repaired:
        yield "Some content is left out of requests because the API has refused it."
