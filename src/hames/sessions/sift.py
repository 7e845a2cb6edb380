"""Recognises the content blocks that need no look: by typed decoding, without building their values.

All others take the slow road, `mend`, where `rules` judges.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from hames import _json, blocks
from hames.blocks import Block, Role

MEDIA = frozenset({"image", "document"})
THINKING = frozenset({"thinking", "redacted_thinking"})

is_tool_name = re.compile(r"[a-zA-Z0-9_-]{1,128}").fullmatch
"""Whether the API takes this name of a tool."""


class Left(msgspec.Struct, frozen=True):
    """A block cannot be sent, and why."""

    reason: str


def is_fine(block: Block, role: Role) -> bool:
    """Whether the block can certainly be sent as it is. What is not fine may still be acceptable."""
    check = _FINE.get((role, block.type))
    return check is not None and check(block.raw)


def has_media(block: Block) -> bool:
    """Whether it is an image or document, or a result that may hold one."""
    return block.type in MEDIA or (
        block.type == "tool_result"
        and (b'"type":"image"' in block.raw or b'"type":"document"' in block.raw)
    )


def replaced(block: Block, field: str, value: Any) -> Block:
    """The block with one field changed and all other bytes kept."""
    fields = _fields.decode(block.raw)
    fields[field] = msgspec.Raw(_json.encode(value))
    return blocks.from_raw(_json.encode(fields))


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    text: str
    citations: msgspec.Raw = msgspec.Raw(b"")


class _Use(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    id: str
    name: str
    input: msgspec.Raw
    caller: msgspec.Raw = msgspec.Raw(b"")


class _Result(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    tool_use_id: str
    content: msgspec.Raw = msgspec.Raw(b"")
    is_error: bool | None = None


class _Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    thinking: str
    signature: str


_texts = msgspec.json.Decoder(_Text)
_text_lists = msgspec.json.Decoder(list[_Text])
_uses = msgspec.json.Decoder(_Use)
_results = msgspec.json.Decoder(_Result)
_thoughts = msgspec.json.Decoder(_Thinking)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _fine_text(raw: bytes) -> bool:
    try:
        text = _texts.decode(raw).text
    except msgspec.DecodeError:
        return False
    return text != "" and not text.isspace()


def _fine_use(raw: bytes) -> bool:
    try:
        use = _uses.decode(raw)
    except msgspec.DecodeError:
        return False
    return bytes(use.input)[:1] == b"{" and is_tool_name(use.name) is not None


def _fine_result(raw: bytes) -> bool:
    try:
        result = _results.decode(raw)
        content = bytes(result.content)
        match content[:1]:
            case b'"':
                return not (result.is_error and content == b'""')
            case b"[":
                texts = _text_lists.decode(content)
                said = all(part.type == "text" and part.text for part in texts)
                return said and not (result.is_error and not texts)
            case b"":
                return not result.is_error
            case _:
                return False
    except msgspec.DecodeError:
        return False


def _fine_thinking(raw: bytes) -> bool:
    try:
        return _thoughts.decode(raw).signature != ""
    except msgspec.DecodeError:
        return False


_FINE: dict[tuple[Role, str], Callable[[bytes], bool]] = {
    ("user", "text"): _fine_text,
    ("user", "tool_result"): _fine_result,
    ("assistant", "text"): _fine_text,
    ("assistant", "tool_use"): _fine_use,
    ("assistant", "thinking"): _fine_thinking,
}
