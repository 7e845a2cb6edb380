"""What is not text, as Read shows it: pictures, PDF files and notebooks.

Loaded when the first such file is read.
"""

from __future__ import annotations

import asyncio
import binascii
from typing import Any, Literal

from hames.errors import ToolError
from hames.tools import images, notebooks, pdf
from hames.tools.text_files import decode
from hames.tools.tool import Result


async def show(
    kind: Literal["image", "pdf", "notebook"], data: bytes, path: str, pages: str | None
) -> tuple[Result, bool]:
    """The content as blocks, and whether it is all of the file."""
    match kind:
        case "image":
            return await _image(data, path)
        case "pdf":
            return await _pdf(data, path, pages)
        case "notebook":
            return await asyncio.to_thread(_notebook, data, path)


async def _image(data: bytes, path: str) -> tuple[Result, bool]:
    picture = await asyncio.to_thread(images.prepare, data, path)
    facts = {
        "type": "image",
        "file": {
            "base64": picture.base64,
            "type": picture.media_type,
            "originalSize": len(data),
            "dimensions": {
                "originalWidth": picture.original[0],
                "originalHeight": picture.original[1],
                "displayWidth": picture.shown[0],
                "displayHeight": picture.shown[1],
            },
        },
    }
    note = picture.note(path)
    after = [_text(note)] if note else []
    return Result([picture.block()], facts, after=after, keep_whole=True), True


async def _pdf(data: bytes, path: str, pages: str | None) -> tuple[Result, bool]:
    if pages and pages.strip():
        first, last = pdf.parse_pages(pages)
        count, pictures = await asyncio.to_thread(pdf.render, data, path, first, last)
        shown = (
            f"pages {first}-{first + len(pictures) - 1}" if len(pictures) > 1 else f"page {first}"
        )
        content = [_text(f"`{path}`, {shown} of {count}:")]
        content += [picture.block() for picture in pictures]
        size = {"filePath": path, "originalSize": len(data), "count": len(pictures)}
        return Result(content, {"type": "parts", "file": size}, keep_whole=True), False
    if len(data) > pdf.MAX_DOCUMENT_BYTES:
        raise ToolError(
            f"`{path}` has {len(data):,} bytes; at most {pdf.MAX_DOCUMENT_BYTES:,} are shown "
            "whole. Read some of it with `pages`."
        )
    count = await asyncio.to_thread(pdf.page_count, data, path)
    if count > pdf.MAX_DOCUMENT_PAGES:
        raise ToolError(
            f"`{path}` has {count} pages; at most {pdf.MAX_DOCUMENT_PAGES} are shown whole. Read "
            "some of them with `pages`."
        )
    coded = binascii.b2a_base64(data, newline=False).decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": coded}
    content = [
        _text(f"`{path}`, {count} pages, {len(data):,} bytes:"),
        {"type": "document", "source": source},
    ]
    file = {"filePath": path, "base64": coded, "originalSize": len(data)}
    return Result(content, {"type": "pdf", "file": file}, keep_whole=True), True


def _notebook(data: bytes, path: str) -> tuple[Result, bool]:
    """The cells of a notebook; for a thread, because of its pictures."""
    notebook = notebooks.parse(decode(data).text, path)
    shown = notebooks.show(notebook, path)
    facts = {"type": "notebook", "file": {"filePath": path, "cells": shown.cells}}
    content: list[dict[str, Any]] = []
    texts: list[str] = []
    for part in shown.parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        try:
            picture = images.prepare(binascii.a2b_base64(part[1]), "output")
        except (ToolError, binascii.Error):
            texts.append("[A picture of this output is broken and cannot be shown.]")
            continue
        if texts:
            content.append(_text("\n".join(texts)))
        content.append(picture.block())
        texts = []
    if not content:
        text = "\n".join(texts) or f"(The notebook `{path}` has no cells.)"
        return Result(text, facts, keep_whole=True), shown.whole
    if texts:
        content.append(_text("\n".join(texts)))
    return Result(content, facts, keep_whole=True), shown.whole


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
