"""Where shell commands work, and what their words become there: folders, globs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from hames.permissions.paths import files_of, normal, start_of
from hames.permissions.types import Policy
from hames.permissions.words import (
    ANY,
    BRACKET,
    QUESTION,
    STAR,
    Word,
    is_open,
    readings,
    segment_regex,
)
from hames.permissions.wrappers import Inner

_MOST_NAMES = 3000
_MOST_SEEN = 20_000
_LONGEST_NAME = 300
_MOST_FOLDERS = 8
_GLOB = re.compile(f"[{STAR}{QUESTION}{BRACKET}]")


def folders(policy: Policy, cwd: str, moves: Iterable[tuple[Inner, bool]]) -> list[str]:
    """Every folder that commands may work in: where they start, and where each `cd` may lead.

    A move is the command and whether it stands in a loop. An unknown folder has `ANY` in it.
    """
    found = [start_of(policy, cwd)]
    for inner, repeated in moves:
        target = _target(policy, inner) if not repeated else ANY
        for folder in list(found):
            there = target if target.startswith(("/", ANY)) else os.path.join(folder, target)
            if there not in found:
                found.append(there)
        if len(found) > _MOST_FOLDERS:
            return [*found[:_MOST_FOLDERS], ANY]
    return found


def _target(policy: Policy, inner: Inner) -> str:
    operands = [word for word in inner.words[1:] if word.marked != "--"]
    if inner.name != "cd" or len(operands) > 1:
        return ANY
    if not operands:
        return policy.home or ANY
    return ANY if operands[0].marked.startswith("-") else operands[0].vague


def expanded(policy: Policy, folder: str, marked: str) -> list[str] | None:
    """What a word without `ANY` becomes in a folder; None when that are too many, or not known.

    A glob that matches nothing stays as it is, which is bash's way.
    """
    if ANY in folder:
        return None
    if not is_open(marked):
        return [marked]
    found: list[str] = []
    for reading in readings(marked):
        if ANY in reading:
            return None
        names = _glob(policy, folder, reading) if _GLOB.search(reading) else None
        if names is None and _GLOB.search(reading):
            return None
        found += names or [Word("", reading, False).text]
    return found if len(found) <= _MOST_NAMES else None


def _glob(policy: Policy, folder: str, marked: str) -> list[str] | None:
    files = files_of(policy)
    seen = 0
    found = ["/" if marked.startswith("/") else ""]
    for segment in marked.split("/"):
        if not segment:
            continue
        if not _GLOB.search(segment):
            found = [os.path.join(head, Word("", segment, False).text) for head in found]
            continue
        if len(segment) > _LONGEST_NAME:
            return None
        matches = segment_regex(segment).match
        hidden = segment.startswith(".")
        heads, found = found, []
        for head in heads:
            above = os.path.join(folder, head)
            if normal(above).startswith("/proc"):
                return None  # `/proc/self` is another process for the command
            names = files.names(above)
            seen += len(names) + 1
            if seen > _MOST_SEEN:
                return None
            found += [
                os.path.join(head, name)
                for name in names
                if matches(name) and (hidden or not name.startswith("."))
            ]
    return found
