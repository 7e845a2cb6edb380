"""Rules about tools, cache marks, and the limits of a request as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hames.sessions.rules.subject import Findings, Subject, parts_of

MOST_BYTES = 32 * 1024 * 1024
MOST_MESSAGES = 100_000
MOST_MARKS = 4
UNMARKABLE = frozenset({"thinking", "redacted_thinking"})

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_OUTPUT = (
    (re.compile(r"claude-3-(?:opus|haiku|sonnet)"), 4_096),
    (re.compile(r"claude-3-5"), 8_192),
    (re.compile(r"claude-3-7"), 128_000),
    (re.compile(r"claude-opus-4(?:-[01](?!\d)|-\d{8}|$|@)"), 32_000),
    (re.compile(r"claude-(?:sonnet-4|haiku-4|opus-4-5)(?!\d)"), 64_000),
    (re.compile(r"claude-(?:opus|sonnet|haiku)-(?:4|5)"), 128_000),
)
"""Most output tokens by model, the first match counts; models that are not here are not judged."""


def request_size(subject: Subject) -> Findings:
    """A request has at most 32 MB."""
    if subject.size is not None and subject.size > MOST_BYTES:
        yield "", f"The request has {subject.size} bytes; at most {MOST_BYTES} are allowed."


def message_count(subject: Subject) -> Findings:
    """A request has at most 100,000 messages."""
    if (count := len(subject.messages)) > MOST_MESSAGES:
        yield "messages", f"There are {count} messages; at most {MOST_MESSAGES} are allowed."


def max_tokens(subject: Subject) -> Findings:
    """`max_tokens` is within what the model can write."""
    limit = next((most for model, most in _MOST_OUTPUT if model.search(subject.model)), None)
    wanted = subject.body["max_tokens"]
    if limit is not None and wanted > limit:
        yield "max_tokens", f"{wanted} > {limit}, the most that `{subject.model}` can write."


def system_text(subject: Subject) -> Findings:
    """Blocks of the system prompt have text."""
    for part in subject.system:
        if not part.block["text"].strip():
            yield part.path, "The text block is empty."


def tool_name(subject: Subject) -> Findings:
    """Names of tools are unique and made of letters, digits, `_` and `-`."""
    seen: set[str] = set()
    for path, tool in subject.tools:
        if (name := tool.get("name")) is None:
            continue
        if not _NAME.fullmatch(name):
            yield f"{path}.name", f"`{name}` does not match `^[a-zA-Z0-9_-]{{1,128}}$`."
        if name in seen:
            yield f"{path}.name", f"Another tool is called `{name}`."
        seen.add(name)


def tool_schema(subject: Subject) -> Findings:
    """The input schema of a tool is that of an object, without a choice at its top."""
    for path, tool in subject.tools:
        if tool.get("type", "custom") != "custom":
            continue
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"{path}.input_schema", "The input schema needs the type `object`."
        elif choices := schema.keys() & {"oneOf", "anyOf", "allOf"}:
            yield f"{path}.input_schema", f"`{min(choices)}` cannot stand at the top of a schema."


def tools_missing(subject: Subject) -> Findings:
    """A conversation with tool calls comes with tools."""
    if not subject.tools and any(
        part.block["type"] in ("tool_use", "tool_result") for part in subject.parts
    ):
        yield "tools", "There are tool calls or results in the messages, but no tools."


def tool_choice(subject: Subject) -> Findings:
    """A tool can be chosen only when it is there."""
    choice = subject.body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        yield "tool_choice", "The type is `auto`, `any`, `tool` or `none`."
    elif kind != "none" and not subject.tools:
        yield "tool_choice", "There are no tools to choose from."
    elif kind == "tool" and choice.get("name") not in [t.get("name") for _, t in subject.tools]:
        yield "tool_choice.name", f"There is no tool `{choice.get('name')}`."


def cache_count(subject: Subject) -> Findings:
    """A request has at most four cache marks."""
    if (count := len(_marks(subject))) > MOST_MARKS:
        yield "", f"At most {MOST_MARKS} blocks may have `cache_control`; there are {count}."


def cache_place(subject: Subject) -> Findings:
    """Cache marks are well-formed and stand on blocks that can be marked."""
    for path, owner, mark in _marks(subject):
        if owner.get("type") in UNMARKABLE:
            yield path, f"A `{owner['type']}` block cannot have `cache_control`."
        elif owner.get("type") == "text" and not owner["text"]:
            yield path, "An empty text block cannot have `cache_control`."
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
            yield path, "The type of a `cache_control` is `ephemeral`."
        elif mark.get("ttl", "5m") not in ("5m", "1h"):
            yield f"{path}.ttl", f"`{mark['ttl']}` is no lifetime: `5m` or `1h`."


def cache_lifetime(subject: Subject) -> Findings:
    """Marks of an hour stand before those of five minutes, in the order tools, system, messages."""
    short = False
    for path, _, mark in _marks(subject):
        if not isinstance(mark, dict):
            continue
        if mark.get("ttl") == "1h" and short:
            yield f"{path}.ttl", "A mark of `1h` stands after one of `5m`."
        short = short or mark.get("ttl", "5m") == "5m"


def _marks(subject: Subject) -> list[tuple[str, dict[str, Any], Any]]:
    """Path, owner and value of each cache mark, in the order of the cached prefix."""
    return [
        (f"{path}.cache_control", owner, owner["cache_control"])
        for path, owner in _owners(subject)
        if owner.get("cache_control") is not None
    ]


def _owners(subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from subject.tools
    yield from subject.system
    for part in subject.parts:
        if part.block["type"] == "tool_result" and isinstance(part.block.get("content"), list):
            yield from parts_of(part.block["content"], f"{part.path}.content")
        yield part
