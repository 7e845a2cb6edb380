"""Titles and tags of stored sessions, set from outside a run; lines are appended, nothing is rewritten."""

from __future__ import annotations

import unicodedata

from hames.errors import OptionsError, SessionNotFound
from hames.sessions import transcript
from hames.sessions.store import Key, Store


async def rename(store: Store, key: Key, title: str) -> None:
    """Give the session a title, which wins over all others. Raises SessionNotFound."""
    title = title.strip()
    if not title:
        raise OptionsError("A session's title has to have some text.")
    await _append(store, key, "custom-title", {"customTitle": title})


async def tag(store: Store, key: Key, tag: str | None) -> None:
    """Tag the session; None takes the tag away. Raises SessionNotFound."""
    plain = visible(tag or "").strip()
    if tag is not None and not plain:
        raise OptionsError("A tag has to have some visible text.")
    await _append(store, key, "tag", {"tag": plain})


def visible(text: str) -> str:
    """The text without characters that nobody sees, such as direction marks."""
    while True:
        plain = "".join(
            c
            for c in unicodedata.normalize("NFKC", text)
            if unicodedata.category(c) not in ("Cf", "Co", "Cn")
        )
        if plain == text:
            return plain
        text = plain


async def _append(store: Store, key: Key, type: str, fields: dict[str, str]) -> None:
    if await store.look(key) is None:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    line = transcript.state_line(type, key.session_id, transcript.fields(fields))
    await store.append(key, [line])
