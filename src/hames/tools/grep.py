"""Grep: find text in files."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from hames.errors import ToolError
from hames.tools import file_types, globs
from hames.tools.grep_text import Page, content_lines, page_of
from hames.tools.search import existing, newest_first, search_text, shown, visible
from hames.tools.search_terms import Found, Query, Scope
from hames.tools.tool import Call, Reads, Result, Tool

HEAD_LIMIT = 250
"""Lines or files of a result, unless the call says otherwise."""
MAX_CHARS = 20_000
"""Longer results go to a file."""
BINARY_PROBE = 65_536
"""Bytes at the beginning of a named file in which a NUL makes it binary."""


class GrepInput(Struct, forbid_unknown_fields=True):
    pattern: Annotated[str, Meta(description="Regular expression.")]
    path: Annotated[str | None, Meta(description="File or folder.")] = None
    glob: Annotated[str | None, Meta(description="Which files: `*.{ts,tsx}`, `!*.min.js`.")] = None
    type: Annotated[str | None, Meta(description="Which files: `py`, `rust`.")] = None
    output_mode: Literal["files_with_matches", "content", "count"] = "files_with_matches"
    after: int | None = field(default=None, name="-A")
    before: int | None = field(default=None, name="-B")
    around: int | None = field(default=None, name="-C")
    context: int | None = None
    numbers: bool = field(default=True, name="-n")
    ignore_case: bool = field(default=False, name="-i")
    only_matching: bool = field(default=False, name="-o")
    multiline: Annotated[bool, Meta(description="`.` matches line ends.")] = False
    head_limit: Annotated[int, Meta(description="Most lines or files; 0: all.")] = HEAD_LIMIT
    offset: int = 0


async def run(args: GrepInput, call: Call) -> Result:
    """Files, lines or counts of what matches, with what was left out."""
    if not args.pattern:
        raise ToolError("`pattern` is empty.", invalid=True)
    full, kind = await existing(call, args.path)
    scope = _scope(args, call, full, kind)
    binary = kind == "file" and await _is_binary(call, full)
    found, reason = await search_text(call, scope, _query(args, binary))
    seen = set(visible(call, [os.path.join(scope.folder, one.path) for one in found.hits]))
    found.hits = [one for one in found.hits if os.path.join(scope.folder, one.path) in seen]
    if args.output_mode == "content":
        result = _content(args, call, scope, found, binary)
    elif args.output_mode == "count":
        result = _counts(args, call, scope, found)
    else:
        result = await _files(args, call, scope, found)
    notes = [result.content]
    if reason:
        notes.insert(0, f"Not a regular expression ({reason}), so searched for as plain text.")
    if not found.complete:
        notes.append("[The search was cut short; there may be more. Search fewer files.]")
    result.content = "\n".join(str(note) for note in notes)
    return result


def _scope(args: GrepInput, call: Call, full: str, kind: str) -> Scope:
    if kind == "file":
        folder, name = os.path.split(full)
        return Scope(folder, only=name)
    patterns = globs.split(args.glob or "")
    try:
        keeps = [_glob_keep(patterns, full, call.workspace.cwd)] if patterns else []
        names = globs.names(patterns)
    except ValueError as error:
        raise ToolError(f"`{args.glob}` is no pattern: {error}.", invalid=True) from error
    if args.type:
        names = _names_of_type(args.type)
        keeps.append(globs.matcher(names))
    return Scope(full, lambda path: all(keep(path) for keep in keeps), names)


def _glob_keep(patterns: list[str], folder: str, cwd: str) -> Any:
    """Judges paths below the folder; patterns may also be written from the working directory."""
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    wanted = globs.matcher([one for one in patterns if not one.startswith("!")] or ["**"])
    not_wanted = globs.matcher(unwanted) if unwanted else lambda path: False
    below = folder.removeprefix(cwd.rstrip("/") + "/") + "/" if folder.startswith(cwd) else ""
    if folder == cwd or not below:
        return lambda path: wanted(path) and not not_wanted(path)
    return lambda path: (
        (wanted(path) or wanted(below + path))
        and not (not_wanted(path) or not_wanted(below + path))
    )


def _names_of_type(kind: str) -> tuple[str, ...]:
    try:
        return file_types.names_of(kind)
    except KeyError:
        similar = ", ".join(f"`{name}`" for name in file_types.similar(kind))
        advice = f"Perhaps {similar} is meant; or use `glob`." if similar else "Use `glob`."
        raise ToolError(f"There is no file type `{kind}`. {advice}") from None


def _query(args: GrepInput, binary: bool) -> Query:
    before, after = _context(args)
    lines = args.output_mode == "content" and not args.only_matching
    # A pattern that names a line end can only match across lines.
    across = args.multiline or "\n" in args.pattern or "\\n" in args.pattern
    return Query(
        args.pattern,
        ignore_case=args.ignore_case,
        multiline=across,
        dotall=args.multiline,
        before=before if lines else 0,
        after=after if lines else 0,
        count_only=args.output_mode != "content" or binary,
    )


def _context(args: GrepInput) -> tuple[int, int]:
    """How many lines before and after a match are asked for; what is more precise goes first."""
    around = next((one for one in (args.around, args.context) if one is not None), 0)
    before = around if args.before is None else args.before
    after = around if args.after is None else args.after
    return max(0, before), max(0, after)


async def _is_binary(call: Call, path: str) -> bool:
    begin = await call.machine.read(path, limit=BINARY_PROBE)
    return b"\0" in begin and not begin.startswith((b"\xff\xfe", b"\xfe\xff"))


async def _files(args: GrepInput, call: Call, scope: Scope, found: Found) -> Result:
    paths = [os.path.join(scope.folder, one.path) for one in found.hits]
    names = [shown(call, path) for path in await newest_first(call, paths)]
    page = page_of(names, args.offset, args.head_limit)
    data = {"mode": args.output_mode, **_files_data(page.items), "totalFiles": len(names)}
    if not names:
        return Result("No files found.", data)
    head = f"Found {_of(len(names), 'file')}"
    if page.cut:
        head += f"; {page.range} are shown" if page.items else f"; none after {args.offset}"
    return Result("\n".join([head, *page.items]), {**data, **page.data})


def _content(args: GrepInput, call: Call, scope: Scope, found: Found, binary: bool) -> Result:
    data = {"mode": args.output_mode, **_files_data([])}
    if binary and found.hits:
        name = shown(call, os.path.join(scope.folder, found.hits[0].path))
        text = f"`{name}` is a binary file; {_of(found.hits[0].lines, 'line')} of it match."
        return Result(text, {**data, "content": text, "numLines": 1, "totalLines": 1})
    lines: list[str] = []
    for one in sorted(found.hits, key=lambda hits: hits.path):
        path = None if scope.only else shown(call, os.path.join(scope.folder, one.path))
        lines += content_lines(
            one.pieces, path, numbers=args.numbers, only_matching=args.only_matching
        )
    page = page_of(lines, args.offset, args.head_limit)
    content = "\n".join(page.items)
    counts = {"content": content, "numLines": len(page.items), "totalLines": len(lines)}
    text = _with_note(page, len(lines), "line") if lines else "No matches found."
    return Result(text, {**data, **counts, **page.data})


def _counts(args: GrepInput, call: Call, scope: Scope, found: Found) -> Result:
    rows = sorted(
        (shown(call, os.path.join(scope.folder, one.path)), one.lines) for one in found.hits
    )
    page = page_of([f"{name}:{count}" for name, count in rows], args.offset, args.head_limit)
    total = sum(count for _, count in rows)
    data: dict[str, Any] = {
        "mode": args.output_mode,
        "numFiles": len(rows),
        "filenames": [],
        "content": "\n".join(page.items),
        "numMatches": total,
        **page.data,
    }
    if not rows:
        return Result("No matches found.", data)
    text = _with_note(page, len(rows), "file")
    return Result(f"{text}\n\n{_of(total, 'matching line')} in {_of(len(rows), 'file')}", data)


def _with_note(page: Page, total: int, what: str) -> str:
    if not page.cut:
        return "\n".join(page.items)
    shown_part = page.range if page.items else "None"
    return "\n".join([*page.items, f"[{shown_part} of {_of(total, what)}]"])


def _files_data(names: list[str]) -> dict[str, Any]:
    return {"numFiles": len(names), "filenames": names}


def _of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


GREP = Tool(
    "Grep",
    "grep.md",
    input=GrepInput,
    run=run,
    access=lambda args: (Reads(args.path or "."),),
    parallel=True,
    max_chars=MAX_CHARS,
    folder=__file__.rpartition("/")[0],
)
