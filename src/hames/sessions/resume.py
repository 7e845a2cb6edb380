"""The way back: from stored lines to the conversation that is continued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hames import _json, blocks
from hames.blocks import Block, Turn
from hames.errors import OptionsError, SessionError, SessionExists, SessionNotFound
from hames.sessions import chain, dropping, listing, transcript
from hames.sessions.chain import Chain
from hames.sessions.names import is_session_id, project_key
from hames.sessions.normalise import Fate
from hames.sessions.store import Key, Store
from hames.sessions.transcript import Entry

KEPT = ("custom-title", "ai-title", "tag", "last-prompt")
"""State lines that listings look for at the end of a transcript."""

_OWN_CONTEXT = frozenset(
    {
        "agent_listing_delta",
        "budget_usd",
        "date",
        "deferred_tools_delta",
        "environment",
        "model",
        "prompt_snapshot",
        "remote_session_change",
        "session_context",
        "skill_listing",
        "total_tokens_reminder",
    }
)
"""Attachments in which the official harness describes itself; we describe ourselves."""


class StoredCall(msgspec.Struct, frozen=True):
    """A tool call of a stored session."""

    id: str
    name: str
    use: Block
    result: Block | None = None
    """None when it has no result."""
    structured: msgspec.Raw = msgspec.Raw(b"")

    @property
    def input(self) -> Any:
        """The arguments, as parsed JSON."""
        return self.use.value().get("input")

    @property
    def data(self) -> Any:
        """The structured result (`toolUseResult`) that was stored with it."""
        return _json.decode(bytes(self.structured)) if bytes(self.structured) else None

    @property
    def is_error(self) -> bool:
        """Whether its result says that it failed."""
        return self.result is not None and self.result.value().get("is_error") is True


class Loaded(msgspec.Struct):
    """A stored session, ready to be continued."""

    key: Key
    turns: list[Turn]
    """The conversation as stored, not yet normalised."""
    leaf: str | None
    """uuid of the last line of the active chain; the parent of the next one."""
    lines: list[Entry] = []
    """The lines of the active chain."""
    positions: dict[str, int] = {}
    """For the uuid of each user and assistant line of the active chain: the index of its turn."""
    calls: list[StoredCall] = []
    """All tool calls in order, those that were compacted away included."""
    fates: dict[str, Fate] = {}
    """What is known of the calls without a result; see `normalise`."""
    deferred: dict[str, dict[str, Any]] = {}
    """For each call without a result that was put off: the input that would run."""
    callers: dict[str, str] = {}
    """For each call without a result: the uuid of its assistant line."""
    cost: dict[str, Any] | None = None
    """The last `cost-state`."""
    title: str | None = None
    permission_mode: str | None = None
    cwd: str | None = None
    """Where the session worked last."""
    kept: dict[str, bytes] = {}
    """The last line of each type in `KEPT`."""
    repaired: list[bytes] = []
    """The lines that say what is sent instead of refused content; see `refused`."""
    checkpoints: list[bytes] = []
    """The lines about file checkpoints; see `checkpoints.history`."""
    warnings: list[str] = []
    """Sentences for a person: damaged lines, lines whose parent is missing."""


async def load(
    store: Store, key: Key, *, at: str | None = None, drops: str | None = None
) -> Loaded:
    """The session as it can be continued, from the line `at` or its end.

    Raises SessionNotFound, and SessionError when `at` is not on the active chain, or when more than
    the turn of the prompt `drops` stands behind it.
    """
    lines = await _lines(store, key)
    entries, damaged = transcript.decode_all(lines)
    active = _active(entries, at, drops)
    turns, positions = _turns(active.entries)
    open_calls = _open_calls(active.entries)
    where = store.path(key) or key.session_id
    loaded = Loaded(
        key,
        turns,
        lines=active.entries,
        leaf=active.entries[-1].uuid if active.entries else None,
        positions=positions,
        calls=_calls(chain.history(entries, active)),
        fates=_fates(entries, open_calls),
        deferred=_put_off(entries, open_calls),
        callers={id: entry.uuid for id, entry in open_calls.items() if entry.uuid},
        warnings=_warnings(where, damaged, len(lines), active) + _unread(where, entries, active),
    )
    _take_state(loaded, entries)
    _take_place(loaded, active.entries)
    return loaded


async def active_chain(
    store: Store, key: Key, *, at: str | None, drops: str | None = None
) -> tuple[list[Entry], Chain]:
    """All lines of a session, and those of the conversation that `load` would continue."""
    entries, _ = transcript.decode_all(await _lines(store, key))
    return entries, _active(entries, at, drops)


async def find(store: Store, *, cwd: str, id_or_title: str) -> Key:
    """The session of this id, in whatever project, or of exactly this title.

    Where several fit, one of the project of `cwd`, then the newest. Raises SessionNotFound.
    """
    project = project_key(cwd)
    if is_session_id(id_or_title):
        keys = await store.find(id_or_title) or await store.find(id_or_title.lower())
        keys.sort(key=lambda key: key.project != project)
        if keys:
            return keys[0]
        raise SessionNotFound(f"No conversation found with session ID: {id_or_title}")
    for place in (project, None):
        for stored in await store.list(place):
            if listing.custom_title(stored) == id_or_title:
                return stored.key
    raise SessionNotFound(
        f"No conversation found with session ID: {id_or_title}. It is no UUID, and no session has "
        "exactly this title."
    )


async def newest(store: Store, cwd: str) -> Key | None:
    """The session of this working directory that was used last."""
    for stored in await store.list(project_key(cwd)):
        if listing.info(stored) is not None:
            return stored.key
    return None


async def check_new_id(store: Store, session_id: str) -> None:
    """Raises OptionsError when it is no UUID, SessionExists when a session has it already."""
    if not is_session_id(session_id):
        raise OptionsError(f"`{session_id}` is no session id: it has to be a UUID.")
    if await store.find(session_id):
        raise SessionExists(
            f"Session ID {session_id} is already in use. Resume that session, or choose another id."
        )


async def _lines(store: Store, key: Key) -> list[bytes]:
    lines = await store.load(key)
    if not lines:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    return lines


def _active(entries: list[Entry], at: str | None, drops: str | None) -> Chain:
    active = chain.newest(entries, mend=True)
    if at is None:
        return active
    for i, entry in enumerate(active.entries):
        if entry.uuid == at:
            if drops is not None:
                dropping.check(active.entries, at, drops)
            return Chain(active.entries[: i + 1], active.gaps, active.by_time)
    raise SessionError(f"No message found with message.uuid of: {at}")


def _turns(entries: Iterable[Entry]) -> tuple[list[Turn], dict[str, int]]:
    """The lines as turns: those of one response are one, and so are results that follow each other."""
    turns: list[Turn] = []
    positions: dict[str, int] = {}
    last: Entry | None = None
    for entry in entries:
        if entry.type == "attachment":
            found = attached(entry)
        elif entry.type in ("user", "assistant") and not entry.isApiErrorMessage:
            found = entry.blocks
        else:
            continue
        if not found:
            continue
        if last is not None and _together(last, entry):
            turns[-1].blocks += found
        else:
            role: blocks.Role = "assistant" if entry.type == "assistant" else "user"
            turns.append(Turn(role, list(found)))
        last = entry
        if entry.uuid is not None and entry.type != "attachment":
            positions[entry.uuid] = len(turns) - 1
    return turns, positions


def _together(before: Entry, entry: Entry) -> bool:
    """Whether two neighbouring lines were parts of one message."""
    if "assistant" in (before.type, entry.type):
        return before.type == entry.type and before.message.id == entry.message.id is not None
    return entry.type == "attachment" or all(
        line.type == "user" and line.blocks[0].type == "tool_result" for line in (before, entry)
    )


class _Rendered(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw(b"[]")


_rendered = msgspec.json.Decoder(list[_Rendered])
_attachments = msgspec.json.Decoder(dict[str, Any])


def attached(entry: Entry) -> list[Block]:
    """What the model was given with an attachment of an official transcript."""
    try:
        if str(_attachments.decode(entry.attachment).get("type")) in _OWN_CONTEXT:
            return []
        rendered = _rendered.decode(entry.rendered)
    except _json.DecodeError:
        return []
    return [block for item in rendered for block in transcript.content_blocks(item.content)]


def _open_calls(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The calls of the active chain that have no result, and the lines that made them."""
    calls: dict[str, Entry] = {}
    answered: set[str | None] = set()
    for entry in entries:
        for block in entry.blocks:
            if block.type == "tool_use" and block.id is not None and entry.type == "assistant":
                calls[block.id] = entry
            elif block.type == "tool_result":
                answered.add(block.id)
    return {id: entry for id, entry in calls.items() if id not in answered}


def _fates(entries: Iterable[Entry], open_calls: dict[str, Entry]) -> dict[str, Fate]:
    """What our marks tell of calls without a result. Others leave no marks."""
    started = {entry.toolUseId for entry in entries if entry.type == transcript.CALL_MARK}
    fates: dict[str, Fate] = {}
    for id, entry in open_calls.items():
        if id in started:
            fates[id] = "started"
        elif entry.hamesVersion is not None:
            fates[id] = "not started"
    return fates


def _put_off(entries: Iterable[Entry], open_calls: dict[str, Entry]) -> dict[str, dict[str, Any]]:
    """The calls that wait. Their marks may hang from a line beside the active chain."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries if open_calls else ():
        if entry.type != "attachment" or transcript.PUT_OFF.encode() not in entry.raw:
            continue
        match _attachments.decode(entry.attachment):
            case {
                "type": transcript.PUT_OFF,
                "toolUseID": str() as id,
                "toolInput": dict() as input,
            }:
                if id in open_calls:
                    found[id] = input
    return found


def _calls(entries: Sequence[Entry]) -> list[StoredCall]:
    results: dict[str | None, tuple[Block, msgspec.Raw]] = {}
    for entry in entries:
        if entry.type == "user":
            for block in entry.blocks:
                if block.type == "tool_result":
                    results.setdefault(block.id, (block, entry.toolUseResult))
    calls = []
    for entry in entries:
        if entry.type == "assistant":
            for block in entry.blocks:
                if block.type == "tool_use" and block.id is not None:
                    calls.append(
                        StoredCall(block.id, _name(block), block, *results.get(block.id, ()))
                    )
    return calls


class _Use(msgspec.Struct):
    name: str = ""


_uses = msgspec.json.Decoder(_Use)


def _name(use: Block) -> str:
    """The name of the tool that is called; empty where there is none."""
    try:
        return _uses.decode(use.raw).name
    except _json.DecodeError:
        return ""


def _warnings(where: str, damaged: list[int], last: int, active: Chain) -> list[str]:
    found = []
    if active.by_time:
        found.append(f"The lines of `{where}` are out of order; they were taken by their times.")
    if damaged and damaged[-1] == last:
        damaged = damaged[:-1]
        found.append(f"The last line of `{where}` was cut off; it was left out.")
    if damaged:
        numbers = ", ".join(map(str, damaged[:10])) + (" …" if len(damaged) > 10 else "")
        found.append(f"Damaged lines of `{where}`, or parts of them, were left out: {numbers}.")
    if gaps := active.gaps:
        found.append(
            f"In `{where}` the parent of {len(gaps)} line(s) is missing, first of `{gaps[-1].uuid}`. "
            "They were taken to follow the line before them."
        )
    return found


def _unread(where: str, entries: Sequence[Entry], active: Chain) -> list[str]:
    """Messages that could not be taken up, though their lines can be read."""
    lines: dict[str, bytes] = {}
    repeated, nameless = [], 0
    for entry in entries:
        if entry.uuid is None:
            nameless += entry.type in ("user", "assistant")
        elif lines.setdefault(entry.uuid, entry.raw) != entry.raw:
            repeated.append(entry.uuid)
    found = []
    if repeated:
        found.append(
            f"In `{where}` {len(repeated)} line(s) have the uuid of another one, first "
            f"`{repeated[0]}`. The last one of each was taken."
        )
    if nameless:
        found.append(f"In `{where}` {nameless} message(s) have no uuid; they were left out.")
    if gone := chain.kept_and_missing(active.entries, entries):
        found.append(f"In `{where}` {len(gone)} line(s) that a compaction kept are missing.")
    if odd := sum(entry.is_odd for entry in active.entries):
        found.append(f"In `{where}` the content of {odd} message(s), or a part, cannot be read.")
    return found


def _take_state(loaded: Loaded, entries: Iterable[Entry]) -> None:
    generated = None
    for entry in entries:
        if entry.type in KEPT:
            loaded.kept[entry.type] = entry.raw
            loaded.title = entry.customTitle or loaded.title
            generated = entry.aiTitle or generated
        elif entry.type == transcript.REPAIR:
            loaded.repaired.append(entry.raw)
        elif entry.type in transcript.CHECKPOINTS:
            loaded.checkpoints.append(entry.raw)
        elif entry.type == "cost-state":
            loaded.cost = _json.decode(entry.raw)
    loaded.title = loaded.title or generated


def _take_place(loaded: Loaded, entries: Iterable[Entry]) -> None:
    for entry in entries:
        loaded.cwd = entry.cwd or loaded.cwd
        loaded.permission_mode = entry.permissionMode or loaded.permission_mode
