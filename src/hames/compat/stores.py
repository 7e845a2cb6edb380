"""A store in memory, and the summaries that stores keep beside their transcripts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from hames import _json
from hames.compat.session_types import (
    SDKSessionInfo,
    SessionKey,
    SessionListSubkeysKey,
    SessionStoreEntry,
    SessionStoreListEntry,
    SessionSummaryEntry,
)
from hames.sessions.listing import prompt_and_command

_LAST_SAID = {
    "customTitle": "custom_title",
    "aiTitle": "ai_title",
    "lastPrompt": "last_prompt",
    "summary": "summary_hint",
    "gitBranch": "git_branch",
}
"""Fields of entries that hold until another entry says otherwise, and what the summary calls them."""

_Name = tuple[str, str, str]


class InMemorySessionStore:
    """Keeps transcripts in memory: for tests, and as an example of a store."""

    def __init__(self) -> None:
        self._entries: dict[_Name, list[SessionStoreEntry]] = {}
        self._modified: dict[_Name, int] = {}
        self._summaries: dict[_Name, SessionSummaryEntry] = {}
        self._last = 0

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        name = _name(key)
        self._entries.setdefault(name, []).extend(entries)
        # Two appends within a millisecond still have an order.
        self._last = self._modified[name] = max(int(time.time() * 1000), self._last + 1)
        if not name[2]:
            summary = fold_session_summary(self._summaries.get(name), key, entries)
            summary["mtime"] = self._last
            self._summaries[name] = summary

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        entries = self._entries.get(_name(key))
        return None if entries is None else list(entries)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        return [
            {"session_id": session, "mtime": self._modified[project, session, subpath]}
            for project, session, subpath in self._entries
            if project == project_key and not subpath
        ]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        return [one for name, one in self._summaries.items() if name[0] == project_key]

    async def delete(self, key: SessionKey) -> None:
        name = _name(key)
        for other in list(self._entries):
            if other == name or (not name[2] and other[:2] == name[:2]):
                del self._entries[other], self._modified[other]
                self._summaries.pop(other, None)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        session = key["project_key"], key["session_id"]
        return [name[2] for name in self._entries if name[:2] == session and name[2]]

    def get_entries(self, key: SessionKey) -> list[SessionStoreEntry]:
        """All entries of a transcript; none when there is no such transcript."""
        return list(self._entries.get(_name(key), ()))

    @property
    def size(self) -> int:
        """How many sessions there are."""
        return sum(not subpath for _, _, subpath in self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]  # this is what it was at first


def fold_session_summary(
    prev: SessionSummaryEntry | None, key: SessionKey, entries: list[SessionStoreEntry]
) -> SessionSummaryEntry:
    """The summary with these entries taken in. The time is the store's own affair."""
    data = dict(prev["data"]) if prev else {}
    for entry in entries:
        _fold(data, dict(entry))
    if prev:
        return {"session_id": prev["session_id"], "mtime": prev["mtime"], "data": data}
    return {"session_id": key["session_id"], "mtime": 0, "data": data}


def info_of(summary: SessionSummaryEntry, folder: str) -> SDKSessionInfo | None:
    """What a list shows of it; None for a sidechain, and for a session without any text."""
    data = summary["data"]
    locked = data.get("first_prompt_locked")
    prompt = data.get("first_prompt" if locked else "command_fallback") or None
    title = data.get("custom_title") or data.get("ai_title") or None
    text = title or data.get("last_prompt") or data.get("summary_hint") or prompt
    if data.get("is_sidechain") or not text:
        return None
    return SDKSessionInfo(
        session_id=summary["session_id"],
        summary=text,
        last_modified=summary["mtime"],
        custom_title=title,
        first_prompt=prompt,
        git_branch=data.get("git_branch") or None,
        cwd=data.get("cwd") or folder,
        tag=data.get("tag") or None,
        created_at=data.get("created_at"),
    )


def _name(key: SessionKey) -> _Name:
    return key["project_key"], key["session_id"], key.get("subpath") or ""


def _fold(data: dict[str, Any], entry: dict[str, Any]) -> None:
    data.setdefault("is_sidechain", entry.get("isSidechain") is True)
    if (moment := _milliseconds(entry.get("timestamp"))) is not None:
        data.setdefault("created_at", moment)
    if isinstance(cwd := entry.get("cwd"), str) and cwd:
        data.setdefault("cwd", cwd)
    if not data.get("first_prompt_locked"):
        _fold_prompt(data, entry)
    for field, name in _LAST_SAID.items():
        if isinstance(value := entry.get(field), str):
            data[name] = value
    if entry.get("type") == "tag":
        if isinstance(tag := entry.get("tag"), str) and tag:
            data["tag"] = tag
        else:
            data.pop("tag", None)


def _fold_prompt(data: dict[str, Any], entry: dict[str, Any]) -> None:
    """The first thing a person said; a command's name stands in for it until then."""
    if entry.get("type") != "user":
        return
    text, command = prompt_and_command(_json.encode(entry).decode())
    if command:
        data.setdefault("command_fallback", command)
    if text:
        data["first_prompt"], data["first_prompt_locked"] = text, True


def _milliseconds(timestamp: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(timestamp).timestamp() * 1000)
    except (TypeError, ValueError):
        return None
