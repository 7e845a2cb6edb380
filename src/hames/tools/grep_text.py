"""How Grep shows lines: numbered, cut around the match, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from hames.tools.search import readable
from hames.tools.search_terms import Piece

MAX_LINE = 500
"""Characters of a line that is shown whole."""
AROUND = 200
"""Characters shown on each side of the first match of a longer line."""


class Page(Struct, frozen=True):
    """Part of a list."""

    items: list[str]
    first: int
    """How many were passed over."""
    total: int
    limit: int

    @property
    def cut(self) -> bool:
        return len(self.items) < self.total

    @property
    def range(self) -> str:
        return f"{self.first + 1}-{self.first + len(self.items)}"

    @property
    def data(self) -> dict[str, int]:
        """What was applied, as far as it changed something."""
        applied = {}
        if self.limit > 0 and self.first + self.limit < self.total:
            applied["appliedLimit"] = self.limit
        if self.first:
            applied["appliedOffset"] = self.first
        return applied


def page_of(items: Sequence[str], offset: int, limit: int) -> Page:
    """The items after `offset`, at most `limit` of them; 0 is no limit."""
    offset = max(0, offset)
    end = offset + limit if limit > 0 else len(items)
    return Page(list(items[offset:end]), offset, len(items), limit)


def content_lines(
    pieces: Sequence[Piece], path: str | None, *, numbers: bool, only_matching: bool
) -> list[str]:
    """Lines as `path:number:text`, those of context with `-`, gaps between them as `--`."""
    found: list[str] = []
    has_context = any(not piece.spans for piece in pieces)
    expected = None
    for piece in pieces:
        if has_context and expected is not None and piece.number != expected:
            found.append("--")
        sign = ":" if piece.spans else "-"
        shown = _only(piece) if only_matching else _whole(piece)
        for number, text in shown:
            begin = f"{path}{sign}" if path is not None else ""
            found.append(begin + (f"{number}{sign}" if numbers else "") + text)
        expected = piece.number + piece.text.count("\n") + 1
    return found


def _whole(piece: Piece) -> Iterator[tuple[int, str]]:
    begin = 0
    for place, line in enumerate(piece.text.split("\n")):
        yield piece.number + place, excerpt(line.removesuffix("\r"), _first_in(piece, begin, line))
        begin += len(line) + 1


def _first_in(piece: Piece, begin: int, line: str) -> tuple[int, int]:
    """Where in the line its first match is; its start when there is none."""
    end = begin + len(line)
    for a, b in piece.spans:
        if a <= end and b >= begin:
            return max(a - begin, 0), min(b - begin, len(line))
    return 0, 0


def _only(piece: Piece) -> Iterator[tuple[int, str]]:
    for a, b in piece.spans:
        if a < b:
            number = piece.number + piece.text.count("\n", 0, a)
            for place, part in enumerate(piece.text[a:b].removesuffix("\n").split("\n")):
                yield number + place, excerpt(part.removesuffix("\r"), (0, 0))


def excerpt(line: str, match: tuple[int, int]) -> str:
    """The line, or what stands around the match when it is long, with how long it is."""
    if len(line) <= MAX_LINE:
        return readable(line)
    begin = max(0, match[0] - AROUND)
    end = min(len(line), max(match[1], match[0]) + AROUND, begin + MAX_LINE)
    before, after = "…" if begin else "", "…" if end < len(line) else ""
    return f"{before}{readable(line[begin:end])}{after} [{len(line)} characters]"
