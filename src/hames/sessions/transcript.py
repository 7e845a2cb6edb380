"""The codec of transcripts: official JSONL lines, made as joins of bytes and read without copying.

A content block stands in its line byte for byte, so a resumed session sends what the first one sent.
What readers look for at the start of a file (`cwd`, `timestamp`) comes before the message, what they
look for at the end (`gitBranch`) after it, so that a huge message hides neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hames import _json, blocks
from hames._version import COMPATIBLE_VERSION, __version__
from hames.blocks import Block

CHAIN_TYPES = frozenset({"user", "assistant", "system", "attachment", "progress"})
"""Lines with `uuid` and `parentUuid`; all others belong to the session as a whole."""

CALL_MARK = "hames-call"
"""Our own line, written before a tool call starts. Official readers skip it."""

PUT_OFF = "hook_deferred_tool"
"""The official attachment about a call that waits; readers of 2.1.330 go on with the last one."""

REPAIR = "hames-repair"
"""Our own line, about content that the API has refused; see `refused`. Official readers skip it."""

CHECKPOINTS = frozenset({"hames-checkpoint", "file-history-snapshot", "file-history-delta"})
"""Lines about file checkpoints; the first is our own. See `checkpoints.history`."""

AGENT_METADATA = b'{"type":"agent_metadata"'
"""How the line begins that describes a subagent; not part of a transcript file."""

END = 64 * 1024
"""How many bytes of a file's beginning and end listings read."""


class Origin(msgspec.Struct, frozen=True):
    """What all lines of a session have in common, encoded once."""

    session_id: str
    cwd: str
    git_branch: str
    entrypoint: str
    agent_id: str | None = None
    """Set in a subagent's transcript."""

    def head(self) -> bytes:
        """The fields that stand before the message."""
        fields: dict[str, Any] = {"isSidechain": self.agent_id is not None}
        if self.agent_id is not None:
            fields["agentId"] = self.agent_id
        fields |= {
            "userType": "external",
            "entrypoint": self.entrypoint,
            "cwd": self.cwd,
            "sessionId": self.session_id,
            "version": COMPATIBLE_VERSION,
        }
        return _json.encode(fields)[1:-1]

    def tail(self) -> bytes:
        """The fields that stand at the end."""
        return b'"gitBranch":%b' % _json.encode(self.git_branch)


class Writer:
    """Makes the lines of one origin."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._head = origin.head()
        self._tail = origin.tail()

    def user(
        self,
        blocks: Sequence[Block],
        *,
        uuid: str,
        parent: str | None,
        timestamp: str,
        extra: bytes = b"",
    ) -> bytes:
        """A user line. `extra` is further fields as made by `fields`."""
        message = b'{"role":"user","content":[%b]}' % b",".join([b.raw for b in blocks])
        return self._chain(b'"user"', uuid, parent, timestamp, b',"message":%b' % message + extra)

    def assistant(
        self,
        block: Block,
        *,
        uuid: str,
        parent: str | None,
        timestamp: str,
        reply: bytes,
        extra: bytes = b"",
    ) -> bytes:
        """The line of one block. `reply` is what `reply` made for the whole response."""
        body = b',"message":{%b,"content":[%b]}%b' % (reply, block.raw, extra)
        return self._chain(b'"assistant"', uuid, parent, timestamp, body)

    def reply(
        self,
        *,
        message_id: str,
        model: str,
        usage: dict[str, Any],
        stop_reason: str | None,
        stop_sequence: str | None,
    ) -> bytes:
        """What the lines of one response have in common: its message without content."""
        return _json.encode(
            {
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "model": model,
                "stop_reason": stop_reason,
                "stop_sequence": stop_sequence,
                "usage": usage,
            }
        )[1:-1]

    def system(
        self, subtype: str, *, uuid: str, parent: str | None, timestamp: str, extra: bytes
    ) -> bytes:
        """A system line."""
        body = b',"subtype":%b%b' % (_json.encode(subtype), extra)
        return self._chain(b'"system"', uuid, parent, timestamp, body)

    def attachment(
        self, value: dict[str, Any], *, uuid: str, parent: str | None, timestamp: str
    ) -> bytes:
        """A line about the conversation that is not said in it."""
        body = fields({"attachment": value})
        return self._chain(b'"attachment"', uuid, parent, timestamp, body)

    def state(self, type: str, extra: bytes) -> bytes:
        """A line without uuid."""
        return state_line(type, self.origin.session_id, extra)

    def _chain(
        self, type: bytes, uuid: str, parent: str | None, timestamp: str, body: bytes
    ) -> bytes:
        return b'{"parentUuid":%b,%b,"type":%b,"uuid":%b,"timestamp":"%b"%b,%b}' % (
            _json.encode(parent),
            self._head,
            type,
            _json.encode(uuid),
            timestamp.encode(),
            body,
            self._tail,
        )


def state_line(type: str, session_id: str, extra: bytes) -> bytes:
    """A line that belongs to the session as a whole.

    Its type comes first: readers look for `{"type":"tag"` at the start of a line.
    """
    return b'{"type":%b%b,"sessionId":%b}' % (_json.encode(type), extra, _json.encode(session_id))


def fields(values: dict[str, Any]) -> bytes:
    """Further fields of a line, each with a comma before it."""
    return b",%b" % _json.encode(values)[1:-1] if values else b""


WRITTEN_BY_HAMES = fields({"hamesVersion": __version__})
"""On our assistant lines: calls made there have a mark if they were started."""


class Message(msgspec.Struct, frozen=True):
    """The `message` of a line; its content is decoded only where it is needed."""

    content: msgspec.Raw = msgspec.Raw(b"[]")
    id: str | None = None
    model: str | None = None


_NOTHING = msgspec.Raw(b"")
_EMPTY = Message()


class Preserved(msgspec.Struct, frozen=True):
    """Lines that a compaction kept: they follow the line `anchorUuid`, in this order."""

    anchorUuid: str = ""
    uuids: list[str] = []


class Segment(msgspec.Struct, frozen=True):
    """The same in older files: the lines from head to tail."""

    headUuid: str = ""
    anchorUuid: str = ""
    tailUuid: str = ""


class Compacted(msgspec.Struct, frozen=True):
    """The part of `compactMetadata` that says how the conversation goes on."""

    preservedMessages: Preserved | None = None
    preservedSegment: Segment | None = None


NO_PARENT = ""
"""Like the uuid of a line that is missing."""


class Entry(msgspec.Struct):
    """A line as read. Fields that are missing or of another type than ours are None, False or empty."""

    type: str = ""
    uuid: str | None = None
    parentUuid: str | None = NO_PARENT
    """None for the first line of a tree, `NO_PARENT` where the line does not say."""
    logicalParentUuid: str | None = None
    message: Message = _EMPTY
    subtype: str | None = None
    sessionId: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    agentId: str | None = None
    teamName: str | None = None
    isSidechain: bool = False
    isMeta: bool = False
    isCompactSummary: bool = False
    isApiErrorMessage: bool = False
    toolUseResult: msgspec.Raw = _NOTHING
    sourceToolAssistantUUID: str | None = None
    permissionMode: str | None = None
    compactMetadata: Compacted | None = None
    attachment: msgspec.Raw = _NOTHING
    rendered: msgspec.Raw = _NOTHING
    hamesVersion: str | None = None
    toolUseId: str | None = None
    customTitle: str | None = None
    aiTitle: str | None = None
    tag: str | None = None
    lastPrompt: str | None = None
    raw: bytes = msgspec.field(default=b"", name=" line")
    """The line itself; not a field of it."""
    parsed: list[Block] | None = msgspec.field(default=None, name=" blocks")
    odd: bool = msgspec.field(default=False, name=" odd")

    @property
    def blocks(self) -> list[Block]:
        """The content of its message, bytes kept; items that are no blocks are left out."""
        if self.parsed is None:
            self.parsed, self.odd = _read_content(self.message.content)
        return self.parsed

    @property
    def is_odd(self) -> bool:
        """Whether something in its content is no block."""
        self.blocks  # noqa: B018  # looks at the content, once
        return self.odd

    @property
    def in_chain(self) -> bool:
        """Whether it is part of the conversation's tree."""
        return self.uuid is not None and self.type in CHAIN_TYPES


_STARTS = re.compile(rb'\{"(?:parentUuid|type|uuid|isSidechain|sessionId)":')
"""How lines begin."""

_UNREADABLE = (msgspec.DecodeError, RecursionError)
"""What a line may raise; the second when it is nested a thousand times."""

_entries = msgspec.json.Decoder(Entry)
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


def decode(line: bytes) -> Entry | None:
    """The entry of a line; None when the line is not a JSON object."""
    if not line.isascii():
        # Strings that nobody asks for are not looked into, so broken UTF-8 would reach the API.
        line = line.decode(errors="replace").encode()
    try:
        entry = _entries.decode(line)
    except _UNREADABLE:
        return _decode_loosely(line)
    entry.raw = line
    return entry


def _decode_loosely(line: bytes) -> Entry | None:
    """The entry of a line with fields of other types than ours, or with half a character."""
    try:
        raws = _objects.decode(line)
    except _UNREADABLE:
        whole = _whole_characters(line)
        return None if whole is None else decode(whole)
    entry = Entry(raw=line)
    for field in msgspec.structs.fields(Entry):
        if field.encode_name in raws:
            try:
                value = msgspec.json.decode(raws[field.encode_name], type=field.type)
            except (msgspec.ValidationError, RecursionError):
                continue
            setattr(entry, field.name, value)
    if entry.message is _EMPTY and "message" in raws:
        entry.message = _message_loosely(raws["message"])
    return entry


def _message_loosely(raw: msgspec.Raw) -> Message:
    try:
        content = _objects.decode(raw).get("content")
    except _UNREADABLE:
        return Message(msgspec.Raw(b"null"))
    return Message() if content is None else Message(content)


def _whole_characters(line: bytes) -> bytes | None:
    """The line with lone surrogates replaced, which JavaScript may write as escapes; or None."""
    if b"\\ud" not in line and b"\\uD" not in line:
        return None
    import json

    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = _json.encode(value) if isinstance(value, dict) else None
    return whole if whole != line else None


def content_blocks(content: msgspec.Raw) -> list[Block]:
    """The blocks of a content as it stands in a line; items that are no blocks are left out."""
    return _read_content(content)[0]


def _read_content(content: msgspec.Raw) -> tuple[list[Block], bool]:
    """The blocks, and whether something else was left out."""
    try:
        return blocks.from_raw_content(bytes(content)), False
    except _UNREADABLE:
        pass
    try:
        items = _items.decode(content)
    except _UNREADABLE:
        return [], True
    found = []
    for item in items:
        try:
            found.append(blocks.from_raw(bytes(item)))
        except _UNREADABLE:
            continue
    return found, True


def decode_all(lines: Iterable[bytes]) -> tuple[list[Entry], list[int]]:
    """All entries, and the numbers (from 1) of lines that are damaged. Blank lines are neither."""
    entries: list[Entry] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, 1):
        entry = decode(line)
        if entry is not None:
            entries.append(entry)
        elif line.strip():
            rescued, is_all = _rescued(line)
            entries += rescued
            if not is_all:
                damaged.append(number)
    return entries, damaged


def _rescued(line: bytes) -> tuple[list[Entry], bool]:
    """The whole entries in a line that is not one, and whether nothing else is in it.

    An editor leaves a byte order mark, a power failure zero bytes, and a program that appends without
    looking what was there puts its line behind half of another.
    """
    line = line.strip().removeprefix(b"\xef\xbb\xbf")
    present = line.strip(b"\0")
    if not present:
        return [], False
    if (entry := decode(present)) is not None:
        return [entry], present == line
    for start in _STARTS.finditer(line, 1):
        entry = decode(line[start.start() :])
        if entry is not None and (entry.sessionId is not None or entry.in_chain):
            before, is_all = _rescued(line[: start.start()])
            return [*before, entry], is_all
    return [], False
