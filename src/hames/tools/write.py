"""Write: put a whole file in place."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools import seen
from hames.tools.patches import Hunk, hunks_of_texts
from hames.tools.seen import digest_of
from hames.tools.targets import (
    Target,
    check_seen,
    file_facts,
    find_target,
    refuse_changed,
    write,
)
from hames.tools.text_files import Text
from hames.tools.tool import Call, Result, Tool, Writes

MAX_ORIGINAL_CHARS = 1_000_000
"""Longest old text that is told to programs (`originalFile`), since it is stored with every change."""

IN_THREAD_CHARS = 50_000
"""Texts from this length on are compared in a thread."""


class WriteInput(Struct, forbid_unknown_fields=True):
    file_path: Annotated[str, Meta(description="Absolute path.")]
    content: Annotated[str, Meta(description="All of the new content.")]


async def run(args: WriteInput, call: Call) -> Result:
    """The file has this content, in the encoding it had; its folders are made."""
    target = await find_target(call, args.file_path)
    before = None
    if target.exists:
        if check_seen(call, target) == "changed":
            raise refuse_changed(target)
        before = target.text()
    # A byte order mark is kept, so one in the content is not a second one.
    content = args.content.removeprefix("\ufeff") if before and before.bom else args.content
    data = encoded(before or Text(""), content)
    digest = await write(call, target, data, whole=True)
    if before is None:
        text = f"Created `{target.path}`."
        patch: list[Hunk] = []
    else:
        text = f"Wrote `{target.path}`."
        patch = await compare(before.text, content)
    return Result(
        text,
        {
            "type": "create" if before is None else "update",
            "filePath": target.path,
            "content": args.content,
            "structuredPatch": patch,
            "originalFile": None if before is None else original(before.text),
            "userModified": False,
            **file_facts(target, digest),
        },
    )


async def evidence(args: WriteInput, call: Call) -> str | None:
    """Whether the file has the content that a call which was cut off was to give it."""
    return written(await find_target(call, args.file_path), args.content)


def written(target: Target, content: str) -> str:
    """How a file stands to the content that it was to get."""
    if not target.exists:
        return f"`{target.path}` does not exist, so it was not written."
    if target.text().text == content.removeprefix("\ufeff"):
        return f"`{target.path}` has exactly the content that this call was to write."
    return f"`{target.path}` has another content than this call was to write."


def encoded(before: Text, content: str) -> bytes:
    """The content as bytes, as the file was encoded before. Raises ToolError for half characters."""
    try:
        return before.encode(content)
    except UnicodeEncodeError as error:
        raise ToolError(
            f"The text has half a character (a lone surrogate) at position {error.start}; it cannot "
            "be stored. Nothing was written.",
            invalid=True,
        ) from error


async def compare(old: str, new: str) -> list[Hunk]:
    """The hunks between two texts, found in a thread when they are long."""
    if len(old) + len(new) < IN_THREAD_CHARS:
        return hunks_of_texts(old, new)
    return await asyncio.to_thread(hunks_of_texts, old, new)


def original(text: str) -> str | None:
    """The old text for programs; None when it is too long to be stored with each change."""
    return text if len(text) <= MAX_ORIGINAL_CHARS else None


def recall(states: dict[type, Any], input: Any, data: Any) -> None:
    """Take up a stored Write: its content was seen."""
    if isinstance(data, dict):
        digest, content = data.get("contentHash"), data.get("content")
        if digest is None and isinstance(content, str):
            digest = digest_of(content.encode(errors="replace"))
        seen.recall(states, data.get("realPath") or data.get("filePath"), digest, whole=True)


WRITE = Tool(
    "Write",
    "write.md",
    input=WriteInput,
    run=run,
    access=lambda args: (Writes(args.file_path),),
    recall=recall,
    evidence=evidence,
    folder=__file__.rpartition("/")[0],
)
