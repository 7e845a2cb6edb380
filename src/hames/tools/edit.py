"""Edit: replace a piece of text in a file, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools import seen
from hames.tools.matching import apply, find, line_numbers, nearest
from hames.tools.patches import Span, hunks_of_spans
from hames.tools.seen import SeenFiles, digest_of
from hames.tools.suggestions import missing
from hames.tools.targets import Target, check_seen, file_facts, find_target, write
from hames.tools.text_files import Text
from hames.tools.tool import Call, Result, Tool, Writes
from hames.tools.write import IN_THREAD_CHARS, encoded, original, written

MAX_QUOTED_CHARS = 300
"""How much of a text that was not found is repeated."""

STALE_NOTE = (
    " The file had been modified since you read it; the rest of it may differ from what you saw."
)


class EditInput(Struct, forbid_unknown_fields=True):
    file_path: Annotated[str, Meta(description="Absolute path.")]
    old_string: Annotated[str, Meta(description="Text to replace. Empty: make a new file.")]
    new_string: Annotated[str, Meta(description="What replaces it.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


async def run(args: EditInput, call: Call) -> Result:
    """The text is replaced in the file; encoding, line ends and mode stay as they were."""
    check_strings(args.old_string, args.new_string)
    target = await find_editable(call, args.file_path)
    if args.old_string == "":
        before, spans, stale = text_to_fill(call, target), [Span(0, 0, args.new_string)], False
    else:
        before, stale = await text_to_edit(call, target)
        spans = await find_places(
            before.text, args.old_string, args.new_string, args.replace_all, target.path, stale
        )
    after = apply(before.text, spans)
    whole = call.state(SeenFiles).is_whole(target.real) or args.old_string == ""
    digest = await write(
        call, target, encoded(before, after), whole=whole and not stale, changed=stale
    )
    if len(before.text) < IN_THREAD_CHARS:
        patch = hunks_of_spans(before.text, spans)
    else:
        patch = await asyncio.to_thread(hunks_of_spans, before.text, spans)
    data = {
        "filePath": target.path,
        "oldString": args.old_string,
        "newString": args.new_string,
        "originalFile": original(before.text),
        "structuredPatch": patch,
        "userModified": False,
        "replaceAll": args.replace_all,
        **file_facts(target, digest),
    }
    if stale:
        data["staleRecovered"] = True
    elif not whole:
        data["contentNotInModelContext"] = True
    return Result(_success(args, target, before.text, spans, stale), data)


async def evidence(args: EditInput, call: Call) -> str | None:
    """Whether the file looks as if a call that was cut off had changed it."""
    target = await find_editable(call, args.file_path)
    if args.old_string == "":
        return written(target, args.new_string)
    if not target.exists:
        return f"`{target.path}` does not exist."
    text, old, new = target.text().text, args.old_string, args.new_string
    has_old, has_new = bool(find(text, old, new)), bool(new) and bool(find(text, new, old))
    # `old_string` was in one place, or every place was to be changed.
    if has_old and not (old in new and has_new):
        return f"`{target.path}` still holds `old_string`, so it was not edited."
    if has_new or not (new or has_old):
        return f"`{target.path}` is as after this edit."
    return None


def check_strings(old: str, new: str) -> None:
    """Raise ToolError when there is nothing to change."""
    if old == new:
        raise ToolError(
            "`old_string` and `new_string` are the same, so nothing would change.", invalid=True
        )


async def find_editable(call: Call, path: str) -> Target:
    """The file to edit. Raises ToolError for notebooks, which have their own tool."""
    if path.strip().lower().endswith(".ipynb"):
        raise ToolError(f"`{path}` is a notebook. Change it with NotebookEdit.", invalid=True)
    return await find_target(call, path)


def text_to_fill(call: Call, target: Target) -> Text:
    """The empty text of a file that is to be created or filled. Raises ToolError if it has any."""
    if not target.exists:
        return Text("")
    before = target.text()
    if before.text:
        raise ToolError(
            f"`{target.path}` exists and is not empty; an empty `old_string` only makes a new file. "
            "Name the text to replace, or use Write.",
            invalid=True,
        )
    check_seen(call, target)
    return before


async def text_to_edit(call: Call, target: Target) -> tuple[Text, bool]:
    """The text of a file that was read, and whether others have changed it since."""
    if not target.exists:
        error = await missing(call, target.path)
        raise ToolError(str(error), invalid=True)
    stale = check_seen(call, target) == "changed"
    return target.text(), stale


async def find_places(
    text: str, old: str, new: str, every: bool, path: str, stale: bool
) -> list[Span]:
    """The place to change, or all of them. Raises ToolError when there is none, or too many."""
    spans = find(text, old, new)
    if not spans:
        why = " The file has been modified since it was read." if stale else ""
        found = await asyncio.to_thread(nearest, text, old)
        quoted = old if len(old) <= MAX_QUOTED_CHARS else old[:MAX_QUOTED_CHARS] + "…"
        advice = found or "Read the file again and copy the text exactly."
        raise ToolError(
            f"`old_string` was not found in `{path}`.{why} {advice}\nold_string: {quoted}",
            invalid=True,
        )
    if len(spans) > 1 and not every:
        quoted = old if len(old) <= MAX_QUOTED_CHARS else old[:MAX_QUOTED_CHARS] + "…"
        raise ToolError(
            f"`old_string` has {len(spans)} matches in `{path}`, at {line_numbers(text, spans)}. Add "
            "text around it to make it one, or set `replace_all`.\n"
            f"old_string: {quoted}",
            invalid=True,
        )
    return spans


def _success(args: EditInput, target: Target, text: str, spans: list[Span], stale: bool) -> str:
    if args.old_string == "":
        return f"{'Filled' if target.exists else 'Created'} `{target.path}`."
    where = line_numbers(text, spans)
    done = f"Edited `{target.path}` at {where}."
    if args.replace_all:
        done = f"Replaced all {len(spans)} occurrences in `{target.path}`, at {where}."
    return done + STALE_NOTE if stale else done


def recall(states: dict[type, Any], input: Any, data: Any) -> None:
    """Take up a stored Edit or MultiEdit: the file counts as seen with what it became."""
    if not isinstance(data, dict):
        return
    digest = data.get("contentHash")
    path = data.get("realPath") or data.get("filePath")
    if digest is None:
        digest = _official_digest(data)
    if data.get("staleRecovered"):
        return
    whole = not data.get("contentNotInModelContext")
    seen.recall(states, path, digest, whole=whole)


def _official_digest(data: dict[str, Any]) -> str | None:
    """The hash of what an Edit stored by the official CLI left, when it tells enough."""
    before, old, new = (data.get(key) for key in ("originalFile", "oldString", "newString"))
    if isinstance(before, str) and isinstance(old, str) and isinstance(new, str):
        after = apply(before, find(before, old, new)) if old else new
        return digest_of(after.encode(errors="replace"))
    return None


EDIT = Tool(
    "Edit",
    "edit.md",
    input=EditInput,
    run=run,
    access=lambda args: (Writes(args.file_path),),
    recall=recall,
    evidence=evidence,
    folder=__file__.rpartition("/")[0],
)
