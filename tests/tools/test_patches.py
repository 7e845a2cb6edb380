"""Patches: applied to the old text they give the new one, however the change was found."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hames.tools.matching import apply
from hames.tools.patches import Hunk, Span, hunks_of_spans, hunks_of_texts


def patched(old: str, hunks: list[Hunk]) -> str:
    """The old text with the hunks applied, each checked against it."""
    lines = old.split("\n")
    ended = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    out: list[str] = []
    at = 0
    for hunk in hunks:
        out += ended[at : hunk["oldStart"] - 1]
        assert len(out) == hunk["newStart"] - 1
        before: list[str] = []
        after: list[str] = []
        last = ""
        for line in hunk["lines"]:
            if line[0] == "\\":
                changed = [side for side in (before, after) if side and side[-1] is last]
                for side in changed:
                    side[-1] = side[-1][:-1]
                continue
            last = line[1:] + "\n"
            if line[0] in " -":
                before.append(last)
            if line[0] in " +":
                after.append(last)
        assert len(before) == hunk["oldLines"]
        assert len(after) == hunk["newLines"]
        at = hunk["oldStart"] - 1
        assert ended[at : at + len(before)] == before
        at += len(before)
        out += after
    return "".join(out + ended[at:])


_TEXTS = st.text(alphabet="ab\n", max_size=60)


@given(old=_TEXTS, new=_TEXTS)
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_the_patch_between_two_texts_gives_the_second(old: str, new: str) -> None:
    assert patched(old, hunks_of_texts(old, new)) == new


@given(text=_TEXTS, data=st.data())
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_the_patch_of_replaced_places_gives_the_replaced_text(
    text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [
        Span(start, end, data.draw(st.text(alphabet="ab\n", max_size=4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    assert patched(text, hunks_of_spans(text, spans)) == apply(text, spans)


def test_changes_close_together_share_a_hunk() -> None:
    old = "".join(f"{n}\n" for n in range(1, 31))
    near = hunks_of_texts(old, old.replace("5\n", "x\n", 1).replace("12\n", "y\n", 1))
    far = hunks_of_texts(old, old.replace("5\n", "x\n", 1).replace("13\n", "y\n", 1))
    assert len(near) == 1
    assert [(hunk["oldStart"], hunk["oldLines"]) for hunk in far] == [(2, 7), (10, 7)]


def test_later_hunks_are_moved_by_what_earlier_ones_add() -> None:
    old = "".join(f"{n}\n" for n in range(1, 31))
    spans = [Span(0, 2, "1\nextra\n"), Span(old.index("20\n"), old.index("21\n"), "")]
    first, second = hunks_of_spans(old, spans)
    assert (first["oldStart"], first["newStart"], first["newLines"]) == (1, 1, 5)
    assert (second["oldStart"], second["newStart"]) == (17, 18)


def test_a_missing_final_newline_is_marked() -> None:
    assert hunks_of_texts("a", "a\n")[0]["lines"] == ["-a", "\\ No newline at end of file", "+a"]


@pytest.mark.parametrize("by_spans", [True, False])
def test_large_changes_cost_little(by_spans: bool) -> None:
    old = "same\n" * 100_000
    begin = time.process_time()
    if by_spans:
        spans = [Span(n, n + 4, "other") for n in range(0, len(old), 50)]
        assert len(hunks_of_spans(old, spans)) == 10_000
    else:
        hunks_of_texts(old, "other\n" * 50_000 + "same\n" * 50_000 + "x\n")
    assert time.process_time() - begin < 5
