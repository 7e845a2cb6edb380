"""What a caller may choose. Everything has a default; nothing is read from the folder unless asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union

from hames._clock import Clock, Ids
from hames.providers.clocks import Timeouts
from hames.providers.retry import RetryPolicy

if TYPE_CHECKING:
    from hames.agent.start.definitions import AgentDefinition
    from hames.approvals import AnyPermissionResult, CanUseTool, Classifier
    from hames.hooks.callback import HookMatcher
    from hames.hooks.events import SetupTrigger
    from hames.messages import PermissionMode
    from hames.models import Effort
    from hames.providers.protocol import Provider
    from hames.sandbox.machine import Machine
    from hames.sessions.store import Store
    from hames.settings.effective import SettingSource
    from hames.tools.tool import Tool

AnyTool: TypeAlias = Union[str, "Tool", Callable[..., Any]]


@dataclass(kw_only=True)
class AgentOptions:
    """Options of an agent. The names are those of the official SDK where it has the option."""

    model: str | None = None
    """Id or alias (`sonnet`, `opus`, `haiku`); default `ANTHROPIC_MODEL`, else the newest Sonnet."""
    fallback_model: str | None = None
    """Model to use when the first one stays overloaded."""
    system_prompt: str | None = None
    """Replaces our prompt; an empty string means no system prompt."""
    append_system_prompt: str | None = None

    tools: Sequence[AnyTool] | None = None
    """Tools on offer: built-in names, `Tool` values, plain or `@tool` functions. None is the default
    set; a function beside no name adds to the default set only with `"default"` in the list."""
    allowed_tools: Sequence[str] = ()
    """Rules that allow without asking: `Bash(git status:*)`, `Write`."""
    disallowed_tools: Sequence[str] = ()
    """Rules that deny; a bare name removes the tool."""
    permission_mode: PermissionMode | None = None
    """Default: that of the settings, else `default`."""
    can_use_tool: CanUseTool | None = None
    """Asked about calls that no rule decides. Without it such calls are denied and listed."""
    classifier: Classifier | None = None
    """Judges in mode `auto` what would be asked about, before anybody is asked; ask rules and questions
    to a person are left to people. The mode cannot be had without it."""
    plan_mode_instructions: str | None = None
    """How to work in plan mode, instead of our own words; that nothing may be changed is said anyway."""
    permission_prompt_tool_name: str | None = None
    """A tool that is asked instead of `can_use_tool`: `mcp__server__tool`, or a function. It is not
    offered to the model."""
    permission_prompts: Literal["host", "none"] = "host"
    """`none`: nobody is asked, whoever could be; only hooks answer."""
    approval_timeout: float | None = None
    """Seconds that `can_use_tool` gets for an answer, after which the call is denied; default as long
    as it takes, as it may ask a person."""
    decisions: Mapping[str, AnyPermissionResult] = field(default_factory=dict)
    """With `resume`: what somebody has decided about calls that were put off (`defer`), by their ids:
    a `PermissionResult`, `allow`, `deny`, or an answer in the form it has on wires."""
    agents: Mapping[str, AgentDefinition | Mapping[str, Any]] = field(default_factory=dict)
    """Subagents by name. They are listed; calling them is not here yet, which a warning says."""
    hooks: Mapping[str, Sequence[HookMatcher | Mapping[str, Any]]] = field(default_factory=dict)
    """Functions and commands that hear of events: `{"PreToolUse": [HookMatcher("Bash", [check])]}`."""
    include_hook_events: bool = False
    """Tell of every hook that starts and ends (`hook_started`, `hook_response`)."""
    setup: SetupTrigger | None = None
    """`init` or `maintenance`: `Setup` hooks run before all others."""

    cwd: str | os.PathLike[str] | None = None
    """Working directory; default the process's."""
    add_dirs: Sequence[str | os.PathLike[str]] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """Merged over the process's environment, for the agent and its commands."""

    settings: str | Mapping[str, Any] | None = None
    """More settings: a file, JSON text, or a mapping of the form of a settings file."""
    setting_sources: Sequence[SettingSource] | None = None
    """Which of the `user`, `project` and `local` settings and memory files are read. None: none, so
    a session sees only what its options give it. Managed settings always hold."""

    max_turns: int | None = None
    max_budget_usd: float | None = None
    max_output_tokens: int | None = None
    max_thinking_tokens: int | None = None
    """Thinking budget; 0 switches thinking off. Default: as the model does best."""
    thinking_display: Literal["summarized", "omitted"] | None = None
    """What comes back of thoughts; default the API's choice."""
    effort: Effort | None = None
    """How hard the model tries, `low` to `max`; default the model's own."""
    task_budget: int | None = None
    """Tokens for a whole answer; the model is told and paces itself."""
    betas: Sequence[str] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    session_id: str | None = None
    title: str | None = None
    """What listings call the session, and `resume` may."""
    resume: str | None = None
    """Id or exact title of a stored session to go on with."""
    continue_conversation: bool = False
    """Go on with the newest session of the working directory, if there is one."""
    fork_session: bool = False
    """With `resume` or `continue_conversation`: go on in a copy."""
    resume_session_at: str | None = None
    """With `resume`: go back to the line of this uuid, the last one that is kept. Nothing stored is
    rewritten; what follows becomes a branch of its own."""
    resume_drops_turn: str | None = None
    """With `resume_session_at`: the uuid of the one prompt whose turn is dropped. When anything else
    stands behind the line, the start is refused with SessionError."""
    persist_session: bool = True
    session_store: Store | None = None
    """Default: files under the configuration folder."""
    enable_file_checkpointing: bool | None = None
    """Keep how the files are at each prompt, for `Client.rewind_files`. Default: as the environment
    (`CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING`) or the settings say, else not."""

    verbatim_prompts: bool = False
    """Prompts are taken as they are: `@path` attaches nothing, `/name` is no command."""
    include_partial_messages: bool = False
    background_grace: float = 5.0
    """Seconds that background commands may go on after the last answer before they are stopped."""

    provider: Provider | None = None
    """Default: the Anthropic API with credentials from the environment."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    machine: Machine | None = None
    """Where tools work; default this computer."""
    prices: Mapping[str, Any] | None = None
    """Prices that differ from the table's, by model id."""
    entrypoint: str = "sdk-py"
    client_app: str | None = None
    """Name of the host application in the User-Agent."""
    clock: Clock = field(default_factory=Clock)
    ids: Ids = field(default_factory=Ids)
