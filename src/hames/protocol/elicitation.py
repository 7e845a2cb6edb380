"""What a server of tools asks the user: `elicitation` as a question over the wire."""

from __future__ import annotations

from typing import Any

from hames.errors import ClientError
from hames.protocol.questions import Questions

ACTIONS = ("accept", "decline", "cancel")


async def elicit(questions: Questions, server: str, params: dict[str, Any]) -> dict[str, Any]:
    """The user's answer to an MCP `elicitation/create`; `decline` when nobody can give one."""
    schema = params.get("requestedSchema")
    fields = {
        "mode": "url" if params.get("mode") == "url" else "form",
        "url": params.get("url"),
        "elicitation_id": params.get("elicitationId"),
        "requested_schema": schema,
    }
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        fields["property_order"] = list(schema["properties"])
    told = {name: value for name, value in fields.items() if value is not None}
    try:
        answer = await questions.ask(
            "elicitation",
            mcp_server_name=server,
            message=str(params.get("message") or ""),
            **told,
        )
    except ClientError:  # older clients do not know the question
        return {"action": "decline"}
    if answer.get("action") not in ACTIONS:
        return {"action": "decline"}
    if answer["action"] == "accept" and isinstance(answer.get("content"), dict):
        return {"action": "accept", "content": answer["content"]}
    return {"action": answer["action"]}
