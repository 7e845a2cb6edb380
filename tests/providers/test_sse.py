"""Server-sent events from bytes to model events."""

from __future__ import annotations

import pytest

from hames.errors import ProviderError
from hames.providers.protocol import Delta, ModelEvent
from hames.providers.sse import Splitter, decode

STREAM = (
    b"\xef\xbb\xbfevent: a\ndata: one\n\n"
    b": a comment\n\n"
    b"data:two\r\nid: 7\r\n\r\n"
    b"data: three\rdata: \xc3\xa4\r\r"
    b"retry: 5\ndata\ndata: four\n\n"
    b"data:  five\n\n"
    b"data: never ends"
)
DATA = [b"one", b"two", b"three\n\xc3\xa4", b"\nfour", b" five"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 1000])
def test_events_do_not_depend_on_how_the_stream_is_chunked(size: int):
    splitter = Splitter()
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [data for chunk in chunks for data in splitter.feed(chunk)] == DATA


def test_a_line_in_many_pieces_is_read_in_linear_time():
    splitter = Splitter()
    for _ in range(20_000):
        splitter.feed(b"x" * 100)
    assert splitter.feed(b"\n\n") == []
    splitter.feed(b"data: ")
    for _ in range(20_000):
        splitter.feed(b"y" * 100)
    assert splitter.feed(b"\n\n") == [b"y" * 2_000_000]


@pytest.mark.parametrize("piece", [b"x" * 60, b"data: xxxxxxxxxxxxxxx\n"])
def test_an_event_without_end_is_a_fault_of_the_server(piece: bytes):
    splitter = Splitter(max_event=100)
    splitter.feed(piece)
    with pytest.raises(ProviderError, match="more than 100 bytes"):
        splitter.feed(piece * 8)


def test_a_delta_is_decoded_and_its_bytes_are_kept():
    raw = (
        b'{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"h\\u00e4"}}'
    )
    assert decode(raw) == ModelEvent(
        "content_block_delta", raw, index=2, delta=Delta("text_delta", text="hä")
    )


def test_blanks_and_another_order_of_keys_mean_the_same():
    raw = b'{ "index": 2, "delta": {"text": "x", "type": "text_delta"}, "type": "content_block_delta" }'
    event = decode(raw)
    assert event is not None
    assert (event.index, event.delta) == (2, Delta("text_delta", text="x"))


def test_the_end_of_a_message_has_its_stop_reason_and_usage():
    raw = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}'
    event = decode(raw)
    assert event is not None
    assert (event.stop, event.usage) == ({"stop_reason": "end_turn"}, {"output_tokens": 3})
    assert event.delta is None


@pytest.mark.parametrize(
    "raw", [b'{"type":"ping"}', b'{"type":"vendor_news","index":"odd","delta":7}']
)
def test_pings_and_unknown_events_pass_through(raw: bytes):
    event = decode(raw)
    assert event is not None
    assert event == ModelEvent(event.type, raw)


def test_the_end_mark_of_other_servers_is_skipped():
    assert decode(b"[DONE]") is None


def test_half_a_character_is_kept_until_its_other_half_comes():
    event = decode(
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}'
    )
    assert event is not None
    assert event.delta == Delta("text_delta", text="\ud83d")


@pytest.mark.parametrize(
    ("raw", "status", "category"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', 529, "overloaded"),
        (b'{"error":{"type":"rate_limit_error","message":"x"}}', 429, "rate_limit"),
        (b'{"type":"error","error":{}}', 500, "server_error"),
    ],
)
def test_an_error_event_is_an_api_error(raw: bytes, status: int, category: str):
    with pytest.raises(ProviderError) as caught:
        decode(raw)
    assert (caught.value.status, caught.value.category) == (status, category)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b'"text"',
        b"{}",
        b'{"type":"content_block_start","index":0}',
        b'{"type":"content_block_delta","index":"a","delta":{"type":"text_delta","text":""}}',
        b'{"type":"message_start"}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xff"}}',
    ],
)
def test_what_cannot_be_read_is_named_and_tried_again(raw: bytes):
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        decode(raw)
    assert (caught.value.retryable, caught.value.error_type) == (True, "malformed_event")
