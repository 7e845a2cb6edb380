"""Whether git tracks a file, read from its index: asking git would run what a repository configures."""

from __future__ import annotations

import os
from collections.abc import Iterator

_MOST = 200_000_000
"""Bytes of an index that are read; a larger one is taken to track the file."""


def is_tracked(path: str) -> bool:
    """Whether the repository that an absolute path lies in tracks it. In doubt it does."""
    top, git = _repository(os.path.dirname(path))
    if git is None:
        return False
    name = os.fsencode(os.path.relpath(path, top))
    try:
        parts = [os.path.join(git, "index")]
        parts += [entry.path for entry in os.scandir(git) if entry.name.startswith("sharedindex.")]
        return any(_names(part, name) for part in parts)
    except (OSError, ValueError, IndexError):
        return True


def _repository(folder: str) -> tuple[str, str | None]:
    """The top of the working tree above a folder, and its git folder."""
    while True:
        candidate = os.path.join(folder, ".git")
        if os.path.isdir(candidate):
            return folder, candidate
        if os.path.isfile(candidate):
            return folder, _pointed_to(candidate)
        parent = os.path.dirname(folder)
        if parent == folder:
            return folder, None
        folder = parent


def _pointed_to(file: str) -> str:
    """The git folder of a worktree or submodule, whose `.git` is a file."""
    with open(file, encoding="utf-8", errors="surrogateescape") as lines:
        found = lines.read(4096).removeprefix("gitdir:").strip()
    return os.path.join(os.path.dirname(file), found)


def _names(index: str, name: bytes) -> bool:
    if not os.path.exists(index):
        return False
    if os.path.getsize(index) > _MOST:
        return True
    with open(index, "rb") as file:
        data = file.read()
    if data[:4] != b"DIRC":
        return True
    if int.from_bytes(data[4:8], "big") < 4:
        return name + b"\0" in data
    return name in _version_4(data)


def _version_4(data: bytes) -> Iterator[bytes]:
    """The paths of an index of version 4, where each leaves out what it shares with the one before."""
    at, path = 12, b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        extended = data[at + 60] & 0x40
        at += 64 if extended else 62
        cut = data[at] & 0x7F
        while data[at] & 0x80:
            at += 1
            cut = ((cut + 1) << 7) | (data[at] & 0x7F)
        end = data.index(b"\0", at + 1)
        path = path[: len(path) - cut] + data[at + 1 : end]
        at = end + 1
        yield path
