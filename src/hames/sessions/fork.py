"""A copy of a session that goes its own way."""

from __future__ import annotations

import msgspec

from hames import _json
from hames.errors import SessionNotFound
from hames.sessions import chain, resume, transcript
from hames.sessions.names import project_key
from hames.sessions.store import Key, Store
from hames.sessions.transcript import Entry

_COPIED = transcript.CHECKPOINTS | {
    transcript.CALL_MARK,
    transcript.REPAIR,
    "content-replacement",
    "cost-state",
}
"""Lines without uuid that a continuation needs. Titles and tags stay with the original."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def fork(
    store: Store,
    key: Key,
    *,
    new_id: str,
    cwd: str,
    at: str | None = None,
    drops: str | None = None,
) -> Key:
    """Copy the active conversation, up to the line `at`, to a session of another id; its key.

    The lines keep their uuids and all bytes of their messages. Raises OptionsError, SessionExists,
    SessionNotFound, and SessionError when `at` is not on the active chain or drops more than a turn.
    """
    await resume.check_new_id(store, new_id)
    entries, active = await resume.active_chain(store, key, at=at, drops=drops)
    kept = {entry.uuid for entry in chain.history(entries, active)}
    if not kept:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    session = msgspec.Raw(_json.encode(new_id))
    lines = [
        _copy(entry, key.session_id, session)
        for entry in entries
        if (entry.uuid in kept if entry.in_chain else entry.type in _COPIED)
    ]
    new_key = Key(project_key(cwd), new_id)
    await store.append(new_key, lines)
    return new_key


def _copy(entry: Entry, old_id: str, session: msgspec.Raw) -> bytes:
    fields = _objects.decode(entry.raw)
    fields["sessionId"] = session
    if entry.in_chain:
        origin = {"sessionId": old_id, "messageUuid": entry.uuid}
        fields["forkedFrom"] = msgspec.Raw(_json.encode(origin))
    return _json.encode(fields)
