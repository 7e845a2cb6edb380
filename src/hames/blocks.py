"""Content blocks as bytes: encoded once, then only joined.

A `Block` is the exact JSON of one content block of the Messages API, with the two facts about it that
the harness asks for all the time (its type, the id it has or answers). Requests, transcripts and
stream lines are joins of these bytes; what the model wrote is sent back as it was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from hames import _json

Role = Literal["user", "assistant"]


class Block(msgspec.Struct, frozen=True):
    """One content block."""

    type: str
    raw: bytes
    """Its JSON, compact enough to stand in one line."""
    id: str | None = None
    """`id` of a tool use, `tool_use_id` of a tool result."""

    def value(self) -> dict[str, Any]:
        """The block as parsed JSON."""
        value: dict[str, Any] = _json.decode(self.raw)
        return value


class Turn(msgspec.Struct):
    """One message of a conversation: a role and its blocks."""

    role: Role
    blocks: list[Block]

    def encode(self) -> bytes:
        """The message as it stands in a request."""
        return b'{"role":"%b","content":[%b]}' % (
            self.role.encode(),
            b",".join([b.raw for b in self.blocks]),
        )


class _Head(msgspec.Struct):
    type: str
    id: str | None = None
    tool_use_id: str | None = None


_heads = msgspec.json.Decoder(_Head)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def from_raw(raw: bytes) -> Block:
    """The block of this JSON. Raises `_json.DecodeError` when it is not an object with a `type`."""
    head = _heads.decode(raw)
    return Block(head.type, one_line(raw), head.id or head.tool_use_id)


def from_value(value: dict[str, Any]) -> Block:
    """The block of this parsed JSON."""
    id = value.get("id") or value.get("tool_use_id")
    return Block(str(value["type"]), _json.encode(value), id)


def from_content(content: str | Sequence[dict[str, Any]]) -> list[Block]:
    """The blocks of a message's `content`, which may also be a plain string."""
    if isinstance(content, str):
        return [text(content)]
    return [from_value(value) for value in content]


def from_raw_content(raw: bytes) -> list[Block]:
    """The blocks of the JSON of a message's `content`, bytes kept."""
    if raw.lstrip()[:1] == b'"':
        return [text(_json.decode(raw))]
    return [from_raw(bytes(item)) for item in _raws.decode(raw)]


def text(text: str) -> Block:
    return Block("text", b'{"type":"text","text":%b}' % _json.encode(text))


def tool_use(id: str, name: str, input: bytes) -> Block:
    """A tool call whose input is kept as the model wrote it."""
    raw = b'{"type":"tool_use","id":%b,"name":%b,"input":%b}' % (
        _json.encode(id),
        _json.encode(name),
        one_line(input),
    )
    return Block("tool_use", raw, id)


def tool_result(
    tool_use_id: str, content: str | Sequence[dict[str, Any]], *, is_error: bool | None = None
) -> Block:
    value: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_use_id, "content": content}
    if is_error is not None:
        value["is_error"] = is_error
    return Block("tool_result", _json.encode(value), tool_use_id)


def one_line(raw: bytes) -> bytes:
    """The JSON without line breaks. Inside strings JSON has none, so blanks mean the same."""
    if b"\n" in raw or b"\r" in raw:
        return raw.replace(b"\n", b" ").replace(b"\r", b" ")
    return raw
