"""What goes wrong between us and the model, through the real provider over real HTTP: what is asked again,
what is kept, what is told, and that no tool runs twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asked import AT_ONCE, Asked, ask
from installed import STREAM, Installed, of_type
from msgspec.structs import replace

from hames.providers.clocks import Timeouts
from hames.testing import (
    FakeAPI,
    Play,
    calls,
    closes_after,
    drips,
    duplicated,
    endless_headers,
    endless_line,
    fails,
    garbage,
    garbage_stream,
    gateway_page,
    gives,
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
    with_unknown_events,
    without,
)

Start = Callable[..., FakeAPI]
Hames = Callable[..., Installed]
DONE = says("Done.")
COUNT = calls("Bash", command="echo once >> count; echo counted")
COUNTING: dict[str, Any] = {"allowed_tools": ["Bash"]}
QUICK = Timeouts(connect=5, first_byte=0.3, gap=0.3)


def counted(folder: Path) -> int:
    """How often the command ran."""
    return (folder / "project/count").read_text("utf-8").count("once")


def statuses(asked: Asked) -> list[int | None]:
    return [data["error_status"] for data in asked.noted("api_retry")]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_passing_failure_is_retried_and_told(
    status: int, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([fails(status).times(2), DONE])
    asked = await ask(api, tmp_path)
    assert (asked.result.subtype, asked.result.is_error, asked.result.result) == (
        "success",
        False,
        "Done.",
    )
    assert statuses(asked) == [status, status]
    assert asked.owed == ["retry", "retry"]
    assert len({request.raw for request in api.requests}) == 1, "the same request each time"


@pytest.mark.parametrize(
    "play",
    [resets(), DONE.cut(), garbage(), DONE.cut(events=1), DONE.cut(events=3), torn(DONE, keep=0.4),
     without(DONE, "message_stop", "message_delta", "content_block_stop"), garbage_stream(),
     endless_headers(), DONE.broken(), thinks("Hm.").cut(events=3)],
    ids=["reset", "cut before headers", "no HTTP", "cut after message_start", "cut in a block",
         "torn anywhere", "no end", "no JSON", "headers without end", "error event", "cut in thoughts"],
)  # fmt: skip
async def test_a_lost_connection_before_a_whole_block_sends_the_same_again(
    play: Play, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play, DONE])
    asked = await ask(api, tmp_path, include_partial_messages=True)
    assert (asked.result.is_error, asked.result.result) == (False, "Done.")
    assert asked.said == ["Done."], "said once, whatever had begun before"
    assert len(asked.noted("api_retry")) == 1
    assert [request.raw for request in api.requests[1:]] == [api.requests[0].raw]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_a_lasting_failure_is_never_blindly_repeated(
    status: int, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([fails(status, "tools.0: No.").forever()])
    asked = await ask(api, tmp_path)
    assert (asked.result.is_error, asked.result.api_error_status) == (True, status)
    assert asked.noted("api_retry") == []
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("play", "requests"),
    [
        (rate_limited(61), 1),
        (rate_limited(0.01), 2),
        (rate_limited(0.01, retry=False), 1),
        (fails(400, "tools.0: Odd.", headers={"x-should-retry": "true"}), 2),
        (fails(529, headers={"x-should-retry": "false"}), 1),
        (fails(429, headers={"retry-after-ms": "10"}), 2),
        (fails(429, headers={"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}), 2),
        (fails(429, headers={"retry-after": "soon"}), 2),
    ],
    ids=["too long", "short", "said not to", "said to", "said not to of an overload",
         "milliseconds", "a date gone by", "nonsense"],
)  # fmt: skip
async def test_the_server_says_when_and_whether(
    play: Play, requests: int, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play, DONE])
    asked = await ask(api, tmp_path)
    assert len(api.requests) == requests
    assert asked.result.is_error is (requests == 1)


async def test_the_longest_wait_is_an_option(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([rate_limited(0.2).forever()])
    began = time.monotonic()
    asked = await ask(api, tmp_path, retry=replace(AT_ONCE, max_retry_after=0.1))
    assert (asked.result.api_error_status, len(api.requests)) == (429, 1)
    await ask(api, tmp_path, env={"HAMES_MAX_RETRY_AFTER_MS": "100"})
    assert len(api.requests) == 2
    assert time.monotonic() - began < 5


async def test_retries_have_an_end(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([fails(529).forever()])
    asked = await ask(api, tmp_path, env={"CLAUDE_CODE_MAX_RETRIES": "3"})
    assert len(api.requests) == 4
    assert [(d["attempt"], d["max_retries"]) for d in asked.noted("api_retry")] == [
        (1, 3), (2, 3), (3, 3),
    ]  # fmt: skip
    assert asked.result.terminal_reason == "api_error"


@pytest.mark.parametrize(
    ("play", "clock", "requests"),
    [
        (hangs().forever(), "first_byte", 2),
        (stalled_headers().forever(), "first_byte", 2),
        (DONE.hang(events=2).forever(), "gap", 2),
        (DONE.hang(events=1).forever(), "gap", 2),
    ],
    ids=["no headers", "half the headers", "in a block", "after message_start"],
)
async def test_silence_has_a_clock_and_is_waited_for_twice(
    play: Play, clock: str, requests: int, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play])
    asked = await ask(api, tmp_path, timeouts=QUICK)
    assert asked.result.is_error
    assert f"`{clock}` timeout" in (asked.result.result or "")
    assert asked.result.api_error_status is None
    assert len(api.requests) == requests
    assert statuses(asked) == [None]


@pytest.mark.parametrize(
    ("variable", "play", "clock"),
    [
        ("API_TIMEOUT_MS", hangs(), "first_byte"),
        ("HAMES_GAP_TIMEOUT_MS", DONE.hang(events=2), "gap"),
        ("HAMES_TOTAL_TIMEOUT_MS", DONE.paced(0.2, chunk=1), "total"),
    ],
)
async def test_clocks_can_be_set_from_outside(
    variable: str, play: Play, clock: str, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play.forever()])
    asked = await ask(api, tmp_path, env={variable: "200", "CLAUDE_CODE_MAX_RETRIES": "0"})
    assert f"within 0.2 s (`{clock}` timeout)" in (asked.result.result or "")


async def test_nobody_there_is_named(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api()
    asked = await ask(
        api,
        tmp_path,
        env={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_MAX_RETRIES": "1"},
    )
    assert asked.result.is_error
    assert "http://127.0.0.1:9" in (asked.result.result or "")
    assert statuses(asked) == [None]


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (gateway_page(), "not with a reply"),
        (gateway_page(502), "502"),
        (redirects("https://elsewhere.example/v1/messages"), "elsewhere.example"),
        (endless_line(), ""),
        (gzip_bomb(), ""),
    ],
    ids=["page", "bad gateway", "redirect", "line without end", "packed line without end"],
)
async def test_what_is_no_reply_is_said(
    play: Play, said: str, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play.forever()])
    asked = await ask(api, tmp_path, env={"CLAUDE_CODE_MAX_RETRIES": "0"})
    assert asked.result.is_error
    assert said in (asked.result.result or "")
    assert len(api.requests) == 1


PLAIN = serves(
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":'
    b'[{"type":"text","text":"Done."}],"stop_reason":"end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":1,"output_tokens":2}}'
)


@pytest.mark.parametrize(
    "play",
    [PLAIN, drips(DONE, size=3, seconds=0), with_unknown_events(DONE),
     without(DONE, "message_stop"), without(DONE, "ping"), typed(DONE), closes_after(DONE),
     DONE.paced(0.005, chunk=1)],
    ids=["not streamed", "byte by byte", "unknown events", "no last event",
         "no pings", "another content type", "closed afterwards", "slow"],
)  # fmt: skip
async def test_an_odd_reply_is_taken(play: Play, fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([play, COUNT, DONE])
    asked = await ask(api, tmp_path)
    assert (asked.result.is_error, asked.result.result) == (False, "Done.")
    assert asked.noted("api_retry") == []
    assert len(api.requests) == 1


async def test_connections_closed_while_idle_cost_no_retry(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([closes_after(COUNT).times(3), DONE])
    asked = await ask(api, tmp_path, **COUNTING)
    assert asked.result.result == "Done."
    assert asked.noted("api_retry") == []


# Broken streams


async def test_events_that_come_twice_do_not_run_a_call_twice(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([duplicated(COUNT), DONE])
    asked = await ask(api, tmp_path, **COUNTING)
    assert asked.result.result == "Done."
    assert len(api.requests[1].tool_results) == 1
    assert not (tmp_path / "project/count").exists() or counted(tmp_path) == 1


@pytest.mark.parametrize(
    "play",
    [(COUNT + says("And more.")).cut(blocks=1), COUNT.cut(blocks=1),
     (COUNT + says("More.")).broken(blocks=1), (COUNT + COUNT).cut(events=7),
     (COUNT + says("More.")).hang(blocks=1), without(COUNT, "message_stop", "message_delta")],
    ids=["cut after it", "cut at once", "error event", "cut in the next call", "silence", "no end"],
)  # fmt: skip
async def test_a_whole_call_of_a_lost_reply_is_run_once_and_kept(
    play: Play, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play, DONE])
    asked = await ask(api, tmp_path, timeouts=QUICK, **COUNTING)
    assert asked.result.result == "Done."
    assert counted(tmp_path) == 1
    assert len(api.requests) == 2
    assert [b["type"] for b in api.requests[1].messages[-2]["content"]] == ["tool_use"]
    assert api.requests[1].result_texts == ["counted"]
    assert asked.noted("api_retry") == []
    assert "cut_reply" in asked.owed


@pytest.mark.parametrize("how", ["cut", "broken"])
async def test_a_text_that_was_whole_is_kept_and_gone_on_from(
    how: str, fake_api: Start, tmp_path: Path
) -> None:
    both = says("The first half,") + COUNT
    half = both.cut(events=5) if how == "cut" else both.broken(events=5)
    api = fake_api([half, says(" and the second.")])
    asked = await ask(api, tmp_path, **COUNTING)
    assert asked.result.result == "The first half, and the second."
    assert api.requests[1].messages[-2]["content"][0]["text"] == "The first half,"
    assert not (tmp_path / "project/count").exists()


async def test_a_failure_between_two_rounds_runs_no_tool_again(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([COUNT, fails(529), resets(), DONE.cut(events=2), COUNT, fails(500), DONE])
    asked = await ask(api, tmp_path, **COUNTING)
    assert asked.result.result == "Done."
    assert counted(tmp_path) == 2
    assert len(api.requests) == 7
    told = [status for status in statuses(asked) if status is not None]
    assert told == [529, 500], "a kept connection that is gone is replaced without a word"


# Requests that are changed


async def test_max_tokens_are_made_to_fit(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([no_room(190_000, 32_000), DONE])
    asked = await ask(api, tmp_path)
    assert asked.result.result == "Done."
    assert api.requests[1].body["max_tokens"] == 200_000 - 190_000 - 1_000


async def test_a_beta_that_is_not_known_is_left_out(fake_api: Start, tmp_path: Path) -> None:
    said = "Unexpected value(s) `odd-2026-01-01` for the `anthropic-beta` header."
    api = fake_api([fails(400, said), DONE])
    asked = await ask(api, tmp_path, betas=["odd-2026-01-01"])
    assert asked.result.result == "Done."
    assert ["odd-2026-01-01" in r.headers["anthropic-beta"] for r in api.requests] == [True, False]


async def test_a_prompt_that_is_too_long_is_said(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([too_long().forever()])
    asked = await ask(api, tmp_path)
    assert asked.result.is_error
    assert "too long" in (asked.result.result or "")
    assert len(api.requests) == 1


async def test_the_fallback_model_takes_over_after_three_overloads(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([fails(529).times(3), COUNT, DONE])
    asked = await ask(api, tmp_path, model="opus", fallback_model="haiku", **COUNTING)
    assert asked.result.result == "Done."
    assert [request.model.split("-")[1] for request in api.requests][:4] == ["opus"] * 3 + ["haiku"]
    [noted] = asked.noted("model_fallback")
    assert noted["fallback_model"] == api.requests[3].model
    assert "fallback_model" in asked.owed
    assert asked.result.model_usage is not None
    assert api.requests[3].model in asked.result.model_usage


# Stop reasons


async def test_a_cut_answer_is_continued_joined_and_counts_as_one_turn(
    fake_api: Start, tmp_path: Path
) -> None:
    half = says("One, two, ").stopping("max_tokens")
    api = fake_api([half, says("three, ").stopping("model_context_window_exceeded"), says("four.")])
    asked = await ask(api, tmp_path)
    assert asked.result.result == "One, two, three, four."
    assert asked.result.num_turns == 1


async def test_an_answer_without_end_is_an_error_after_three_times(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([says("On and on. ").stopping("max_tokens").forever()])
    asked = await ask(api, tmp_path)
    assert asked.result.is_error
    assert len(api.requests) == 4


async def test_a_call_cut_by_the_limit_is_told_to_the_model(
    fake_api: Start, tmp_path: Path
) -> None:
    half = calls("Bash", '{"command": "echo once >> count').stopping("max_tokens")
    api = fake_api([half, DONE])
    asked = await ask(api, tmp_path, **COUNTING)
    assert asked.result.result == "Done."
    assert not (tmp_path / "project/count").exists()
    assert api.requests[1].tool_results[0]["is_error"] is True


async def test_a_paused_turn_goes_on_from_where_it_was(fake_api: Start, tmp_path: Path) -> None:
    search = gives(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    )  # fmt: skip
    api = fake_api([search.stopping("pause_turn"), DONE], judge=False)
    asked = await ask(api, tmp_path)
    assert (asked.result.result, asked.result.num_turns) == ("Done.", 1)
    assert api.requests[1].messages[-1]["role"] == "assistant"


async def test_a_refusal_is_asked_about_once(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([refuses("I will not."), DONE])
    asked = await ask(api, tmp_path)
    assert asked.result.is_error is False
    assert (asked.result.result or "").endswith("Done.")
    api = fake_api([refuses().forever()])
    asked = await ask(api, tmp_path)
    assert (asked.result.is_error, asked.result.stop_reason) == (True, "refusal")
    assert len(api.requests) == 2
    assert asked.noted("model_refusal_no_fallback")


async def test_calls_count_whatever_the_stop_reason_says(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([COUNT.stopping("end_turn"), DONE])
    asked = await ask(api, tmp_path, **COUNTING)
    assert (asked.result.result, counted(tmp_path)) == ("Done.", 1)


async def test_announced_calls_that_never_come_are_waited_for_twice(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([says_nothing("tool_use").times(2), DONE])
    assert (await ask(api, tmp_path)).result.result == "Done."
    api = fake_api([says_nothing("tool_use").forever()])
    asked = await ask(api, tmp_path)
    assert asked.result.terminal_reason == "malformed_tool_use_exhausted"
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    "play", [says_nothing(), says(""), thinks("Hm."), says("  \n")],
    ids=["no block", "empty text", "only thoughts", "blanks"],
)  # fmt: skip
async def test_an_empty_answer_is_asked_for_once_more(
    play: Play, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([play, DONE])
    asked = await ask(api, tmp_path)
    assert (asked.result.result or "").strip() == "Done."
    api = fake_api([play.forever()])
    asked = await ask(api, tmp_path)
    assert (asked.result.subtype, asked.result.is_error) == ("success", False)
    assert (asked.result.result or "").strip() == ""
    assert len(api.requests) == 2


# As a command


def test_retries_are_lines_of_the_stream(installed: Hames) -> None:
    hames = installed(DONE.cut(), fails(529, headers={"retry-after": "0.02"}).times(2), DONE)
    ran = hames.run("-p", "Go.", *STREAM)
    assert (ran.code, ran.result["result"]) == (0, "Done.")
    retries = of_type(ran.lines, "api_retry")
    assert {frozenset(line) for line in retries} == {
        frozenset(
            ["type", "subtype", "uuid", "session_id", "attempt", "max_retries", "retry_delay_ms",
             "error_status", "error"]
        )
    }  # fmt: skip
    told = [
        (d["attempt"], d["max_retries"], d["error_status"], d["error"], d["retry_delay_ms"] // 500)
        for d in retries
    ]
    assert told == [
        (1, 10, None, "server_error", 1),
        (2, 10, 529, "overloaded", 0),
        (3, 10, 529, "overloaded", 0),
    ]


def test_text_output_says_nothing_of_retries(installed: Hames) -> None:
    hames = installed(fails(529, headers={"retry-after": "0.02"}), DONE)
    ran = hames.run("-p", "Go.")
    assert (ran.code, ran.output, ran.errors) == (0, "Done.\n", "")
