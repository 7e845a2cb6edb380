"""What successful answers to control requests hold: for `schema.json`, like `lines`."""

# Annotations are read at run time, so they are not postponed here.

from typing import Any, Literal, NotRequired, TypedDict

from hames.messages import ModelUsage, PermissionMode
from hames.protocol import requests

Json = dict[str, Any]


class Command(TypedDict):
    name: str
    description: str
    argumentHint: str


class Agent(TypedDict):
    name: str
    description: str
    model: NotRequired[str]


class ModelInfo(TypedDict):
    value: str
    resolvedModel: str
    displayName: str
    description: str


class Initialized(TypedDict):
    commands: list[Command]
    agents: list[Agent]
    output_style: str
    available_output_styles: list[str]
    models: list[ModelInfo]
    account: Json
    pid: int
    claude_code_version: str
    hames_version: str
    current_permission_mode: PermissionMode
    hook_on_failure_supported: bool
    session_state: Literal["idle", "running", "requires_action"]
    hooks_applied: NotRequired[bool]
    mcp_servers_applied: NotRequired[bool]
    plugins_applied: NotRequired[bool]


class Interrupted(TypedDict):
    still_queued: list[str]
    cancelled: NotRequired[list[str]]


class Cancelled(TypedDict):
    cancelled: bool
    message_uuid: NotRequired[str]


class Mode(TypedDict):
    mode: PermissionMode


class ModelSet(TypedDict):
    model: str


class ServerTool(TypedDict):
    name: str
    description: str
    annotations: Json


class ServerStatus(TypedDict):
    name: str
    status: Literal["connected", "failed", "needs-auth", "pending", "disabled"]
    config: Json
    scope: str
    source: str
    transport: str
    serverInfo: NotRequired[Json]
    error: NotRequired[str]
    tools: NotRequired[list[ServerTool]]


class ServerStatuses(TypedDict):
    mcpServers: list[ServerStatus]


class ServersSet(TypedDict):
    added: list[str]
    removed: list[str]
    errors: dict[str, str]


class McpAck(TypedDict):
    mcp_response: Json


class ContextCategory(TypedDict):
    id: str
    name: str
    tokens: int
    color: str
    kind: Literal["used", "free", "buffer", "deferred"]


class ContextUsage(TypedDict):
    categories: list[ContextCategory]
    totalTokens: int
    maxTokens: int
    rawMaxTokens: int
    percentage: int
    gridRows: list[list[Json]]
    model: str
    memoryFiles: list[Json]
    mcpTools: list[Json]
    agents: list[Json]
    slashCommands: Json
    skills: Json
    isAutoCompactEnabled: bool
    apiUsage: Json | None
    isEstimate: bool


class SettingsSource(TypedDict):
    source: str
    settings: Json


class SettingsShown(TypedDict):
    effective: Json
    sources: list[SettingsSource]
    applied: Json


class Rule(TypedDict):
    behavior: Literal["allow", "ask", "deny"]
    source: str
    rule: str
    editability: Literal["persistent", "session", "readonly"]


class RulesState(TypedDict):
    rules: list[Rule]
    workspaceDirectories: list[Json]
    originalCwd: str
    managedOnly: bool


class PermissionRules(TypedDict):
    state: RulesState


class HooksListing(TypedDict):
    events: list[Json]
    hooks: list[Json]
    eventCatalog: list[Json]
    policy: Json


class Plugins(TypedDict):
    commands: list[Command]
    agents: list[Agent]
    plugins: list[Json]
    mcpServers: list[ServerStatus]
    error_count: int


class Skills(TypedDict):
    skills: list[Command]


class OutputStyles(TypedDict):
    available_output_styles: list[str]


class FileContents(TypedDict):
    contents: str
    absPath: str
    truncated: bool
    lossy: NotRequired[bool]
    encoding: NotRequired[Literal["base64"]]


class Suggestions(TypedDict):
    suggestions: list[Json]
    cwd: str


class SessionUsage(TypedDict):
    total_cost_usd: float
    total_api_duration_ms: int
    total_duration_ms: int
    total_lines_added: int
    total_lines_removed: int
    model_usage: dict[str, ModelUsage]


class Usage(TypedDict):
    session: SessionUsage
    subscription_type: None
    rate_limits_available: bool
    rate_limits: None
    behaviors: None


class CostText(TypedDict):
    text: str


class Version(TypedDict):
    version: str
    buildTime: None
    hames_version: str


class Models(TypedDict):
    models: list[ModelInfo]


class TaskOutput(TypedDict):
    output: str
    total_bytes: int
    truncated: bool


class Rewound(TypedDict):
    canRewind: bool
    filesChanged: NotRequired[list[str]]
    insertions: NotRequired[int]
    deletions: NotRequired[int]
    changedByOthers: NotRequired[list[str]]
    left: NotRequired[list[str]]
    skippedLinks: NotRequired[int]
    undo: NotRequired[str | None]
    error: NotRequired[str]


class Empty(TypedDict):
    """Nothing to say."""


ANSWERS: dict[type[requests.Request], Any] = {
    requests.Initialize: Initialized,
    requests.Interrupt: Interrupted,
    requests.CancelAsyncMessage: Cancelled,
    requests.SetPermissionMode: Mode,
    requests.SetModel: ModelSet,
    requests.McpStatus: ServerStatuses,
    requests.McpSetServers: ServersSet,
    requests.McpMessage: McpAck,
    requests.GetContextUsage: ContextUsage,
    requests.GetSettings: SettingsShown,
    requests.ListPermissionRules: PermissionRules,
    requests.GetHooksListing: HooksListing,
    requests.ReloadPlugins: Plugins,
    requests.ReloadSkills: Skills,
    requests.ReloadOutputStyles: OutputStyles,
    requests.ReadFile: FileContents,
    requests.FileSuggestions: Suggestions,
    requests.GetUsage: Usage,
    requests.GetSessionCost: CostText,
    requests.GetBinaryVersion: Version,
    requests.ListModels: Models,
    requests.StopTask: Empty,
    requests.BackgroundTasks: Empty,
    requests.GetTaskOutput: TaskOutput,
    requests.RewindFiles: Rewound,
}
"""Requests that are not here are answered without a `response`."""
