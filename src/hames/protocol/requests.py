"""What a client may ask of a session: one Struct per control request, with the official field names.

Fields that we do not know are passed over, so that newer clients are understood.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Request(msgspec.Struct, tag_field="subtype"):
    """The root."""


class Initialize(Request, tag="initialize", rename="camel"):
    """What a client brings along, before the first prompt."""

    hooks: dict[str, Any] | None = None
    agents: dict[str, Any] | None = None
    system_prompt: str | list[Any] | None = None
    append_system_prompt: str | None = None
    skills: list[str] | None = None
    sdk_mcp_servers: list[str] | None = None
    json_schema: dict[str, Any] | None = None
    plan_mode_instructions: str | None = None
    tool_aliases: dict[str, str] | None = None
    plugins: list[Any] | None = None
    mcp_servers: dict[str, Any] | None = None
    title: str | None = None


class Interrupt(Request, tag="interrupt"):
    """Stop the answer under way."""

    cancel_queued: bool = False


class SetPermissionMode(Request, tag="set_permission_mode"):
    mode: str


class SetModel(Request, tag="set_model"):
    model: str | None = None


class SetMaxThinkingTokens(Request, tag="set_max_thinking_tokens"):
    max_thinking_tokens: int | None = None


class McpStatus(Request, tag="mcp_status"):
    """Which servers there are, and their tools."""


class GetContextUsage(Request, tag="get_context_usage"):
    """How full the model's window is."""


class GetSettings(Request, tag="get_settings"):
    """What is in force."""


class GetSessionCost(Request, tag="get_session_cost"):
    """What the session has cost, as a text."""


class GetBinaryVersion(Request, tag="get_binary_version"):
    """The version we are compatible with."""


class ListModels(Request, tag="list_models"):
    """The models that have names."""


class StopTask(Request, tag="stop_task"):
    task_id: str


class BackgroundTasks(Request, tag="background_tasks"):
    """Let running calls go on in the background."""


class RenameSession(Request, tag="rename_session"):
    title: str


class RewindFiles(Request, tag="rewind_files"):
    """Put the files back as they were at a prompt."""

    user_message_id: str
    dry_run: bool = False


def subtypes() -> dict[str, type[Request]]:
    """Every request by its name on the wire."""
    kinds = Request.__subclasses__()
    return {str(kind.__struct_config__.tag): kind for kind in kinds}
