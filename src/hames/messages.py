"""Messages and content blocks as callers see them.

Plain dataclasses with the field names, order and defaults of the official SDK (Python client 0.2.187).
What they do not name is kept in `extra`, so that newer servers and clients lose nothing;
`message_codec` turns them into stream-json and back. Hames adds `ResultMessage.obligations`,
`UnknownBlock` and `UnknownMessage`.

`extra` is given by keyword, is not compared, and is left out of the repr while it is empty: code
written against the official classes sees no difference.
"""

# Annotations are evaluated: a TypedDict of texts would take all its keys for required.
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, Required, TypeAlias, TypedDict

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "auto"]

AssistantMessageError = Literal[
    "authentication_failed",
    "oauth_org_not_allowed",
    "account_on_hold",
    "verification_required",
    "billing_error",
    "rate_limit",
    "overloaded",
    "invalid_request",
    "model_not_found",
    "server_error",
    "max_output_tokens",
    "cloud_credential_error",
    "unknown",
]
TaskNotificationStatus = Literal["completed", "failed", "stopped"]
TaskUpdatedStatus = Literal["pending", "running", "paused", "completed", "failed", "killed"]
RateLimitStatus = Literal["allowed", "allowed_warning", "rejected"]
RateLimitType = Literal["five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet", "overage"]

TERMINAL_TASK_STATUSES: frozenset[str] = frozenset({"completed", "failed", "stopped", "killed"})
"""A task with one of these is over, whether a notification (`stopped`) or an update (`killed`) said so."""

MessageOrigin = TypedDict(
    "MessageOrigin",
    {
        "kind": Required[str],
        "server": str,
        "from": str,
        "name": str,
        "fromSession": str,
        "senderTaskId": str,
        "body": str,
        "verifiedPeerPid": int,
        "subkind": str,
    },
    total=False,
)
"""What a message came from, when it was not simply typed: `{"kind": "task-notification"}` …"""


class TaskUsage(TypedDict):
    """What a task has used until now."""

    total_tokens: int
    tool_uses: int
    duration_ms: int


class ModelUsage(TypedDict):
    """Tokens and cost of one model over the session."""

    inputTokens: int
    outputTokens: int
    cacheReadInputTokens: int
    cacheCreationInputTokens: int
    webSearchRequests: int
    costUSD: float
    contextWindow: int
    maxOutputTokens: int
    canonicalModel: NotRequired[str]
    provider: NotRequired[str]


class SystemInitMcpServer(TypedDict):
    """An MCP server and whether it is connected."""

    name: str
    status: str
    source: NotRequired[str]


class SystemInitPlugin(TypedDict):
    """A loaded plugin."""

    name: str
    path: str
    version: NotRequired[str]


class SystemInitPluginError(TypedDict):
    """A plugin that could not be loaded."""

    plugin: str
    type: str
    message: str
    path: NotRequired[str]


class SystemInitData(TypedDict):
    """`SystemMessage.data` when the subtype is `init`; sent at the start of every turn."""

    type: Literal["system"]
    subtype: Literal["init"]
    uuid: str
    session_id: str
    agents: NotRequired[list[str]]
    apiKeySource: str
    betas: NotRequired[list[str]]
    claude_code_version: str
    cwd: str
    tools: list[str]
    mcp_servers: list[SystemInitMcpServer]
    model: str
    permissionMode: PermissionMode
    slash_commands: list[str]
    terminal_slash_commands: NotRequired[list[str]]
    output_style: str
    skills: list[str]
    plugins: list[SystemInitPlugin]
    plugin_errors: NotRequired[list[SystemInitPluginError]]
    fast_mode_state: NotRequired[Literal["off", "cooldown", "on"]]
    fast_mode_disabled_reason: NotRequired[str]
    capabilities: NotRequired[list[str]]


@dataclass(eq=False, repr=False)
class Extensible:
    """Has room for fields that are not named. Compared and shown by its named fields.

    Written out here because generated methods for thirty classes would be a tenth of our start.
    """

    extra: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _named(self) == _named(other)

    def __repr__(self) -> str:
        shown = _named(self)
        if extra := {key: value for key, value in self.extra.items() if value is not None}:
            shown["extra"] = extra
        inside = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({inside})"


def _named(value: object) -> dict[str, Any]:
    return {name: item for name, item in vars(value).items() if name != "extra"}


@dataclass(eq=False, repr=False)
class TextBlock(Extensible):
    """Prose."""

    text: str


@dataclass(eq=False, repr=False)
class ThinkingBlock(Extensible):
    """What the model thought before it answered, with the signature that proves it."""

    thinking: str
    signature: str


@dataclass(eq=False, repr=False)
class ToolUseBlock(Extensible):
    """The model calls a tool."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(eq=False, repr=False)
class ToolResultBlock(Extensible):
    """The answer to a call."""

    tool_use_id: str
    content: str | list[dict[str, Any]] | None = None
    is_error: bool | None = None


@dataclass(eq=False, repr=False)
class ServerToolUseBlock(Extensible):
    """The model calls a tool that runs at the API; nothing has to be answered."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(eq=False, repr=False)
class ServerToolResultBlock(Extensible):
    """What a tool at the API gave back; its wire type, when not the advisor's, is `extra["type"]`."""

    tool_use_id: str
    content: dict[str, Any] | list[dict[str, Any]]


@dataclass
class UnknownBlock:
    """A block of a type that has no class here: images, documents, and what is yet to come."""

    type: str
    raw: dict[str, Any]


ContentBlock: TypeAlias = (
    TextBlock
    | ThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
    | ServerToolUseBlock
    | ServerToolResultBlock
    | UnknownBlock
)


@dataclass(eq=False, repr=False)
class UserMessage(Extensible):
    """Tool results, notes of the harness, or the caller's own words sent back."""

    content: str | list[ContentBlock]
    uuid: str | None = None
    parent_tool_use_id: str | None = None
    tool_use_result: Any = None
    """The result for programs; its shape is the tool's. A string for failures, a list for MCP tools."""
    origin: MessageOrigin | None = None


@dataclass(eq=False, repr=False)
class AssistantMessage(Extensible):
    """One block of a reply; the blocks of a reply share `message_id`."""

    content: list[ContentBlock]
    model: str
    parent_tool_use_id: str | None = None
    error: AssistantMessageError | None = None
    usage: dict[str, Any] | None = None
    message_id: str | None = None
    stop_reason: str | None = None
    session_id: str | None = None
    uuid: str | None = None
    user_message_uuid: str | None = None
    user_message_uuids: list[str] | None = None

    @property
    def text(self) -> str:
        """The prose of its text blocks, joined."""
        return "".join([block.text for block in self.content if isinstance(block, TextBlock)])


@dataclass(eq=False, repr=False)
class SystemMessage(Extensible):
    """A note on the session. `data` is the whole message as sent, so `extra` stays empty."""

    subtype: str
    data: dict[str, Any]


@dataclass(eq=False, repr=False)
class TaskStartedMessage(SystemMessage):
    """A subagent or background command has started."""

    task_id: str
    description: str
    uuid: str
    session_id: str
    tool_use_id: str | None = None
    task_type: str | None = None


@dataclass(eq=False, repr=False)
class TaskProgressMessage(SystemMessage):
    """A task is still at work."""

    task_id: str
    description: str
    usage: TaskUsage
    uuid: str
    session_id: str
    tool_use_id: str | None = None
    last_tool_name: str | None = None


@dataclass(eq=False, repr=False)
class TaskNotificationMessage(SystemMessage):
    """A task has ended. Some ends are told by `TaskUpdatedMessage` alone."""

    task_id: str
    status: TaskNotificationStatus
    output_file: str
    summary: str
    uuid: str
    session_id: str
    tool_use_id: str | None = None
    usage: TaskUsage | None = None


@dataclass(eq=False, repr=False)
class TaskUpdatedMessage(SystemMessage):
    """Something about a task has changed; `status` is that of the patch."""

    task_id: str
    patch: dict[str, Any]
    status: TaskUpdatedStatus | None = None
    session_id: str | None = None
    uuid: str | None = None


@dataclass(eq=False, repr=False)
class MirrorErrorMessage(SystemMessage):
    """Entries did not reach the caller's session store; the run goes on."""

    key: dict[str, str] | None = None
    error: str = ""


@dataclass(eq=False, repr=False)
class HookEventMessage(SystemMessage):
    """A hook has started or ended (`hook_started`, `hook_response`)."""

    hook_event_name: str = ""
    session_id: str | None = None
    uuid: str | None = None


@dataclass(eq=False, repr=False)
class DeferredToolUse(Extensible):
    """The call that a hook put off; the run ended in front of it."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(eq=False, repr=False)
class ResultMessage(Extensible):
    """The end of the answer to one prompt."""

    subtype: str
    duration_ms: int
    duration_api_ms: int
    is_error: bool
    num_turns: int
    session_id: str
    stop_reason: str | None = None
    total_cost_usd: float | None = None
    """Of the session until now, resumed parts included."""
    usage: dict[str, Any] | None = None
    """Of this turn's main loop."""
    result: str | None = None
    structured_output: Any = None
    model_usage: dict[str, ModelUsage] | None = None
    permission_denials: list[Any] | None = None
    deferred_tool_use: DeferredToolUse | None = None
    errors: list[str] | None = None
    api_error_status: int | None = None
    uuid: str | None = None
    terminal_reason: str | None = None
    origin: MessageOrigin | None = None
    user_message_uuid: str | None = None
    user_message_uuids: list[str] | None = None
    obligations: list[dict[str, Any]] | None = field(default=None, kw_only=True)
    """What was owed and what became of it: background work, refused calls, cuts, repairs."""

    @property
    def text(self) -> str:
        """The answer, "" when there is none."""
        return self.result or ""


@dataclass(eq=False, repr=False)
class StreamEvent(Extensible):
    """One event of the model's stream, when partial messages are wanted."""

    uuid: str
    session_id: str
    event: dict[str, Any]
    parent_tool_use_id: str | None = None
    user_message_uuid: str | None = None
    user_message_uuids: list[str] | None = None


@dataclass
class RateLimitInfo:
    """How much of a plan's limit is used; `raw` is the whole of it as sent."""

    status: RateLimitStatus
    resets_at: int | None = None
    rate_limit_type: RateLimitType | None = None
    utilization: float | None = None
    overage_status: RateLimitStatus | None = None
    overage_resets_at: int | None = None
    overage_disabled_reason: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class RateLimitEvent(Extensible):
    """The state of a plan's limit has changed."""

    rate_limit_info: RateLimitInfo
    uuid: str
    session_id: str


@dataclass(eq=False, repr=False)
class ConversationResetMessage(Extensible):
    """The conversation was cleared and totals begin anew; `session_id` is the one that ended."""

    new_conversation_id: str
    uuid: str
    session_id: str


@dataclass
class UnknownMessage:
    """A message of a type that has no class here."""

    type: str
    raw: dict[str, Any]


Message: TypeAlias = (
    UserMessage
    | AssistantMessage
    | SystemMessage
    | ResultMessage
    | StreamEvent
    | RateLimitEvent
    | ConversationResetMessage
    | UnknownMessage
)
