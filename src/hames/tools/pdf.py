"""PDF files: whole as a document the model reads itself, or chosen pages as pictures."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hames.errors import ToolError
from hames.tools.images import Picture, encode

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
"""Largest file sent whole: in base64 it must fit with the rest into a request of 32 MB."""

MAX_DOCUMENT_PAGES = 100
"""Most pages of a file sent whole, which is what the API takes."""

MAX_PAGES = 20
"""Most pages rendered in one call."""

PAGE_SIDE = 1568
"""Longest side of a page in pixels; the API scales larger pictures down to this."""

PAGE_BASE64_CHARS = 350_000
"""Longest base64 text of one page."""

_PAGES = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")
_HEADER_BYTES = 1024
_PASSWORD = 4  # FPDF_ERR_PASSWORD

# PDFium is not thread-safe: one call at a time in the whole process.
_pdfium = threading.Lock()


def parse_pages(pages: str) -> tuple[int, int]:
    """First and last page of `3` or `1-5`. Raises ToolError for anything else, or for too many."""
    match = _PAGES.fullmatch(pages.strip())
    if not match:
        raise ToolError(
            f"`pages` is one page or one range (`3`, `1-5`), not `{pages}`.", invalid=True
        )
    first = int(match[1])
    last = int(match[2] or first)
    if not 1 <= first <= last:
        raise ToolError(f"`pages` counts upwards from 1; `{pages}` does not.", invalid=True)
    if last - first >= MAX_PAGES:
        raise ToolError(
            f"`pages` asks for {last - first + 1} pages; at most {MAX_PAGES} in one call.",
            invalid=True,
        )
    return first, last


def page_count(data: bytes, name: str) -> int:
    """How many pages the file has. Raises ToolError when it is no PDF that can be opened.

    Like `render`, for a thread.
    """
    with _open(data, name) as document:
        return len(document)


def render(data: bytes, name: str, first: int, last: int) -> tuple[int, list[Picture]]:
    """How many pages the file has, and pictures of those from `first` to `last`."""
    from pypdfium2 import PdfiumError

    with _open(data, name) as document:
        count = len(document)
        if first > count:
            raise ToolError(f"`{name}` has {count} pages; there is no page {first}.")
        pictures = []
        for number in range(first, min(last, count) + 1):
            try:
                pictures.append(_picture(document[number - 1]))
            except (PdfiumError, ValueError) as error:
                raise ToolError(f"Page {number} of `{name}` is broken: {error}") from error
        return count, pictures


@contextmanager
def _open(data: bytes, name: str) -> Iterator[Any]:  # Any: the package has no types
    if b"%PDF-" not in data[:_HEADER_BYTES]:
        raise ToolError(
            f"`{name}` is not a PDF file; it begins with {data[:12].hex(' ') or 'nothing'}."
        )
    with _pdfium:
        from pypdfium2 import PdfDocument, PdfiumError

        try:
            document = PdfDocument(data)
        except PdfiumError as error:
            if error.err_code == _PASSWORD:
                text = f"`{name}` is protected by a password and cannot be read."
            else:
                text = f"`{name}` is broken and cannot be opened as PDF: {error}"
            raise ToolError(text) from error
        try:
            yield document
        finally:
            document.close()


def _picture(page: Any) -> Picture:
    try:
        width, height = page.get_size()
        scale = PAGE_SIDE / max(width, height, 1.0)
        bitmap = page.render(scale=scale)
        try:
            return encode(bitmap.to_pil(), max_side=PAGE_SIDE, max_chars=PAGE_BASE64_CHARS)
        finally:
            bitmap.close()
    finally:
        page.close()
