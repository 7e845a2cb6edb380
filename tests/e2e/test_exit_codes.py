"""The documented exit codes, each with what stands on standard output and standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from installed import JSON, Installed

from hames.testing import calls, fails, rate_limited, refuses, says, says_nothing, too_long

Hames = Callable[..., Installed]
LOOK = calls("Bash", command="true")


def test_a_denied_call_is_listed_and_no_failure(installed: Hames) -> None:
    """CLI-41."""
    hames = installed(calls("Write", file_path="made", content="x"), says("I may not."))
    ran = hames.run("-p", "Go.", *JSON)
    assert ran.code == 0
    [denial] = ran.result["permission_denials"]
    assert denial == {
        "tool_name": "Write",
        "tool_use_id": "toolu_0001_0",
        "tool_input": {"file_path": "made", "content": "x"},
    }
    assert "Write" in hames.last.result_texts[0]
    assert hames.last.tool_results[0]["is_error"] is True
    assert not (hames.cwd / "made").exists()


def test_the_turn_limit(installed: Hames) -> None:
    """CLI-42. Observed: the stop counts as a turn, and the last calls are still run."""
    ran = installed(LOOK.times(3)).run("-p", "Go.", "--max-turns", "2", *JSON)
    assert (ran.code, ran.errors) == (1, "")
    told = {k: ran.result[k] for k in ("subtype", "is_error", "terminal_reason", "num_turns")}
    assert told == {
        "subtype": "error_max_turns",
        "is_error": True,
        "terminal_reason": "max_turns",
        "num_turns": 3,
    }
    assert ran.result["errors"] == ["Reached maximum number of turns (2)"]
    assert "result" not in ran.result
    text = installed(LOOK.times(3)).run("-p", "Go.", CLAUDE_CODE_MAX_TURNS="2")
    assert (text.code, text.output) == (1, "Error: Reached max turns (2)\n")


def test_the_budget(installed: Hames) -> None:
    """CLI-43. What is spent stays below it."""
    costly = LOOK.using(output_tokens=2_000)
    ran = installed(costly.forever()).run("-p", "Go.", "--max-budget-usd", "0.1", *JSON)
    assert (ran.code, ran.errors) == (1, "")
    assert (ran.result["subtype"], ran.result["terminal_reason"]) == (
        "error_max_budget_usd",
        "budget_exhausted",
    )
    assert 0 < ran.result["total_cost_usd"] <= 0.1
    assert "budget" in ran.result["errors"][0]


NO_RETRY = {"CLAUDE_CODE_MAX_RETRIES": "0"}


@pytest.mark.parametrize(
    ("play", "status", "category", "text"),
    [
        (fails(400, "Bad field."), 400, "invalid_request", "Bad field."),
        (fails(401, "No such key."), 401, "authentication_failed", "ANTHROPIC_API_KEY"),
        (fails(403, "Not yours."), 403, "authentication_failed", "Not yours."),
        (fails(404, "No such model."), 404, "model_not_found", "model"),
        (fails(413, "Too large."), 413, "invalid_request", "Too large."),
        (rate_limited(), 429, "rate_limit", "Too many requests."),
        (fails(500), 500, "server_error", "500"),
        (fails(529), 529, "overloaded", "529"),
        (fails(402, "Pay first."), 402, "billing_error", "Pay first."),
        (too_long(), 400, "invalid_request", "prompt is too long"),
    ],
    ids=["400", "401", "403", "404", "413", "429", "500", "529", "402", "too long"],
)
def test_an_api_error(play: Any, status: int, category: str, text: str, installed: Hames) -> None:
    """CLI-44. Observed: subtype `success` with `is_error`, the prose in `result`, no `errors`."""
    hames = installed(play.forever())
    ran = hames.run("-p", "Go.", *JSON, "--verbose", **NO_RETRY)
    assert (ran.code, ran.errors) == (1, "")
    _, said, result = json.loads(ran.output)
    assert (said["message"]["model"], said["error"]) == ("<synthetic>", category)
    assert said["api_error_status"] == status
    told = {k: result[k] for k in ("subtype", "is_error", "terminal_reason", "api_error_status")}
    assert told == {
        "subtype": "success",
        "is_error": True,
        "terminal_reason": "api_error",
        "api_error_status": status,
    }
    assert text in result["result"]
    assert "errors" not in result
    assert result["result"] == said["message"]["content"][0]["text"]


@pytest.mark.parametrize(
    ("plays", "reason"),
    [
        ([refuses().forever()], "model_error"),
        ([says_nothing("tool_use").forever()], "malformed_tool_use_exhausted"),
        ([says("On and on").stopping("max_tokens").forever()], "api_error"),
    ],
    ids=["refusal", "announced calls that never come", "an answer without end"],
)
def test_an_answer_that_is_none(plays: list[Any], reason: str, installed: Hames) -> None:
    hames = installed(*plays)
    ran = hames.run("-p", "Go.", *JSON)
    assert (ran.code, ran.errors) == (1, "")
    assert (ran.result["is_error"], ran.result["terminal_reason"]) == (True, reason)
    assert ran.result.get("result") or ran.result["errors"]
    assert 2 <= len(hames.api.requests) <= 4


def test_text_has_the_error_where_the_answer_would_stand(installed: Hames) -> None:
    ran = installed(fails(403, "Not yours.")).run("-p", "Go.")
    assert (ran.code, ran.output, ran.errors) == (1, "API error 403: Not yours.\n", "")
