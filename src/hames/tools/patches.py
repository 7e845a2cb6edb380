"""What a change did to a text, as the hunks of a unified diff (`structuredPatch`).

Where the places of the change are known, only they are looked at; two whole texts are compared after
their common beginning and end are taken off. Both stay quick on long files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

CONTEXT_LINES = 3
"""Unchanged lines shown around a change."""

MAX_COMPARED = 1_000_000
"""Old times new lines that are compared one by one; beyond it, they count as replaced altogether."""

Hunk = dict[str, Any]
"""`{oldStart, oldLines, newStart, newLines, lines}`; lines begin with a blank, `-`, `+` or `\\`."""


class Span(msgspec.Struct, frozen=True):
    """A place in a text, and what replaces it."""

    start: int
    end: int
    new: str


class _Change(msgspec.Struct, frozen=True):
    """Lines of the old text, from 0, and those that replace them; with their line breaks."""

    at: int
    old: list[str]
    new: list[str]


def hunks_of_spans(text: str, spans: Sequence[Span]) -> list[Hunk]:
    """The hunks of replacing these places, which stand in order and do not overlap."""
    changes: list[_Change] = []
    line = at = i = 0
    while i < len(spans):
        start = text.rfind("\n", 0, spans[i].start) + 1
        line += text.count("\n", at, start)
        at = start
        parts: list[str] = []
        end = copied = start
        while i < len(spans) and (not parts or spans[i].start < end):
            span = spans[i]
            parts += (text[copied : span.start], span.new)
            copied = span.end
            end = text.find("\n", span.end) + 1 or len(text)
            i += 1
        parts.append(text[copied:end])
        changes += _changes(_lines(text[start:end]), _lines("".join(parts)), line)
    return _hunks(_lines(text), changes)


def hunks_of_texts(old: str, new: str) -> list[Hunk]:
    """The hunks between two texts."""
    if old == new:
        return []
    lines = _lines(old)
    return _hunks(lines, _changes(lines, _lines(new), 0))


def _lines(text: str) -> list[str]:
    """The lines with their breaks; only LF breaks a line."""
    lines = text.split("\n")
    last = lines.pop()
    lines = [line + "\n" for line in lines]
    if last:
        lines.append(last)
    return lines


def _changes(old: list[str], new: list[str], at: int) -> list[_Change]:
    """What differs between two runs of lines, the first of which begins at line `at`."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if not old and not new:
        return []
    if min(len(old), len(new)) < 2 or len(old) * len(new) > MAX_COMPARED:
        return [_Change(at + head, old, new)]
    # Not at import: most edits are of one place and never come here.
    from difflib import SequenceMatcher

    return [
        _Change(at + head + a, old[a:b], new[c:d])
        for tag, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes()
        if tag != "equal"
    ]


def _hunks(lines: list[str], changes: list[_Change]) -> list[Hunk]:
    """Group changes that stand close together, with context around them."""
    groups: list[list[_Change]] = []
    for change in changes:
        if groups:
            last = groups[-1][-1]
            if change.at - (last.at + len(last.old)) <= 2 * CONTEXT_LINES:
                groups[-1].append(change)
                continue
        groups.append([change])
    hunks = []
    moved = 0
    for group in groups:
        hunks.append(_hunk(lines, group, moved))
        moved += sum(len(change.new) - len(change.old) for change in group)
    return hunks


def _hunk(lines: list[str], group: list[_Change], moved: int) -> Hunk:
    start = max(0, group[0].at - CONTEXT_LINES)
    last = group[-1].at + len(group[-1].old)
    end = min(len(lines), last + CONTEXT_LINES)
    shown: list[str] = []
    added = removed = 0
    at = start
    for change in group:
        _add(shown, " ", lines[at : change.at])
        _add(shown, "-", change.old)
        _add(shown, "+", change.new)
        added += len(change.new)
        removed += len(change.old)
        at = change.at + len(change.old)
    _add(shown, " ", lines[at:end])
    return {
        "oldStart": start + 1,
        "oldLines": end - start,
        "newStart": start + 1 + moved,
        "newLines": end - start + added - removed,
        "lines": shown,
    }


def _add(shown: list[str], sign: str, lines: list[str]) -> None:
    for line in lines:
        if line.endswith("\n"):
            shown.append(sign + line[:-1])
        else:
            shown.append(sign + line)
            shown.append("\\ No newline at end of file")
