"""Every case of the corpus gets the answer that its line expects."""

from __future__ import annotations

import pytest
from corpus import CASES, FILES, FIXTURE

from hames.permissions.cases import Case, policy_of, usual_accesses
from hames.permissions.decide import decide
from hames.permissions.types import Question


@pytest.mark.parametrize("case", CASES, ids=[case.id.removeprefix("dev-") for case in CASES])
def test_case_gets_the_expected_answer(case: Case) -> None:
    """Our choice where `accept` is given, otherwise observed or documented: see the case's source."""
    question = Question(case.tool, case.input, usual_accesses(case.tool, case.input), case.cwd)
    decision = decide(policy_of(case, FIXTURE, FILES), question)
    assert case.is_right(decision), f"{case.why}: answered {decision.behavior}, {decision.reason}"
