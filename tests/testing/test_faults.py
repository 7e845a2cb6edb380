"""Every fault that the fake API can play, seen from a plain socket."""

from __future__ import annotations

import asyncio
import json
import zlib
from urllib.parse import urlsplit

import pytest
from raw_client import HEADERS, Client, body, post

from hames.testing import (
    FakeAPI,
    Play,
    calls,
    closes_after,
    drips,
    duplicated,
    endless_headers,
    endless_line,
    garbage,
    garbage_stream,
    gateway_page,
    gzip_bomb,
    hangs,
    no_room,
    rate_limited,
    redirects,
    refuses,
    resets,
    says,
    says_nothing,
    serves,
    stalled_headers,
    thinks,
    too_long,
    torn,
    typed,
    wire,
    with_unknown_events,
    without,
)

REPLY = thinks("Hm.") + says("Hello, world.") + calls("Bash", command="ls")


async def test_a_cut_before_the_headers_is_an_empty_answer() -> None:
    assert await received(says("Hello.").cut()) == b""


async def test_a_cut_inside_a_block_ends_after_that_event() -> None:
    data = await received(says("Hello.").cut(events=3))
    assert data.endswith(b"\n\n\r\n"), "without the last chunk"
    assert b"content_block_start" in data
    assert b"content_block_delta" not in data


async def test_a_cut_after_a_complete_block_has_all_of_it() -> None:
    data = await received(REPLY.cut(blocks=2))
    assert data.count(b'"content_block_stop"') == 2
    assert b"tool_use" not in data


async def test_a_torn_stream_ends_inside_an_event() -> None:
    whole = await received(closes_after(REPLY))
    data = await received(torn(REPLY, keep=0.5))
    assert whole.endswith(b"0\r\n\r\n")
    assert not data.endswith((b"\n\n\r\n", b"0\r\n\r\n"))
    assert 0.3 * len(whole) < len(data) < 0.7 * len(whole)


async def test_a_hang_before_the_headers_sends_nothing_and_notices_that_the_client_left() -> None:
    async with FakeAPI([hangs()]) as api:
        reader, writer = await send(api.url)
        request = await api.received()
        assert not reader._buffer  # type: ignore[attr-defined]
        writer.close()
        await api.until(lambda: request.abandoned)
        assert request.status is None


async def test_a_hang_inside_the_stream_sends_what_comes_before() -> None:
    async with FakeAPI([REPLY.hang(blocks=1)]) as api:
        reader, writer = await send(api.url)
        assert b"HTTP/1.1 200" in await reader.readuntil(b"content_block_stop")
        writer.close()
        await api.until(lambda: api.requests[0].abandoned)


async def test_a_server_that_hangs_can_be_stopped() -> None:
    async with FakeAPI([hangs()]) as api:
        reader, writer = await send(api.url)
        await api.received()
    assert await reader.read() == b""
    writer.close()


async def test_stalled_headers_are_half_a_head() -> None:
    async with FakeAPI([stalled_headers()]) as api:
        reader, writer = await send(api.url)
        assert await reader.readuntil(b"text/ev") == b"HTTP/1.1 200 OK\r\ncontent-type: text/ev"
        writer.close()


async def test_headers_and_lines_can_be_endless() -> None:
    async with FakeAPI([endless_headers(), endless_line()]) as api:
        for _ in range(2):
            reader, writer = await send(api.url)
            assert len(await reader.readexactly(1_000_000)) == 1_000_000
            writer.close()
        await api.until(lambda: all(request.abandoned for request in api.requests))


async def test_a_reset_is_no_end() -> None:
    with pytest.raises(ConnectionResetError):
        await received(resets())


async def test_garbage_is_no_http() -> None:
    assert b"HTTP" not in await received(garbage())


async def test_any_bytes_can_be_sent() -> None:
    assert await received(wire(b"one", 0.001, b"two")) == b"onetwo"


async def test_a_gzip_bomb_unpacks_to_a_thousand_times_its_size() -> None:
    data = await received(gzip_bomb(megabytes=20))
    head, _, packed = data.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    unpacked = zlib.decompressobj(wbits=31).decompress(packed)
    assert unpacked[:10] == b"data: mmmm"
    assert len(unpacked) > 20_000_000 > 500 * len(packed)


def test_an_error_event_ends_the_stream() -> None:
    with FakeAPI([says("Hello.").broken("overloaded_error", "Busy.", blocks=1)]) as api:
        reply = post(api.url)
    assert reply.text == "Hello."
    assert reply.events[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Busy."},
    }


def test_pages_of_gateways_come_with_any_status() -> None:
    with FakeAPI([gateway_page(), gateway_page(502), serves(b"Welcome!")]) as api:
        replies = [post(api.url) for _ in range(3)]
    assert [(r.status, r.headers["content-type"]) for r in replies] == [
        (200, "text/html"),
        (502, "text/html"),
        (200, "text/html"),
    ]
    assert replies[2].raw == b"Welcome!"


def test_a_stream_can_hold_what_is_no_json() -> None:
    with FakeAPI([garbage_stream()]) as api:
        reply = post(api.url)
    assert reply.headers["content-type"] == "text/event-stream"
    with pytest.raises(ValueError):
        reply.events  # noqa: B018


def test_a_stream_can_have_another_content_type() -> None:
    with FakeAPI([typed(says("Hello."))]) as api:
        reply = post(api.url)
    assert (reply.headers["content-type"], reply.text) == ("text/plain", "Hello.")


def test_redirects_name_their_target() -> None:
    with FakeAPI([redirects("http://127.0.0.1:9/", 308)]) as api:
        reply = post(api.url)
    assert (reply.status, reply.headers["location"]) == (308, "http://127.0.0.1:9/")


def test_a_slow_drip_is_whole_in_the_end() -> None:
    with FakeAPI([drips(says("Grüße."), size=5, seconds=0)]) as api:
        assert post(api.url).text == "Grüße."


async def test_a_paced_play_comes_event_by_event_and_stops_when_the_client_leaves() -> None:
    async with FakeAPI([says("word " * 1000).paced(0.001, chunk=1)]) as api:
        reader, writer = await send(api.url)
        await reader.readuntil(b"content_block_delta")
        writer.close()
        await api.until(lambda: api.requests[0].abandoned)


def test_events_can_be_sent_twice_be_unknown_or_missing() -> None:
    plays = [
        duplicated(says("Hi.")),
        with_unknown_events(says("Hi.")),
        without(says("Hi."), "ping"),
    ]
    with FakeAPI(plays) as api:
        twice, strange, short = (
            [event["type"] for event in post(api.url).events] for _ in range(3)
        )
    assert twice.count("content_block_delta") == 2
    assert twice.count("message_start") == 1
    assert "weather_report" in strange
    assert short[:2] == ["message_start", "content_block_start"]


def test_a_connection_can_be_closed_after_a_good_answer() -> None:
    with FakeAPI([closes_after(says("Hello.")), says("Again.")]) as api, Client(api.url) as client:
        assert client.post().text == "Hello."
        sock = client.connection.sock
        assert sock.recv(1) == b"", "the server has closed it"
        client.close()
        assert client.post().text == "Again."


def test_stop_reasons_come_with_what_belongs_to_them() -> None:
    plays = [
        refuses("I cannot."),
        refuses(),
        says("To be cont").stopping("max_tokens"),
        says("Wait.").stopping("pause_turn"),
        says_nothing(),
        says_nothing("tool_use"),
        Play(blocks=({"type": "text", "text": ""},)),
    ]
    with FakeAPI(plays) as api:
        replies = [post(api.url).events for _ in plays]
    assert [events[-2]["delta"]["stop_reason"] for events in replies] == [
        "refusal",
        "refusal",
        "max_tokens",
        "pause_turn",
        "end_turn",
        "tool_use",
        "end_turn",
    ]
    blocks = [sum(e["type"] == "content_block_start" for e in events) for events in replies]
    assert blocks == [1, 0, 1, 1, 0, 0, 1]


def test_the_input_of_a_call_need_not_be_json() -> None:
    with FakeAPI([calls("Bash", '{"command": ')]) as api:
        events = post(api.url).events
    written = "".join(event.get("delta", {}).get("partial_json", "") for event in events)
    assert written == '{"command": '


def test_limits_are_told_in_the_words_that_clients_parse() -> None:
    plays = [
        rate_limited(2),
        rate_limited(retry=False),
        too_long(210_000, 200_000),
        no_room(190_000, 32_000),
    ]
    with FakeAPI(plays) as api:
        slow, never, long, full = (post(api.url) for _ in plays)
    assert (slow.status, slow.headers["retry-after"]) == (429, "2")
    assert never.headers["x-should-retry"] == "false"
    assert long.json["error"]["message"] == "prompt is too long: 210000 tokens > 200000 maximum"
    assert "190000 + 32000 > 200000" in full.json["error"]["message"]


def test_faults_can_be_repeated_and_conditional() -> None:
    plays = [torn(says("Hello.")).times(2), gateway_page(503).when("special"), says("Hello.")]
    with FakeAPI(plays) as api:
        assert post(api.url, body("special")).status == 503
        for _ in range(2):
            with pytest.raises(Exception, match="IncompleteRead"):
                post(api.url)
        assert post(api.url).text == "Hello."
        api.verify()


async def received(play: Play) -> bytes:
    """Everything that arrives on the socket before it closes."""
    async with FakeAPI([play]) as api:
        reader, writer = await send(api.url)
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


async def send(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = urlsplit(url).netloc.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(body()).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    writer.write(
        f"POST /v1/messages HTTP/1.1\r\n{lines}content-length: {len(data)}\r\n\r\n".encode()
    )
    writer.write(data)
    return reader, writer
