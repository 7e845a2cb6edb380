"""Subagents as callers define them."""

from __future__ import annotations

from typing import Any

import pytest

from hames import AgentDefinition, OptionsError
from hames.messages import SystemMessage
from hames.testing import says


async def test_agents_are_listed_and_the_caller_is_told_that_none_can_be_called(
    harness: Any,
) -> None:
    agents = {
        "reviewer": AgentDefinition("Reviews.", "You review.", max_turns=3),
        "tester": {"description": "Tests.", "prompt": "You test.", "disallowedTools": ["Write"]},
    }
    run = await harness([says("Hello.")], agents=agents)
    init = next(one for one in run.of(SystemMessage) if one.subtype == "init")
    assert init.data["agents"] == ["reviewer", "tester"]
    assert any("`reviewer`, `tester`" in one["text"] for one in run.result.obligations)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"description": "Tests."}, "`prompt`"),
        ({"description": "", "prompt": "You test."}, "`description`"),
        ({"description": "Tests.", "prompt": "You test.", "maxTurns": "many"}, "maxTurns"),
        ("Tests.", "`tester`"),
    ],
)
async def test_a_wrong_definition_stops_the_start(harness: Any, given: Any, said: str) -> None:
    with pytest.raises(OptionsError, match="`tester`") as caught:
        await harness([says("Hello.")], agents={"tester": given})
    assert said in str(caught.value)
