"""Lines made short enough to be read, by cutting their longest texts."""

from __future__ import annotations

from typing import Any

from hames import _json

LONGEST = 1_048_000
"""Characters of a line. The official Python client gives up at 1 MiB (`max_buffer_size`)."""

LIMITS = (400_000, 100_000, 20_000, 2_000, 200)
"""Longest text that stays, tried in this order."""


def characters(line: bytes) -> int:
    """How long a line is for clients, whose buffers count characters."""
    return len(line.decode(errors="replace"))


def shortened(line: bytes, longest: int) -> bytes:
    """The JSON line in at most `longest` characters; cut texts say so."""
    value = _json.decode(line)
    for limit in LIMITS:
        candidate = _json.encode(_cut(value, limit))
        if len(candidate.decode()) <= longest:
            return candidate
    return _json.encode(_without_content(value, len(line)))


def _cut(value: Any, limit: int) -> Any:
    match value:
        case str() if len(value) > limit:
            return f"{value[:limit]}… [{len(value) - limit} characters left out of the stream]"
        case {
            "type": "image" | "document" as kind,
            "source": {"type": "base64", "data": str() as data},
        } if len(data) > limit:
            return {
                "type": "text",
                "text": f"[{kind} of {len(data)} characters left out of the stream]",
            }
        case dict():
            return {key: _cut(item, limit) for key, item in value.items()}
        case list():
            return [_cut(item, limit) for item in value]
        case _:
            return value


def _without_content(value: dict[str, Any], size: int) -> dict[str, Any]:
    """A line of countless small values: only its kind and ids stay."""
    note = f"[{size} bytes left out of the stream]"
    kept = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
    if isinstance(message := value.get("message"), dict):
        kept["message"] = {**message, "content": [{"type": "text", "text": note}]}
    return kept
