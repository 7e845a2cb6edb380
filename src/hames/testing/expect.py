"""Tool results to compare with, for tests that do not care about every word.

assert run.requests[1].tool_results == [denied("Bash(rm:*)"), succeeded("2 files")]
"""

from __future__ import annotations

from typing import Any


class ToolResult:
    """Equal to every `tool_result` block that fits."""

    __hash__ = None  # type: ignore[assignment]  # equal to many different blocks

    def __init__(self, is_error: bool, *texts: str, id: str | None = None) -> None:
        self.is_error = is_error
        self.texts = texts
        self.id = id

    def __eq__(self, block: object) -> bool:
        if not isinstance(block, dict) or block.get("type") != "tool_result":
            return NotImplemented
        text = _text(block.get("content"))
        return (
            bool(block.get("is_error")) is self.is_error
            and self.id in (None, block.get("tool_use_id"))
            and all(part in text for part in self.texts)
        )

    def __repr__(self) -> str:
        kind = "failed" if self.is_error else "succeeded"
        return f"{kind}({', '.join(map(repr, self.texts))})"


def denied(rule: str = "", *texts: str) -> ToolResult:
    """The result of a call that a rule denied; the model is told the rule."""
    return ToolResult(True, rule, *texts)


def failed(*texts: str, id: str | None = None) -> ToolResult:
    """An error result with these texts in it."""
    return ToolResult(True, *texts, id=id)


def succeeded(*texts: str, id: str | None = None) -> ToolResult:
    """A result that is no error, with these texts in it."""
    return ToolResult(False, *texts, id=id)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(b["text"] for b in content or () if b.get("type") == "text")
