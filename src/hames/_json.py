"""JSON as bytes: one encoder and one decoder for the whole package.

Output is compact (no blanks), keys stay in the order given, and lone surrogates, which UTF-8 cannot
carry, become U+FFFD: a stored session must never become unreadable because of half a character.
"""

from __future__ import annotations

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()

DecodeError = msgspec.DecodeError


def encode(value: Any) -> bytes:
    """The compact JSON of a value. Raises TypeError for what JSON cannot hold."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(value))


def decode(data: bytes | str) -> Any:
    """The value of a JSON text. Raises `DecodeError`."""
    return _decoder.decode(data)


def clean_text(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if not _has_surrogate(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {
                clean_text(k) if isinstance(k, str) else k: _without_surrogates(v)
                for k, v in value.items()
            }
        case list() | tuple():
            return [_without_surrogates(v) for v in value]
        case msgspec.Struct():
            return _without_surrogates(msgspec.to_builtins(value))
        case _:
            return value
