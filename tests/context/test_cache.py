"""Cache marks: where they stand, and that nothing before them moves."""

from __future__ import annotations

from hames import _json
from hames.blocks import Turn, text, tool_result, tool_use
from hames.context.cache import Marks
from hames.context.reminders import INSTRUCTIONS, reminder


def marked_places(turns: list[Turn], marks: Marks) -> list[tuple[int, int]]:
    messages = [
        _json.decode(raw) for raw in marks.messages(turns, [turn.encode() for turn in turns])
    ]
    return [
        (i, j)
        for i, message in enumerate(messages)
        for j, block in enumerate(message["content"])
        if "cache_control" in block
    ]


def conversation(calls: int) -> list[Turn]:
    """A prompt, a reply with so many calls, their results."""
    return [
        Turn("user", [text("context"), text("do it")]),
        Turn("assistant", [tool_use(f"t{i}", "Bash", b'{"command":"ls"}') for i in range(calls)]),
        Turn("user", [tool_result(f"t{i}", "ok") for i in range(calls)]),
    ]


def test_the_last_block_of_the_newest_user_message_is_marked() -> None:
    assert marked_places(conversation(1)[:1], Marks()) == [(0, 1)]
    assert marked_places(conversation(1), Marks()) == [(2, 0)]


def test_more_than_twenty_new_blocks_keep_the_former_mark_within_reach() -> None:
    assert marked_places(conversation(9), Marks()) == [(2, 8)]
    assert marked_places(conversation(10), Marks()) == [(0, 1), (2, 9)]


def test_a_paused_reply_at_the_end_leaves_the_mark_on_the_user_message_before_it() -> None:
    turns = [*conversation(1), Turn("assistant", [text("searching")])]
    assert marked_places(turns, Marks()) == [(2, 0)]


def test_a_block_that_may_not_be_marked_passes_the_mark_to_the_one_before() -> None:
    odd = [text("look"), *conversation(0)[0].blocks[:0]]
    turn = Turn(
        "user",
        [*odd, tool_result("t", "x").__class__("container_upload", b'{"type":"container_upload"}')],
    )
    assert marked_places([turn], Marks()) == [(0, 0)]


def test_marks_change_no_other_byte() -> None:
    turns = conversation(3)
    encoded = [turn.encode() for turn in turns]
    marked = Marks().messages(turns, encoded)
    assert [raw.replace(b',"cache_control":{"type":"ephemeral"}', b"") for raw in marked] == encoded


def test_disabled_caching_sets_no_mark() -> None:
    turns = conversation(1)
    encoded = [turn.encode() for turn in turns]
    assert Marks(enabled=False).messages(turns, encoded) == encoded
    assert Marks(enabled=False).on_last([b'{"name":"Bash"}']) == [b'{"name":"Bash"}']


def test_the_lifetime_of_an_hour_is_asked_for_on_every_mark() -> None:
    marks = Marks(ttl="1h")
    assert _json.decode(marks.on(b'{"name":"Bash"}'))["cache_control"] == {
        "type": "ephemeral",
        "ttl": "1h",
    }


def test_memory_that_opens_the_conversation_is_marked_while_a_mark_is_free() -> None:
    memory = reminder(f"{INSTRUCTIONS}\n\nBe kind.")
    for calls, places in ((1, [(0, 0), (2, 0)]), (10, [(0, 2), (2, 9)])):
        turns = conversation(calls)
        turns[0].blocks.insert(0, memory)
        assert marked_places(turns, Marks()) == places
    assert marked_places([Turn("user", [memory, text("do it")])], Marks()) == [(0, 0), (0, 1)]
