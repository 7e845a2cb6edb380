"""One request to one reply: retries, clocks, cuts, fallback."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from hames._clock import Clock
from hames.errors import ProviderError, ProviderTimeout, ScriptError
from hames.providers.ask import Asking, Fallback, ask
from hames.providers.clocks import Timeouts
from hames.providers.plays import Play, calls, events, fails, hangs, says, serves, thinks
from hames.providers.protocol import Request
from hames.providers.retry import Retry, RetryPolicy
from hames.providers.scripted import Scripted

REQUEST = Request(
    "claude-sonnet-5-5", [b'{"role":"user","content":"hello"}'], 8000, betas=("b-1", "b-2")
)


class FakeClock(Clock):
    """Sleeps at once and remembers how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Even:
    """No jitter to speak of."""

    def random(self) -> float:
        return 0.0


def asking(**fields: Any) -> Asking:
    return Asking(**{"clock": FakeClock(), "random": Even, **fields})


async def failed(provider: Scripted, how: Asking) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(provider, REQUEST, how)
    return caught.value


async def test_a_reply_is_told_event_by_event_and_block_by_block():
    seen: list[str] = []
    provider = Scripted([says("Hi") + calls("Bash", command="ls")])
    reply = await ask(
        provider,
        REQUEST,
        asking(
            on_event=lambda event: seen.append(event.type),
            on_block=lambda index, block: seen.append(f"{index} {block.type}"),
        ),
    )
    assert reply.request_id == "req_0001"
    assert [s for s in seen if s not in ("ping", "content_block_delta")] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "0 text",
        "content_block_start",
        "content_block_stop",
        "1 tool_use",
        "message_delta",
        "message_stop",
    ]
    provider.finish()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_passing_failure_is_tried_again_with_growing_delays(status: int):
    """Observed in 2.1.330: 0.5, 1, 2, 4 … seconds and up to a quarter more."""
    how = asking()
    provider = Scripted([fails(status).times(3), says("ok")])
    assert (await ask(provider, REQUEST, how)).text == "ok"
    assert how.clock.slept == [0.5, 1.0, 2.0]


async def test_retries_are_reported_before_the_wait():
    retries: list[Retry] = []
    how = asking(on_retry=retries.append, policy=RetryPolicy(max_retries=2))
    error = await failed(Scripted([fails(529, "Busy").forever()]), how)
    assert [(r.attempt, r.max_retries, r.delay, r.status, r.category) for r in retries] == [
        (1, 2, 0.5, 529, "overloaded"),
        (2, 2, 1.0, 529, "overloaded"),
    ]
    assert str(error) == "API error 529: Busy"


async def test_delays_are_capped_and_jittered():
    class Most:
        def random(self) -> float:
            return 1.0

    how = asking(random=Most)
    await failed(Scripted([fails(500).forever()]), how)
    assert how.clock.slept == [0.625, 1.25, 2.5, 5, 10, 20, 40, 40, 40, 40]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_lasting_failure_is_not_tried_again(status: int):
    """401: our choice; 2.1.330 retries it for more than a minute."""
    how = asking()
    provider = Scripted([fails(status)])
    error = await failed(provider, how)
    assert (error.status, how.clock.slept) == (status, [])


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"retry-after": "2"}, [2.0]),
        ({"retry-after-ms": "1500"}, [1.5]),
        ({"retry-after": "58"}, [58.0]),
        ({"retry-after": "0"}, [0.5]),
        ({"retry-after": "soon"}, [0.5]),
    ],
)
async def test_the_server_says_how_long_to_wait(headers: dict[str, str], slept: list[float]):
    how = asking()
    await ask(Scripted([fails(429, headers=headers), says("ok")]), REQUEST, how)
    assert how.clock.slept == slept


async def test_a_date_to_wait_for_is_understood():
    future = datetime.fromtimestamp(Clock().now().timestamp() + 30).astimezone()
    header = future.strftime("%a, %d %b %Y %H:%M:%S %z")
    how = asking()
    await ask(Scripted([fails(503, headers={"retry-after": header}), says("ok")]), REQUEST, how)
    assert 28 < how.clock.slept[0] <= 30


async def test_a_wait_that_is_too_long_fails_at_once():
    """Observed in 2.1.330: 58 s were waited for, 70 s were not."""
    how = asking()
    error = await failed(Scripted([fails(429, headers={"retry-after": "70"})]), how)
    assert (error.retry_after, how.clock.slept) == (70, [])
    patient = asking(policy=RetryPolicy(max_retry_after=100))
    await ask(Scripted([fails(429, headers={"retry-after": "70"}), says("ok")]), REQUEST, patient)


@pytest.mark.parametrize(("said", "status", "tries"), [("false", 529, 1), ("true", 400, 2)])
async def test_the_server_says_whether_to_try_again(said: str, status: int, tries: int):
    provider = Scripted([fails(status, headers={"x-should-retry": said}), says("ok")])
    await asyncio.gather(ask(provider, REQUEST, asking()), return_exceptions=True)
    assert len(provider.requests) == tries


@pytest.mark.parametrize("after", [None, 0, 1, 2, 3, 4])
async def test_a_cut_before_a_complete_block_sends_the_same_request_again(after: int | None):
    whole = says("hello, and a longer text")
    cut = whole.cut(events=after)
    provider = Scripted([cut, whole])
    reply = await ask(provider, REQUEST, asking())
    assert reply.text == "hello, and a longer text"
    assert provider.requests[0] == provider.requests[1]


@pytest.mark.parametrize("end", [Play.cut, Play.broken], ids=["cut", "error event"])
async def test_a_complete_block_is_never_asked_for_again(end: Any):
    """Our choice; 2.1.330 sometimes asked for all of it again."""
    told: list[int] = []
    provider = Scripted([end(calls("Bash", command="make") + says("more"), blocks=1)])
    reply = await ask(provider, REQUEST, asking(on_block=lambda index, _: told.append(index)))
    assert not reply.complete
    assert reply.error is not None
    assert [call.input for call in reply.calls] == [{"command": "make"}]
    assert told == [0]


async def test_what_a_failed_try_had_used_is_reported():
    retries: list[Retry] = []
    provider = Scripted([says("hello").using(input_tokens=77).cut(events=3), says("ok")])
    await ask(provider, REQUEST, asking(on_retry=retries.append))
    (retry,) = retries
    assert retry.lost is not None
    assert (retry.lost.message_id, retry.lost.usage["input_tokens"]) == ("msg_0001", 77)


async def test_a_silent_stream_is_tried_once_more():
    """Documented: idle watchdog, one more try."""
    how = asking(timeouts=Timeouts(gap=0.01))
    provider = Scripted([says("hello").hang(events=3).forever()])
    error = await failed(provider, how)
    assert isinstance(error, ProviderTimeout)
    assert (error.clock, len(provider.requests), provider.open) == ("gap", 2, 0)


async def test_no_answer_at_all_is_tried_once_more():
    provider = Scripted([hangs(), says("ok")])
    reply = await ask(provider, REQUEST, asking(timeouts=Timeouts(first_byte=0.01)))
    assert (reply.text, len(provider.requests)) == ("ok", 2)


async def test_an_answer_that_takes_too_long_is_not_tried_again():
    play = says("a long answer " * 50).paced(0.001)
    error = await failed(Scripted([play]), asking(timeouts=Timeouts(total=0.02)))
    assert isinstance(error, ProviderTimeout)
    assert error.clock == "total"


async def test_max_tokens_are_made_to_fit_the_window_once():
    """Observed in 2.1.330: window less input less 1000."""
    said = "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease"
    provider = Scripted([fails(400, said), says("ok")])
    request = Request("m", [], 32_000)
    assert (await ask(provider, request, asking())).text == "ok"
    assert [r.max_tokens for r in provider.requests] == [32_000, 9_000]
    again = Scripted([fails(400, said).forever()])
    error = await failed(again, asking())
    assert (error.error_type, len(again.requests)) == ("max_tokens_too_large", 1)


async def test_max_tokens_are_made_to_fit_the_model():
    said = "max_tokens: 8000 > 4096, which is the maximum allowed number of output tokens for m"
    provider = Scripted([fails(400, said), says("ok")])
    await ask(provider, REQUEST, asking())
    assert [r.max_tokens for r in provider.requests] == [8000, 4096]


async def test_a_prompt_that_is_too_long_is_named_so():
    for said in (
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 210000 + 32000 > 200000",
    ):
        error = await failed(Scripted([fails(400, said)]), asking())
        assert (error.error_type, error.category) == ("prompt_too_long", "invalid_request")


async def test_betas_that_the_server_does_not_know_are_left_out_once():
    said = "Unexpected value(s) `b-2` for the `anthropic-beta` header."
    provider = Scripted([fails(400, said), says("ok")])
    await ask(provider, REQUEST, asking())
    assert [r.betas for r in provider.requests] == [("b-1", "b-2"), ("b-1",)]


async def test_the_fallback_model_is_asked_after_three_overloads():
    """Observed in 2.1.330: 1 + 2 tries of the first model, then the other with its own retries."""
    told: list[Fallback] = []
    how = asking(fallback=lambda: Request("small", [], 500), on_fallback=told.append)
    provider = Scripted([fails(529).times(5), says("ok")])
    reply = await ask(provider, REQUEST, how)
    assert reply.model == "small"
    assert [r.model for r in provider.requests] == ["claude-sonnet-5-5"] * 3 + ["small"] * 3
    assert how.clock.slept == [0.5, 1.0, 0.5, 1.0]
    assert [(f.model, f.fallback_model) for f in told] == [("claude-sonnet-5-5", "small")]


async def test_the_fallback_model_is_asked_sooner_when_there_are_no_more_retries():
    how = asking(fallback=lambda: Request("small", [], 500), policy=RetryPolicy(max_retries=0))
    provider = Scripted([fails(529), says("ok")])
    assert (await ask(provider, REQUEST, how)).model == "small"


async def test_overloads_within_a_stream_count_too():
    how = asking(fallback=lambda: Request("small", [], 500))
    provider = Scripted([says("x").broken().times(3), says("ok")])
    assert (await ask(provider, REQUEST, how)).model == "small"


async def test_refused_credentials_are_renewed_once():
    class Renewing(Scripted):
        renewed = 0

        async def renew(self) -> bool:
            self.renewed += 1
            return True

    provider = Renewing([fails(401), says("ok"), fails(401).forever()])
    how = asking()
    assert (await ask(provider, REQUEST, how)).text == "ok"
    assert (await failed(provider, how)).status == 401
    assert (provider.renewed, len(provider.requests), how.clock.slept) == (2, 4, [])


async def test_a_page_of_a_gateway_is_named():
    error = await failed(Scripted([serves(b"<html>Sign in</html>")]), asking())
    assert error.error_type == "not_a_reply"
    assert "<html>Sign in</html>" in str(error)


async def test_a_reply_that_was_not_streamed_is_taken():
    page = b'{"id":"m1","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}'
    reply = await ask(Scripted([serves(page)]), REQUEST, asking())
    assert (reply.text, reply.complete, reply.usage["input_tokens"]) == ("ok", True, 3)


@pytest.mark.parametrize(
    "after", range(len(events(says("hello") + calls("Bash", command="ls"))) + 1)
)
async def test_a_cancellation_at_any_event_leaves_what_had_arrived(after: int):
    play = says("hello") + calls("Bash", command="ls")
    whole, here = events(play), asyncio.Event()
    how = asking()
    seen = 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == after:
            here.set()

    how.on_event = count
    provider = Scripted([play.hang(events=after)])
    if not after:
        here.set()
    task = asyncio.ensure_future(ask(provider, REQUEST, how))
    await asyncio.wait_for(here.wait(), 5)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    texts = [event for event in whole[:after] if event.get("delta", {}).get("text")]
    assert bool(how.assembler.partial().text) == bool(texts)
    assert provider.open == 0


async def test_a_request_outside_of_the_script_is_loud():
    provider = Scripted([])
    with pytest.raises(ScriptError, match="has no play"):
        await ask(provider, REQUEST, asking())
    with pytest.raises(ScriptError, match="has no play"):
        provider.finish()
    with pytest.raises(ScriptError, match="1 plays were not asked for"):
        Scripted([thinks("x")]).finish()


async def test_an_error_of_a_listener_ends_the_request():
    def burst(_: object) -> None:
        raise ZeroDivisionError

    provider = Scripted([says("x")])
    with pytest.raises(ZeroDivisionError):
        await ask(provider, REQUEST, asking(on_event=burst))
    assert provider.open == 0
