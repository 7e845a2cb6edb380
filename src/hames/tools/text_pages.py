"""Text files as Read shows them: numbered lines, a range of them, and never cut without saying so."""

from __future__ import annotations

from typing import Any

from hames.errors import ToolError
from hames.tools.text_files import Text
from hames.tools.tool import Result

MAX_TOKENS = 25_000
"""Tokens of one result, estimated."""

BYTES_PER_TOKEN = 3.4
"""Source code has about so many bytes of UTF-8 to a token."""

MAX_SHOWN_BYTES = int(MAX_TOKENS * BYTES_PER_TOKEN)


def show(
    text: Text, path: str, *, offset: int | None, limit: int | None, allow_large: bool
) -> tuple[Result, bool]:
    """The lines asked for, numbered, and whether that is all of the file.

    What is too much is cut when no range was asked for, or `allow_large`; else it is an error.
    """
    lines = text.text.replace("\r\n", "\n").split("\n")
    total = len(lines)
    if not text.text and not text.problem:
        return _result("", path, [""], 1, total, note=_warning(f"`{path}` is empty.")), True
    # Official 2.1.330 shows line 1 as line 0 for offset 0.
    start = max(offset or 1, 1)
    if start > total:
        note = _warning(f"`{path}` has {total} lines; offset {start} is past its end.")
        return _result("", path, [], start, total, note=note), False
    chosen = (
        lines[start - 1 :] if limit is None or limit <= 0 else lines[start - 1 : start - 1 + limit]
    )
    shown = "\n".join([f"{number}\t{line}" for number, line in enumerate(chosen, start)])
    size = len(shown.encode())
    cut = ""
    capped = size > MAX_SHOWN_BYTES
    if capped:
        fitting = _fitting(chosen, start)
        if (offset is not None or limit is not None) and not allow_large:
            raise ToolError(
                f"The {len(chosen)} lines asked for of `{path}` are about "
                f"{int(size / BYTES_PER_TOKEN):,} tokens; at most {MAX_TOKENS:,} are shown. "
                f"{_advice(start, fitting)}"
            )
        if fitting:
            chosen = chosen[:fitting]
            cut = " The limit of one result is reached."
        else:
            length = len(chosen[0])
            part = chosen[0].encode()[: MAX_SHOWN_BYTES - 16].decode(errors="ignore")
            chosen = [part]
            cut = f" Of line {start}, {len(part)} of {length} characters are shown."
        shown = "\n".join([f"{number}\t{line}" for number, line in enumerate(chosen, start)])
    end = start + len(chosen) - 1
    whole = start == 1 and end == total and not cut
    note = ""
    if not whole:
        more = f" Continue with offset {end + 1}." if cut and end < total else ""
        note = f"\n[Lines {start}-{end} of {total}.{cut}{more}]"
    if text.problem:
        note += (
            f"\n[The file {text.problem}; what cannot be shown stands as \ufffd. "
            "Edit and Write refuse such a file.]"
        )
    return _result(shown, path, chosen, start, total, note=note, capped=capped), whole


def _result(
    shown: str,
    path: str,
    lines: list[str],
    start: int,
    total: int,
    *,
    note: str = "",
    capped: bool = False,
) -> Result:
    file: dict[str, Any] = {
        "filePath": path,
        "content": "\n".join(lines),
        "numLines": len(lines),
        "startLine": start,
        "totalLines": total,
    }
    if capped:
        file["truncatedByTokenCap"] = True
    return Result(shown + note, {"type": "text", "file": file}, keep_whole=True)


def _fitting(lines: list[str], start: int) -> int:
    """How many of the lines, from the front, are within the limit."""
    room = MAX_SHOWN_BYTES
    for i, line in enumerate(lines):
        room -= len(line.encode()) + len(str(start + i)) + 2
        if room < 0:
            return i
    return len(lines)


def _advice(start: int, fitting: int) -> str:
    if fitting:
        return f"From line {start}, a limit of {fitting} fits."
    return f"Line {start} alone is too long; set `allow_large` or cut it with a shell command."


def _warning(text: str) -> str:
    return f"<system-reminder>{text}</system-reminder>"
