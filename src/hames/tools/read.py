"""Read: show the model a file: text, a picture, a PDF, a notebook, or what a folder holds."""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools import file_kinds, seen, text_pages
from hames.tools.file_kinds import Kind
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


class ReadInput(Struct, forbid_unknown_fields=True):
    file_path: Annotated[str, Meta(description="Absolute path.")]
    offset: Annotated[int | None, Meta(description="First line, from 1.")] = None
    limit: Annotated[int | None, Meta(description="How many lines.")] = None
    pages: Annotated[str | None, Meta(description="PDF only: `3` or `1-5`, at most 20.")] = None
    allow_large: Annotated[
        bool, Meta(description="Show the first part of what is over the limits.")
    ] = False


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
        kind = file_kinds.by_suffix(os.path.splitext(real)[1].lower())
        _check_kind(args, path, kind, stat.size)
        data = await call.machine.read(real)
    except OSError as error:
        raise file_error(error, path) from error
    digest = await _quickly(data, digest_of)
    files = call.state(SeenFiles)
    part = (args.offset, args.limit, args.pages, args.allow_large)
    if len(data) >= MIN_REPEATED_BYTES and files.take_shown(real, part, digest):
        files.saw(real, digest, whole=files.is_whole(real))
        return _unchanged(path)
    result, whole = await _show(args, kind, data, path)
    files.saw(real, digest, whole=whole, stamp=(stat.size, stat.mtime_ns))
    files.show(real, part, digest)
    result.data["contentHash"] = digest
    result.data["whole"] = whole
    if real != path:
        result.data["realPath"] = real
    return result


def _check_kind(args: ReadInput, path: str, kind: Kind, size: int) -> None:
    """Raise ToolError for a file of a kind that is not shown, or too large for its kind."""
    if kind == "binary":
        raise ToolError(
            f"`{path}` is a binary file (`{os.path.splitext(path)[1].lower()}`) and cannot be shown. "
            "Use a shell command that knows the format.",
            invalid=True,
        )
    most = file_kinds.MAX_BYTES[kind]
    advice = "Search it, or process it with a shell command."
    if kind == "text":
        if args.offset is None and args.limit is None and not args.allow_large:
            advice = "Search it, or read a part with `offset` and `limit`."
        else:
            most = file_kinds.MAX_RANGE_BYTES
    if size > most:
        raise ToolError(f"`{path}` has {size:,} bytes; at most {most:,} are read. {advice}")


async def _show(args: ReadInput, kind: Kind, data: bytes, path: str) -> tuple[Result, bool]:
    """The content in the form that suits it, and whether it is all of it."""
    if kind == "text":
        kind = file_kinds.by_content(data)
    if kind == "image" or kind == "pdf" or kind == "notebook":
        # Not at import: most sessions read text only.
        from hames.tools import documents

        return await documents.show(kind, data, path, args.pages)
    if is_binary(data):
        raise ToolError(
            f"`{path}` holds binary data (it begins with {data[:12].hex(' ')}) and cannot be shown as "
            "text.",
            invalid=True,
        )
    text = await _quickly(data, decode)

    def shown(_: bytes) -> tuple[Result, bool]:
        return text_pages.show(
            text, path, offset=args.offset, limit=args.limit, allow_large=args.allow_large
        )

    return await _quickly(data, shown)


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
