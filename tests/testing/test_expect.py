"""Results to compare with."""

from __future__ import annotations

from typing import Any

from hames.testing import denied, failed, succeeded


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "a", "content": content, **more}


def test_results_fit_by_success_and_text() -> None:
    fine, wrong = result("two files"), result("no such file", is_error=True)
    assert [fine, wrong] == [succeeded("files"), failed("such")]
    assert fine != failed("files")
    assert fine != succeeded("three")
    assert result([{"type": "text", "text": "two files"}]) == succeeded("two", "files")
    assert fine == succeeded(id="a")
    assert fine != succeeded(id="b")


def test_a_denied_call_names_its_rule() -> None:
    told = result("Denied by the rule `Bash(rm:*)`.", is_error=True)
    assert told == denied("Bash(rm:*)")
    assert told != denied("Bash(ls:*)")


def test_other_values_never_fit() -> None:
    assert succeeded() != {"type": "text", "text": "x"}
    assert succeeded() != "x"
    assert repr(failed("a", "b")) == "failed('a', 'b')"
