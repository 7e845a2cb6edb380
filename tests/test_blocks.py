"""Content blocks keep their bytes."""

from __future__ import annotations

import pytest

from hames import _json, blocks
from hames.blocks import Turn


def test_the_input_of_a_call_is_kept_as_the_model_wrote_it() -> None:
    wrote = b'{ "n": 1.50, "path": "\\u00e4", "n2": 1e5 }'
    block = blocks.tool_use("t1", "Count", wrote)
    assert wrote in block.raw
    assert blocks.from_raw(block.raw) == block


def test_line_breaks_between_tokens_become_blanks_so_that_a_block_fits_one_line() -> None:
    block = blocks.tool_use("t1", "Count", b'{\n  "a": "x\\ny"\r\n}')
    assert b"\n" not in block.raw
    assert block.value()["input"] == {"a": "x\ny"}


def test_a_message_is_the_join_of_its_blocks() -> None:
    turn = Turn("user", [blocks.text("a"), blocks.tool_result("t1", "b", is_error=True)])
    assert _json.decode(turn.encode()) == {
        "role": "user",
        "content": [
            {"type": "text", "text": "a"},
            {"type": "tool_result", "tool_use_id": "t1", "content": "b", "is_error": True},
        ],
    }


def test_half_a_surrogate_becomes_the_replacement_character() -> None:
    assert _json.decode(blocks.text("x\ud83dy").raw)["text"] == "x\ufffdy"


def test_content_in_raw_json_keeps_the_bytes_of_each_block() -> None:
    raw = b'[{"type":"text", "text":"a"},{"type":"thinking","thinking":"t","signature":"s=="}]'
    first, second = blocks.from_raw_content(raw)
    assert (first.raw, second.type) == (b'{"type":"text", "text":"a"}', "thinking")
    assert blocks.from_raw_content(b'"plain"') == [blocks.text("plain")]


def test_something_without_a_type_is_no_block() -> None:
    with pytest.raises(_json.DecodeError):
        blocks.from_raw(b'{"text":"a"}')
