"""How hard a model tries: effort, a budget of tokens for the task, and what comes back of thoughts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, OptionsError, query
from hames.testing import Scripted, says

MODEL = "claude-opus-4-6"


async def test_effort_is_asked_for(harness: Any) -> None:
    run = await harness([says("Done.")], model=MODEL, effort="low")
    assert run.requests[0].body["output_config"] == {"effort": "low"}


async def test_effort_of_the_settings_holds_where_the_caller_asks_for_none(harness: Any) -> None:
    run = await harness([says("Done.")], model=MODEL, settings={"effortLevel": "medium"})
    assert run.requests[0].body["output_config"] == {"effort": "medium"}


async def test_a_model_without_efforts_is_not_asked_for_one(harness: Any) -> None:
    run = await harness([says("Done.")], model="claude-3-5-haiku-20241022", effort="high")
    assert "output_config" not in run.requests[0].body


async def test_an_unknown_effort_is_refused(harness: Any) -> None:
    with pytest.raises(OptionsError, match="one of low, medium, high, xhigh, max, not `silly`"):
        await harness([says("Done.")], effort="silly")


async def test_a_task_has_a_budget_of_tokens(tmp_path: Path) -> None:
    """Observed of official 2.1.330: the field, and the beta that it needs."""
    model = Scripted([says("Done.")])
    options = AgentOptions(
        provider=model, model=MODEL, cwd=tmp_path, task_budget=30_000, persist_session=False
    )
    async for _ in query(prompt="Go.", options=options):
        pass
    [request] = model.requests
    assert request.params["output_config"]["task_budget"] == {"type": "tokens", "total": 30_000}
    assert "task-budgets-2026-03-13" in request.betas


async def test_thoughts_come_back_as_asked_for(harness: Any) -> None:
    run = await harness([says("Done.")], model=MODEL, thinking_display="summarized")
    assert run.requests[0].body["thinking"] == {"type": "adaptive", "display": "summarized"}
