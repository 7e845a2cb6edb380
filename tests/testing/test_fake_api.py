"""The fake Messages API as a client sees it."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from raw_client import HEADERS, Client, body, post

from hames.errors import ScriptError
from hames.testing import FakeAPI, calls, endless_line, fails, says, thinks


def test_a_play_is_streamed_as_events() -> None:
    with FakeAPI([says("Hello, world.")]) as api:
        reply = post(api.url)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["request-id"] == "req_000001"
    assert [event["type"] for event in reply.events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert reply.text == "Hello, world."
    assert reply.events[0]["message"]["model"] == "claude-sonnet-4-5"


def test_without_streaming_the_play_is_one_message() -> None:
    with FakeAPI([says("Look.") + calls("Bash", command="ls")]) as api:
        reply = post(api.url, body(stream=False))
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["stop_reason"] == "tool_use"
    assert reply.json["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "toolu_0001_1", "name": "Bash", "input": {"command": "ls"}},
    ]


def test_a_conversation_plays_in_order_on_one_connection() -> None:
    with (
        FakeAPI([calls("Bash", command="ls"), says("Two files.")]) as api,
        Client(api.url) as client,
    ):
        assert client.post().events[-2]["delta"]["stop_reason"] == "tool_use"
        address = client.connection.sock.getsockname()
        use = {"type": "tool_use", "id": "toolu_0001_0", "name": "Bash", "input": {"command": "ls"}}
        result = {"type": "tool_result", "tool_use_id": "toolu_0001_0", "content": "a.py\nb.py"}
        whole = body(
            "Hello.",
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
            system="Be brief.",
        )
        assert client.post(whole).text == "Two files."
        assert client.connection.sock.getsockname() == address
    first, second = api.requests
    assert (first.prompt, first.last_text, list(first.tools)) == ("Hello.", "Hello.", ["Bash"])
    assert (second.prompt, second.last_text, second.system_text) == ("Hello.", "", "Be brief.")
    assert second.tool_results == [result]
    assert second.result_texts == ["a.py\nb.py"]
    assert second.headers["x-api-key"] == "test"
    assert json.loads(second.raw) == second.body == whole
    assert [(r.status, r.finished, r.abandoned) for r in api.requests] == [(200, True, False)] * 2
    api.verify()


def test_many_connections_are_served_at_once() -> None:
    with FakeAPI([says("Yes.").times(200)]) as api, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: post(api.url).text, range(200)))
    assert replies == ["Yes."] * 200
    assert len(api.requests) == 200


def test_plays_can_be_functions_of_the_request() -> None:
    def echo(request: dict[str, Any]) -> Any:
        return says(request["messages"][-1]["content"].upper())

    with FakeAPI([echo]) as api:
        assert [post(api.url, body(word)).text for word in ("one", "two")] == ["ONE", "TWO"]


def test_sessions_play_on_their_own_when_told_apart() -> None:
    with FakeAPI([says("First."), says("Second.")], per="X-Session") as api:
        said = [post(api.url, x_session=name).text for name in ("a", "b", "a", "b")]
        assert said == ["First.", "First.", "Second.", "Second."]
        api.verify()


def test_routes_pick_requests_by_prompt_or_claim() -> None:
    with FakeAPI([says("Main.")]) as api:
        api.route("count", [says("Three.")])
        api.route(lambda request: "x-agent" in request.headers, [says("Sub.")])
        assert post(api.url, body("Please count.")).text == "Three."
        assert post(api.url, x_agent="1").text == "Sub."
        assert post(api.url).text == "Main."


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x_api_key": None}, 401, "authentication_error"),
        ({"x_api_key": "wrong"}, 401, "authentication_error"),
        ({"x_api_key": None, "authorization": "Bearer wrong"}, 401, "authentication_error"),
        ({"anthropic_version": None}, 400, "invalid_request_error"),
    ],
)
def test_headers_are_checked(headers: dict[str, str | None], status: int, kind: str) -> None:
    with FakeAPI([says("Hello.")], api_key="right") as api:
        refused = post(api.url, **{"x_api_key": "right", **headers})
        assert (refused.status, refused.json["error"]["type"]) == (status, kind)
        assert refused.headers["x-should-retry"] == "false"
        accepted = post(api.url, x_api_key=None, authorization="Bearer right")
        assert accepted.text == "Hello."


def test_what_the_api_would_refuse_is_answered_with_400() -> None:
    orphan = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}
    with FakeAPI([says("Hello.")]) as api:
        refused = post(api.url, body(orphan))
        assert refused.status == 400
        assert refused.json["error"]["type"] == "invalid_request_error"
        assert refused.json["error"]["message"].startswith("messages.0.content.0: ")
        assert [v.rule for v in api.requests[0].violations] == ["orphan-result"]
        assert post(api.url).text == "Hello."
        with pytest.raises(ScriptError, match="orphan-result"):
            api.verify()


def test_without_judging_everything_is_played() -> None:
    with FakeAPI([says("Hello.")], judge=False) as api:
        assert post(api.url, body(messages=[])).text == "Hello."


def test_thinking_that_was_changed_is_refused() -> None:
    def back(thought: str, signature: str) -> dict[str, Any]:
        block = {"type": "thinking", "thinking": thought, "signature": signature}
        said = {"role": "assistant", "content": [block, {"type": "text", "text": "Hi."}]}
        return body("Hello.", said, "And?")

    plays = [thinks("Hm.", signature="abc") + says("Hi."), says("Ok.").forever()]
    with FakeAPI(plays) as api:
        post(api.url)
        assert post(api.url, back("Hm.", "abc")).status == 200
        assert post(api.url, back("Hm!", "abc")).status == 400
        assert post(api.url, back("Elsewhere.", "def")).status == 200
    with FakeAPI(plays, signatures=True) as api:
        post(api.url)
        assert post(api.url, back("Elsewhere.", "def")).status == 400


def test_a_request_beyond_the_plays_is_a_problem_and_is_not_retried() -> None:
    with FakeAPI([says("Hello.")]) as api:
        post(api.url)
        refused = post(api.url, body("More?"))
        assert refused.status == 400
        assert refused.headers["x-should-retry"] == "false"
        assert "More?" in refused.json["error"]["message"]
        with pytest.raises(ScriptError, match="has no play"):
            api.verify()


def test_a_play_that_raises_is_a_problem() -> None:
    def check(request: dict[str, Any]) -> Any:
        raise AssertionError("No tools wanted.")

    with FakeAPI([check]) as api:
        assert "No tools wanted." in post(api.url).json["error"]["message"]
        with pytest.raises(ScriptError, match="No tools wanted"):
            api.verify()


def test_a_play_that_nobody_asked_for_is_a_problem() -> None:
    with FakeAPI([says("Hello."), says("Never.")]) as api:
        post(api.url)
        with pytest.raises(ScriptError, match="1 plays were not asked for"):
            api.verify()


def test_tokens_are_counted() -> None:
    with FakeAPI() as api, Client(api.url) as client:
        reply = client.post(body("x" * 4000), path="/v1/messages/count_tokens")
        assert reply.status == 200
        assert 1000 < reply.json["input_tokens"] < 1050
        assert client.post(b"{", path="/v1/messages/count_tokens").status == 400
    assert api.requests == []
    assert len(api.counted) == 2


def test_other_paths_and_broken_bodies_are_refused_in_the_form_of_the_api() -> None:
    with FakeAPI([says("Hello.")]) as api, Client(api.url) as client:
        assert client.post(path="/v1/models").json["error"]["type"] == "not_found_error"
        assert client.post(b"{oops").json["error"]["type"] == "invalid_request_error"
        assert client.post(b"[]").json["error"]["type"] == "invalid_request_error"
        assert client.post().text == "Hello."


def test_usage_follows_the_cache() -> None:
    marked = [{"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}]
    with FakeAPI([says("Hello.").forever()]) as api:
        first, second = (post(api.url, body(system=marked)).usage for _ in range(2))
        api.pass_time(301)
        third = post(api.url, body(system=marked)).usage
    written = first["cache_creation_input_tokens"]
    assert written > 2000
    assert first["cache_creation"] == {
        "ephemeral_5m_input_tokens": written,
        "ephemeral_1h_input_tokens": 0,
    }
    assert second["cache_read_input_tokens"] == written
    assert second["cache_creation_input_tokens"] == 0
    assert second["input_tokens"] == first["input_tokens"] > 0
    assert third["cache_creation_input_tokens"] == written
    assert api.requests[1].cache is not None
    assert api.requests[1].cache.read == written


def test_figures_of_a_play_replace_those_counted() -> None:
    with FakeAPI([says("Hello.").using(input_tokens=7, output_tokens=9)]) as api:
        usage = post(api.url).usage
    assert (usage["input_tokens"], usage["output_tokens"]) == (7, 9)


def test_failures_have_their_headers() -> None:
    with FakeAPI([fails(529, "Busy.", headers={"retry-after": "3"})]) as api:
        reply = post(api.url)
    assert (reply.status, reply.headers["retry-after"]) == (529, "3")
    assert reply.json == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Busy."},
    }


def test_chunked_bodies_and_100_continue_are_understood() -> None:
    data = json.dumps(body()).encode()
    with FakeAPI([says("Hello.")]) as api:
        host, _, port = urlsplit(api.url).netloc.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            lines = "".join(f"{n}: {v}\r\n" for n, v in HEADERS.items())
            raw.sendall(
                f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n{lines}expect: 100-continue\r\n"
                "transfer-encoding: chunked\r\n\r\n".encode()
            )
            assert raw.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            for start in range(0, len(data), 50):
                part = data[start : start + 50]
                raw.sendall(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
            raw.sendall(b"0\r\ntrailer: x\r\n\r\n")
            assert raw.recv(17) == b"HTTP/1.1 200 OK\r\n"
    assert api.requests[0].raw == data


def test_nonsense_on_the_socket_is_answered_with_400() -> None:
    with FakeAPI() as api:
        host, _, port = urlsplit(api.url).netloc.partition(":")
        for nonsense in (b"\x16\x03\x01 hello\r\n\r\n", b"a" * 300_000):
            with socket.create_connection((host, int(port)), timeout=10) as raw:
                raw.sendall(nonsense)
                assert raw.recv(12) == b"HTTP/1.1 400"


def test_streams_are_compressed_for_those_who_accept_it() -> None:
    with FakeAPI([says("Hello.").forever()], gzip=True) as api:
        packed = post(api.url, accept_encoding="gzip, br")
        assert packed.headers["content-encoding"] == "gzip"
        packed.raw = gzip.decompress(packed.raw)
        plain = post(api.url, accept_encoding="identity")
    assert plain.text == packed.text == "Hello."


def test_streams_can_come_in_small_pieces() -> None:
    with FakeAPI([says("Grüße, Welt.")], piece=3) as api:
        assert post(api.url).text == "Grüße, Welt."


async def test_it_runs_in_the_loop_of_a_test_and_leaves_nothing() -> None:
    async with FakeAPI([says("Hello."), says("Bye.").hang(events=3)]) as api:
        assert (await asyncio.to_thread(post, api.url)).text == "Hello."
        reader, writer = await _send(api.url)
        hanging = await api.received(2)
        await reader.readuntil(b"content_block_start")
        assert not hanging.finished
        writer.close()
        await api.until(lambda: hanging.abandoned)
        host, _, port = urlsplit(api.url).netloc.partition(":")
        idle, left = await asyncio.open_connection(host, int(port))
    assert await asyncio.wait_for(idle.read(), 5) == b""
    left.close()


async def test_a_client_that_does_not_read_cannot_keep_the_server_alive() -> None:
    async with asyncio.timeout(4):
        async with FakeAPI([endless_line()]) as api:
            _, writer = await _send(api.url)
            writer.transport.pause_reading()
            await api.received()
        writer.transport.abort()


async def test_a_server_in_a_thread_can_be_waited_for_in_a_loop() -> None:
    with FakeAPI([says("Hello.")]) as api:
        _, writer = await _send(api.url)
        assert (await api.received()).prompt == "Hello."
        with pytest.raises(TimeoutError):
            await api.until(lambda: False, timeout=0.01)
        writer.close()


def test_a_thread_can_wait_for_the_server() -> None:
    with FakeAPI([says("Hello.")]) as api:
        client = threading.Thread(target=post, args=(api.url,))
        client.start()
        api.wait_until(lambda: any(request.finished for request in api.requests))
        client.join()
        with pytest.raises(TimeoutError):
            api.wait_until(lambda: False, timeout=0.01)


def test_a_taken_port_is_an_error_in_the_thread_too() -> None:
    with FakeAPI() as api, pytest.raises(OSError, match="in use"):
        FakeAPI(port=int(api.url.rpartition(":")[2])).__enter__()


def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FakeAPI([says("Hello.")], tls=server) as api:
        assert api.url.startswith("https://")
        host, _, port = urlsplit(api.url).netloc.partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=10) as raw,
            trusting.wrap_socket(raw, server_hostname=host) as tls,
        ):
            tls.sendall(_request_bytes())
            assert tls.recv(17) == b"HTTP/1.1 200 OK\r\n"


def test_in_light_mode_nothing_is_judged_counted_or_kept() -> None:
    with FakeAPI([says("Hello.").forever()], judge=False, account=False, record=False) as api:
        assert post(api.url, body(messages=[])).usage["input_tokens"] == 100
    assert api.requests == []


def _request_bytes() -> bytes:
    data = json.dumps(body()).encode()
    lines = "".join(f"{n}: {v}\r\n" for n, v in HEADERS.items())
    opening = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(data)}\r\n\r\n"
    return opening.encode() + data


async def _send(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and return the connection on which the answer comes."""
    host, _, port = urlsplit(url).netloc.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(_request_bytes())
    return reader, writer
