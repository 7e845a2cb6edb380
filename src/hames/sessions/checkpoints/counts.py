"""How many lines a change of a file adds and takes away."""

from __future__ import annotations

_MOST = 1_000
"""Lines of the part that differs, up to which the shortest difference is looked for."""


def changed_lines(new: bytes | None, old: bytes | None) -> tuple[int, int]:
    """Lines added and taken away; none of binary files."""
    if any(side is not None and b"\0" in side[:8192] for side in (new, old)):
        return 0, 0
    after, before = (new or b"").splitlines(), (old or b"").splitlines()
    start = 0
    while start < min(len(after), len(before)) and after[start] == before[start]:
        start += 1
    end = 0
    while end < min(len(after), len(before)) - start and after[-1 - end] == before[-1 - end]:
        end += 1
    after, before = after[start : len(after) - end], before[start : len(before) - end]
    if max(len(after), len(before)) > _MOST:
        return len(after), len(before)
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    same = sum(block.size for block in blocks)
    return len(after) - same, len(before) - same
