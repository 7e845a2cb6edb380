"""The permission callback of a client: `can_use_tool` as a question over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hames.approvals import (
    PermissionResult,
    ToolPermissionContext,
    on_wire,
    permission_result,
)
from hames.protocol.questions import Questions


class AskClient:
    """Asks about calls that nobody has decided. What the client cannot answer is not allowed."""

    def __init__(self, questions: Questions, on_state: Callable[[str], None]) -> None:
        self._questions = questions
        self._on_state = on_state

    async def __call__(
        self, tool: str, input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResult:
        self._on_state("requires_action")
        try:
            answer = await self._questions.ask(
                "can_use_tool", tool_name=tool, input=input, **_told(context)
            )
        finally:
            self._on_state("running")
        return permission_result(answer)


def _told(context: ToolPermissionContext) -> dict[str, Any]:
    fields = {
        "display_name": context.display_name,
        "description": context.description,
        "permission_suggestions": [on_wire(update) for update in context.suggestions],
        "blocked_path": context.blocked_path,
        "decision_reason": context.decision_reason,
        "decision_reason_type": context.decision_reason_type,
        "matched_ask_rule": context.matched_ask_rule,
        "title": context.title,
        "agent_id": context.agent_id,
        "requires_user_interaction": context.requires_user_interaction or None,
    }
    named = {name: value for name, value in fields.items() if value is not None}
    return {**named, "tool_use_id": context.tool_use_id}
