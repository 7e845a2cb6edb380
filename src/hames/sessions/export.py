"""A stored session as a text for people, or as data for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from hames import _json
from hames.errors import SessionNotFound
from hames.sessions import chain, transcript
from hames.sessions.listing import SessionInfo, SessionMessage, info, message, visible
from hames.sessions.store import Key, Store

Format = Literal["markdown", "json", "jsonl"]

_LONGEST_RESULT = 4_000
"""Characters of a tool result that a Markdown export shows."""


async def export(store: Store, key: Key, format: Format) -> str:
    """The conversation of a session. Raises SessionNotFound.

    `markdown` is made for reading: long results are cut. `json` is one object with what a list shows
    and all messages; `jsonl` is the transcript itself, line by line.
    """
    lines = await store.load(key)
    stored = await store.look(key)
    if not lines or stored is None:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    if format == "jsonl":
        return "".join(line.decode(errors="replace") + "\n" for line in lines)
    entries = visible(chain.newest(transcript.decode_all(lines)[0], mend=False).entries)
    messages = [message(entry) for entry in entries]
    shown = info(stored)
    if format == "json":
        fields = msgspec.to_builtins(shown) if shown else {"session_id": key.session_id}
        fields["messages"] = [msgspec.to_builtins(one) for one in messages]
        return _json.encode(fields).decode() + "\n"
    return markdown(messages, shown)


def markdown(messages: Iterable[SessionMessage], shown: SessionInfo | None = None) -> str:
    """Messages as a Markdown page: prompts and replies as text, calls and results as code."""
    parts = [f"# {shown.summary}\n"] if shown else []
    speaker = None
    for one in messages:
        for who, text in _passages(one):
            if who != speaker:
                parts.append(f"## {who}\n")
                speaker = who
            parts.append(text + "\n")
    return "\n".join(parts)


def _passages(one: SessionMessage) -> Iterable[tuple[str, str]]:
    content = one.message.get("content")
    who = "User" if one.type == "user" else "Assistant"
    if isinstance(content, str):
        yield who, content
        return
    for block in content or ():
        match block:
            case {"type": "text", "text": str(text)}:
                yield who, text
            case {"type": "tool_use", "name": name, "input": input}:
                yield "Assistant", f"**{name}**\n\n{_fenced(_arguments(input), 'json')}"
            case {"type": "tool_result"}:
                failed = " (failed)" if block.get("is_error") else ""
                yield "Assistant", f"Result{failed}:\n\n{_fenced(_result(block.get('content')))}"
            case {"type": "thinking" | "redacted_thinking"}:
                continue
            case {"type": kind}:
                yield who, f"*({kind})*"


def _arguments(input: Any) -> str:
    return msgspec.json.format(_json.encode(input), indent=2).decode()


def _result(content: Any) -> str:
    if isinstance(content, list):
        content = "\n".join(
            part.get("text") or f"({part.get('type')})"
            for part in content
            if isinstance(part, dict)
        )
    text = str(content or "")
    if len(text) > _LONGEST_RESULT:
        text = f"{text[:_LONGEST_RESULT]}\n… ({len(text) - _LONGEST_RESULT:,} more characters)"
    return text


def _fenced(text: str, language: str = "") -> str:
    """The text as a code block whose fence does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
