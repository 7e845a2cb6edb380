"""Makes any history sendable: the one place that knows how.

`normalise` is pure, leaves its input alone and gives back the turns that need no change as they are. It
is idempotent, and local: where every call of a history is answered and what follows begins with a
prompt, both parts can be normalised on their own. `normalise_tail` uses that while a session runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from hames import blocks
from hames.blocks import Block, Role, Turn
from hames.sessions.sift import THINKING, Left, has_media, is_fine, replaced

Fate = Literal["started", "not started"]
"""What is known of a call without a result. Of a call that is not named nothing is known."""

Kind = Literal[
    "result-added",
    "result-dropped",
    "result-moved",
    "call-renamed",
    "thinking-dropped",
    "block-dropped",
    "block-changed",
    "media-dropped",
    "turn-added",
]


class Repair(msgspec.Struct, frozen=True):
    """Something that was changed so that the history can be sent."""

    kind: Kind
    where: int
    """Index of the turn, in the history as it was given."""
    text: str
    """A sentence for a person."""
    block: Block | None = None
    """The result that was added."""


class Normalised(msgspec.Struct):
    """A history that can be sent, and what was done to it."""

    turns: list[Turn]
    repairs: list[Repair]


class Tail(msgspec.Struct):
    """The end of a growing history, made sendable: `history[:keep] + turns`."""

    keep: int
    turns: list[Turn]
    repairs: list[Repair]
    changed: bool
    """Whether that differs from the history as given; joining and ordering are no repairs."""


SERVER_CALLS = ("server_tool_use", "mcp_tool_use")

_is_call_id = re.compile(r"[a-zA-Z0-9_-]+").fullmatch

_LONG_ID = 24
"""Ids of the API itself are at least as long and never given twice."""

_TEXT_OF: dict[Fate | None, str] = {
    "started": "This call was started, but the session was cut off before its result was recorded. It "
    "may have taken effect, in part or in full: check before you repeat it.",
    "not started": "This call was not run: the session was cut off before it started.",
    None: "No result of this call was recorded. It may have run or not: check before you repeat it.",
}


def normalise(
    turns: Sequence[Turn],
    *,
    fates: Mapping[str, Fate] | None = None,
    evidence: Mapping[str, str] | None = None,
) -> Normalised:
    """The history as the API accepts it, followed by a prompt or as the start of a reply.

    `fates` says of calls without a result whether they had started, `evidence` what can be seen of
    their effects; their results say so.
    """
    work = _Work(fates or {}, evidence=evidence or {})
    drafts = work.run([_Draft(turn.role, turn.blocks, i) for i, turn in enumerate(turns)])
    if drafts and drafts[0].role == "assistant":
        note = blocks.text("[The beginning of this conversation is missing.]")
        drafts.insert(0, _Draft("user", [note], 0))
        work.note("turn-added", 0, "The history began with a reply, so a user message was added.")
    work.bound_media(drafts)
    return Normalised([_turn(draft, turns) for draft in drafts], work.in_order())


def normalise_tail(
    turns: Sequence[Turn], known: int, *, fates: Mapping[str, Fate] | None = None
) -> Tail:
    """The same for a history whose first `known` turns are the outcome of an earlier call.

    Costs what is new, except when the new part has images and the history too many of them.
    """
    keep = _safe_start(turns, known)
    if keep == 0:
        whole = normalise(turns, fates=fates)
        return Tail(0, whole.turns, whole.repairs, _changed(whole.turns, turns))
    work = _Work(fates or {}, taken=_taken(turns, keep))
    drafts = work.run(
        [_Draft(turn.role, turn.blocks, keep + i) for i, turn in enumerate(turns[keep:])]
    )
    if not drafts or drafts[0].role == turns[keep - 1].role:
        return normalise_tail(turns, keep - 1, fates=fates)
    if any(has_media(block) for draft in drafts for block in draft.blocks):
        earlier = [_Draft(turn.role, turn.blocks, i) for i, turn in enumerate(turns[:keep])]
        if work.bound_media([*earlier, *drafts]):
            keep, drafts = 0, [*earlier, *drafts]
    tail = [_turn(draft, turns) for draft in drafts]
    return Tail(keep, tail, work.in_order(), _changed(tail, turns[keep:]))


def may_think(turns: Sequence[Turn]) -> bool:
    """Whether a request may turn on thinking with a budget.

    It may not while calls are answered that a reply without thinking has made. Adaptive thinking is
    always possible.
    """
    opening = None
    for i in range(len(turns) - 1, 0, -2):
        if turns[i].role != "user" or turns[i].blocks[0].type != "tool_result":
            break
        opening = turns[i - 1]
    return opening is None or opening.blocks[0].type in THINKING


class _Draft(msgspec.Struct):
    """A turn in the making. Its blocks may be those of the given turn: they are replaced, not changed."""

    role: Role
    blocks: list[Block]
    where: int


class _Work:
    """The steps, in order, and the notes they take."""

    def __init__(
        self,
        fates: Mapping[str, Fate],
        taken: set[str] | None = None,
        evidence: Mapping[str, str] | None = None,
    ) -> None:
        self.fates = fates
        self.evidence = evidence or {}
        self.taken = taken if taken is not None else set()
        self.repairs: list[Repair] = []
        self.strays: dict[str | None, Block] = {}
        self.unasked: list[tuple[Block, int]] = []
        self.moved: set[int] = set()

    def note(self, kind: Kind, where: int, text: str, block: Block | None = None) -> None:
        self.repairs.append(Repair(kind, where, text, block))

    def in_order(self) -> list[Repair]:
        """The repairs, in the order of the history."""
        return sorted(self.repairs, key=lambda repair: repair.where)

    def run(self, drafts: list[_Draft]) -> list[_Draft]:
        for draft in drafts:
            self.sift(draft)
        drafts = _merged(drafts)
        for draft in drafts:
            if draft.role == "assistant":
                paused = draft is drafts[-1] and all(b.type != "tool_use" for b in draft.blocks)
                self.close_server_calls(draft, paused=paused)
                self.end_with_speech(draft)
        drafts = _merged(drafts)
        return _merged(self.pair(drafts))

    def sift(self, draft: _Draft) -> None:
        """Each block on its own; a run of thinking stays whole or goes."""
        if all(is_fine(block, draft.role) for block in draft.blocks):
            return
        # The judge costs more to load than all checks of a first request, and most never need it.
        from hames.sessions.mend import mended

        sifted = [mended(block, draft.role) for block in draft.blocks]
        if all(new is old for new, old in zip(sifted, draft.blocks, strict=True)):
            return
        kept: list[Block] = []
        broken = _broken_runs(draft.blocks, sifted)
        for i, (old, new) in enumerate(zip(draft.blocks, sifted, strict=True)):
            if i in broken:
                self.note(
                    "thinking-dropped",
                    draft.where,
                    "Thinking without a valid signature was left out.",
                )
            elif isinstance(new, Left):
                self.note(
                    "block-dropped",
                    draft.where,
                    f"A `{old.type}` block was left out: {new.reason.rstrip('.')}.",
                )
            else:
                kept.append(new)
                if new is not old:
                    self.note(
                        "block-changed", draft.where, f"A `{old.type}` block was made acceptable."
                    )
        draft.blocks = kept

    def close_server_calls(self, draft: _Draft, *, paused: bool) -> None:
        """Calls of the server's tools and their results, both or neither. A paused call may be open."""
        if not any(b.type in SERVER_CALLS or _is_server_result(b) for b in draft.blocks):
            return
        result_at = {b.id: i for i, b in enumerate(draft.blocks) if _is_server_result(b)}
        begun: set[str | None] = set()
        kept: list[Block] = []
        for i, block in enumerate(draft.blocks):
            if block.type in SERVER_CALLS:
                fit = block.id is not None and _is_call_id(block.id) and block.id not in self.taken
                if fit and (paused or result_at.get(block.id, -1) > i):
                    self.taken.add(block.id or "")
                    begun.add(block.id)
                else:
                    self.drop(block, draft, "it has no result" if fit else "its id is not valid")
                    continue
            elif _is_server_result(block):
                if block.id not in begun:
                    self.drop(block, draft, "it has no call")
                    continue
                begun.discard(block.id)
            kept.append(block)
        if len(kept) < len(draft.blocks):
            draft.blocks = kept

    def drop(self, block: Block, draft: _Draft, why: str) -> None:
        self.note(
            "block-dropped",
            draft.where,
            f"The `{block.type}` block `{block.id}` was left out: {why}.",
        )

    def end_with_speech(self, draft: _Draft) -> None:
        """Thinking that nothing follows is left out."""
        end = len(draft.blocks)
        while end and draft.blocks[end - 1].type in THINKING:
            end -= 1
        if end < len(draft.blocks):
            draft.blocks = draft.blocks[:end]
            self.note("thinking-dropped", draft.where, "Thinking that led to nothing was left out.")

    def pair(self, drafts: list[_Draft]) -> list[_Draft]:
        """Calls and results: each call answered once, in the message after it, in the order of calls."""
        paired: list[_Draft] = []
        calls: list[tuple[str, str]] = []
        self.strays = _strays(drafts)
        for i, draft in enumerate(drafts):
            if draft.role == "assistant":
                calls = self.calls(draft)
                paired.append(draft)
                if calls and i + 1 == len(drafts):
                    paired.append(answers := _Draft("user", [], draft.where))
                    self.answer(calls, answers)
                continue
            if not _answered_in_order(calls, draft):
                self.answer(calls, draft)
            paired.append(draft)
            calls = []
        for block, where in self.unasked:
            if id(block) not in self.moved:
                text = f"A result of `{block.id}` was left out: no call waits for it."
                self.note("result-dropped", where, text)
        return paired

    def calls(self, draft: _Draft) -> list[tuple[str, str]]:
        """The calls of a reply: the id as it was, and a valid one that no other call has."""
        ids: list[tuple[str, str]] = []
        for i, block in enumerate(draft.blocks):
            if block.type != "tool_use":
                continue
            old = block.id or ""
            new = self.free_id(old)
            ids.append((old, new))
            if new != old:
                draft.blocks = [
                    *draft.blocks[:i],
                    replaced(block, "id", new),
                    *draft.blocks[i + 1 :],
                ]
                self.note("call-renamed", draft.where, f"The call `{old}` is now called `{new}`.")
        return ids

    def free_id(self, id: str) -> str:
        name = _valid(id)
        found, n = name, 1
        while found in self.taken:
            n += 1
            found = f"{name}-{n}"
        self.taken.add(found)
        return found

    def answer(self, calls: list[tuple[str, str]], draft: _Draft) -> None:
        """Make the results of a user message the answers of these calls."""
        given = [block for block in draft.blocks if block.type == "tool_result"]
        results = [self.result_of(old, new, given, draft.where) for old, new in calls]
        self.unasked += [(block, draft.where) for block in given]
        draft.blocks = results + [block for block in draft.blocks if block.type != "tool_result"]

    def result_of(self, old: str, new: str, given: list[Block], where: int) -> Block:
        """The result of one call: the next one given, one that stands elsewhere, or a new one."""
        place = next((i for i, block in enumerate(given) if block.id == old), None)
        if place is not None:
            result = given.pop(place)
        elif (stray := self.strays.pop(old, None)) is not None:
            result = stray
            self.moved.add(id(stray))
            self.note("result-moved", where, f"The result of `{old}` stood in another place.")
        else:
            said = [_TEXT_OF[self.fates.get(old)], *filter(None, [self.evidence.get(old)])]
            result = blocks.tool_result(new, " ".join(said), is_error=True)
            self.note("result-added", where, f"The call `{old}` had no result.", result)
        return result if result.id == new else replaced(result, "tool_use_id", new)

    def bound_media(self, drafts: list[_Draft]) -> bool:
        """Leave out the oldest images and documents where there are too many; whether any were."""
        if not any(has_media(block) for draft in drafts for block in draft.blocks):
            return False
        from hames.sessions.media_bounds import surplus, without

        gone = surplus([draft.blocks for draft in drafts])
        for i, j in dict.fromkeys((place.message, place.block) for place in gone):
            draft = drafts[i]
            places = [place for place in gone if (place.message, place.block) == (i, j)]
            note = without(draft.blocks[j], places)
            draft.blocks = [*draft.blocks[:j], note, *draft.blocks[j + 1 :]]
            text = f"{len(places)} image(s) or document(s) were left out: there were too many."
            self.note("media-dropped", draft.where, text)
        return bool(gone)


def _turn(draft: _Draft, turns: Sequence[Turn]) -> Turn:
    """The turn it came from when nothing was changed."""
    if draft.where < len(turns) and turns[draft.where].blocks is draft.blocks:
        return turns[draft.where]
    return Turn(draft.role, draft.blocks)


def _changed(turns: Sequence[Turn], given: Sequence[Turn]) -> bool:
    return len(turns) != len(given) or any(a is not b for a, b in zip(turns, given, strict=True))


def _merged(drafts: Sequence[_Draft]) -> list[_Draft]:
    """Neighbours of one role as one, without those that say nothing."""
    merged: list[_Draft] = []
    for draft in drafts:
        if not draft.blocks:
            continue
        if merged and merged[-1].role == draft.role:
            merged[-1].blocks = merged[-1].blocks + draft.blocks
        else:
            merged.append(draft)
    return merged


def _broken_runs(old: Sequence[Block], sifted: Sequence[Block | Left]) -> set[int]:
    """The indexes of all thinking that stands in one run with thinking that cannot be sent."""
    broken: set[int] = set()
    run: list[int] = []
    for i in range(len(old) + 1):
        if i < len(old) and old[i].type in THINKING:
            run.append(i)
            continue
        if any(isinstance(sifted[j], Left) for j in run):
            broken.update(run)
        run = []
    return broken


def _is_server_result(block: Block) -> bool:
    return block.type.endswith("_tool_result")


def _answered_in_order(calls: list[tuple[str, str]], draft: _Draft) -> bool:
    """Whether the message begins with exactly the results of these calls."""
    results = [block.id for block in draft.blocks if block.type == "tool_result"]
    return results == [new for _, new in calls] and all(
        block.type == "tool_result" for block in draft.blocks[: len(results)]
    )


def _strays(drafts: Sequence[_Draft]) -> dict[str | None, Block]:
    """By call id the results that do not stand in the message after their call."""
    strays: dict[str | None, Block] = {}
    before: set[str | None] = set()
    for draft in drafts:
        if draft.role == "assistant":
            before = {block.id for block in draft.blocks if block.type == "tool_use"}
            continue
        for block in draft.blocks:
            if block.type == "tool_result" and block.id not in before:
                strays.setdefault(block.id, block)
        before = set()
    return strays


def _safe_start(turns: Sequence[Turn], known: int) -> int:
    """The last place up to `known` where the history can be cut: before a reply, or before a prompt."""
    for i in range(min(known, len(turns) - 1), 0, -1):
        if turns[i - 1].role == turns[i].role:
            continue
        if turns[i].role == "assistant" or not _has_calls(turns[i - 1]):
            return i
    return 0


def _has_calls(turn: Turn) -> bool:
    return any(block.type == "tool_use" for block in turn.blocks)


def _taken(turns: Sequence[Turn], keep: int) -> set[str]:
    """The ids of the calls before `keep`, unless none of the new calls has one of them.

    What is known is in order, so every second turn is a reply. This is the only step that looks at
    all of it.
    """
    new = {_valid(id) for turn in turns[keep:] for id in _call_ids(turn)}
    if all(id.startswith("toolu_") and len(id) >= _LONG_ID for id in new):
        return set()
    replies = turns[1:keep:2]
    for turn in replies:
        for block in turn.blocks:
            if block.id in new:
                return {id for reply in replies for id in _call_ids(reply)}
    return set()


def _call_ids(turn: Turn) -> list[str]:
    return [
        block.id
        for block in turn.blocks
        if block.id is not None and (block.type == "tool_use" or block.type in SERVER_CALLS)
    ]


def _valid(id: str) -> str:
    return id if _is_call_id(id) else re.sub(r"[^a-zA-Z0-9_-]", "_", id) or "call"
