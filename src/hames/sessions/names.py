"""Names of projects and sessions, as official readers compute and check them."""

from __future__ import annotations

import os
import re
import unicodedata

KEY_LENGTH = 200
"""Longer project keys are cut here and told apart by a hash."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


_is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch


def is_session_id(text: str) -> bool:
    """Whether readers take a file of this name for a session."""
    return _is_uuid(text) is not None


def project_key(cwd: str) -> str:
    """The name of the folder that holds the sessions of a working directory."""
    path = unicodedata.normalize("NFC", os.path.realpath(cwd))
    return sanitized(path)


def sanitized(path: str) -> str:
    """A path as a folder name: every UTF-16 unit that is no ASCII letter or digit becomes `-`."""
    if path.isascii():
        name = "".join([c if c.isalnum() else "-" for c in path])
    else:
        # Official 2.1.330 counts UTF-16 code units: an emoji gives two dashes.
        name = "".join(
            [c if c.isascii() and c.isalnum() else "--" if c > "\uffff" else "-" for c in path]
        )
    if len(name) <= KEY_LENGTH:
        return name
    return f"{name[:KEY_LENGTH]}-{_base36(abs(_hash32(path)))}"


def same_project(key: str, other: str) -> bool:
    """Whether two project keys name one folder: of long ones only the cut part has to agree."""
    start = key[:KEY_LENGTH]
    return key == other or (
        len(start) == KEY_LENGTH < min(len(key), len(other)) and other.startswith(start + "-")
    )


def _hash32(text: str) -> int:
    units = text.encode("utf-16-le", "surrogatepass")
    h = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        h = (h * 31 + low + (high << 8)) & 0xFFFFFFFF
    return h - 0x1_0000_0000 if h >= 0x8000_0000 else h


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits
