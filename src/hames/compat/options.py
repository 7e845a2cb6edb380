"""`ClaudeAgentOptions` and the types of its fields."""

# Annotations are evaluated: a TypedDict of texts would take all its keys for required.
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from hames.compat.hook_types import HookEvent, HookMatcher
from hames.compat.permission_types import CanUseTool, CanUseToolShadowedWarning, shadowed
from hames.compat.server_types import McpServerConfig, SdkPluginConfig
from hames.compat.session_types import SessionStore, SessionStoreFlushMode, implements
from hames.messages import PermissionMode

SdkBeta = Literal["context-1m-2025-08-07"]
SettingSource = Literal["user", "project", "local"]
EffortLevel: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]
ThinkingDisplay = Literal["summarized", "omitted"]
SandboxIgnoreViolations: TypeAlias = dict[str, list[str]]


class SystemPromptPreset(TypedDict):
    """The built-in prompt, with more after it."""

    type: Literal["preset"]
    preset: Literal["claude_code"]
    append: NotRequired[str]
    exclude_dynamic_sections: NotRequired[bool]
    snapshot: NotRequired[bool]


class SystemPromptCustom(TypedDict):
    """A prompt of one's own."""

    type: Literal["custom"]
    prompt: str
    snapshot: NotRequired[bool]


class SystemPromptFile(TypedDict):
    """A prompt in a file."""

    type: Literal["file"]
    path: str


class TaskBudget(TypedDict):
    """Tokens that the model is told it has."""

    total: int


class ToolsPreset(TypedDict):
    """All built-in tools."""

    type: Literal["preset"]
    preset: Literal["claude_code"]


class ThinkingConfigAdaptive(TypedDict):
    """The model decides how much it thinks."""

    type: Literal["adaptive"]
    display: NotRequired[ThinkingDisplay]


class ThinkingConfigEnabled(TypedDict):
    """It thinks within a budget."""

    type: Literal["enabled"]
    budget_tokens: int
    display: NotRequired[ThinkingDisplay]


class ThinkingConfigDisabled(TypedDict):
    """It does not think."""

    type: Literal["disabled"]


ThinkingConfig: TypeAlias = ThinkingConfigAdaptive | ThinkingConfigEnabled | ThinkingConfigDisabled


class SandboxNetworkConfig(TypedDict, total=False):
    """What commands reach of the network."""

    allowedDomains: list[str]
    deniedDomains: list[str]
    allowManagedDomainsOnly: bool
    allowUnixSockets: list[str]
    allowAllUnixSockets: bool
    allowLocalBinding: bool
    allowMachLookup: list[str]
    httpProxyPort: int
    socksProxyPort: int


class SandboxSettings(TypedDict, total=False):
    """How commands are kept apart from the machine."""

    enabled: bool
    autoAllowBashIfSandboxed: bool
    excludedCommands: list[str]
    allowUnsandboxedCommands: bool
    network: SandboxNetworkConfig
    ignoreViolations: SandboxIgnoreViolations
    enableWeakerNestedSandbox: bool


@dataclass
class AgentDefinition:
    """A subagent. The field names are those of its JSON."""

    description: str
    prompt: str
    tools: list[str] | None = None
    disallowedTools: list[str] | None = None
    model: str | None = None
    skills: list[str] | None = None
    memory: Literal["user", "project", "local"] | None = None
    mcpServers: list[str | dict[str, Any]] | None = None
    initialPrompt: str | None = None
    maxTurns: int | None = None
    background: bool | None = None
    effort: EffortLevel | int | None = None
    permissionMode: PermissionMode | None = None

    def as_json(self) -> dict[str, Any]:
        """What is set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class ClaudeAgentOptions:
    """Options of a session, with the official names, order and defaults.

    Without `cli_path` the session lives in this process.
    """

    tools: list[str] | ToolsPreset | None = None
    allowed_tools: list[str] = field(default_factory=list)
    system_prompt: str | SystemPromptPreset | SystemPromptCustom | SystemPromptFile | None = None
    """None is no system prompt at all; the preset is the built-in one."""
    mcp_servers: dict[str, McpServerConfig] | str | Path = field(default_factory=dict)
    strict_mcp_config: bool = False
    permission_mode: PermissionMode | None = None
    continue_conversation: bool = False
    resume: str | None = None
    session_id: str | None = None
    max_turns: int | None = None
    max_budget_usd: float | None = None
    disallowed_tools: list[str] = field(default_factory=list)
    model: str | None = None
    fallback_model: str | None = None
    betas: list[SdkBeta] = field(default_factory=list)
    permission_prompt_tool_name: str | None = None
    cwd: str | Path | None = None
    cli_path: str | Path | None = None
    """A program to speak to instead: `hames`, or the official one."""
    settings: str | None = None
    add_dirs: list[str | Path] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    extra_args: dict[str, str | None] = field(default_factory=dict)
    max_buffer_size: int | None = None
    debug_stderr: Any = sys.stderr
    """Not read."""
    stderr: Callable[[str], None] | None = None
    can_use_tool: CanUseTool | None = None
    hooks: dict[HookEvent, list[HookMatcher]] | None = None
    user: str | None = None
    include_partial_messages: bool = False
    include_hook_events: bool = False
    forward_subagent_text: bool = False
    verbatim_prompts: bool = False
    fork_session: bool = False
    resume_session_at: str | None = None
    resume_drops_turn: str | None = None
    agents: dict[str, AgentDefinition] | None = None
    setting_sources: list[SettingSource] | None = None
    """None reads all files, [] none."""
    skills: list[str] | Literal["all"] | None = None
    sandbox: SandboxSettings | None = None
    plugins: list[SdkPluginConfig] = field(default_factory=list)
    max_thinking_tokens: int | None = None
    thinking: ThinkingConfig | None = None
    effort: EffortLevel | None = None
    output_format: dict[str, Any] | None = None
    enable_file_checkpointing: bool = False
    session_store: SessionStore | None = None
    session_store_flush: SessionStoreFlushMode = "batched"
    load_timeout_ms: int = 60_000
    task_budget: TaskBudget | None = None
    client_app: str | None = None


def checked(options: ClaudeAgentOptions) -> ClaudeAgentOptions:
    """The options as they are used. Raises ValueError for those that exclude each other."""
    store = options.session_store
    if store is not None:
        wants_newest = options.continue_conversation and options.resume is None
        if wants_newest and not implements(store, "list_sessions"):
            raise ValueError(
                "continue_conversation with session_store requires the store to implement"
                " list_sessions()"
            )
        if options.enable_file_checkpointing:
            raise ValueError(
                "session_store cannot be combined with enable_file_checkpointing: checkpoints stay on"
                " this machine's disk"
            )
    if options.can_use_tool is None:
        return options
    if options.permission_prompt_tool_name:
        raise ValueError(
            "can_use_tool callback cannot be used with permission_prompt_tool_name. Give one of them."
        )
    allowed = [*options.allowed_tools, *(["Skill"] if options.skills == "all" else [])]
    if message := shadowed(options.permission_mode, allowed):
        warnings.warn(message, CanUseToolShadowedWarning, stacklevel=2)
    return replace(options, permission_prompt_tool_name="stdio")
