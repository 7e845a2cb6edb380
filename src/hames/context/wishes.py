"""What settings wish of the model's words: the language of its answers, the last lines of its commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hames.settings.schema import Settings

TRAILER = "Co-Authored-By: Claude <noreply@anthropic.com>"
"""The official line; it says which model has worked, whatever harness it worked in."""
MOST = 2000
"""Characters of one wish."""


def wishes(settings: Settings, *, ambient: bool) -> Iterator[str]:
    """Lines for the block that says where the agent works.

    `ambient`: the session reads settings files, and commits name the model unless they say otherwise.
    """
    if settings.language:
        yield f"- Language of your answers: {settings.language[:MOST]}"
    attribution = settings.attribution or {}
    if commit := _commit(settings, attribution, ambient=ambient):
        yield f"- Commit messages end with:\n{_indented(commit)}"
    pull_request = attribution.get("pr")
    if isinstance(pull_request, str) and pull_request.strip():
        yield f"- Descriptions of pull requests end with:\n{_indented(pull_request)}"


def _commit(settings: Settings, attribution: dict[str, Any], *, ambient: bool) -> str:
    given = attribution.get("commit")
    if isinstance(given, str):
        return given.strip()
    wanted = settings.include_co_authored_by
    return TRAILER if wanted or (wanted is None and ambient) else ""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text[:MOST].strip().splitlines())
