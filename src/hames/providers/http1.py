"""The part of HTTP/1.1 that a client needs: a request as bytes, and an answer read as it arrives.

Knows no sockets. What is not HTTP raises `NoHTTP`, whose text names what was wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_HEAD = 100 * 1024
"""Bytes of status line and headers, and of what stands between and after chunks."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: |$)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}")


class NoHTTP(Exception):
    """The server's answer cannot be read as HTTP/1.1."""


def request_head(target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a POST. Raises ValueError that names the header which cannot be sent."""
    lines = [f"POST {target} HTTP/1.1\r\nhost: {host}\r\n"]
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"`{name!r:.60}` is no name of a header")
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of `{name}` has a line break or a null in it")
        lines.append(f"{name}: {value.strip()}\r\n")
    lines.append(f"content-length: {length}\r\n\r\n")
    return "".join(lines).encode()


class Head:
    """Status and headers of an answer, and how its body ends."""

    __slots__ = ("chunked", "headers", "keep", "length", "status")

    def __init__(self, raw: bytes) -> None:
        first, *lines = raw.split(b"\r\n")
        said = _STATUS.match(first)
        if said is None:
            raise NoHTTP(f"the answer begins with {first[:40]!r}")
        self.status = int(said[2])
        self.headers = _headers(lines)
        connection = self.headers.get("connection", "").lower()
        self.keep = "close" not in connection and (said[1] == b"1" or "keep-alive" in connection)
        self.chunked = False
        self.length: int | None = None
        """None: the body goes on until the connection is closed."""
        self._frame()

    def _frame(self) -> None:
        coding = self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length")
        if self.status in (204, 304):
            self.length = 0
        elif coding:
            if coding != "chunked":
                raise NoHTTP(f"the body is coded as `{coding[:40]}`")
            self.chunked = True
        elif length is not None:
            self.length = _same_number(length)


def _headers(lines: list[bytes]) -> dict[str, str]:
    """Names in lower case; values of a repeated name are joined, as are lines that go on."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        text = line.decode("latin-1")
        if text[:1] in (" ", "\t") and name:
            found[name] += " " + text.strip()
            continue
        name, colon, value = text.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise NoHTTP(f"`{text[:40]}` is no header")
        name, value = name.lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _same_number(said: str) -> int:
    """A length; the same one several times is accepted."""
    numbers = {part.strip() for part in said.split(",")}
    number = numbers.pop()
    if numbers or not _LENGTH.fullmatch(number):
        raise NoHTTP(f"the length of the body is given as `{said[:40]}`")
    return int(number)


def take_head(data: bytearray) -> Head | None:
    """The head of the answer, which is removed from the data; None when it is not whole yet.

    Interim answers (1xx) are skipped.
    """
    while True:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > MOST_HEAD:
                raise NoHTTP(f"the headers are longer than {MOST_HEAD} bytes")
            return None
        head = Head(bytes(data[:end]))
        del data[: end + 4]
        if not 100 <= head.status < 200:
            return head


class Body:
    """Takes the body of one answer out of the data that arrives."""

    __slots__ = ("_chunked", "_in_chunk", "_left", "done")

    def __init__(self, head: Head) -> None:
        self._chunked = head.chunked
        self._left = 0 if head.chunked else head.length
        self._in_chunk = False
        self.done = self._left == 0 and not head.chunked
        """All of it was taken."""

    def take(self, data: bytearray, most: int) -> bytes:
        """What is there of the body, at most so much; removed from the data."""
        if self._chunked:
            return self._take_chunks(data, most)
        size = min(len(data), most)
        if self._left is not None:
            size = min(size, self._left)
            self._left -= size
            self.done = self._left == 0
        taken = bytes(data[:size])
        del data[:size]
        return taken

    def end(self) -> bool:
        """The server has closed the connection: whether that is the end of the body."""
        if self._left is None:
            self.done = True
        return self.done

    def _take_chunks(self, data: bytearray, most: int) -> bytes:
        raw, parts = bytes(data), []
        at, taken = 0, 0
        while taken < most:
            if self._in_chunk:
                assert self._left is not None
                part = raw[at : at + min(self._left, most - taken)]
                parts.append(part)
                at, taken, self._left = at + len(part), taken + len(part), self._left - len(part)
                if self._left or len(raw) < at + 2:
                    break
                if raw[at : at + 2] != b"\r\n":
                    raise NoHTTP("a chunk is longer than it says")
                at, self._in_chunk = at + 2, False
            line = _CHUNK.match(raw, at)
            if line is None:
                _check_incomplete(raw, at)
                break
            self._left = int(line[1], 16)
            self._in_chunk = self._left > 0
            if not self._in_chunk:
                end = _trailers_end(raw, line.end())
                self.done = end >= 0
                at = end if self.done else at
                break
            at = line.end()
        del data[:at]
        return b"".join(parts)


def _check_incomplete(data: bytes, at: int) -> None:
    """Raise unless what stands here may become the line before a chunk."""
    end = data.find(b"\n", at)
    if end >= 0 or len(data) - at > MOST_HEAD:
        raise NoHTTP(f"a chunk begins with {data[at : at + 40]!r}")


def _trailers_end(data: bytes, at: int) -> int:
    """Where the answer ends after its last chunk; -1 when that has not arrived."""
    if data[at : at + 2] == b"\r\n":
        return at + 2
    end = data.find(b"\r\n\r\n", at)
    if end < 0 and len(data) - at > MOST_HEAD:
        raise NoHTTP(f"the trailers are longer than {MOST_HEAD} bytes")
    return end + 4 if end >= 0 else -1
