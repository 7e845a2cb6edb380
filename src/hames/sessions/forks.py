"""Copies of sessions that go their own way."""

from __future__ import annotations

from typing import Any

import msgspec

from hames import _json
from hames.errors import SessionNotFound
from hames.sessions.names import project_key
from hames.sessions.store import Key, Store

_LEFT_OUT = frozenset(
    {"custom-title", "ai-title", "tag", "summary", "agent-name", "queue-operation"}
)
"""State that names the original, or that would make two sessions answer to one title."""

_lines = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def fork(store: Store, key: Key, session_id: str, *, cwd: str) -> Key:
    """Copy a session under a new id into the project of `cwd`; the copy's key.

    Messages keep their uuids and their bytes, so the copy is sent as the original is. Lines that
    cannot be read are not copied. Raises SessionNotFound.
    """
    lines = await store.load(key)
    if not lines:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    copy = Key(project_key(cwd), session_id)
    await store.append(
        copy, [new for line in lines if (new := _copied(line, key.session_id, session_id))]
    )
    return copy


def _copied(line: bytes, old_id: str, new_id: str) -> bytes | None:
    # Official 2.1.330 keeps uuids in a fork and names the old session on the lines of replies.
    try:
        fields: dict[str, Any] = _lines.decode(line)
        kind = _json.decode(bytes(fields["type"]))
    except (_json.DecodeError, KeyError):
        return None
    if kind in _LEFT_OUT:
        return None
    fields["sessionId"] = new_id
    if kind == "assistant":
        fields["requestSessionId"] = old_id
    return _json.encode(fields)
