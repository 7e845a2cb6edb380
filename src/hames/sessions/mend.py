"""Content blocks that something is wrong with: made acceptable where that keeps their sense."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hames import _json, blocks
from hames.blocks import Block, Role
from hames.sessions.rules import judge_messages
from hames.sessions.rules.conversation import ASSISTANT_ONLY, USER_ONLY
from hames.sessions.rules.shape import BLOCKS, INSIDE_RESULTS, Kind
from hames.sessions.sift import MEDIA, THINKING, Left, is_tool_name

_ABOUT_ONE_BLOCK = frozenset(
    {
        "block-role",
        "block-type",
        "document",
        "empty-text",
        "extra-field",
        "image",
        "result-content",
        "shape",
        "thinking-signature",
    }
)
"""The rules that a block keeps or breaks by itself."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def mended(block: Block, role: Role) -> Block | Left:
    """The block made acceptable; the same object when it was; or why it cannot be sent."""
    block = _whole(block)
    value = _value(block.raw)
    if value is None:
        return Left(f"the `{block.type}` block cannot be read")
    type = value.get("type")
    kind = BLOCKS.get(type) if isinstance(type, str) else None
    if kind is None:
        return Left(f"blocks of type `{type}` are not known")
    if not _may_say(role, str(type)):
        return Left(f"a `{type}` block cannot stand in a message of the {role}")
    if type in THINKING:
        return _signed(block, value, kind, role)
    fit = _only_known(value, kind)
    if type == "tool_use":
        fit = _with_fit_call(fit)
    elif type == "tool_result":
        fit = _with_fit_content(fit)
    problem = _problem(fit, role)
    if problem is not None and type in MEDIA:
        fit, problem = media_note(str(type), problem), None
    if problem is not None:
        return Left(problem)
    return block if fit == value else blocks.from_value(fit)


def media_note(kind: str, why: str) -> dict[str, Any]:
    """The text that stands for an image or document that was left out."""
    return {"type": "text", "text": f"[The {kind} that was here is left out: {why}]"}


def _may_say(role: Role, type: str) -> bool:
    if role == "assistant":
        return type not in USER_ONLY
    return type not in ASSISTANT_ONLY and not type.endswith("_tool_result")


def _whole(block: Block) -> Block:
    """The block; a call whose arguments are no JSON, without them."""
    if block.type != "tool_use" or _value(block.raw) is not None:
        return block
    raw = block.raw.partition(b',"input":')[0] + b',"input":{}}'
    return block if _value(raw) is None else blocks.from_raw(raw)


def _value(raw: bytes) -> dict[str, Any] | None:
    try:
        value = _json.decode(raw)
    except _json.DecodeError:
        return None
    return value if isinstance(value, dict) else None


def _only_known(value: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The fields that the API knows. Cache marks are set for each request anew."""
    known = {"type", *kind.required, *kind.optional} - {"cache_control"}
    return {name: value[name] for name in value if name in known}


def _signed(block: Block, value: dict[str, Any], kind: Kind, role: Role) -> Block | Left:
    """Thinking with its signed parts untouched to the byte."""
    known = _only_known(value, kind)
    if problem := _problem(known, role):
        return Left(problem)
    if known == value:
        return block
    raws = _fields.decode(block.raw)
    return blocks.from_raw(_json.encode({name: raws[name] for name in known}))


def _with_fit_call(value: dict[str, Any]) -> dict[str, Any]:
    """A call with an object as input and a name that the API takes."""
    name, input = value.get("name"), value.get("input")
    if isinstance(name, str) and not is_tool_name(name):
        value = {**value, "name": re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:128] or "_"}
    return value if isinstance(input, dict) else {**value, "input": {}}


def _with_fit_content(value: dict[str, Any]) -> dict[str, Any]:
    """A result whose parts are all acceptable; a failure says something, in text."""
    content, is_error = value.get("content"), value.get("is_error") is True
    if isinstance(content, list):
        content = [part for item in content for part in _fit_part(item, only_text=is_error)]
    elif content is not None and not isinstance(content, str):
        content = _json.encode(content).decode()
    if is_error and not content:
        content = "The tool failed without saying why."
    fit = {name: value[name] for name in value if name != "is_error" or is_error}
    if isinstance(value.get("is_error"), bool):
        fit["is_error"] = is_error
    if content is not None or "content" in value:
        fit["content"] = "" if content is None else content
    return fit


def _fit_part(item: Any, *, only_text: bool) -> list[dict[str, Any]]:
    """A part of a result as the API takes it, or nothing."""
    type = item.get("type") if isinstance(item, dict) else None
    if not isinstance(type, str) or type not in INSIDE_RESULTS:
        return []
    fit = _only_known(item, BLOCKS[type])
    if type == "text":
        return [fit] if isinstance(fit.get("text"), str) and fit["text"] else []
    if only_text:
        return [media_note(type, "results of failed calls hold text only.")]
    problem = _problem(fit, "user")
    return [fit] if problem is None else [media_note(type, problem)]


def _problem(value: dict[str, Any], role: Role) -> str | None:
    """The first rule that the block breaks by itself, in words."""
    for found in judge_messages([{"role": role, "content": [value]}]):
        if found.rule in _ABOUT_ONE_BLOCK:
            return found.message
    return None
