"""Text as it lies in files: decoded for the model, encoded again to the same bytes.

UTF-8, with or without byte order mark, and UTF-16 with one are text. Anything else is shown as well as
it can be, with a `problem`, and is never written.
"""

from __future__ import annotations

import codecs
from typing import Literal

import msgspec

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be"]

NUL_SCAN_BYTES = 8192
"""NUL bytes among the first so many mark a file that is not text."""

MAX_ODD_SHARE = 0.1
"""With NUL bytes and a larger share of bytes that no text has, a file is not worth showing."""

_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1b") + b"\x7f"


class Text(msgspec.Struct, frozen=True):
    """The content of a file, line ends as they are, byte order mark taken off."""

    text: str
    encoding: Encoding = "utf-8"
    bom: bytes = b""
    problem: str | None = None
    """Why it cannot be encoded to the same bytes again; a clause such as "is not valid UTF-8"."""

    def encode(self, text: str) -> bytes:
        """Another text in the encoding of this one. Raises UnicodeEncodeError for half characters."""
        return self.bom + text.encode(self.encoding)


def decode(data: bytes) -> Text:
    """The text of a file's bytes; never fails, see `Text.problem`."""
    if data.startswith(_UTF32) and len(data) % 4 == 0:
        text = data.decode("utf-32", "replace")
        return Text(text, problem="is UTF-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding: Encoding = "utf-16-le" if data[0] == 0xFF else "utf-16-be"
        return _decode(data[2:], encoding, data[:2])
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    found = _decode(data[len(bom) :], "utf-8", bom)
    if found.problem is None and b"\0" in data[:NUL_SCAN_BYTES]:
        return Text(found.text, "utf-8", bom, "holds NUL bytes")
    return found


def is_binary(data: bytes) -> bool:
    """Whether the bytes are no text at all, so that showing them would only waste room."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, *_UTF32)):
        return False
    head = data[:NUL_SCAN_BYTES]
    if b"\0" not in head:
        return False
    odd = len(head) - len(head.translate(None, _CONTROLS))
    odd += head.decode("utf-8", "replace").count("\ufffd")
    return odd > len(head) * MAX_ODD_SHARE


def _decode(data: bytes, encoding: Encoding, bom: bytes) -> Text:
    try:
        return Text(data.decode(encoding), encoding, bom)
    except UnicodeDecodeError:
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        return Text(data.decode(encoding, "replace"), encoding, bom, f"is not valid {name}")
