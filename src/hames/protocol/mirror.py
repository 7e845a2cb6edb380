"""What is stored, as lines for clients that keep a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hames import _json
from hames.protocol.shorten import LONGEST


def mirror_lines(path: str | None, entries: Sequence[bytes]) -> Iterator[bytes]:
    """The entries in as few lines as their length allows; none for a session that is in no file."""
    if path is None:
        return
    frame = b'{"type":"transcript_mirror","filePath":%b,"entries":[%%b]}' % _json.encode(
        path
    ).replace(b"%", b"%%")
    together: list[bytes] = []
    size = len(frame)
    for entry in entries:
        entry = entry.rstrip(b"\n")
        if together and size + len(entry) >= LONGEST:
            yield frame % b",".join(together)
            together, size = [], len(frame)
        together.append(entry)
        size += len(entry) + 1
    if together:
        yield frame % b",".join(together)
