"""Prompt caching as the API documents it, and the usage figures that follow.

A prefix is stored at each mark if it has enough tokens; a request reads the longest stored prefix that
ends at one of its marks or at most 19 blocks before it. Reading renews the lifetime. Other models,
another `tool_choice` or other `thinking` do not share prefixes (the latter two from the messages on).
A token is four bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from hames.testing.prefix import Piece, pieces

LOOK_BACK = 20
LIFETIMES = {"5m": 300.0, "1h": 3600.0}


class Share(msgspec.Struct, frozen=True):
    """How the tokens of one request's input were accounted."""

    read: int
    written_5m: int
    written_1h: int
    plain: int

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        return self.read + self.written + self.plain

    def usage(self) -> dict[str, object]:
        """The fields of the API's `usage`."""
        return {
            "input_tokens": self.plain,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


class _Entry(msgspec.Struct):
    ttl: str
    expires: float


class _Key(msgspec.Struct):
    model: str = ""
    tool_choice: msgspec.Raw = msgspec.Raw(b"")
    thinking: msgspec.Raw = msgspec.Raw(b"")


_keys = msgspec.json.Decoder(_Key)


class Cache:
    """The prefixes that an API remembers."""

    def __init__(self, now: Callable[[], float], *, minimum_tokens: int = 1024) -> None:
        self._now = now
        self._minimum = minimum_tokens
        self._entries: dict[bytes, _Entry] = {}

    def account(self, raw: bytes) -> Share:
        """Read and write what the marks of this request's body ask for."""
        blocks = pieces(raw)
        tokens, digests = _measure(blocks, _keys.decode(raw))
        marks = [i for i, piece in enumerate(blocks) if piece.ttl]
        hit = self._longest_known(digests, marks)
        read = tokens[hit] if hit is not None else 0
        written = {"5m": 0, "1h": 0}
        done = read
        for mark in marks:
            ttl = blocks[mark].ttl or "5m"
            if tokens[mark] < self._minimum or (hit is not None and mark <= hit):
                continue
            self._entries[digests[mark]] = _Entry(ttl, self._now() + LIFETIMES[ttl])
            written[ttl] += tokens[mark] - done
            done = tokens[mark]
        total = tokens[-1] if tokens else 0
        return Share(read, written["5m"], written["1h"], total - done)

    def _longest_known(self, digests: Sequence[bytes], marks: Sequence[int]) -> int | None:
        for mark in reversed(marks):
            for at in range(mark, max(mark - LOOK_BACK, -1), -1):
                entry = self._entries.get(digests[at])
                if entry and entry.expires > self._now():
                    self._renew(digests, marks, at)
                    return at
        return None

    def _renew(self, digests: Sequence[bytes], marks: Sequence[int], hit: int) -> None:
        """Give what was read its lifetime again, and the shorter marked prefixes inside it."""
        for at in {hit, *(mark for mark in marks if mark < hit)}:
            if (entry := self._entries.get(digests[at])) and entry.expires > self._now():
                entry.expires = self._now() + LIFETIMES[entry.ttl]


def count_tokens(raw: bytes) -> int:
    """The tokens of a request's input."""
    return sum(len(piece.raw) for piece in pieces(raw)) // 4


def _measure(blocks: Sequence[Piece], key: _Key) -> tuple[list[int], list[bytes]]:
    """For each block the tokens and the digest of the prefix that ends with it."""
    tokens, digests = [], []
    size = 0
    state = hashlib.blake2b(key.model.encode(), digest_size=16)
    in_messages = False
    for piece in blocks:
        if not in_messages and piece.owner not in ("tools", "system"):
            in_messages = True
            state.update(bytes(key.tool_choice) + b"\0" + bytes(key.thinking))
        state.update(piece.owner.encode() + b"\0" + piece.raw)
        size += len(piece.raw)
        tokens.append(size // 4)
        digests.append(state.digest())
    return tokens, digests
