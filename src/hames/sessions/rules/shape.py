"""Types and fields: whether a request is put together as the API's schema says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hames.sessions.rules.subject import Violation


class Kind(NamedTuple):
    """What a block of one type must and may have besides its `type`."""

    required: dict[str, type | tuple[type, ...]]
    optional: frozenset[str] = frozenset()


_MARK = frozenset({"cache_control"})
_SERVER_RESULT = Kind({"tool_use_id": str, "content": (dict, list, str)}, _MARK | {"caller"})

BLOCKS: dict[str, Kind] = {
    "text": Kind({"text": str}, _MARK | {"citations"}),
    "image": Kind({"source": dict}, _MARK),
    "document": Kind({"source": dict}, _MARK | {"title", "context", "citations"}),
    "search_result": Kind({"source": str, "title": str, "content": list}, _MARK | {"citations"}),
    "thinking": Kind({"thinking": str, "signature": str}),
    "redacted_thinking": Kind({"data": str}),
    "tool_use": Kind({"id": str, "name": str, "input": dict}, _MARK | {"caller"}),
    "tool_result": Kind({"tool_use_id": str}, _MARK | {"content", "is_error"}),
    "tool_reference": Kind({"tool_name": str}, _MARK),
    "server_tool_use": Kind({"id": str, "name": str, "input": dict}, _MARK | {"caller"}),
    "web_search_tool_result": _SERVER_RESULT,
    "web_fetch_tool_result": _SERVER_RESULT,
    "code_execution_tool_result": _SERVER_RESULT,
    "bash_code_execution_tool_result": _SERVER_RESULT,
    "text_editor_code_execution_tool_result": _SERVER_RESULT,
    "tool_search_tool_result": _SERVER_RESULT,
    "advisor_tool_result": _SERVER_RESULT,
    "mcp_tool_use": Kind({"id": str, "name": str, "input": dict, "server_name": str}, _MARK),
    "mcp_tool_result": Kind({"tool_use_id": str}, _MARK | {"content", "is_error"}),
    "container_upload": Kind({"file_id": str}, _MARK),
    "compaction": Kind({"content": (str, type(None))}, _MARK),
}
"""The known types of content blocks."""

INSIDE_RESULTS = frozenset({"text", "image", "document", "search_result", "tool_reference"})
"""What may stand inside a tool result."""


def request(body: Any) -> list[Violation]:
    """What is wrong with the shape of a whole request."""
    if not isinstance(body, dict):
        return [Violation("", "shape", "The body is not a JSON object.")]
    return [*_fields(body), *conversation(body.get("messages"))]


def conversation(messages: Any) -> list[Violation]:
    """What is wrong with the shape of `messages`."""
    if not isinstance(messages, list | tuple) or not messages:
        return [Violation("messages", "shape", "At least one message is needed.")]
    return [found for i, message in enumerate(messages) for found in _message(message, i)]


def _fields(body: dict[str, Any]) -> Iterator[Violation]:
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield Violation("model", "shape", "The name of a model is needed.")
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield Violation("max_tokens", "shape", "A whole number of at least 1 is needed.")
    if body.get("thinking") is not None and not isinstance(body["thinking"], dict):
        yield Violation("thinking", "shape", "An object is needed.")
    system = body.get("system")
    if isinstance(system, list):
        for i, block in enumerate(system):
            yield from _block(block, f"system.{i}", frozenset({"text"}))
    elif system is not None and not isinstance(system, str):
        yield Violation("system", "shape", "A text or a list of text blocks is needed.")
    yield from _tools(body.get("tools"))


def _tools(tools: Any) -> Iterator[Violation]:
    if tools is None:
        return
    if not isinstance(tools, list):
        yield Violation("tools", "shape", "A list is needed.")
        return
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            yield Violation(f"tools.{i}", "shape", "An object is needed.")
        elif not isinstance(tool.get("name"), str) and tool.get("type") != "mcp_toolset":
            yield Violation(f"tools.{i}.name", "shape", "A name is needed.")


def _message(message: Any, i: int) -> Iterator[Violation]:
    path = f"messages.{i}"
    if not isinstance(message, dict):
        yield Violation(path, "shape", "An object is needed.")
        return
    if message.get("role") not in ("user", "assistant", "system"):
        yield Violation(f"{path}.role", "shape", "The role is `user` or `assistant`.")
    for field in message:
        if field not in ("role", "content"):
            yield Violation(f"{path}.{field}", "shape", "Messages have no such field.")
    content = message.get("content")
    if isinstance(content, list):
        for j, block in enumerate(content):
            yield from _block(block, f"{path}.content.{j}")
    elif not isinstance(content, str):
        yield Violation(f"{path}.content", "shape", "A text or a list of blocks is needed.")


def _block(block: Any, path: str, allowed: frozenset[str] | None = None) -> Iterator[Violation]:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        yield Violation(path, "shape", "A block is an object with a `type`.")
        return
    kind = BLOCKS.get(block["type"])
    if kind is None or (allowed is not None and block["type"] not in allowed):
        yield Violation(path, "block-type", f"A block of type `{block['type']}` cannot stand here.")
        return
    for name, expected in kind.required.items():
        if not isinstance(block.get(name), expected):
            problem = "is missing" if name not in block else "has the wrong type"
            yield Violation(f"{path}.{block['type']}.{name}", "shape", f"`{name}` {problem}.")
    for field in block:
        if field != "type" and field not in kind.required and field not in kind.optional:
            where = f"{path}.{block['type']}.{field}"
            yield Violation(where, "extra-field", f"`{block['type']}` blocks have no such field.")
    if block["type"] == "tool_result":
        yield from _result(block, path)


def _result(block: dict[str, Any], path: str) -> Iterator[Violation]:
    content = block.get("content")
    if isinstance(content, list):
        for i, inner in enumerate(content):
            yield from _block(inner, f"{path}.content.{i}", INSIDE_RESULTS)
    elif content is not None and not isinstance(content, str):
        where = f"{path}.tool_result.content"
        yield Violation(where, "shape", "A text or a list of blocks is needed.")
    if not isinstance(block.get("is_error"), bool | None):
        yield Violation(f"{path}.tool_result.is_error", "shape", "`is_error` has the wrong type.")
