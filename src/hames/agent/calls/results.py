"""What a call's end looks like to the model and to programs."""

from __future__ import annotations

from typing import Any

import msgspec

from hames.blocks import Block, tool_result
from hames.errors import ToolError
from hames.permissions.types import Decision
from hames.tools.tool import Call

PREVIEW = 2_000
"""Characters of a spilled result that the model still sees, half from each end."""


class Report(msgspec.Struct):
    """The result of a call."""

    content: str | list[dict[str, Any]]
    data: Any = None
    is_error: bool | None = None
    after: list[Block] = msgspec.field(default_factory=list)
    interrupts: bool = False
    """The refusal of this call ends the turn."""
    decision: Decision | None = None
    """Why it was allowed or not, where that has to be recorded."""
    hooks: list[dict[str, str]] = msgspec.field(default_factory=list)
    """What hooks made of the call, each with its source."""
    _block: Block | None = None

    def add_text(self, said: str) -> None:
        """Add to what the model sees, behind the result."""
        if isinstance(self.content, str):
            self.content = f"{self.content}\n\n{said}"
        else:
            self.content = [*self.content, {"type": "text", "text": said}]

    def recorded(self) -> dict[str, Any] | None:
        """Further fields of the result's line in the transcript."""
        fields: dict[str, Any] = {"hookEffects": self.hooks} if self.hooks else {}
        if (decision := self.decision) is not None:
            said = {
                "behavior": decision.behavior,
                "source": decision.source or decision.reason_type,
                "reason": decision.reason,
                "rule": decision.rule,
            }
            fields["permissionDecision"] = {k: v for k, v in said.items() if v is not None}
        return fields or None

    def block(self, tool_use_id: str) -> Block:
        """The `tool_result` block."""
        if self._block is None:
            self._block = tool_result(tool_use_id, self.content, is_error=self.is_error)
        return self._block


def failed(error: ToolError) -> Report:
    """A call that could not do what it was asked."""
    said = str(error)
    return Report(
        f"<tool_use_error>{said}</tool_use_error>" if error.invalid else said,
        f"Error: {said}",
        True,
    )


def refused(message: str, *, interrupts: bool) -> Report:
    """A call that was not allowed."""
    return Report(message, f"Error: {message}", True, interrupts=interrupts)


def interrupted(tool: str, so_far: str = "") -> Report:
    """A call that was stopped while it ran."""
    said = f"{tool} was interrupted by the user while it was running. What it had done until then may have taken effect."
    if so_far.strip():
        said += f" Its output until then:\n{so_far}"
    return Report(said, f"Error: {said}", True)


def not_started(tool: str) -> Report:
    """A call that never began."""
    said = f"{tool} was not started: the user interrupted before it. It had no effect."
    return Report(said, f"Error: {said}", True)


async def bounded(content: str, limit: int, call: Call) -> str:
    """The content, or a preview of it that names the file with the whole."""
    if len(content) <= limit:
        return content
    data = content.encode("utf-8", "replace")
    path = await call.spill(f"{call.id}.txt", data)
    head, tail = content[: PREVIEW // 2], content[-PREVIEW // 2 :]
    left_out = len(content) - len(head) - len(tail)
    return (
        f"<persisted-output>\nThe output is too long ({len(content):,} characters) and was saved to {path}.\n"
        f"Beginning and end:\n{head}\n... {left_out:,} characters left out ...\n{tail}\n</persisted-output>"
    )
