"""What a client may ask of a session: one Struct per control request, with the official field names.

Fields that we do not know are passed over, so that newer clients are understood.
"""

from __future__ import annotations

from typing import Any, Literal

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
    max_thinking_tokens: int | msgspec.UnsetType | None = msgspec.UNSET
    """0 is none, null as the session began; without it the budget stays."""
    thinking_display: Literal["summarized", "omitted"] | msgspec.UnsetType | None = msgspec.UNSET


class CancelAsyncMessage(Request, tag="cancel_async_message"):
    """Drop a prompt that nobody has taken up yet."""

    message_uuid: str


class McpStatus(Request, tag="mcp_status"):
    """Which servers there are, and their tools."""


class McpReconnect(Request, tag="mcp_reconnect", rename="camel"):
    """Introduce ourselves to a server again, and learn its tools anew."""

    server_name: str


class McpToggle(Request, tag="mcp_toggle", rename="camel"):
    """Take a server's tools away, or give them back."""

    server_name: str
    enabled: bool


class McpSetServers(Request, tag="mcp_set_servers"):
    """These servers, and no others that came by this request or with the start."""

    servers: dict[str, dict[str, Any]]


class McpMessage(Request, tag="mcp_message"):
    """What a server in the client says by itself."""

    server_name: str
    message: dict[str, Any]


class GetContextUsage(Request, tag="get_context_usage"):
    """How full the model's window is."""

    detail: Literal["summary", "full"] = "full"


class GetSettings(Request, tag="get_settings"):
    """What is in force, and which sources say it."""


class ApplyFlagSettings(Request, tag="apply_flag_settings"):
    """Put keys into the settings that `--settings` gave; null takes one out."""

    settings: dict[str, Any]


class UpdateSettings(Request, tag="update_settings"):
    """Write keys to a settings file, and let them hold."""

    source: Literal["userSettings", "localSettings"]
    settings: dict[str, Any]


class ListPermissionRules(Request, tag="list_permission_rules"):
    """The rules that calls are judged by, each with its source."""


class GetHooksListing(Request, tag="get_hooks_listing"):
    """Hook events, and the hooks that listen."""


class ReloadPlugins(Request, tag="reload_plugins"):
    """Look for plugins again."""


class ReloadSkills(Request, tag="reload_skills"):
    """Look for skills again."""


class ReloadOutputStyles(Request, tag="reload_output_styles"):
    """Look for output styles again."""


class ReadFile(Request, tag="read_file"):
    """A file as the client's user would see it; judged as a call of Read."""

    path: str
    max_bytes: int | None = None
    encoding: Literal["utf-8", "base64"] = "utf-8"


class FileSuggestions(Request, tag="file_suggestions"):
    """Paths that begin with, or contain, what somebody is typing."""

    query: str


class SeedReadState(Request, tag="seed_read_state"):
    """The model has seen this file, although its Read is gone from the conversation."""

    path: str
    mtime: float
    """Milliseconds since 1970; a file that has changed since is not taken as seen."""


class RegisterRepoRoot(Request, tag="register_repo_root"):
    """Work in a folder below the session's own as well."""

    directory: str


class GetSessionCost(Request, tag="get_session_cost"):
    """What the session has cost, as a text."""


class GetUsage(Request, tag="get_usage"):
    """What the session has cost, as numbers."""


class GetBinaryVersion(Request, tag="get_binary_version"):
    """The version we are compatible with."""


class SetHasSubscribers(Request, tag="set_has_subscribers"):
    """Whether somebody watches. Lines are never held back, so nothing changes."""

    has_subscribers: bool | None


class ListModels(Request, tag="list_models"):
    """The models that have names."""


class StopTask(Request, tag="stop_task"):
    task_id: str


class GetTaskOutput(Request, tag="get_task_output"):
    """What a background command has printed."""

    task_id: str


class BackgroundTasks(Request, tag="background_tasks"):
    """Let running calls go on in the background."""

    tool_use_id: str | None = None


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
