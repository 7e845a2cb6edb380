"""A copy of a transcript under a new id, as the official SDK makes it.

All lines get ids of their own and say whose copy they are; what belongs to subagents and to progress
displays is left out. (`hames.sessions.fork`, which a run uses, keeps the ids.)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from hames import _json
from hames.sessions.listing import first_prompt

Raw = dict[str, Any]

_TRANSCRIPT = frozenset({"user", "assistant", "attachment", "system", "progress"})
_OF_THE_ORIGINAL = ("teamName", "agentName", "slug", "sourceToolAssistantUUID")


def forked(
    entries: list[Raw], session_id: str, up_to: str | None, title: str | None
) -> tuple[str, list[Any]]:
    """The new id and the entries of the copy. Raises ValueError when there is nothing to copy."""
    lines = [
        entry
        for entry in entries
        if entry.get("type") in _TRANSCRIPT
        and isinstance(entry.get("uuid"), str)
        and not entry.get("isSidechain")
    ]
    if up_to and lines:
        lines = _up_to(lines, up_to, session_id)
    by_uuid = {entry["uuid"]: entry for entry in lines}
    kept = [entry for entry in lines if entry["type"] != "progress"]
    if not kept:
        raise ValueError(f"Session {session_id} has no messages to fork")
    new_id, now = str(uuid4()), datetime.now(UTC).isoformat().replace("+00:00", "Z")
    ids = {uuid: str(uuid4()) for uuid in by_uuid}
    copies = [_copy(entry, by_uuid, ids, session_id, new_id) for entry in kept]
    copies[-1]["timestamp"] = now
    if replaced := _replacements(entries, session_id):
        copies.append(_state("content-replacement", new_id, now, replacements=replaced))
    title = (title or "").strip() or f"{_title(entries) or 'Forked session'} (fork)"
    copies.append(_state("custom-title", new_id, now, customTitle=title))
    return new_id, copies


def _up_to(lines: list[Raw], uuid: str, session_id: str) -> list[Raw]:
    for position, entry in enumerate(lines, 1):
        if entry["uuid"] == uuid:
            return lines[:position]
    raise ValueError(f"Message {uuid} not found in session {session_id}")


def _copy(
    entry: Raw, by_uuid: dict[str, Raw], ids: dict[str, str], session_id: str, new_id: str
) -> Raw:
    parent = by_uuid.get(entry.get("parentUuid") or "")
    while parent is not None and parent["type"] == "progress":
        parent = by_uuid.get(parent.get("parentUuid") or "")
    logical = entry.get("logicalParentUuid")
    copy = {
        **entry,
        "uuid": ids[entry["uuid"]],
        "parentUuid": ids[parent["uuid"]] if parent else None,
        "logicalParentUuid": ids.get(logical) if logical else logical,
        "sessionId": new_id,
        "isSidechain": False,
        "forkedFrom": {"sessionId": session_id, "messageUuid": entry["uuid"]},
    }
    return {name: value for name, value in copy.items() if name not in _OF_THE_ORIGINAL}


def _replacements(entries: list[Raw], session_id: str) -> list[Any]:
    """What stands for contents that were taken out of the conversation."""
    return [
        one
        for entry in entries
        if entry.get("type") == "content-replacement" and entry.get("sessionId") == session_id
        for one in entry.get("replacements") or ()
    ]


def _title(entries: list[Raw]) -> str | None:
    """The title of the original, else its first prompt."""
    for name in ("customTitle", "aiTitle"):
        titles = [entry[name] for entry in entries if isinstance(entry.get(name), str)]
        if titles := [title for title in titles if title]:
            return str(titles[-1])
    text = b"\n".join(_json.encode(entry) for entry in entries)
    return first_prompt(text.decode()) or None


def _state(type: str, session_id: str, now: str, **fields: Any) -> Raw:
    own = {"type": type, "sessionId": session_id, **fields}
    return {**own, "uuid": str(uuid4()), "timestamp": now}
