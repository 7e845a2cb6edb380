"""What a search looks for, and what it finds; the same for ripgrep and the search without it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

TIMEOUT = 20.0
"""Seconds that one search may take."""
MAX_OUTPUT = 16_000_000
"""Bytes of ripgrep's output that are looked at."""


class Scope(msgspec.Struct, frozen=True):
    """The files to look at: all below a folder, without `.git`."""

    folder: str
    """Absolute."""
    keep: Callable[[str], bool] = lambda path: True
    """Judges the path of a file, relative to the folder."""
    names: tuple[str, ...] = ()
    """Patterns of names, one of which every kept file has; saves looking at others. () is any name."""
    ignored: bool = False
    """Look also at what ignore files leave out."""
    only: str | None = None
    """Look at this one file of the folder, whatever it is."""


class Query(msgspec.Struct, frozen=True):
    """What to look for in them."""

    pattern: str
    literal: bool = False
    ignore_case: bool = False
    multiline: bool = False
    """Matches may cross lines."""
    dotall: bool = False
    """`.` matches line ends."""
    before: int = 0
    after: int = 0
    count_only: bool = False
    """Only how many lines match is asked for."""


class Listing(msgspec.Struct):
    """Paths relative to the folder."""

    paths: list[str]
    complete: bool = True


class Piece(msgspec.Struct):
    """Lines that belong together: one line, or those that a match crosses."""

    number: int
    """Of the first line; counted from 1."""
    text: str
    """Without the last line end. Bytes that are no UTF-8 are lone surrogates."""
    spans: list[tuple[int, int]] = []
    """Where the matches are; [] is a line of context."""


class Hits(msgspec.Struct):
    """What was found in one file."""

    path: str
    lines: int
    """How many lines match."""
    pieces: list[Piece] = []


class Found(msgspec.Struct):
    """What was found in all files, in no order."""

    hits: list[Hits]
    complete: bool = True


class BadPattern(ValueError):
    """The pattern is no regular expression; the text says why. Never leaves the search."""
