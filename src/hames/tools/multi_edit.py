"""MultiEdit: several edits of one file, all or none. Offered to sessions that ask for it by name."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools.edit import (
    STALE_NOTE,
    check_strings,
    find_editable,
    find_places,
    recall,
    text_to_edit,
    text_to_fill,
)
from hames.tools.matching import apply
from hames.tools.seen import SeenFiles
from hames.tools.targets import file_facts, write
from hames.tools.tool import Call, Result, Tool, Writes
from hames.tools.write import compare, encoded, original


class OneEdit(Struct, forbid_unknown_fields=True):
    old_string: Annotated[str, Meta(description="Text to replace.")]
    new_string: Annotated[str, Meta(description="What replaces it.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


class MultiEditInput(Struct, forbid_unknown_fields=True):
    file_path: Annotated[str, Meta(description="Absolute path.")]
    edits: Annotated[
        list[OneEdit],
        Meta(min_length=1, description="Each is applied to what the one before left."),
    ]


async def run(args: MultiEditInput, call: Call) -> Result:
    """The file with all edits applied in order; untouched when one of them does not apply."""
    target = await find_editable(call, args.file_path)
    creates = args.edits[0].old_string == ""
    if creates:
        before, stale = text_to_fill(call, target), False
    else:
        before, stale = await text_to_edit(call, target)
    text, count = before.text, 0
    for number, edit in enumerate(args.edits, 1):
        try:
            check_strings(edit.old_string, edit.new_string)
            if edit.old_string == "":
                if number > 1:
                    raise ToolError("`old_string` is empty.", invalid=True)
                text, count = edit.new_string, 1
                continue
            spans = await find_places(
                text, edit.old_string, edit.new_string, edit.replace_all, target.path, stale
            )
        except ToolError as error:
            raise ToolError(
                f"Edit {number} of {len(args.edits)} does not apply, so none was made. {error}",
                invalid=True,
            ) from error
        text = apply(text, spans)
        count += len(spans)
    whole = call.state(SeenFiles).is_whole(target.real) or creates
    digest = await write(
        call, target, encoded(before, text), whole=whole and not stale, changed=stale
    )
    data = {
        "filePath": target.path,
        "edits": args.edits,
        "originalFile": original(before.text),
        "structuredPatch": await compare(before.text, text),
        "userModified": False,
        **file_facts(target, digest),
    }
    done = f"Made {len(args.edits)} edits ({count} replacements) in `{target.path}`."
    if stale:
        data["staleRecovered"] = True
        done += STALE_NOTE
    elif not whole:
        data["contentNotInModelContext"] = True
    return Result(done, data)


MULTI_EDIT = Tool(
    "MultiEdit",
    "multi_edit.md",
    input=MultiEditInput,
    run=run,
    access=lambda args: (Writes(args.file_path),),
    recall=recall,
    folder=__file__.rpartition("/")[0],
)
