"""Every line of the stream as a type: what `schema.json` is made of. Nothing at run time loads this.

A new kind of line is a class here (`Note` for one more `system` subtype); then `scripts/protocol-schema`.
Fields with a default may be missing. All lines may have further fields, which readers pass over.
"""

# Annotations are read at run time, so they are not postponed here.

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from hames.messages import AssistantMessageError, ModelUsage, PermissionMode, TaskUsage

Text = Annotated[str, Meta(min_length=1)]
Whole = Annotated[int, Meta(ge=0)]
Json = dict[str, Any]


class Content(Struct, kw_only=True):
    """A content block of the Messages API."""

    type: Text


class Line(Struct, kw_only=True):
    """What lines of a session have in common."""

    uuid: Text
    session_id: str


class InnerAssistant(Struct, kw_only=True):
    """The model's message; the lines of one reply share `id`."""

    id: Text
    type: Literal["message"]
    role: Literal["assistant"]
    model: Text
    content: Annotated[list[Content], Meta(min_length=1, max_length=1)]
    stop_reason: str | None
    stop_sequence: str | None
    usage: Json


class AssistantLine(Line, tag="assistant"):
    """One block of a reply, as soon as it is complete."""

    message: InnerAssistant
    parent_tool_use_id: str | None
    timestamp: str | None = None
    request_id: str | None = None
    error: AssistantMessageError | None = None
    """The request has failed; the block is prose about it and the model is `<synthetic>`."""
    is_api_error_message: bool = False
    api_error_status: int | None = None
    agent_id: str | None = None
    subagent_type: str | None = None
    task_description: str | None = None


class InnerUser(Struct, kw_only=True):
    role: Literal["user"]
    content: str | list[Content]


class UserLine(Line, tag="user"):
    """Results of calls, notes of the harness, echoes of prompts."""

    message: InnerUser
    parent_tool_use_id: str | None
    timestamp: str | None = None
    tool_use_result: Any = None
    """The result for programs; its shape is the tool's."""
    is_synthetic: bool = field(default=False, name="isSynthetic")
    is_replay: bool = field(default=False, name="isReplay")
    origin: Json | None = None
    agent_id: str | None = None


class StreamEventLine(Line, tag="stream_event"):
    """An event of the model's stream; with `--include-partial-messages`."""

    event: Content
    parent_tool_use_id: str | None


class Denial(Struct):
    tool_name: Text
    tool_use_id: Text
    tool_input: Json


class Obligation(Struct):
    """Something that a reader of the result has to know. Hames's own; official clients pass it over."""

    kind: Text


class ResultLine(Line, tag="result"):
    """The end of the answer to one prompt."""

    subtype: Literal[
        "success",
        "error_during_execution",
        "error_max_turns",
        "error_max_budget_usd",
        "error_max_structured_output_retries",
    ]
    is_error: bool
    duration_ms: Whole
    duration_api_ms: Whole
    num_turns: Whole
    stop_reason: str | None
    total_cost_usd: float
    usage: Json
    model_usage: dict[str, ModelUsage] = field(name="modelUsage")
    permission_denials: list[Denial]
    api_error_status: int | None
    result: str | None = None
    """The answer; of a success."""
    errors: list[str] | None = None
    """What went wrong; of the other subtypes."""
    terminal_reason: str | None = None
    structured_output: Any = None
    deferred_tool_use: Json | None = None
    origin: Json | None = None
    user_message_uuid: str | None = None
    user_message_uuids: list[str] | None = None
    obligations: list[Obligation] | None = None
    local_command: str | None = None
    """The slash command that the harness answered itself."""


class Note(Line, tag_field="subtype"):
    """A `system` line."""

    type: Literal["system"]


class NamedServer(Struct):
    name: str
    status: Literal["connected", "failed", "needs-auth", "pending", "disabled"]
    source: str | None = None


class Init(Note, tag="init"):
    """The start of every turn: what the session has."""

    cwd: Text
    tools: list[str]
    mcp_servers: list[NamedServer]
    model: Text
    permission_mode: PermissionMode = field(name="permissionMode")
    slash_commands: list[str]
    api_key_source: str = field(name="apiKeySource")
    claude_code_version: Text
    output_style: str
    agents: list[str]
    skills: list[str]
    plugins: list[Json]
    hames_version: Text


class Status(Note, tag="status"):
    status: Literal["requesting", "compacting"] | None
    permission_mode: PermissionMode | None = field(default=None, name="permissionMode")
    compact_result: str | None = None
    compact_error: str | None = None


class ApiRetry(Note, tag="api_retry"):
    """A request has failed and is sent again."""

    attempt: Whole
    max_retries: Whole
    retry_delay_ms: float
    error_status: int | None
    error: str


class CompactBoundary(Note, tag="compact_boundary"):
    """The conversation before was replaced by a summary, which follows."""

    compact_metadata: Json


class PermissionDenied(Note, tag="permission_denied"):
    """A call was refused and nobody was asked."""

    tool_name: Text
    tool_use_id: Text
    message: str
    decision_reason_type: str | None = None
    decision_reason: str | None = None
    agent_id: str | None = None


class Informational(Note, tag="informational"):
    """A sentence for the person."""

    content: Text
    level: Literal["info", "notice", "suggestion", "warning"]
    prevent_continuation: bool = False
    tag: str | None = None


class Notification(Note, tag="notification"):
    key: str
    text: str
    priority: str


class HookStarted(Note, tag="hook_started"):
    hook_id: Text
    hook_name: Text
    hook_event: Text


class HookResponse(Note, tag="hook_response"):
    hook_id: Text
    hook_name: Text
    hook_event: Text
    output: str
    stdout: str
    stderr: str
    outcome: Literal["success", "error", "cancelled"]
    exit_code: int | None = None


class TaskStarted(Note, tag="task_started"):
    """Followed by `task_notification`, or by a `task_updated` with a last status, always."""

    task_id: Text
    description: str
    task_type: Text
    tool_use_id: str | None = None
    subagent_type: str | None = None
    is_backgrounded: bool | None = None
    prompt: str | None = None


class TaskProgress(Note, tag="task_progress"):
    task_id: Text
    description: str
    usage: TaskUsage
    tool_use_id: str | None = None
    subagent_type: str | None = None
    last_tool_name: str | None = None


class Patch(Struct):
    status: Literal["pending", "running", "completed", "failed", "killed", "paused"] | None = None
    end_time: float | None = None


class TaskUpdated(Note, tag="task_updated"):
    task_id: Text
    patch: Patch


class TaskNotification(Note, tag="task_notification"):
    task_id: Text
    status: Literal["completed", "failed", "stopped"]
    output_file: str
    summary: str
    tool_use_id: str | None = None
    usage: TaskUsage | None = None


class BackgroundTasksChanged(Note, tag="background_tasks_changed"):
    tasks: list[Json]


class SessionTitleChanged(Note, tag="session_title_changed"):
    title: Text


class SessionStateChanged(Note, tag="session_state_changed"):
    """When `CLAUDE_CODE_SDK_READS_SESSION_STATE` or `CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS` is 1."""

    state: Literal["idle", "running", "requires_action"]
    sdk_host_only: bool = False


class ModelRefusalNoFallback(Note, tag="model_refusal_no_fallback"):
    content: str
    model: str


class CommandLifecycle(Line, tag="command_lifecycle"):
    """How it stands with a prompt that came with a `uuid`."""

    command_uuid: Text
    state: Literal["queued", "started", "completed", "cancelled"]


class ConversationReset(Line, tag="conversation_reset"):
    new_conversation_id: Text
    """The session that begins; `session_id` is the one that ended."""
    trigger: Literal["clear"] | None = None
    user_message_uuid: Text | None = None
    timestamp: Text | None = None


class TranscriptMirror(Struct, tag="transcript_mirror"):
    """What was stored; with `--session-mirror`."""

    file_path: Text = field(name="filePath")
    entries: list[Json]


class KeepAlive(Struct, tag="keep_alive"):
    """Means nothing."""


class CanUseTool(Struct, tag_field="subtype", tag="can_use_tool", kw_only=True):
    """May this call run? Answered by `{behavior: allow, updatedInput?, updatedPermissions?}` or
    `{behavior: deny, message, interrupt?}`; `{behavior: defer}`, of our own, puts it off."""

    tool_name: Text
    input: Json
    tool_use_id: Text
    display_name: str | None = None
    description: str | None = None
    title: str | None = None
    permission_suggestions: list[Json] = []
    blocked_path: str | None = None
    decision_reason: str | None = None
    decision_reason_type: str | None = None
    matched_ask_rule: str | None = None
    """The ask rule that wants the question."""
    agent_id: str | None = None
    requires_user_interaction: bool = False
    """The call is itself a question to the user, or a plan."""


class HookCallback(Struct, tag_field="subtype", tag="hook_callback", kw_only=True):
    """Run a hook of the client's; answered by what it says."""

    callback_id: Text
    input: Json
    tool_use_id: str | None


class McpQuestion(Struct, tag_field="subtype", tag="mcp_message", kw_only=True):
    """A message to a server in the client; answered by `{mcp_response: …}`."""

    server_name: Text
    message: Json


class Elicitation(Struct, tag_field="subtype", tag="elicitation", kw_only=True):
    """A server asks the user; answered by `{action: accept|decline|cancel, content?}`."""

    mcp_server_name: Text
    message: str
    mode: Literal["form", "url"] = "form"
    url: str | None = None
    elicitation_id: str | None = None
    requested_schema: Json | None = None
    property_order: list[str] | None = None


Question = CanUseTool | HookCallback | McpQuestion | Elicitation


class QuestionLine(Struct, tag="control_request", kw_only=True):
    """Hames asks its client."""

    request_id: Text
    request: Question


class Success(Struct, tag_field="subtype", tag="success", kw_only=True):
    request_id: Text
    response: Json | None = None


class Failure(Struct, tag_field="subtype", tag="error", kw_only=True):
    request_id: Text
    error: str
    error_code: str | None = None


class AnswerLine(Struct, tag="control_response", kw_only=True):
    """The answer to a request, either way."""

    response: Success | Failure


class CancelLine(Struct, tag="control_cancel_request", kw_only=True):
    """A request, either way, needs no answer any more."""

    request_id: Text


class PromptLine(Struct, tag="user", kw_only=True):
    """A prompt of the client's."""

    message: InnerUser
    uuid: str | None = None
    """Its name; it comes back in results, and a second prompt of the same name is not answered."""
    priority: Literal["now", "next", "later"] = "next"
    should_query: bool = field(default=True, name="shouldQuery")
    is_synthetic: bool = field(default=False, name="isSynthetic")
    client_composed: bool = False
    origin: Json | None = None
    parent_tool_use_id: str | None = None
    session_id: str | None = None


def notes() -> list[type[Note]]:
    """The `system` lines."""
    return Note.__subclasses__()


def written() -> list[type[Struct]]:
    """The kinds of lines that Hames writes."""
    kinds = [kind for kind in Line.__subclasses__() if kind is not Note]
    return [*kinds, *notes(), TranscriptMirror, QuestionLine, AnswerLine, CancelLine]
