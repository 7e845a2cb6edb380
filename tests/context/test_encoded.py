"""Encoded turns in parts: a request has the same bytes as if every turn were a part of its own."""

from __future__ import annotations

from hames.blocks import Turn, text
from hames.context.cache import Marks
from hames.context.encoded import RUN, Encoded
from hames.context.reminders import INSTRUCTIONS, reminder


def turns(count: int) -> list[Turn]:
    roles = ("user", "assistant")
    opening = Turn("user", [reminder(f"{INSTRUCTIONS}\n\nBe brief."), text("begin")])
    return [opening, *(Turn(roles[i % 2], [text(f"turn {i}")]) for i in range(1, count))]


def test_a_request_has_the_same_bytes_however_many_turns_were_joined() -> None:
    for count in (1, 2, RUN, 2 * RUN, 2 * RUN + 1, 2 * RUN + 2, 5 * RUN + 7):
        said = turns(count)
        alone = [turn.encode() for turn in said]
        encoded = Encoded(alone)
        assert encoded.size == sum(map(len, alone))
        joined = Marks().messages(said, encoded.parts)
        assert b",".join(joined) == b",".join(Marks().messages(said, alone))
    assert len(joined) < 2 * RUN + 7


def test_the_newest_turns_can_be_replaced_and_cut_off() -> None:
    alone = [turn.encode() for turn in turns(3 * RUN)]
    encoded = Encoded(alone)
    encoded.replace_last(b"{}")
    assert b",".join(encoded.parts) == b",".join([*alone[:-1], b"{}"])
    assert encoded.cut(RUN)
    assert b",".join(encoded.parts) == b",".join(alone[:-RUN])
    assert encoded.size == sum(map(len, alone[:-RUN]))


def test_turns_of_a_run_are_not_cut_off() -> None:
    encoded = Encoded(turn.encode() for turn in turns(3 * RUN))
    before = list(encoded.parts)
    assert not encoded.cut(2 * RUN)
    assert encoded.parts == before
