"""Lines of the stream protocol as official messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from hames.compat.errors import MessageParseError
from hames.compat.messages import (
    AssistantMessage,
    ContentBlock,
    ConversationResetMessage,
    DeferredToolUse,
    HookEventMessage,
    Message,
    MirrorErrorMessage,
    RateLimitEvent,
    ResultMessage,
    ServerToolResultBlock,
    ServerToolUseBlock,
    StreamEvent,
    SystemMessage,
    TaskNotificationMessage,
    TaskProgressMessage,
    TaskStartedMessage,
    TaskUpdatedMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)
from hames.messages import RateLimitInfo

log = logging.getLogger("hames.compat")

T = TypeVar("T")
Raw = dict[str, Any]

_IN_USER = {"text": TextBlock, "tool_use": ToolUseBlock, "tool_result": ToolResultBlock}
_BLOCKS: dict[str, type[Any]] = {
    **_IN_USER,
    "thinking": ThinkingBlock,
    "server_tool_use": ServerToolUseBlock,
    "advisor_tool_result": ServerToolResultBlock,
}
_TASKS: dict[str, type[SystemMessage]] = {
    "task_started": TaskStartedMessage,
    "task_progress": TaskProgressMessage,
    "task_notification": TaskNotificationMessage,
}


def parse_message(data: Raw) -> Message | None:
    """The message of a line; None for a type that official programs do not know.

    Raises MessageParseError for a line that lacks what its type needs.
    """
    if not isinstance(data, dict):
        raise MessageParseError(
            f"Invalid message data type (expected dict, got {type(data).__name__})", data
        )
    kind = data.get("type")
    if not kind:
        raise MessageParseError("Message missing 'type' field", data)
    reader = _READERS.get(kind)
    if reader is None:
        log.debug("A message of type `%s` is passed over.", kind)
        return None
    try:
        return reader(data)
    except KeyError as error:
        raise MessageParseError(
            f"Missing required field in {kind} message: {error}", data
        ) from error


def _user(data: Raw) -> UserMessage:
    content = data["message"]["content"]
    if isinstance(content, list):
        content = _blocks(content, _IN_USER, data)
    return _made(UserMessage, data, content=content, origin=_origin(data))


def _assistant(data: Raw) -> AssistantMessage:
    inner = data["message"]
    content = inner["content"]
    if not isinstance(content, list):
        raise MessageParseError(
            f"Invalid assistant content (expected list, got {type(content).__name__})", data
        )
    return _made(
        AssistantMessage,
        data,
        content=_blocks(content, _BLOCKS, data),
        model=inner["model"],
        usage=inner.get("usage"),
        message_id=inner.get("id"),
        stop_reason=inner.get("stop_reason"),
    )


def _system(data: Raw) -> SystemMessage:
    subtype = data["subtype"]
    if kind := _TASKS.get(subtype):
        return _made(kind, data, data=data)
    match subtype:
        case "hook_started" | "hook_response":
            names = (data.get(key) for key in ("hook_event", "hook_name", "hook_event_name"))
            name = next(filter(None, names), "")
            return _made(HookEventMessage, data, data=data, hook_event_name=name)
        case "task_updated":
            patch = data.get("patch")
            patch = patch if isinstance(patch, dict) else {}
            return TaskUpdatedMessage(
                subtype, data, data.get("task_id", ""), patch, patch.get("status"),
                data.get("session_id"), data.get("uuid"),
            )  # fmt: skip
        case "mirror_error":
            return MirrorErrorMessage(subtype, data, data.get("key"), data.get("error", ""))
    return SystemMessage(subtype, data)


def _result(data: Raw) -> ResultMessage:
    deferred = data.get("deferred_tool_use")
    return _made(
        ResultMessage,
        data,
        model_usage=data.get("modelUsage"),
        deferred_tool_use=_made(DeferredToolUse, deferred) if deferred else None,
        origin=_origin(data),
    )


def _rate_limit(data: Raw) -> RateLimitEvent:
    info = data["rate_limit_info"]
    told = RateLimitInfo(
        status=info["status"],
        resets_at=info.get("resetsAt"),
        rate_limit_type=info.get("rateLimitType"),
        utilization=info.get("utilization"),
        overage_status=info.get("overageStatus"),
        overage_resets_at=info.get("overageResetsAt"),
        overage_disabled_reason=info.get("overageDisabledReason"),
        raw=info,
    )
    return _made(RateLimitEvent, data, rate_limit_info=told)


_READERS: dict[str, Callable[[Raw], Message]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
    "result": _result,
    "stream_event": lambda data: _made(StreamEvent, data),
    "rate_limit_event": _rate_limit,
    "conversation_reset": lambda data: _made(ConversationResetMessage, data),
}


def _blocks(items: list[Any], known: dict[str, type[Any]], data: Raw) -> list[ContentBlock]:
    """The blocks that official programs know; others are left out."""
    found = []
    for item in items:
        if not isinstance(item, dict):
            raise MessageParseError(
                f"Invalid content block (expected dict, got {type(item).__name__})", data
            )
        if kind := known.get(item["type"]):
            found.append(_made(kind, item))
    return found


def _made(kind: type[T], data: Raw, /, **given: Any) -> T:
    """An instance with its fields from `data` and what is given. Raises KeyError for what is missing."""
    values = dict(given)
    for one in fields(kind):  # type: ignore[arg-type]  # all of them are dataclasses
        if one.name not in values:
            needed = one.default is MISSING and one.default_factory is MISSING
            values[one.name] = data[one.name] if needed else data.get(one.name, one.default)
    return kind(**values)


def _origin(data: Raw) -> Any:
    """What a message came from; anything else than an object with a `kind` is read as absent."""
    origin = data.get("origin")
    return origin if isinstance(origin, dict) and isinstance(origin.get("kind"), str) else None
