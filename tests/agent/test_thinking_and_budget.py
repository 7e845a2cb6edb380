"""Thinking budgets that fit, and money that is never overspent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, OptionsError, query, tool
from hames.testing import Scripted, calls, fails, says, thinks

THINKS_BY_BUDGET = "claude-sonnet-4-5"


@tool
def step() -> str:
    return "ok"


async def test_a_model_with_a_thinking_budget_gets_it(harness: Any) -> None:
    run = await harness([says("ok")], model=THINKS_BY_BUDGET, max_output_tokens=8000)
    assert run.requests[0].body["thinking"] == {"type": "enabled", "budget_tokens": 7999}


async def test_zero_switches_thinking_off(harness: Any) -> None:
    run = await harness([says("ok")], model=THINKS_BY_BUDGET, max_thinking_tokens=0)
    assert run.requests[0].body["thinking"] == {"type": "disabled"}


async def test_calls_made_without_thinking_are_answered_without_it(harness: Any) -> None:
    """The API refuses a budget while calls are answered that a reply without thinking has made."""
    run = await harness(
        [calls("step"), says("ok")], model=THINKS_BY_BUDGET, max_output_tokens=8000, tools=[step]
    )
    assert ["thinking" in request.body for request in run.requests] == [True, False]


async def test_signed_thinking_goes_back_unchanged(harness: Any) -> None:
    run = await harness(
        [thinks("Hm.", signature="c2ln") + calls("step"), says("ok")],
        model=THINKS_BY_BUDGET,
        max_output_tokens=8000,
        tools=[step],
    )
    first = run.requests[1].body["messages"][1]["content"][0]
    assert first == {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    assert "thinking" in run.requests[1].body


async def test_the_budget_stops_the_run_before_it_is_passed(harness: Any) -> None:
    dear = calls("step").using(input_tokens=1000, output_tokens=2000).forever()
    run = await harness([dear], model=THINKS_BY_BUDGET, tools=[step], max_budget_usd=0.5)
    result = run.result
    assert (result.subtype, result.is_error) == ("error_max_budget_usd", True)
    assert result.terminal_reason == "budget_exhausted"
    assert "0.5" in result.errors[0]
    assert 0.2 < result.total_cost_usd <= 0.5
    assert run.requests[-1].body["max_tokens"] < run.requests[0].body["max_tokens"]


async def test_a_budget_needs_a_price(tmp_path: Path) -> None:
    options = AgentOptions(
        provider=Scripted([]),
        cwd=tmp_path,
        persist_session=False,
        model="house-model",
        max_budget_usd=1,
    )
    with pytest.raises(OptionsError, match="`house-model`"):
        async for _ in query(prompt="x", options=options):
            pass


async def test_use_of_a_model_without_a_price_is_said_and_not_free(harness: Any) -> None:
    run = await harness([says("ok")], model="house-model")
    assert {"kind": "unpriced_usage", "model": "house-model"} in run.result.obligations
    assert run.result.model_usage["house-model"]["costUSD"] is None


async def test_a_reply_that_broke_off_is_paid_for(harness: Any) -> None:
    run = await harness(
        [says("Half of it.").using(input_tokens=1_000_000).cut(events=3), fails(400)],
        model="sonnet",
    )
    assert run.result.api_error_status == 400
    assert run.result.total_cost_usd > 1
