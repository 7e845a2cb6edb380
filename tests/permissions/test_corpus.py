"""Every case of the corpus gets the answer that its line expects."""

from __future__ import annotations

from typing import Any

import pytest
from corpus import CASES, policy_of, question_of

from hames.permissions.decide import decide


@pytest.mark.parametrize("case", CASES, ids=[case["id"].removeprefix("dev-") for case in CASES])
def test_case_gets_the_expected_answer(case: dict[str, Any]) -> None:
    policy = policy_of(case["mode"], case["cwd"], tuple(case["dirs"]), **case["rules"])
    decision = decide(policy, question_of(case["tool"], **case["input"]))
    assert decision.behavior in case.get("accept", [case["expect"]]), (
        f"{case['tool']} {case['input']} was answered {decision.behavior}: {decision.reason}"
    )
