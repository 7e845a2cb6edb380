"""Folding events into a reply."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hames import _json
from hames.blocks import Block
from hames.errors import ProviderError
from hames.providers.assemble import Assembler, ToolUse
from hames.providers.plays import Play, calls, events, gives, says, thinks
from hames.providers.sse import decode


def fed(values: list[dict[str, Any]]) -> Assembler:
    assembler = Assembler()
    for value in values:
        event = decode(json.dumps(value).encode())
        assert event is not None
        assembler.add(event)
    return assembler


def values(play: Play) -> list[dict[str, Any]]:
    return [block.value() for block in fed(events(play)).reply().blocks]


def test_a_reply_has_all_that_was_streamed():
    play = thinks("Hm. " * 20) + says("Look: ä😀. " * 9) + calls("Read", file_path="/a.py")
    reply = fed(events(play.using(input_tokens=7, output_tokens=9), number=3, model="m")).reply()
    assert (reply.message_id, reply.model, reply.stop_reason) == ("msg_0003", "m", "tool_use")
    assert reply.complete
    assert (reply.usage["input_tokens"], reply.usage["output_tokens"]) == (7, 9)
    assert reply.text == "Look: ä😀. " * 9
    assert reply.calls == [ToolUse("toolu_0003_2", "Read", {"file_path": "/a.py"})]
    assert reply.blocks[0].value() == play.blocks[0]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"url": "u"}]},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "text", "text": "said", "citations": [{"cited_text": "a"}, {"cited_text": "b"}]},
        {"type": "hologram", "shape": [1, 2], "id": "holo_1"},
        {"type": "tool_use", "id": "t", "name": "A", "input": {}, "caller": {"type": "direct"}},
    ],
)
def test_blocks_of_every_type_are_kept(block: dict[str, Any]):
    assert values(gives(block)) == [block]


def test_the_input_of_a_call_keeps_its_bytes():
    written = '{"b": 1.0,\n "a": "\\u00e4 \\/", "b2":\t[1e2] }'
    (block,) = fed(events(calls("A", written, call_id="t1"))).reply().blocks
    assert block == Block(
        "tool_use",
        b'{"type":"tool_use","id":"t1","name":"A","input":{"b": 1.0,  "a": "\\u00e4 \\/", '
        b'"b2":\t[1e2] }}',
        "t1",
    )


def test_a_call_without_arguments_has_an_empty_input():
    (block,) = values(calls("A", "", call_id="t"))
    assert block["input"] == {}


def test_an_input_that_stands_in_the_start_of_the_block_counts():
    start = {"type": "tool_use", "id": "t", "name": "A", "input": {"x": 1}}
    assembler = fed(
        [
            {"type": "message_start", "message": {"id": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_stop"},
        ]
    )
    assert assembler.reply().calls == [ToolUse("t", "A", {"x": 1})]


@pytest.mark.parametrize(
    "written", ['{"a": 1', "[1]", '"text"', "{'a': 1}", '{"a": NaN}', "null", '{"a":1}}']
)
def test_an_input_that_is_no_object_is_handed_on_as_text(written: str):
    """Observed in 2.1.330."""
    (block,) = values(calls("A", written, call_id="t"))
    assert block["input"] == {"__unparsedToolInput": {"raw": written, "len": len(written)}}


def test_half_a_character_in_an_input_becomes_a_replacement():
    (block,) = values(calls("A", '{"a": "\\ud83d"}', call_id="t"))
    assert block["input"] == {"a": "�"}


def test_two_halves_of_a_character_become_one():
    deltas = [{"type": "text_delta", "text": half} for half in ("\ud83d", "\ude00")]
    assembler = fed(
        [
            {"type": "message_start", "message": {"id": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": says("").blocks[0]},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
        ]
    )
    assert assembler.reply().text == "😀"


def test_an_unknown_delta_adds_to_its_block():
    start = {"type": "compaction", "content": ""}
    assembler = fed(
        [
            {"type": "message_start", "message": {"id": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "compaction_delta", "content": text, "n": 1},
                }
                for text in ("a", "b")
            ),
            {"type": "content_block_stop", "index": 0},
        ]
    )
    (block,) = assembler.reply().blocks
    assert block.value() == {"type": "compaction", "content": "ab", "n": 1}


def test_interleaved_blocks_keep_their_order():
    whole = events(says("one") + says("two"))
    by_block = sorted(whole[2:-2], key=lambda e: (e["type"] != "content_block_start", -e["index"]))
    assembler = fed([*whole[:2], *by_block, *whole[-2:]])
    assert assembler.reply().text == "onetwo"
    assert assembler.complete


def test_what_has_arrived_of_a_reply_is_its_blocks_and_the_text_under_way():
    whole = events(thinks("Hm.") + says("one") + says("a long second text, cut in the middle"))
    partial = fed(whole[:-4]).partial()
    assert [block.value().get("text") for block in partial.blocks] == [
        None,
        "one",
        "a long second text, cut ",
    ]
    assert not partial.complete


@pytest.mark.parametrize("play", [thinks("Hm."), calls("Bash", command="ls"), says(" \n")])
def test_unfinished_thoughts_calls_and_blanks_are_of_no_use(play: Play):
    assert fed(events(play)[:-3]).partial().blocks == []


@pytest.mark.parametrize("after", range(8))
def test_a_cut_stream_is_not_complete(after: int):
    whole = events(says("hello"))
    assert len(whole) == 7
    assert fed(whole[:after]).complete == (after >= 6)


def test_zeros_and_nulls_of_a_gateway_do_not_replace_figures():
    assembler = fed(
        [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9, "a": 0}}},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"input_tokens": 0, "output_tokens": 3, "a": None},
            },
        ]
    )
    assert assembler.reply().usage == {"input_tokens": 9, "a": 0, "output_tokens": 3}


def test_a_piece_of_a_block_that_never_began_is_a_fault_of_the_server():
    with pytest.raises(ProviderError, match="block 0, which had not begun"):
        fed([events(says("x"))[3]])


def test_blocks_are_one_line():
    reply = fed(events(says("a\nb") + calls("A", '{"a":\n1}'))).reply()
    assert all(b"\n" not in block.raw for block in reply.blocks)
    assert _json.decode(reply.blocks[1].raw)["input"] == {"a": 1}
