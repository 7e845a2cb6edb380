"""Tokens, prices and cost."""

from __future__ import annotations

import pytest

from hames import usage as usage_module
from hames.errors import OptionsError
from hames.usage import EARLIER, Ledger

SONNET = "claude-sonnet-4-5-20250929"
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "cache_creation_input_tokens": 500,
    "cache_read_input_tokens": 10_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
}


def test_cost_is_the_hand_computed_sum():
    ledger = Ledger()
    ledger.record("req_1", SONNET, USAGE)
    tokens = (1000 * 3 + 200 * 15 + 300 * 3.75 + 200 * 6 + 10_000 * 0.3) / 1e6
    assert ledger.total_cost_usd == pytest.approx(tokens + 2 * 0.01, abs=1e-15)


def test_a_response_is_counted_once():
    ledger = Ledger()
    assert ledger.record("req_1", SONNET, USAGE, milliseconds=5) is not None
    assert ledger.record("req_1", SONNET, USAGE, milliseconds=5) is None
    ledger.record("", SONNET, {"input_tokens": 1})
    ledger.record("", SONNET, {"input_tokens": 1})
    assert (len(ledger.rows), ledger.api_milliseconds) == (3, 5)


def test_many_small_sums_stay_exact():
    ledger = Ledger()
    for number in range(1000):
        ledger.record(str(number), "claude-opus-5-5", {"input_tokens": 1, "output_tokens": 1})
    assert ledger.total_cost_usd == 0.024


def test_a_long_prompt_is_priced_at_the_higher_rate():
    """Documented: the cache counts as input."""
    ledger = Ledger()
    ledger.record("a", "claude-haiku-5-5", {"input_tokens": 1000, "cache_read_input_tokens": 10**6})
    assert ledger.total_cost_usd == pytest.approx(1000 * 0.5e-6 + 10**6 * 0.05e-6, abs=1e-15)


def test_the_fast_mode_has_its_own_price_or_none():
    ledger = Ledger()
    ledger.record("a", "claude-opus-5-5", {"output_tokens": 10**6, "speed": "fast"})
    assert ledger.total_cost_usd == 40
    ledger.record("b", "claude-haiku-4-5", {"output_tokens": 10**6, "speed": "fast"})
    assert (ledger.total_cost_usd, ledger.unpriced) == (40, {"claude-haiku-4-5"})


def test_a_model_without_price_has_no_cost_and_is_named():
    ledger = Ledger()
    ledger.record("a", "mystery", {"input_tokens": 5})
    ledger.record("b", "claude-opus-5-5", {"output_tokens": 1000})
    assert (ledger.total_cost_usd, ledger.unpriced) == (0.02, {"mystery"})
    assert ledger.model_usage()["mystery"]["costUSD"] is None
    assert ledger.model_usage()["mystery"]["costBasis"] == "unknown"


def test_the_callers_price_goes_before_the_list():
    ledger = Ledger(
        prices={"mystery": {"input": 1, "output": 2}, "claude-opus-5-5": {"input": 0, "output": 0}}
    )
    ledger.record("a", "mystery", {"input_tokens": 1_000_000, "cache_read_input_tokens": 1_000_000})
    ledger.record("b", "claude-opus-5-5-20261001", {"output_tokens": 1_000_000})
    assert (ledger.total_cost_usd, ledger.unpriced) == (1.1, set())
    assert ledger.model_usage()["mystery"]["costBasis"] == "custom"


def test_a_price_that_cannot_be_used_is_refused():
    with pytest.raises(OptionsError, match="price of `m`"):
        Ledger(prices={"m": {"input": "cheap"}})


def test_usage_is_that_of_the_main_loop_since_a_mark():
    ledger = Ledger()
    ledger.record("a", SONNET, USAGE)
    mark = ledger.mark()
    ledger.record("b", SONNET, USAGE)
    ledger.record("c", SONNET, USAGE, main=False)
    assert ledger.usage(since=mark) == {
        "input_tokens": 1000,
        "cache_creation_input_tokens": 500,
        "cache_read_input_tokens": 10_000,
        "output_tokens": 200,
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "service_tier": "standard",
        "cache_creation": {"ephemeral_1h_input_tokens": 200, "ephemeral_5m_input_tokens": 300},
    }
    assert ledger.usage(since=mark, main_only=False)["input_tokens"] == 2000


def test_usage_by_model_has_the_official_keys():
    ledger = Ledger()
    ledger.record("a", SONNET, USAGE)
    ledger.record("b", SONNET, USAGE, main=False)
    assert ledger.model_usage() == {
        SONNET: {
            "inputTokens": 2000,
            "outputTokens": 400,
            "cacheReadInputTokens": 20_000,
            "cacheCreationInputTokens": 1000,
            "webSearchRequests": 4,
            "costUSD": ledger.total_cost_usd,
            "contextWindow": 200_000,
            "maxOutputTokens": 32_000,
            "thinkingTokens": 0,
            "cacheCreationEphemeral5mInputTokens": 600,
            "cacheCreationEphemeral1hInputTokens": 400,
            "canonicalModel": "claude-sonnet-4-5",
            "costBasis": "list",
        }
    }


def test_a_resumed_session_goes_on_from_its_cost_state():
    first = Ledger()
    first.record("a", SONNET, USAGE, milliseconds=7)
    first.record("b", "mystery", USAGE)
    second = Ledger()
    second.restore(first.cost_state("id"))
    assert second.cost_state("id") == first.cost_state("id")
    assert second.usage()["input_tokens"] == 0
    second.record("c", SONNET, USAGE)
    assert second.total_cost_usd == 2 * first.total_cost_usd


@pytest.mark.parametrize("stored", [None, {}, {"modelUsage": [], "totalCostUSD": "x"}])
def test_a_missing_or_odd_cost_state_starts_at_zero(stored: dict[str, object] | None):
    ledger = Ledger()
    ledger.restore(stored)
    assert (ledger.total_cost_usd, ledger.unpriced) == (0, set())


def test_unknown_costs_of_an_official_session_stay_known_to_be_unknown():
    ledger = Ledger()
    ledger.restore({"totalCostUSD": 2.5, "modelUsage": {}, "hasUnknownModelCost": True})
    assert (ledger.total_cost_usd, ledger.unpriced) == (2.5, {EARLIER})


def test_counters_that_a_gateway_writes_as_null_are_zero():
    ledger = Ledger()
    ledger.record("a", SONNET, {"input_tokens": None, "cache_creation": None, "output_tokens": 1})
    assert ledger.usage()["output_tokens"] == 1


def test_a_response_without_a_model_name_is_unpriced_like_any_other():
    ledger = Ledger()
    ledger.record("a", "", {"input_tokens": 1})
    assert ledger.model_usage()[""]["costUSD"] is None


@pytest.mark.parametrize("tokens", [1000, 300_000])
def test_no_response_costs_more_than_the_worst_case(tokens: int):
    ledger = Ledger()
    price = ledger.price(SONNET)
    assert price is not None
    worst = price.worst_input(tokens) + 500 * price.output_token
    for split in (
        {"input_tokens": tokens},
        {"cache_creation": {"ephemeral_1h_input_tokens": tokens}},
    ):
        row = ledger.record("", SONNET, {**split, "output_tokens": 500})
        assert row is not None
        assert (row.cost or 0) <= worst * 1e12 + 1


def test_prices_are_known_when_no_more_files_can_be_opened(monkeypatch: pytest.MonkeyPatch):
    """With a thousand sessions there may be as many connections as a process may have files."""
    usage_module._listed.cache_clear()
    ledger = Ledger()
    monkeypatch.setattr("pathlib.Path.read_bytes", _no_more_files)
    ledger.record("m1", "claude-sonnet-4-5", {"input_tokens": 100_000})
    assert ledger.total_cost_usd == 0.3


def _no_more_files(path: object) -> bytes:
    raise OSError(24, "Too many open files")
