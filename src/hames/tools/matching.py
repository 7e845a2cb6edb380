"""Find the text that an edit is to replace, and fit the replacement to it.

A match is exact, save for three things the model cannot know or type: how lines end (Read shows LF),
and which quotes are curly. Then what stays stays byte for byte, and what is new takes the line ends
and quotes of its surroundings.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from hames.tools.patches import Span

MAX_LISTED = 10
"""Line numbers of matches that are told."""

SCANNED_LINES = 20_000
"""Lines of a file among which text like the one not found is looked for."""

COMPARED_LINES = 2_000
"""Lines compared letter by letter when no line of the text not found is in the file."""

COMPARED_CHARS = 4_000
"""Longest piece of text that is compared letter by letter."""

NEAREST_LINES = 20
"""Most lines of the nearest text that are shown."""

NEAR = 0.6
"""How alike, from 0 to 1, a text must be to be worth showing."""

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
_OPENS_AFTER = frozenset(" \t\n\r([{<—–-=")
_NUMBERED = r"(?m)^ *\d+(?:\t|→)"


def find(text: str, old: str, new: str) -> list[Span]:
    """Every place where `old` stands, from the front, with what `new` becomes there."""
    if "\r\n" not in text or "\r" in old:
        starts = _occurrences(text, old)
        if starts:
            return [Span(start, start + len(old), new) for start in starts]
    if "\r\n" in old:
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    flat, breaks = _flatten(text)
    starts = _occurrences(flat, old)
    exact = bool(starts)
    if not exact:
        starts = _occurrences(flat.translate(_STRAIGHT), old.translate(_STRAIGHT))
    spans = []
    for start in starts:
        end = start + len(old)
        fitted = new if exact else _with_quotes(flat[start:end], old, new)
        a, b = start + bisect_left(breaks, start), end + bisect_left(breaks, end)
        spans.append(Span(a, b, _with_line_ends(text, a, b, fitted)))
    return spans


def apply(text: str, spans: list[Span]) -> str:
    """The text with the places replaced."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], span.new)
        at = span.end
    parts.append(text[at:])
    return "".join(parts)


def line_numbers(text: str, spans: list[Span]) -> str:
    """Where the places are: `line 3`, `lines 3, 9 and 12`, at most ten of them."""
    numbers: list[int] = []
    line, at = 1, 0
    for span in spans[:MAX_LISTED]:
        line += text.count("\n", at, span.start)
        at = span.start
        numbers.append(line)
    if len(spans) == 1:
        return f"line {numbers[0]}"
    if len(spans) > MAX_LISTED:
        return f"lines {', '.join(map(str, numbers))} …"
    return f"lines {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def nearest(text: str, old: str) -> str | None:
    """What the model most likely meant, in words, when `old` is not in the text; None if unknown."""
    flat = text.replace("\r\n", "\n")
    old = old.replace("\r\n", "\n")
    bare = re.sub(_NUMBERED, "", old)
    if bare != old and bare and bare in flat:
        return (
            "It is found without the line numbers that Read puts before each line: leave them out."
        )
    lines = flat.split("\n")[:SCANNED_LINES]
    wanted = old.strip("\n").split("\n")
    start = _best_start(lines, wanted)
    if start is None:
        return None
    found = lines[start : start + len(wanted)]
    hint = ""
    if "".join("".join(found).split()) == "".join("".join(wanted).split()):
        hint = " It differs only in white space."
    shown = [f"{start + 1 + i}\t{line[:500]}" for i, line in enumerate(found[:NEAREST_LINES])]
    if len(found) > NEAREST_LINES:
        shown.append("…")
    return f"The nearest text in the file is this.{hint}\n" + "\n".join(shown)


def _occurrences(text: str, part: str) -> list[int]:
    starts = []
    at = text.find(part)
    while at >= 0:
        starts.append(at)
        at = text.find(part, at + len(part))
    return starts


def _flatten(text: str) -> tuple[str, list[int]]:
    """The text with LF for CRLF, and where in it those LF are."""
    if "\r\n" not in text:
        return text, []
    found = [match.start() - i for i, match in enumerate(re.finditer("\r\n", text))]
    return text.replace("\r\n", "\n"), found


def _with_line_ends(text: str, start: int, end: int, new: str) -> str:
    """`new` for `text[start:end]`, its lines ending as those they stand for, or their neighbours."""
    if "\n" not in new or "\r\n" not in text:
        return new
    old_lines = text[start:end].split("\n")[:-1]
    ends = [line.endswith("\r") for line in old_lines]
    if not ends:
        return _joined(new, [_ends_crlf(text, start, end)] * new.count("\n"))
    if not any(ends):
        return new
    kept = [line.removesuffix("\r") for line in old_lines]
    lines = new.split("\n")[:-1]
    head = _common(kept, lines)
    tail = min(_common(kept[::-1], lines[::-1]), min(len(kept), len(lines)) - head)
    fitted = ends[:head]
    changed = ends[head : len(ends) - tail]
    for i in range(len(lines) - head - tail):
        neighbour = fitted[-1] if fitted else ends[0]
        fitted.append(changed[i] if i < len(changed) else neighbour)
    return _joined(new, fitted + ends[len(ends) - tail :])


def _joined(new: str, crlf: list[bool]) -> str:
    *lines, last = new.split("\n")
    parts = []
    for line, ends_crlf in zip(lines, crlf, strict=True):
        parts.append(line + ("\r\n" if ends_crlf and not line.endswith("\r") else "\n"))
    return "".join(parts) + last


def _ends_crlf(text: str, start: int, end: int) -> bool:
    """Whether the line of this place ends in CRLF; for the last line, the line before it."""
    at = text.find("\n", end)
    if at < 0:
        at = text.rfind("\n", 0, start)
    return at > 0 and text[at - 1] == "\r"


def _common(a: list[str] | str, b: list[str] | str) -> int:
    """How many items two sequences have in common at their beginning."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def _with_quotes(found: str, old: str, new: str) -> str:
    """`new` for the text found: what `old` and `new` share stays as found, new quotes become curly.

    Only where the text found has curly quotes of that kind and no straight ones.
    """
    head = _common(old, new)
    tail = min(_common(old[::-1], new[::-1]), min(len(old), len(new)) - head)
    out = list(found[:head])
    for char in new[head : len(new) - tail]:
        opens = not out or out[-1] in _OPENS_AFTER
        if char == '"' and '"' not in found and ("“" in found or "”" in found):
            char = "“" if opens else "”"
        elif char == "'" and "'" not in found and ("‘" in found or "’" in found):
            char = "‘" if opens else "’"
        out.append(char)
    return "".join(out) + found[len(found) - tail :]


def _best_start(lines: list[str], wanted: list[str]) -> int | None:
    """The index of the line where the text most like `wanted` begins."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2("\n".join(wanted)[:COMPARED_CHARS])
    best, alike = None, NEAR
    for start in _candidates(lines, wanted):
        matcher.set_seq1("\n".join(lines[start : start + len(wanted)])[:COMPARED_CHARS])
        if matcher.real_quick_ratio() > alike and matcher.quick_ratio() > alike:
            ratio = matcher.ratio()
            if ratio > alike:
                best, alike = start, ratio
    return best


def _candidates(lines: list[str], wanted: list[str]) -> list[int]:
    """Where `wanted` may begin: where most of its lines stand as they should, else by likeness."""
    places: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        places.setdefault(line.strip(), []).append(i)
    votes: dict[int, int] = {}
    for i, line in enumerate(wanted[:200]):
        bare = line.strip()
        for place in places.get(bare, ())[:50] if bare else ():
            start = max(0, place - i)
            votes[start] = votes.get(start, 0) + 1
    if votes:
        return sorted(votes, key=lambda start: (-votes[start], start))[:3]
    key = max(range(len(wanted)), key=lambda i: len(wanted[i].strip()))
    near = _most_alike(lines[:COMPARED_LINES], wanted[key].strip())
    return [max(0, near - key)] if near is not None else []


def _most_alike(lines: list[str], wanted: str) -> int | None:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(wanted[:200])
    best, alike = None, NEAR
    for i, line in enumerate(lines):
        matcher.set_seq1(line.strip()[:200])
        if matcher.real_quick_ratio() > alike and matcher.quick_ratio() > alike:
            ratio = matcher.ratio()
            if ratio > alike:
                best, alike = i, ratio
    return best
