"""Read: show the model a file: text, a picture, a PDF, a notebook, or what a folder holds."""

from __future__ import annotations

import asyncio
import binascii
import os.path
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.sandbox.machine import Stat
from hames.tools import images, notebooks, pdf, seen, text_pages
from hames.tools.seen import SeenFiles, digest_of
from hames.tools.suggestions import missing
from hames.tools.targets import absolute, file_error, refuse_system_folder
from hames.tools.text_files import decode, is_binary
from hames.tools.tool import Call, Reads, Result, Tool

T = TypeVar("T")

MAX_FOLDER_ENTRIES = 500
"""Names of a folder that are listed."""

MIN_REPEATED_BYTES = 2_000
"""Smaller files are shown again rather than called unchanged."""

IN_THREAD_BYTES = 1_000_000
"""Text from this size on is decoded in a thread."""

BINARY_SUFFIXES = frozenset(
    [
        ".7z",
        ".a",
        ".avi",
        ".bin",
        ".bz2",
        ".class",
        ".dat",
        ".db",
        ".deb",
        ".dll",
        ".dmg",
        ".doc",
        ".docx",
        ".dylib",
        ".eot",
        ".exe",
        ".flac",
        ".gz",
        ".iso",
        ".jar",
        ".lib",
        ".mkv",
        ".mov",
        ".mp3",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".o",
        ".obj",
        ".odt",
        ".ogg",
        ".otf",
        ".ppt",
        ".pptx",
        ".pyc",
        ".pyd",
        ".rar",
        ".rpm",
        ".so",
        ".sqlite",
        ".sqlite3",
        ".tar",
        ".tgz",
        ".ttf",
        ".war",
        ".wasm",
        ".wav",
        ".webm",
        ".wmv",
        ".woff",
        ".woff2",
        ".xls",
        ".xlsx",
        ".xz",
        ".zip",
        ".zst",
    ]
)
"""Files that are never text."""


class ReadInput(Struct, forbid_unknown_fields=True):
    file_path: Annotated[str, Meta(description="Absolute path.")]
    offset: Annotated[int | None, Meta(description="First line, from 1.")] = None
    limit: Annotated[int | None, Meta(description="How many lines.")] = None
    pages: Annotated[str | None, Meta(description="PDF only: `3` or `1-5`, at most 20.")] = None
    allow_large: Annotated[
        bool, Meta(description="Show the first part of what is over the limits.")
    ] = False


class _File(Struct):
    """A file that was opened for a call."""

    path: str
    real: str
    stat: Stat
    data: bytes
    digest: str


async def run(args: ReadInput, call: Call) -> Result:
    """What is at the path, in the form that suits it, noted as seen."""
    path = absolute(call, args.file_path)
    try:
        real = await call.machine.real_path(path)
        refuse_system_folder(real)
        stat = await call.machine.stat(real)
        if stat is None:
            raise await missing(call, path)
        if stat.kind == "folder":
            return await _folder(call, path, real)
        if real == "/dev/null":
            return text_pages.show(decode(b""), path, offset=None, limit=None, allow_large=False)[0]
        if stat.kind != "file":
            raise ToolError(f"`{path}` is a device, socket or pipe, not a file.", invalid=True)
        suffix = os.path.splitext(real)[1].lower()
        _check_size(args, path, suffix, stat)
        data = await call.machine.read(real)
    except OSError as error:
        raise file_error(error, path) from error
    file = _File(path, real, stat, data, await _quickly(data, digest_of))
    files = call.state(SeenFiles)
    part = (args.offset, args.limit, args.pages, args.allow_large)
    if len(data) >= MIN_REPEATED_BYTES and files.take_shown(real, part, file.digest):
        files.saw(real, file.digest, whole=files.is_whole(real))
        return _unchanged(path)
    result, whole = await _show(args, file, suffix)
    files.saw(real, file.digest, whole=whole, stamp=(stat.size, stat.mtime_ns))
    files.show(real, part, file.digest)
    result.data["contentHash"] = file.digest
    result.data["whole"] = whole
    if real != path:
        result.data["realPath"] = real
    return result


def _check_size(args: ReadInput, path: str, suffix: str, stat: Stat) -> None:
    """Raise ToolError for a file that is too large, or of a kind that is not shown."""
    if suffix in BINARY_SUFFIXES:
        raise ToolError(
            f"`{path}` is a binary file (`{suffix}`) and cannot be shown. Use a shell command that "
            "knows the format.",
            invalid=True,
        )
    ranged = args.offset is not None or args.limit is not None or args.allow_large
    if suffix in images.SUFFIXES:
        most = images.MAX_FILE_BYTES
    elif suffix == ".pdf":
        most = pdf.MAX_FILE_BYTES
    elif suffix == ".ipynb" or ranged:
        most = text_pages.MAX_FILE_BYTES
    else:
        most = text_pages.MAX_WHOLE_BYTES
    if stat.size > most:
        advice = "Search it, or process it with a shell command."
        if most == text_pages.MAX_WHOLE_BYTES:
            advice = "Search it, or read a part with `offset` and `limit`."
        raise ToolError(f"`{path}` has {stat.size:,} bytes; at most {most:,} are read. {advice}")


async def _show(args: ReadInput, file: _File, suffix: str) -> tuple[Result, bool]:
    """The content in the form that suits it, and whether it is all of it."""
    if suffix == ".pdf" or file.data.startswith(b"%PDF-"):
        return await _pdf(args, file)
    if suffix == ".ipynb":
        return await asyncio.to_thread(_notebook, file)
    if suffix in images.SUFFIXES or images.is_picture(file.data):
        return await _image(file)
    if is_binary(file.data):
        raise ToolError(
            f"`{file.path}` holds binary data (it begins with {file.data[:12].hex(' ')}) and cannot "
            "be shown as text.",
            invalid=True,
        )
    text = await _quickly(file.data, decode)

    def shown(_: bytes) -> tuple[Result, bool]:
        return text_pages.show(
            text, file.path, offset=args.offset, limit=args.limit, allow_large=args.allow_large
        )

    return await _quickly(file.data, shown)


async def _quickly(data: bytes, work: Callable[[bytes], T]) -> T:
    """The work done on the data, in a thread when there is much of it."""
    if len(data) < IN_THREAD_BYTES:
        return work(data)
    return await asyncio.to_thread(work, data)


def _unchanged(path: str) -> Result:
    return Result(
        f"`{path}` is unchanged since it was last read; that result above is still true.",
        {"type": "file_unchanged", "file": {"filePath": path}},
    )


async def _folder(call: Call, path: str, real: str) -> Result:
    """The entries of a folder, folders marked by a slash."""
    entries = await call.machine.list(real)
    names = [entry.name + "/" * (entry.kind == "folder") for entry in entries[:MAX_FOLDER_ENTRIES]]
    text = f"`{path}` is a folder of {len(entries)} entries"
    text += f", the first {len(names)} of them:\n" if len(names) < len(entries) else ":\n"
    listing = "\n".join(names)
    file = {
        "filePath": path,
        "content": listing,
        "numLines": len(names),
        "startLine": 1,
        "totalLines": len(entries),
    }
    return Result(text + listing, {"type": "text", "file": file}, keep_whole=True)


async def _image(file: _File) -> tuple[Result, bool]:
    picture = await asyncio.to_thread(images.prepare, file.data, file.path)
    data = {
        "type": "image",
        "file": {
            "base64": picture.base64,
            "type": picture.media_type,
            "originalSize": len(file.data),
            "dimensions": {
                "originalWidth": picture.original[0],
                "originalHeight": picture.original[1],
                "displayWidth": picture.shown[0],
                "displayHeight": picture.shown[1],
            },
        },
    }
    note = picture.note(file.path)
    after = [_text(note)] if note else []
    return Result([picture.block()], data, after=after, keep_whole=True), True


async def _pdf(args: ReadInput, file: _File) -> tuple[Result, bool]:
    if args.pages and args.pages.strip():
        first, last = pdf.parse_pages(args.pages)
        count, pictures = await asyncio.to_thread(pdf.render, file.data, file.path, first, last)
        shown = (
            f"pages {first}-{first + len(pictures) - 1}" if len(pictures) > 1 else f"page {first}"
        )
        content = [_text(f"`{file.path}`, {shown} of {count}:")]
        content += [picture.block() for picture in pictures]
        size = {"filePath": file.path, "originalSize": len(file.data), "count": len(pictures)}
        return Result(content, {"type": "parts", "file": size}, keep_whole=True), False
    if len(file.data) > pdf.MAX_DOCUMENT_BYTES:
        raise ToolError(
            f"`{file.path}` has {len(file.data):,} bytes; at most {pdf.MAX_DOCUMENT_BYTES:,} are shown "
            "whole. Read some of it with `pages`."
        )
    count = await asyncio.to_thread(pdf.page_count, file.data, file.path)
    if count > pdf.MAX_DOCUMENT_PAGES:
        raise ToolError(
            f"`{file.path}` has {count} pages; at most {pdf.MAX_DOCUMENT_PAGES} are shown whole. Read "
            "some of them with `pages`."
        )
    coded = binascii.b2a_base64(file.data, newline=False).decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": coded}
    content = [
        _text(f"`{file.path}`, {count} pages, {len(file.data):,} bytes:"),
        {"type": "document", "source": source},
    ]
    data = {"filePath": file.path, "base64": coded, "originalSize": len(file.data)}
    return Result(content, {"type": "pdf", "file": data}, keep_whole=True), True


def _notebook(file: _File) -> tuple[Result, bool]:
    """The cells of a notebook; for a thread, because of its pictures."""
    notebook = notebooks.parse(decode(file.data).text, file.path)
    shown = notebooks.show(notebook, file.path)
    data = {"type": "notebook", "file": {"filePath": file.path, "cells": shown.cells}}
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
        text = "\n".join(texts) or f"(The notebook `{file.path}` has no cells.)"
        return Result(text, data, keep_whole=True), shown.whole
    if texts:
        content.append(_text("\n".join(texts)))
    return Result(content, data, keep_whole=True), shown.whole


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def recall(states: dict[type, Any], input: Any, data: Any) -> None:
    """Take up a stored Read: the file counts as seen with the content it had."""
    file = data.get("file") if isinstance(data, dict) else None
    if not isinstance(file, dict) or data.get("type") == "file_unchanged":
        return
    digest = data.get("contentHash")
    whole = data.get("whole") is True
    if digest is None and data.get("type") == "text":
        # Stored by the official CLI. Only of a file shown whole the content is known, and only if
        # it is UTF-8 with LF; any other will count as changed.
        whole = file.get("numLines") == file.get("totalLines")
        content = file.get("content")
        if whole and isinstance(content, str):
            digest = digest_of(content.encode(errors="replace"))
    seen.recall(states, data.get("realPath") or file.get("filePath"), digest, whole=whole)


READ = Tool(
    "Read",
    "read.md",
    input=ReadInput,
    run=run,
    access=lambda args: (Reads(args.file_path),),
    parallel=True,
    aliases=("NotebookRead",),
    recall=recall,
    folder=__file__.rpartition("/")[0],
)
