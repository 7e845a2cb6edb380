"""Content that the API has refused: what stands in its place from then on.

The stored lines stay as they are. A `hames-repair` line, which official readers skip, says what is sent
instead; so the next process sends the same bytes as the one that found out. A block is named by the
hash of its bytes, since uuids change when a session is copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hames import _json, blocks
from hames.blocks import Block, Turn
from hames.sessions.sift import MEDIA, THINKING

WHY = "the API refused it"

Place = tuple[int, int]
"""Index of a turn, and of a block in it."""


class Replacement(msgspec.Struct, frozen=True, rename="camel"):
    """A block that is not sent any more, and the one that is sent instead."""

    digest: str
    """Of its bytes: 32 hex digits of SHA-256."""
    nth: int = 0
    """Which of the blocks with these bytes, from 0."""
    by: msgspec.Raw = msgspec.Raw(b"null")
    """The other block; null when nothing stands for it."""


class _Line(msgspec.Struct):
    replaced: list[Replacement] = []


_lines = msgspec.json.Decoder(_Line)


def line_fields(replacements: Sequence[Replacement], reason: str) -> dict[str, Any]:
    """What a `hames-repair` line says."""
    return {"replaced": replacements, "reason": reason}


def continued(turns: Sequence[Turn], lines: Iterable[bytes]) -> list[Turn]:
    """The turns as they are sent after these `hames-repair` lines. A line that cannot be read counts not."""
    now = list(turns)
    for line in lines:
        try:
            now = replaced(now, _lines.decode(line).replaced)
        except _json.DecodeError:
            continue
    return now


def replaced(turns: Sequence[Turn], replacements: Iterable[Replacement]) -> list[Turn]:
    """The turns with other blocks in place of those named; the same objects where none is."""
    wanted = {(each.digest, each.nth): bytes(each.by) for each in replacements}
    digests = {digest for digest, _ in wanted}
    seen: dict[str, int] = {}
    changed = []
    for turn in turns:
        kept: list[Block] = []
        for block in turn.blocks:
            digest = digest_of(block)
            if digest not in digests:
                kept.append(block)
                continue
            nth = seen[digest] = seen.get(digest, -1) + 1
            by = wanted.get((digest, nth))
            if by is None:
                kept.append(block)
            elif by != b"null":
                kept.append(blocks.from_raw(by))
        same = len(kept) == len(turn.blocks) and all(map(_is, kept, turn.blocks))
        changed.append(turn if same else Turn(turn.role, kept))
    return changed


def replacements_of(turns: Sequence[Turn], places: Iterable[Place]) -> list[Replacement]:
    """How to do without the blocks in these places, and without what cannot stand without them."""
    wanted, gone = _with_counterparts(turns, set(places))
    seen: dict[str, int] = {}
    found = []
    for i, turn in enumerate(turns):
        for j, block in enumerate(turn.blocks):
            digest = digest_of(block)
            nth = seen[digest] = seen.get(digest, -1) + 1
            if (i, j) in wanted:
                by = stand_in(block, alone=block.id in gone)
                raw = b"null" if by is None else by.raw
                found.append(Replacement(digest, nth, msgspec.Raw(raw)))
    return found


def stand_in(block: Block, *, alone: bool = False) -> Block | None:
    """What is sent instead of a refused block: a short text; None for thoughts.

    A result stays one, with what can be kept of it, unless it is `alone`: without its call.
    """
    if block.type in THINKING:
        return None
    value = block.value()
    if block.type == "tool_use":
        return blocks.text(f"[A call of `{value.get('name')}` is left out here: {WHY}.]")
    if block.type == "tool_result" and not alone:
        return blocks.tool_result(block.id or "", _said(value), is_error=value.get("is_error"))
    return blocks.from_value(_note(block.type))


def digest_of(block: Block) -> str:
    """The hash by which a block is known."""
    return hashlib.sha256(block.raw).hexdigest()[:32]


def _said(value: dict[str, Any]) -> str | list[dict[str, Any]]:
    """A result without its media, or without anything when it has none."""
    content = value.get("content")
    if isinstance(content, list) and any(part.get("type") in MEDIA for part in content):
        return [part if part.get("type") == "text" else _note(part["type"]) for part in content]
    return f"[The result is left out here: {WHY}.]"


def _note(type: str) -> dict[str, Any]:
    what = type.replace("_", " ")
    article = "An" if what[:1] in "aeiou" else "A"
    return {"type": "text", "text": f"[{article} {what} is left out here: {WHY}.]"}


def _with_counterparts(
    turns: Sequence[Turn], places: set[Place]
) -> tuple[set[Place], set[str | None]]:
    """With a call its result, with one thought of a reply all of them; and the calls that go."""
    thoughtful = {i for i, j in places if turns[i].blocks[j].type in THINKING}
    gone: set[str | None] = set()
    for i, j in places:
        block = turns[i].blocks[j]
        if block.id is not None and block.type != "tool_result":
            gone.add(block.id)
    for i, turn in enumerate(turns):
        for j, block in enumerate(turn.blocks):
            if block.id in gone or (i in thoughtful and block.type in THINKING):
                places.add((i, j))
    return places, gone


def _is(a: Block, b: Block) -> bool:
    return a is b
