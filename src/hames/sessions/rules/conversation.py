"""Rules about roles, empty content, tool calls and their results."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from hames.sessions.rules.subject import Findings, Subject

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TAKES_PREFILL = re.compile(r"claude-(?:[123]|(?:opus|sonnet|haiku)-4(?:-[0125](?!\d)|-\d{8}|$|@))")
"""Models up to the 4.5 family; later ones refuse a conversation that ends with the assistant."""

SERVER_CALLS = ("server_tool_use", "mcp_tool_use")
ASSISTANT_ONLY = frozenset(
    {"tool_use", "thinking", "redacted_thinking", "compaction", *SERVER_CALLS}
)
USER_ONLY = frozenset({"tool_result", "image", "document", "search_result", "container_upload"})


def first_message(subject: Subject) -> Findings:
    """The first message is the user's."""
    if subject.messages[0][0] != "user":
        yield "messages.0.role", "The first message must have the role `user`."


def empty_content(subject: Subject) -> Findings:
    """Every message says something; only a final assistant message may be empty."""
    last = len(subject.messages) - 1
    for i, (role, path, parts) in enumerate(subject.messages):
        if not parts and not (i == last and role == "assistant"):
            yield f"{path}.content", "The content is empty."


def empty_text(subject: Subject) -> Findings:
    """Text blocks have text, and more than blanks unless they stand in a tool result."""
    for part in subject.parts:
        if part.block["type"] == "text" and not part.block["text"].strip():
            if part.path.endswith("content") and _is_final_assistant(subject, part.path):
                continue
            yield part.path, "The text block is empty or has only blanks."
    for part in subject.inner_parts:
        if part.block["type"] == "text" and not part.block["text"]:
            yield part.path, "The text block is empty."


def prefill(subject: Subject) -> Findings:
    """A final assistant message, where a model takes one, does not end with blanks.

    A reply that paused for a server tool may always be sent back to be continued.
    """
    last = subject.turns[-1] if subject.turns else None
    if last is None or last.role != "assistant" or last.of(*SERVER_CALLS):
        return
    if subject.model and not _TAKES_PREFILL.search(subject.model):
        yield last.path, f"`{subject.model}` needs a conversation that ends with a user message."
    elif subject.thinking != "disabled":
        yield last.path, "With thinking the conversation must end with a user message."
    elif last.parts and last.parts[-1].type == "text":
        text = last.parts[-1].block["text"]
        if text != text.rstrip():
            yield last.parts[-1].path, "The final assistant text ends with blanks."


def block_role(subject: Subject) -> Findings:
    """Calls and thinking are the assistant's, results and media the user's."""
    for role, _, parts in subject.messages:
        foreign = USER_ONLY if role == "assistant" else ASSISTANT_ONLY
        for part in parts:
            kind = part.block["type"]
            if kind in foreign or (role == "system" and kind != "text"):
                yield part.path, f"A `{kind}` block cannot stand in a message of role `{role}`."


def unanswered_call(subject: Subject) -> Findings:
    """Each tool call is answered in the user message that follows."""
    turns = subject.turns
    for i, turn in enumerate(turns):
        if turn.role != "assistant" or not (calls := turn.of("tool_use")):
            continue
        following = turns[i + 1] if i + 1 < len(turns) else None
        results = following.of("tool_result") if following else []
        answered = {part.block["tool_use_id"] for part in results}
        for call in calls:
            if (id := call.block["id"]) not in answered:
                yield call.path, f"The call `{id}` has no result in the next message."


def orphan_result(subject: Subject) -> Findings:
    """Each tool result answers a call of the assistant message before it."""
    before: set[str] = set()
    for turn in subject.turns:
        if turn.role == "assistant":
            before = {part.block["id"] for part in turn.of("tool_use")}
            continue
        for part in turn.of("tool_result"):
            if (id := part.block["tool_use_id"]) not in before:
                yield part.path, f"The result `{id}` has no call in the message before."


def result_order(subject: Subject) -> Findings:
    """Tool results stand first in their message."""
    for turn in subject.turns:
        for before, part in pairwise(turn.parts):
            if part.type == "tool_result" and before.type != "tool_result":
                yield part.path, f"A tool result stands after a `{before.type}` block."


def repeated_result(subject: Subject) -> Findings:
    """A call has one result."""
    for turn in subject.turns:
        seen: set[str] = set()
        for part in turn.of("tool_result"):
            id = part.block["tool_use_id"]
            if id in seen:
                yield part.path, f"The call `{id}` has more than one result."
            seen.add(id)


def call_id(subject: Subject) -> Findings:
    """Ids of calls are made of letters, digits, `_` and `-`, and are used once."""
    calls = [part for part in subject.parts if part.block["type"] in ("tool_use", *SERVER_CALLS)]
    counts = Counter(part.block["id"] for part in calls)
    seen: set[str] = set()
    for part in calls:
        id = part.block["id"]
        if not _ID.fullmatch(id):
            yield f"{part.path}.id", f"`{id}` is no valid id: letters, digits, `_` and `-`."
        if counts[id] > 1 and id in seen:
            yield f"{part.path}.id", f"The id `{id}` is used by another call."
        seen.add(id)


def result_content(subject: Subject) -> Findings:
    """A failed call says why, in text only."""
    for part in subject.parts:
        if part.block["type"] != "tool_result" or not part.block.get("is_error"):
            continue
        content = part.block.get("content")
        if not content:
            yield part.path, "The result is an error but says nothing."
        elif isinstance(content, list) and any(inner["type"] != "text" for inner in content):
            yield part.path, "The result is an error and may hold text only."


def server_result(subject: Subject) -> Findings:
    """The result of a server's tool stands after its call, in the same message."""
    for turn in subject.turns:
        calls: set[str] = set()
        for part in turn.parts:
            kind = part.block["type"]
            if kind in SERVER_CALLS:
                calls.add(part.block["id"])
            elif kind.endswith("_tool_result") and part.block["tool_use_id"] not in calls:
                id = part.block["tool_use_id"]
                yield part.path, f"The `{kind}` of `{id}` has no call before it."


def _is_final_assistant(subject: Subject, path: str) -> bool:
    role, last, _ = subject.messages[-1]
    return role == "assistant" and path == f"{last}.content"
