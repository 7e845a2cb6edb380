"""The Anthropic provider against a raw server: the bytes of requests, and answers of all kinds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from raw_server import Answer, RawServer, cuts, hangs, hangs_after, http, sse, streams

from hames._clock import Clock
from hames._version import __version__
from hames.errors import CredentialsError, OptionsError, ProviderError, ProviderTimeout
from hames.providers.anthropic import Anthropic, user_agent
from hames.providers.ask import Asking, ask
from hames.providers.assemble import Reply
from hames.providers.clocks import Timeouts
from hames.providers.credentials import Helper
from hames.providers.plays import block_ends, calls, events, message, says, thinks
from hames.providers.protocol import Request
from hames.settings.environ import Environ

REQUEST = Request(
    "claude-sonnet-5-5",
    [b'{"role":"user","content":"hello"}'],
    100,
    params={"temperature": 1},
    extra_body={"top_k": 5},
    betas=("one-1", "two-2"),
    headers={"X-Claude-Code-Session-Id": "s-1"},
)


class FastClock(Clock):
    async def sleep(self, seconds: float) -> None:
        return None


async def asked(
    *answers: Answer, timeouts: Timeouts | None = None, **options: Any
) -> tuple[Reply, RawServer]:
    """The reply to one request, and the server that gave it."""
    async with RawServer(*answers) as server:
        provider = Anthropic(**{"api_key": "k", "base_url": server.url, **options})
        how = Asking(clock=FastClock(), timeouts=timeouts or Timeouts())
        try:
            return await ask(provider, REQUEST, how), server
        finally:
            await provider.aclose()


async def failed(*answers: Answer, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await asked(*answers, **options)
    return caught.value


async def test_a_request_has_the_official_shape():
    """Observed in 2.1.330; the last part of the User-Agent is ours."""
    _, server = await asked(streams(says("ok")))
    (received,) = server.received
    assert received.line == "POST /v1/messages?beta=true HTTP/1.1"
    assert received.json == {
        "model": "claude-sonnet-5-5",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 100,
        "temperature": 1,
        "top_k": 5,
        "stream": True,
    }
    length = str(len(received.body))
    assert received.headers == {
        "host": received.headers["host"],
        "accept": "application/json",
        "accept-encoding": "identity",
        "anthropic-beta": "one-1,two-2",
        "anthropic-version": "2023-06-01",
        "content-length": length,
        "content-type": "application/json",
        "user-agent": f"claude-cli/2.1.330 (external, sdk-py) hames/{__version__}",
        "x-api-key": "k",
        "x-app": "cli",
        "x-claude-code-session-id": "s-1",
    }


async def test_the_environment_is_used_where_nothing_is_given():
    async with RawServer(streams(says("ok"))) as server:
        env = Environ.read(
            {
                "ANTHROPIC_AUTH_TOKEN": "tok",
                "ANTHROPIC_BASE_URL": server.url + "/v1/",
                "ANTHROPIC_CUSTOM_HEADERS": "X-Team: blue\nUser-Agent: mine",
                "ANTHROPIC_BETAS": "three-3,one-1",
                "CLAUDE_AGENT_SDK_CLIENT_APP": "app/2",
                "CLAUDE_CODE_ENTRYPOINT": "cli",
            }
        )
        provider = Anthropic(env=env)
        await ask(provider, REQUEST)
        await provider.aclose()
    (received,) = server.received
    assert received.line.startswith("POST /v1/messages?")
    headers = received.headers
    assert (headers["authorization"], headers["x-team"]) == ("Bearer tok", "blue")
    assert "x-api-key" not in headers
    assert headers["anthropic-beta"] == "one-1,two-2,three-3"
    assert headers["user-agent"] == "mine"
    assert provider.credentials.source == "ANTHROPIC_AUTH_TOKEN"


def test_the_user_agent_names_the_host_application():
    """Observed in 2.1.330 up to the last word."""
    assert user_agent("sdk-py", "myapp/1.0") == (
        f"claude-cli/2.1.330 (external, sdk-py, client-app/myapp/1.0) hames/{__version__}"
    )


def test_without_credentials_there_is_no_provider():
    with pytest.raises(CredentialsError):
        Anthropic(env=Environ.read({}))


@pytest.mark.parametrize("url", ["api.anthropic.com", "ftp://x", "http://", ""])
def test_a_base_url_has_to_be_one(url: str):
    if not url:
        assert Anthropic(api_key="k", base_url=url).base_url == "https://api.anthropic.com"
        return
    with pytest.raises(OptionsError, match="has to begin with"):
        Anthropic(api_key="k", base_url=url)


async def test_a_streamed_reply_is_complete():
    play = thinks("Hm.") + says("Hello ä😀") + calls("Bash", command="ls")
    reply, _ = await asked(streams(play))
    assert reply.complete
    assert (reply.request_id, reply.message_id, reply.stop_reason) == (
        "req_1",
        "msg_0001",
        "tool_use",
    )
    assert [block.type for block in reply.blocks] == ["thinking", "text", "tool_use"]


async def test_requests_one_after_another_use_one_connection():
    async with RawServer(streams(says("ok"))) as server:
        provider = Anthropic(api_key="k", base_url=server.url)
        for _ in range(3):
            await ask(provider, REQUEST)
        assert server.connections == 1
        await provider.aclose()
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_a_stream_that_stays_open_after_its_end_does_not_hold_the_reply_up():
    reply, _ = await asked(hangs_after(sse(says("ok"))))
    assert reply.complete


@pytest.mark.parametrize(
    "headers",
    [[], ["content-type: text/plain"], ["content-type: application/json"]],
    ids=["none", "plain", "json"],
)
async def test_a_stream_is_known_whatever_a_gateway_calls_it(headers: list[str]):
    reply, _ = await asked(http(200, b"\n\n: hello\n\n" + sse(says("ok")), *headers))
    assert reply.text == "ok"


async def test_extra_fields_and_events_of_a_gateway_are_tolerated():
    body = sse(says("ok")).replace(b'"role"', b'"provider": "x", "role"')
    news = b'event: news\ndata: {"type": "news", "n": 1}\n\n'
    reply, _ = await asked(http(200, news + body + b"data: [DONE]\n\n"))
    assert reply.text == "ok"


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_a_whole_message_instead_of_a_stream_is_taken(content_type: str):
    """Observed in 2.1.330, which asks a second time for it."""
    play = thinks("Hm.") + says("ok") + calls("Bash", command="ls")
    body = json.dumps(message(play), indent=1).encode()
    reply, server = await asked(http(200, body, f"content-type: {content_type}"))
    assert (reply.text, reply.complete, reply.stop_reason) == ("ok", True, "tool_use")
    assert reply.calls[0].input == {"command": "ls"}
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "body", [b"<html>Please sign in</html>", b'{"status": "up"}', b"[]", b"pong"]
)
async def test_a_page_instead_of_a_reply_is_named(body: bytes):
    error = await failed(http(200, body, "content-type: text/html; charset=utf-8"))
    assert (error.error_type, error.status, error.retryable) == ("not_a_reply", 200, False)
    assert "base URL" in str(error)


async def test_an_error_with_status_200_is_an_error():
    body = b'{"type":"error","error":{"type":"authentication_error","message":"no"}}'
    assert (await failed(http(200, body))).category == "authentication_failed"


async def test_an_empty_answer_is_tried_again():
    reply, server = await asked(
        http(200, b"", "content-type: text/event-stream"), streams(says("ok"))
    )
    assert (reply.text, len(server.received)) == ("ok", 2)


async def test_an_error_names_its_request():
    body = b'{"type":"error","error":{"type":"permission_error","message":"Not yours."}}'
    error = await failed(http(403, body, "request-id: req_9"))
    assert (error.status, error.request_id) == (403, "req_9")
    assert str(error) == "API error 403: Not yours."


async def test_refused_credentials_fail_fast_or_are_renewed():
    """Our choice; 2.1.330 retries a refused key for more than a minute."""
    refused = http(401, b'{"type":"error","error":{"type":"authentication_error","message":"no"}}')
    error = await failed(refused)
    assert "`ANTHROPIC_API_KEY`" in str(error)

    keys = iter(["old", "new"])

    async def fetch() -> str:
        return next(keys)

    reply, server = await asked(refused, streams(says("ok")), credentials=Helper(fetch))
    assert reply.text == "ok"
    assert [r.headers["x-api-key"] for r in server.received] == ["old", "new"]


PLAY = says("first") + calls("Bash", command="make") + says("last")
WHOLE = len(events(PLAY))


@pytest.mark.parametrize("after", range(WHOLE))
async def test_a_stream_cut_at_any_event_is_kept_or_asked_for_again(after: int):
    """Nothing complete is asked for twice, and nothing partial is taken for complete."""
    reply, server = await asked(cuts(sse(PLAY.cut(events=after))), streams(PLAY))
    kept = sum(end <= after for end in block_ends(PLAY))
    if after >= WHOLE - 1:
        assert (reply.complete, len(server.received)) == (True, 1)
    elif kept:
        assert (reply.complete, len(reply.blocks), len(server.received)) == (False, kept, 1)
    else:
        assert (reply.complete, len(server.received)) == (True, 2)


async def test_a_cut_in_the_middle_of_an_event_is_like_one_before_it():
    data = sse(PLAY)
    reply, server = await asked(cuts(data[: len(data) // 5]), streams(PLAY))
    assert (reply.complete, len(server.received)) == (True, 2)


async def test_hanging_before_and_within_the_answer_runs_into_a_clock():
    soon, later = 0.05, 5.0
    for answer, clock, timeouts in (
        (hangs, "first_byte", Timeouts(first_byte=soon, gap=later)),
        (hangs_after(b""), "first_byte", Timeouts(first_byte=soon, gap=later)),
        (hangs_after(sse(PLAY.cut(events=3))), "gap", Timeouts(first_byte=later, gap=soon)),
    ):
        error = await failed(answer, timeouts=timeouts)
        assert isinstance(error, ProviderTimeout)
        assert error.clock == clock


async def test_an_interrupted_stream_closes_its_connection():
    async with RawServer(hangs_after(sse(PLAY.cut(events=4)))) as server:
        provider = Anthropic(api_key="k", base_url=server.url)
        arrived = asyncio.Event()
        how = Asking(
            on_block=lambda *_: None,
            on_event=lambda e: e.type == "content_block_delta" and arrived.set(),
        )
        task = asyncio.ensure_future(ask(provider, REQUEST, how))
        await asyncio.wait_for(arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed.wait(), 5)
        assert how.assembler.partial().text == "first"
        await provider.aclose()


async def test_many_requests_side_by_side_do_not_mix():
    async with RawServer(streams(says("ok"))) as server:
        provider = Anthropic(api_key="k", base_url=server.url)
        replies = await asyncio.gather(*(ask(provider, REQUEST) for _ in range(30)))
        await provider.aclose()
    assert [reply.text for reply in replies] == ["ok"] * 30


def test_the_http_library_is_loaded_by_the_first_request_only():
    program = (
        "import sys, hames.providers.anthropic as a; a.Anthropic(api_key='k'); print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert {"httpx2", "httpcore2", "anyio", "ssl"} & set(run.stdout.split()) <= {"ssl"}
