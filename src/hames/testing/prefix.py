"""The cached prefix of a request, block by block: tools, then system, then messages.

Cache marks are taken off, as they move without changing what is cached. Blocks are compared as the
bytes that were sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from hames import _json

_MARK = re.compile(
    rb',\s*"cache_control"\s*:\s*\{[^{}]*\}|"cache_control"\s*:\s*\{[^{}]*\}\s*,?\s*'
)
_RANKS = {"tools": 0, "system": 1}


class Piece(NamedTuple):
    """One block of the prefix."""

    path: str
    """`tools.0`, `system.1`, `messages.3.content.0`."""
    owner: str
    """`tools`, `system`, or the role of the message."""
    raw: bytes
    """Its JSON without a cache mark."""
    ttl: str | None = None
    """Lifetime of the mark on it: `5m` or `1h`."""


class Difference(NamedTuple):
    """Where a request stops having the prefix of the one before."""

    path: str
    before: bytes
    after: bytes
    lost: int
    """Bytes of the former request from this block on: what cannot be read from the cache."""

    def __str__(self) -> str:
        if not self.after:
            change = f"is gone; it was {_excerpt(self.before, 0)}"
        elif not self.before:
            change = f"was put in: {_excerpt(self.after, 0)}"
        else:
            at = _first_other_byte(self.before, self.after)
            change = (
                f"differs at byte {at}:\n"
                f"  before: {_excerpt(self.before, at)}\n"
                f"  after:  {_excerpt(self.after, at)}"
            )
        return f"`{self.path}` {change}\n  {self.lost} bytes of the prefix are lost by it."


class _Marked(msgspec.Struct):
    cache_control: dict[str, str] | None = None


class _Message(msgspec.Struct):
    role: str
    content: msgspec.Raw


class _Body(msgspec.Struct):
    messages: list[_Message] = []
    tools: list[msgspec.Raw] = []
    system: msgspec.Raw = msgspec.Raw(b"[]")
    cache_control: dict[str, str] | None = None


class _Deferred(msgspec.Struct):
    defer_loading: bool = False


_bodies = msgspec.json.Decoder(_Body)
_marks = msgspec.json.Decoder(_Marked)
_deferred = msgspec.json.Decoder(_Deferred)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def pieces(raw: bytes) -> list[Piece]:
    """The blocks of a request's body in the order of the cache.

    Deferred tools are no part of it. A mark on the request itself is one on its last block.
    """
    body = _bodies.decode(raw)
    found = [
        _piece(f"tools.{i}", "tools", tool)
        for i, tool in enumerate(map(bytes, body.tools))
        if b'"defer_loading"' not in tool or not _deferred.decode(tool).defer_loading
    ]
    found += _content("system", "system", bytes(body.system))
    for i, message in enumerate(body.messages):
        found += _content(f"messages.{i}.content", message.role, bytes(message.content))
    if body.cache_control and found:
        found[-1] = found[-1]._replace(ttl=body.cache_control.get("ttl", "5m"))
    return found


def first_difference(before: bytes, after: bytes) -> Difference | None:
    """The first block of a request's body that the next one does not begin with; None when it does."""
    return _difference(pieces(before), pieces(after))


def _difference(before: Sequence[Piece], after: Sequence[Piece]) -> Difference | None:
    for i, (old, new) in enumerate(zip_longest(before, after)):
        if old is None:
            return None
        if new is not None and (old.owner, old.raw) == (new.owner, new.raw):
            continue
        lost = sum(len(piece.raw) for piece in before[i:])
        if new is None or _RANKS.get(old.owner, 2) < _RANKS.get(new.owner, 2):
            return Difference(old.path, old.raw, b"", lost)
        if _RANKS.get(new.owner, 2) < _RANKS.get(old.owner, 2):
            return Difference(new.path, b"", new.raw, lost)
        return Difference(old.path, old.raw, new.raw, lost)
    return None


def _content(path: str, owner: str, raw: bytes) -> Iterator[Piece]:
    if raw[:1] == b'"':
        yield Piece(path, owner, b'{"type":"text","text":%b}' % raw)
        return
    for i, block in enumerate(_raws.decode(raw)):
        yield _piece(f"{path}.{i}", owner, bytes(block))


def _piece(path: str, owner: str, raw: bytes) -> Piece:
    if b'"cache_control"' not in raw:
        return Piece(path, owner, raw)
    mark = _marks.decode(raw).cache_control
    if mark is None:
        mark = _mark_inside(raw)
    bare = _MARK.sub(b"", raw)
    return Piece(path, owner, bare, mark.get("ttl", "5m") if mark else None)


def _mark_inside(raw: bytes) -> dict[str, str] | None:
    """The last mark on a block inside a tool result."""
    content = _json.decode(raw).get("content")
    marks = [b.get("cache_control") for b in content] if isinstance(content, list) else []
    return next((mark for mark in reversed(marks) if mark), None)


def _first_other_byte(before: bytes, after: bytes) -> int:
    return next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)


def _excerpt(raw: bytes, at: int) -> str:
    start = max(at - 40, 0)
    text = raw[start : at + 80].decode("utf-8", "replace")
    return ("… " if start else "") + text + (" …" if at + 80 < len(raw) else "")
