"""Messages to and from the lines of stream-json, without loss.

`from_wire` keeps what it does not know: other fields in `extra`, other types as `UnknownBlock` and
`UnknownMessage`. `to_wire` gives all of it back, and adds the keys that official lines always have
(`parent_tool_use_id: null`, `role` …) where a message came without them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, fields
from typing import Any, TypeVar, assert_never

from hames.errors import MessageError
from hames.messages import (
    AssistantMessage,
    ContentBlock,
    ConversationResetMessage,
    DeferredToolUse,
    Extensible,
    HookEventMessage,
    Message,
    MirrorErrorMessage,
    RateLimitEvent,
    RateLimitInfo,
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
    UnknownBlock,
    UnknownMessage,
    UserMessage,
)

E = TypeVar("E", bound=Extensible)
Raw = dict[str, Any]

_BLOCKS: dict[str, type[Any]] = {
    "text": TextBlock,
    "thinking": ThinkingBlock,
    "tool_use": ToolUseBlock,
    "tool_result": ToolResultBlock,
    "server_tool_use": ServerToolUseBlock,
    "advisor_tool_result": ServerToolResultBlock,
}
_BLOCK_TYPES = {kind: name for name, kind in _BLOCKS.items()}
_SYSTEM: dict[str, type[SystemMessage]] = {
    "task_started": TaskStartedMessage,
    "task_progress": TaskProgressMessage,
    "task_notification": TaskNotificationMessage,
    "task_updated": TaskUpdatedMessage,
    "mirror_error": MirrorErrorMessage,
    "hook_started": HookEventMessage,
    "hook_response": HookEventMessage,
}
_INSIDE = ("content", "model", "message_id", "usage", "stop_reason")
"""Fields of `AssistantMessage` that stand in the inner message."""
_HOOK_NAME_KEYS = ("hook_event", "hook_name", "hook_event_name")
_RATE_LIMIT_KEYS = {
    "status": "status",
    "resets_at": "resetsAt",
    "rate_limit_type": "rateLimitType",
    "utilization": "utilization",
    "overage_status": "overageStatus",
    "overage_resets_at": "overageResetsAt",
    "overage_disabled_reason": "overageDisabledReason",
}

# What official lines have even when it says nothing. It is not kept in `extra`.
_IN_THREAD: Raw = {"parent_tool_use_id": None}
_FROM_USER: Raw = {"role": "user"}
_FROM_MODEL: Raw = {
    "type": "message",
    "role": "assistant",
    "stop_reason": None,
    "stop_sequence": None,
}
_ENDED: Raw = {"stop_reason": None}


def from_wire(raw: Raw) -> Message:
    """The message of one line. Raises `MessageError` when it lacks what its type needs."""
    match raw.get("type"):
        case "assistant":
            return _assistant(raw)
        case "user":
            return _user(raw)
        case "system":
            return _system(raw)
        case "result":
            return _result(raw)
        case "stream_event":
            return _read(StreamEvent, raw, usual=_IN_THREAD)
        case "rate_limit_event":
            info = {"rate_limit_info": _rate_limit(raw)}
            return _read(RateLimitEvent, raw, given=info, used=("type", "rate_limit_info"))
        case "conversation_reset":
            return _read(ConversationResetMessage, raw)
        case str() as other:
            return UnknownMessage(other, raw)
        case _:
            raise MessageError("A message has no `type`.", raw)


def to_wire(message: Message) -> Raw:
    """The line of a message, as a new dict that shares its inner values."""
    match message:
        case AssistantMessage():
            return _assistant_line(message)
        case UserMessage():
            return _user_line(message)
        case SystemMessage():
            return _system_line(message)
        case ResultMessage():
            return _result_line(message)
        case StreamEvent():
            return {"type": "stream_event", **_IN_THREAD, **_written(message)}
        case RateLimitEvent():
            line = {"type": "rate_limit_event", **_written(message)}
            return {**line, "rate_limit_info": _rate_limit_line(message.rate_limit_info)}
        case ConversationResetMessage():
            return {"type": "conversation_reset", **_written(message)}
        case UnknownMessage():
            return dict(message.raw)
        case _:
            assert_never(message)


def block_from_wire(raw: Raw) -> ContentBlock:
    """The content block of this JSON. Raises `MessageError` when it lacks what its type needs."""
    name = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(name, str):
        raise MessageError("A content block is no object with a `type`.", raw)
    if name == "thinking":
        # Models other than the official ones do not sign what they thought.
        return _read(ThinkingBlock, {"signature": "", **raw})
    if kind := _BLOCKS.get(name):
        block: ContentBlock = _read(kind, raw)
        return block
    if name.endswith("_tool_result") and "tool_use_id" in raw and "content" in raw:
        result = _read(ServerToolResultBlock, raw)
        result.extra["type"] = name
        return result
    return UnknownBlock(name, raw)


def block_to_wire(block: ContentBlock) -> Raw:
    """The JSON of a content block."""
    if isinstance(block, UnknownBlock):
        return dict(block.raw)
    return {"type": _BLOCK_TYPES[type(block)], **_written(block)}


def _assistant(raw: Raw) -> AssistantMessage:
    inner = _inner(raw)
    if not isinstance(inner["content"], list):
        raise MessageError("The content of an `assistant` message is no list.", raw)
    given = {
        "content": [block_from_wire(item) for item in inner["content"]],
        "model": inner.get("model"),
        "message_id": inner.get("id"),
        "usage": inner.get("usage"),
        "stop_reason": inner.get("stop_reason"),
    }
    message = _read(AssistantMessage, raw, given=given, used=("type", "message"), usual=_IN_THREAD)
    told = {key for key in ("id", "usage", "stop_reason") if inner.get(key) is not None}
    if rest := _rest(inner, {"content", "model", *told}, _FROM_MODEL):
        message.extra["message"] = rest
    return message


def _assistant_line(message: AssistantMessage) -> Raw:
    own = {
        "id": message.message_id,
        "model": message.model,
        "content": [block_to_wire(block) for block in message.content],
        "usage": message.usage,
        "stop_reason": message.stop_reason,
    }
    line = {"type": "assistant", **_IN_THREAD, **_written(message, apart=_INSIDE)}
    inner = {**_FROM_MODEL, **message.extra.get("message", {})}
    line["message"] = inner | {key: value for key, value in own.items() if value is not None}
    return line


def _user(raw: Raw) -> UserMessage:
    inner = _inner(raw)
    content = inner["content"]
    if isinstance(content, list):
        content = [block_from_wire(item) for item in content]
    elif not isinstance(content, str):
        raise MessageError("The content of a `user` message is neither text nor a list.", raw)
    given: Raw = {"content": content, "origin": None}
    used = ["type", "message"]
    if _is_origin(raw.get("origin")):
        given["origin"] = raw["origin"]
        used.append("origin")
    message = _read(UserMessage, raw, given=given, used=used, usual=_IN_THREAD)
    if rest := _rest(inner, {"content"}, _FROM_USER):
        message.extra["message"] = rest
    return message


def _user_line(message: UserMessage) -> Raw:
    content: Any = message.content
    if not isinstance(content, str):
        content = [block_to_wire(block) for block in content]
    line = {"type": "user", **_IN_THREAD, **_written(message, apart=("content",))}
    line["message"] = {**_FROM_USER, **message.extra.get("message", {}), "content": content}
    return line


def _system(raw: Raw) -> SystemMessage:
    """The class of the subtype; the plain one also when a field of that class is missing."""
    subtype = raw.get("subtype")
    if not isinstance(subtype, str):
        raise MessageError("A `system` message lacks `subtype`.", raw)
    kind = _SYSTEM.get(subtype, SystemMessage)
    values = {
        name: raw[name] for name in _named(kind) if name != "data" and raw.get(name) is not None
    }
    if kind is HookEventMessage:
        values["hook_event_name"] = next((raw[key] for key in _HOOK_NAME_KEYS if raw.get(key)), "")
    if kind is TaskUpdatedMessage:
        patch = values.get("patch")
        if not isinstance(patch, dict):
            return SystemMessage(subtype, raw)
        values["status"] = patch.get("status")
    if _missing(kind, {*values, "data"}):
        return SystemMessage(subtype, raw)
    return kind(data=raw, **values)


def _system_line(message: SystemMessage) -> Raw:
    line: Raw = {"type": "system", **message.extra, **message.data}
    views = {"data"}
    if isinstance(message, TaskUpdatedMessage):
        views.add("status")
    if isinstance(message, HookEventMessage):
        views.add("hook_event_name")
        if not any(key in line for key in _HOOK_NAME_KEYS):
            line["hook_event"] = message.hook_event_name
    for name, default in _named(type(message)).items():
        if name not in views and (value := getattr(message, name)) != default:
            line[name] = value
    return line


def _result(raw: Raw) -> ResultMessage:
    given: Raw = {"model_usage": raw.get("modelUsage"), "deferred_tool_use": None, "origin": None}
    used = ["type"]
    if given["model_usage"] is not None:
        used.append("modelUsage")
    if isinstance(raw.get("deferred_tool_use"), dict):
        given["deferred_tool_use"] = _read(DeferredToolUse, raw["deferred_tool_use"], used=())
        used.append("deferred_tool_use")
    if _is_origin(raw.get("origin")):
        given["origin"] = raw["origin"]
        used.append("origin")
    return _read(ResultMessage, raw, given=given, used=used, usual=_ENDED)


def _result_line(message: ResultMessage) -> Raw:
    line = {"type": "result", **_ENDED, **_written(message, apart=("model_usage",))}
    if message.model_usage is not None:
        line["modelUsage"] = message.model_usage
    if message.deferred_tool_use:
        line["deferred_tool_use"] = _written(message.deferred_tool_use)
    return line


def _rate_limit(raw: Raw) -> RateLimitInfo:
    info = raw.get("rate_limit_info")
    if not isinstance(info, dict) or "status" not in info:
        raise MessageError("A `rate_limit_event` lacks `rate_limit_info.status`.", raw)
    values: Raw = {name: info.get(key) for name, key in _RATE_LIMIT_KEYS.items()}
    return RateLimitInfo(raw=info, **values)


def _rate_limit_line(info: RateLimitInfo) -> Raw:
    values = {key: getattr(info, name) for name, key in _RATE_LIMIT_KEYS.items()}
    return {**info.raw, **{key: value for key, value in values.items() if value is not None}}


def _inner(raw: Raw) -> Raw:
    inner = raw.get("message")
    if not isinstance(inner, dict) or "content" not in inner:
        raise MessageError(f"A `{raw['type']}` message lacks `message.content`.", raw)
    return inner


def _is_origin(value: Any) -> bool:
    """Whether official clients take it for an origin; they read anything else as absent."""
    return isinstance(value, dict) and isinstance(value.get("kind"), str)


def _read(
    kind: type[E],
    raw: Raw,
    *,
    given: Raw | None = None,
    used: Collection[str] = ("type",),
    usual: Raw | None = None,
) -> E:
    """An instance of `kind` from the named fields of `raw`; the rest goes to `extra`.

    The caller has read the keys `used` and tells the fields in `given`, which are not looked for. An
    explicit null is kept in `extra`, so that it comes back, unless it is `usual`.
    """
    given = given or {}
    values = {name: value for name, value in given.items() if value is not None}
    named = [name for name in _named(kind) if name not in given and raw.get(name) is not None]
    values.update((name, raw[name]) for name in named)
    if missing := _missing(kind, values):
        raise MessageError(f"A `{raw.get('type', kind.__name__)}` lacks `{missing[0]}`.", raw)
    return kind(**values, extra=_rest(raw, {*used, *named}, usual or {}))


def _rest(raw: Raw, read: Collection[str], usual: Raw) -> Raw:
    return {
        key: value
        for key, value in raw.items()
        if key not in read and not (key in usual and usual[key] == value)
    }


def _written(value: Extensible, *, apart: Collection[str] = ()) -> Raw:
    """The extra and those named fields that say something."""
    line = dict(value.extra)
    for name in _named(type(value)):
        if name not in apart and (item := getattr(value, name)) is not None:
            line[name] = item
    return line


_fields_of: dict[type, dict[str, Any]] = {}


def _named(kind: type[Extensible]) -> dict[str, Any]:
    """The named fields with their defaults."""
    if kind not in _fields_of:
        _fields_of[kind] = {f.name: f.default for f in fields(kind) if f.name != "extra"}
    return _fields_of[kind]


def _missing(kind: type[Extensible], values: Collection[str]) -> list[str]:
    return [
        name for name, default in _named(kind).items() if default is MISSING and name not in values
    ]
