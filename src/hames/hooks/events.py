"""The events that hooks may hear of. The fields of a class are the JSON that a hook receives.

Every hook receives besides: `session_id`, `transcript_path`, `cwd`, `hook_event_name`, and where known
`prompt_id`, `permission_mode`, `effort`, `agent_id` and `agent_type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The root. Fields that are None are left out of the JSON."""

    matched_by: ClassVar[str | None] = None
    """The field that matchers look at; None: all hooks of the event run."""
    guards: ClassVar[bool] = False
    """Hooks of this event are a permission: one that gives no answer in time refuses."""
    blocks: ClassVar[bool] = False
    """Exit code 2 and `decision: "block"` have an effect."""
    adds_output: ClassVar[bool] = False
    """Plain text that a hook prints is context for the model."""
    seconds: ClassVar[float] = 600.0
    """How long a hook may take that says nothing about it."""
    background: ClassVar[bool] = False
    """Nobody waits for its hooks."""
    told: ClassVar[bool] = True
    """Messages of the session tell of its hooks; else only the log does."""
    sets_variables: ClassVar[bool] = False
    """Commands may set variables for later commands, in the file `CLAUDE_ENV_FILE`."""

    @classmethod
    def name(cls) -> str:
        """The official name."""
        return cls.__name__

    def subject(self) -> str | None:
        """What matchers are compared with."""
        return None if self.matched_by is None else str(getattr(self, self.matched_by))

    def label(self) -> str:
        """How messages call it: `PreToolUse:Bash`."""
        subject = self.subject()
        return f"{self.name()}:{subject}" if subject else self.name()


class PreToolUse(Event):
    """Before a tool runs. A hook may allow, deny, ask, or change the input."""

    matched_by: ClassVar = "tool_name"
    guards: ClassVar = True
    blocks: ClassVar = True

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str


class PostToolUse(Event):
    """After a tool has succeeded. A hook may comment on the result, replace it, or end the turn."""

    matched_by: ClassVar = "tool_name"
    blocks: ClassVar = True

    tool_name: str
    tool_input: dict[str, Any]
    tool_response: Any
    tool_use_id: str
    duration_ms: int


class PostToolUseFailure(Event):
    """After a tool has failed. A hook may tell the model more."""

    matched_by: ClassVar = "tool_name"
    blocks: ClassVar = True

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    error: str
    is_interrupt: bool | None = None
    duration_ms: int | None = None


class PostToolBatch(Event):
    """After all calls of a reply, before the model is asked again. A hook may comment, or end the turn."""

    blocks: ClassVar = True

    tool_calls: list[dict[str, Any]]
    """Each with `tool_name`, `tool_input`, `tool_use_id` and `tool_response`."""


class PermissionRequest(Event):
    """Somebody is to be asked whether a call may run. A hook may answer; the first answer counts."""

    matched_by: ClassVar = "tool_name"
    guards: ClassVar = True
    blocks: ClassVar = True

    tool_name: str
    tool_input: dict[str, Any]
    permission_suggestions: list[dict[str, Any]] | None = None


class PermissionDenied(Event):
    """A call was not allowed. A hook may say that the model may try again (`retry`)."""

    matched_by: ClassVar = "tool_name"

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    reason: str


class UserPromptSubmit(Event):
    """A prompt has come. A hook may add context, or block it: then it is forgotten."""

    blocks: ClassVar = True
    adds_output: ClassVar = True
    seconds: ClassVar = 30.0

    prompt: str
    source: str | None = None
    session_title: str | None = None


class SessionStart(Event):
    """A session begins or goes on. A hook may add context, and variables through `CLAUDE_ENV_FILE`."""

    matched_by: ClassVar = "source"
    adds_output: ClassVar = True
    sets_variables: ClassVar = True

    source: Literal["startup", "resume", "clear", "compact", "fork"]
    model: str | None = None


class SessionEnd(Event):
    """The session has ended."""

    matched_by: ClassVar = "reason"
    seconds: ClassVar = 5.0
    told: ClassVar = False  # the last message is the result

    reason: Literal["clear", "resume", "logout", "prompt_input_exit", "other"]


class Stop(Event):
    """The model has ended its answer. A hook may send it back to work, saying why."""

    blocks: ClassVar = True

    stop_hook_active: bool
    """The model is at work only because a hook has sent it back."""
    last_assistant_message: str
    background_tasks: list[dict[str, Any]]
    session_crons: list[dict[str, Any]]


class StopFailure(Event):
    """The answer was ended by an error of the model's API."""

    matched_by: ClassVar = "error"

    error: str
    error_details: str | None = None
    last_assistant_message: str | None = None


class SubagentStart(Event):
    """A subagent begins. A hook may add context."""

    matched_by: ClassVar = "agent_type"
    adds_output: ClassVar = True

    agent_id: str
    agent_type: str


class SubagentStop(Event):
    """A subagent has ended its answer. A hook may send it back to work."""

    matched_by: ClassVar = "agent_type"
    blocks: ClassVar = True

    stop_hook_active: bool
    last_assistant_message: str
    agent_id: str
    agent_type: str
    agent_transcript_path: str
    background_tasks: list[dict[str, Any]]
    session_crons: list[dict[str, Any]]


class PreCompact(Event):
    """The conversation is about to be compacted. A hook may block that, or say what to keep in mind."""

    matched_by: ClassVar = "trigger"
    blocks: ClassVar = True
    adds_output: ClassVar = True

    trigger: Literal["manual", "auto"]
    custom_instructions: str | None


class PostCompact(Event):
    """The conversation was compacted."""

    matched_by: ClassVar = "trigger"

    trigger: Literal["manual", "auto"]
    compact_summary: str


class Notification(Event):
    """A person should look: somebody is asked for permission."""

    matched_by: ClassVar = "notification_type"
    background: ClassVar = True
    seconds: ClassVar = 60.0

    message: str
    notification_type: str
    title: str | None = None


SetupTrigger = Literal["init", "maintenance"]


class Setup(Event):
    """The project is being set up or maintained."""

    matched_by: ClassVar = "trigger"
    adds_output: ClassVar = True
    sets_variables: ClassVar = True

    trigger: SetupTrigger


class InstructionsLoaded(Event):
    """The model was given a memory file."""

    matched_by: ClassVar = "load_reason"
    background: ClassVar = True

    file_path: str
    memory_type: str
    load_reason: str
    globs: list[str] | None = None
    trigger_file_path: str | None = None
    parent_file_path: str | None = None


class ConfigChange(Event):
    """A settings file has changed. A hook may block that the change takes effect."""

    matched_by: ClassVar = "source"
    blocks: ClassVar = True

    source: str
    file_path: str | None = None


class CwdChanged(Event):
    """The working directory is another. Variables for it go through `CLAUDE_ENV_FILE`."""

    sets_variables: ClassVar = True

    old_cwd: str
    new_cwd: str


EVENTS: Mapping[str, type[Event]] = {kind.name(): kind for kind in Event.__subclasses__()}
"""All events by their official names."""

FIRED_LATER = frozenset(
    {
        "SubagentStart",
        "SubagentStop",
        "PreCompact",
        "PostCompact",
    }
)
"""Events that have a class and are not fired by this version."""

OTHERS = frozenset(
    {
        "UserPromptExpansion",
        "PreModelSwitch",
        "PostModelSwitch",
        "TeammateIdle",
        "TaskCreated",
        "TaskCompleted",
        "Elicitation",
        "ElicitationResult",
        "WorktreeCreate",
        "WorktreeRemove",
        "FileChanged",
        "DirectoryAdded",
        "MessageDisplay",
    }
)
"""Official events that Hames does not have."""
