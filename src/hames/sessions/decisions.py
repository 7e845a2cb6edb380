"""What was decided about the calls of a stored session, as far as its transcript tells.

Our own transcripts tell of every refusal and of every answer that somebody gave. Those of others tell of
refusals; a call that ran counts as allowed there, also if somebody was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from hames import _json
from hames.sessions.transcript import CALL_MARK

Then = Literal["allow", "ask", "deny"]

_ANSWERED = re.compile(r"callback|classifier|hook|nobody|prompt|user", re.IGNORECASE)
"""Who decides where rules leave it open."""

_RULED_OUT = re.compile(r"Permission to use \S+ .*\bdenied\b", re.DOTALL)
_NOT_GRANTED = re.compile(r"haven't granted|doesn't want to (?:proceed|take)|needs permission")


class Judged(msgspec.Struct, frozen=True):
    """A call that was decided about."""

    line: int
    """Where it stands in the transcript, from 1."""
    id: str
    tool: str
    input: dict[str, Any]
    cwd: str
    mode: str | None
    """The permission mode at that time."""
    then: Then
    """What rules and mode said of it; `ask` also when somebody then allowed or refused it."""
    ran: bool


class _Result(msgspec.Struct):
    entry: dict[str, Any]
    block: dict[str, Any]


def decisions(lines: Sequence[bytes]) -> tuple[list[Judged], int]:
    """The calls with a decision, in their order, and how many lines could not be read.

    Left out are calls that were never judged: invalid ones, and those an interrupt came before.
    """
    calls: list[tuple[int, dict[str, Any], dict[str, Any], str | None]] = []
    results: dict[str, _Result] = {}
    begun: set[str] = set()
    ours = False
    mode: str | None = None
    unread = 0
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            unread += bool(line.strip())
            continue
        mode = entry.get("permissionMode") or mode
        if entry.get("type") == CALL_MARK:
            ours = True
            begun.add(str(entry.get("toolUseId")))
        for block in _blocks(entry):
            if block.get("type") == "tool_use" and isinstance(block.get("input"), dict):
                calls.append((number, entry, block, mode))
            elif block.get("type") == "tool_result":
                results[str(block.get("tool_use_id"))] = _Result(entry, block)
    found: list[Judged] = []
    for number, entry, block, mode in calls:
        id = str(block.get("id"))
        result = results.get(id)
        if result is None or (then := _then(result, begun=id in begun if ours else None)) is None:
            continue
        decision, ran = then
        cwd = str(entry.get("cwd") or "")
        found.append(
            Judged(number, id, str(block["name"]), block["input"], cwd, mode, decision, ran)
        )
    return found, unread


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = _json.decode(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _blocks(entry: dict[str, Any]) -> list[dict[str, Any]]:
    message = entry.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, dict)]


def _then(result: _Result, *, begun: bool | None) -> tuple[Then, bool] | None:
    """The decision and whether the call ran; `begun` is None where transcripts do not tell."""
    decided = result.entry.get("permissionDecision")
    if isinstance(decided, dict):
        said = str(decided.get("behavior") or decided.get("decision"))
        allowed = said.startswith(("allow", "accept"))
        by = f"{decided.get('source')} {decided.get('reasonType')}"
        if _ANSWERED.search(by):
            return "ask", allowed
        return ("allow", True) if allowed else ("deny", False)
    if begun is not None:
        return ("allow", True) if begun else None
    text = _text(result.block.get("content"))
    if not result.block.get("is_error"):
        return "allow", True
    if result.entry.get("toolDenialKind") or _NOT_GRANTED.search(text):
        return "ask", False
    if _RULED_OUT.match(text):
        return "deny", False
    return None if text.startswith("<tool_use_error>") else ("allow", True)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))
