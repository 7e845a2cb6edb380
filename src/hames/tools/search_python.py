"""Search without ripgrep: the same files and the same lines, only slower."""

from __future__ import annotations

import asyncio
import bisect
import codecs
import os
import re
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from hames._clock import Clock
from hames.sandbox.machine import Machine
from hames.tools.ignore import Level, is_left_out, level_of, levels_above
from hames.tools.regexes import compile_regex
from hames.tools.search_terms import (
    TIMEOUT,
    BadPattern,
    Found,
    Hits,
    Listing,
    Piece,
    Query,
    Scope,
)

LARGEST_FILE = 50_000_000
"""Bytes; a larger file is not looked at, and the outcome says that it is not complete."""
LONGEST_SLOW_TEXT = 10_000
"""Characters that are searched at once with an expression whose time grows faster than the text."""


class PythonSearch:
    """A search that reads the files itself."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock
        self._end = clock.monotonic() + TIMEOUT

    async def list(self, scope: Scope) -> Listing:
        """The files of a scope, in no order."""
        return Listing([path async for path in self._walk(scope)])

    async def search(self, scope: Scope, query: Query) -> Found:
        """What a query finds. Raises `BadPattern`."""
        try:
            regex, slow = compile_regex(
                query.pattern,
                literal=query.literal,
                ignore_case=query.ignore_case,
                dotall=query.dotall,
            )
        except ValueError as error:
            raise BadPattern(str(error)) from error
        finder = _Finder(regex, query, slow, self._check_time)
        found = Found([])
        async for path in self._files(scope):
            text = await self._text(os.path.join(scope.folder, path), found, scope.only is not None)
            if text is not None and (hits := finder.find(path, text)):
                found.hits.append(hits)
            await asyncio.sleep(0)
        found.complete = found.complete and not finder.skipped
        return found

    async def _files(self, scope: Scope) -> AsyncIterator[str]:
        if scope.only is not None:
            yield scope.only
            return
        async for path in self._walk(scope):
            yield path

    async def _walk(self, scope: Scope) -> AsyncIterator[str]:
        above = None if scope.ignored else await levels_above(self._machine, scope.folder)
        pending: list[tuple[str, Level | None]] = [("", above)]
        while pending:
            self._check_time()
            relative, up = pending.pop()
            folder = os.path.join(scope.folder, relative) if relative else scope.folder
            try:
                entries = await self._machine.list(folder)
            except OSError:
                continue
            level = up
            if not scope.ignored:
                names = {entry.name for entry in entries}
                level = await level_of(self._machine, folder, up, names)
            for entry in entries:
                if entry.kind not in ("file", "folder") or entry.name == ".git":
                    continue
                is_folder = entry.kind == "folder"
                full = os.path.join(folder, entry.name)
                if level and is_left_out(level, full, is_folder=is_folder):
                    continue
                path = f"{relative}/{entry.name}" if relative else entry.name
                if is_folder:
                    pending.append((path, level))
                elif scope.keep(path):
                    yield path
            await asyncio.sleep(0)

    async def _text(self, path: str, found: Found, binary_too: bool) -> str | None:
        """The text of a file; None when it has none or cannot be read."""
        try:
            data = await self._machine.read(path, limit=LARGEST_FILE + 1)
        except OSError:
            return None
        if len(data) > LARGEST_FILE:
            found.complete = False
            return None
        for mark, encoding in _MARKS.items():
            if data.startswith(mark):
                data = data[len(mark) :]
                data = data.decode(encoding, "replace").encode() if encoding else data
                break
        if b"\0" in data and not binary_too:
            return None
        return data.decode("utf-8", "surrogateescape")

    def _check_time(self) -> None:
        if self._clock.monotonic() > self._end:
            raise TimeoutError


_MARKS = {
    codecs.BOM_UTF8: None,
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""How files begin that tell their encoding; None is ours."""


class _Match(NamedTuple):
    """Lines `first` to `last`, counted from 0, and where they match: places in the text."""

    first: int
    last: int
    spans: list[tuple[int, int]]


class _Finder:
    def __init__(
        self, regex: re.Pattern[str], query: Query, slow: bool, check_time: Callable[[], None]
    ) -> None:
        self._regex = regex
        self._query = query
        self._slow = slow
        self._check_time = check_time
        self.skipped = False
        """Some text was too long for the expression."""

    def find(self, path: str, text: str) -> Hits | None:
        lines = text.removesuffix("\n").split("\n") if text else []
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        if self._query.multiline:
            matches = self._across_lines(text, starts)
        else:
            matches = self._line_by_line(lines, starts)
        if not matches:
            return None
        hits = Hits(path, sum(match.last - match.first + 1 for match in matches))
        if not self._query.count_only:
            hits.pieces = _pieces(text, lines, starts, matches, self._query)
        return hits

    def _line_by_line(self, lines: list[str], starts: list[int]) -> list[_Match]:
        found = []
        for number, line in enumerate(lines):
            if not number % 1000:
                self._check_time()
            if spans := self._spans(line):
                begin = starts[number]
                found.append(_Match(number, number, [(begin + a, begin + b) for a, b in spans]))
        return found

    def _across_lines(self, text: str, starts: list[int]) -> list[_Match]:
        found: list[_Match] = []
        for start, end in self._spans(text):
            if start == len(text) and (not text or text.endswith("\n")):
                continue  # no line begins there
            first = bisect.bisect_right(starts, start) - 1
            last = bisect.bisect_right(starts, max(start, end - 1)) - 1
            if found and first <= found[-1].last + 1:
                before = found.pop()
                # As ripgrep tells it: `$` at the end of the file belongs to a match, but is none.
                spans = [] if start == len(text) else [(start, end)]
                found.append(_Match(before.first, max(last, before.last), before.spans + spans))
            else:
                found.append(_Match(first, last, [(start, end)]))
        return found

    def _spans(self, text: str) -> list[tuple[int, int]]:
        if self._slow and len(text) > LONGEST_SLOW_TEXT:
            self.skipped = True
            return []
        return [match.span() for match in self._regex.finditer(text)]


def _pieces(
    text: str, lines: list[str], starts: list[int], matches: list[_Match], query: Query
) -> list[Piece]:
    """Matches with their context, in order, no line twice."""
    pieces = []
    done = 0
    for place, match in enumerate(matches):
        for number in range(max(done, match.first - query.before), match.first):
            pieces.append(Piece(number + 1, lines[number]))
        begin, end = starts[match.first], starts[match.last + 1]
        spans = [(a - begin, b - begin) for a, b in match.spans]
        pieces.append(Piece(match.first + 1, text[begin:end].removesuffix("\n"), spans))
        done = match.last + 1
        following = matches[place + 1].first if place + 1 < len(matches) else len(lines)
        until = min(following, done + query.after)
        for number in range(done, until):
            pieces.append(Piece(number + 1, lines[number]))
        done = max(done, until)
    return pieces
