"""The permission callback of a client: `can_use_tool` as a question over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hames.approvals import (
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    ToolPermissionContext,
    on_wire,
    permission_update,
)
from hames.protocol.questions import Questions


class AskClient:
    """Asks about calls that nobody has decided. What the client cannot answer is not allowed."""

    def __init__(
        self,
        questions: Questions,
        on_state: Callable[[str], None],
        on_mode: Callable[[str], None],
    ) -> None:
        self._questions = questions
        self._on_state = on_state
        self._on_mode = on_mode

    async def __call__(
        self, tool: str, input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResult:
        self._on_state("requires_action")
        try:
            answer = await self._questions.ask(
                "can_use_tool", tool_name=tool, input=input, **_told(input, context)
            )
        finally:
            self._on_state("running")
        result = read_answer(answer)
        if isinstance(result, PermissionResultAllow):
            for update in result.updated_permissions or ():
                if update.type == "setMode" and update.mode:
                    self._on_mode(update.mode)
        return result


def read_answer(raw: dict[str, Any]) -> PermissionResult:
    """The answer as a result. Raises ValueError for a shape that is neither yes nor no."""
    match raw:
        case {"behavior": "allow"}:
            changed, updates = raw.get("updatedInput"), raw.get("updatedPermissions")
            if not isinstance(changed, dict | None) or not isinstance(updates, list | None):
                raise ValueError("`updatedInput` must be an object and `updatedPermissions` a list")
            return PermissionResultAllow(
                updated_input=changed or None,
                updated_permissions=[permission_update(update) for update in updates or ()] or None,
            )
        case {"behavior": "deny", "message": str() as message}:
            return PermissionResultDeny(message=message, interrupt=raw.get("interrupt") is True)
    raise ValueError("the answer is neither `allow` nor `deny` with a `message`")


def _told(input: dict[str, Any], context: ToolPermissionContext) -> dict[str, Any]:
    said = input.get("description")
    fields = {
        "display_name": context.display_name,
        "description": context.description or (said if isinstance(said, str) else None),
        "permission_suggestions": [on_wire(update) for update in context.suggestions],
        "blocked_path": context.blocked_path,
        "decision_reason": context.decision_reason,
        "title": context.title,
        "agent_id": context.agent_id,
    }
    named = {name: value for name, value in fields.items() if value is not None}
    return {**named, "tool_use_id": context.tool_use_id}
