"""`tool` and `create_sdk_mcp_server`: functions of the caller's as tools of an MCP server."""

from __future__ import annotations

import logging
import types
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from hames.compat.mcp_bridge import caller
from hames.compat.server_types import McpSdkServerConfig

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ToolAnnotations
else:
    ToolAnnotations = Any  # so that annotations can be read without loading `mcp`

log = logging.getLogger("hames.compat")

T = TypeVar("T")

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    list: {"type": "array"},
    dict: {"type": "object"},
}


@dataclass
class SdkMcpTool(Generic[T]):
    """A function as a tool."""

    name: str
    description: str
    input_schema: type[T] | dict[str, Any]
    """Names and types, a TypedDict, or a JSON Schema."""
    handler: Callable[[T], Awaitable[dict[str, Any]]]
    annotations: ToolAnnotations | None = None


def tool(
    name: str,
    description: str,
    input_schema: type | dict[str, Any],
    annotations: ToolAnnotations | None = None,
) -> Callable[[Callable[[Any], Awaitable[dict[str, Any]]]], SdkMcpTool[Any]]:
    """Makes a tool of an async function that takes a dict and returns `{"content": [...]}`."""

    def made(handler: Callable[[Any], Awaitable[dict[str, Any]]]) -> SdkMcpTool[Any]:
        return SdkMcpTool(name, description, input_schema, handler, annotations)

    return made


def create_sdk_mcp_server(
    name: str, version: str = "1.0.0", tools: list[SdkMcpTool[Any]] | None = None
) -> McpSdkServerConfig:
    """A server of these tools for `mcp_servers`; its `instance` is an ordinary `mcp.server.Server`.

    A wrong argument, an unknown tool and what a function raises become results that the model reads.
    """
    from mcp.server import Server
    from mcp.types import ListToolsResult, Tool

    named = {one.name: (one, schema_of(one)) for one in tools or ()}
    listed = [
        Tool.model_validate(
            {
                "name": one.name,
                "description": one.description,
                "inputSchema": schema,
                "annotations": one.annotations,
                "_meta": _meta(one),
            }
        )
        for one, schema in named.values()
    ]

    async def list_tools(context: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(context: Any, params: Any) -> CallToolResult:
        if params.name not in named:
            return _failed(f"Tool '{params.name}' not found")
        return await _called(*named[params.name], params.arguments or {})

    server: Any = Server(name, version=version, on_list_tools=list_tools, on_call_tool=call_tool)
    return McpSdkServerConfig(type="sdk", name=name, instance=server)


def schema_of(tool: SdkMcpTool[Any]) -> dict[str, Any]:
    """The JSON Schema of a tool's input."""
    given = tool.input_schema
    if not isinstance(given, dict):
        return _typed_dict(given) if is_typeddict(given) else {"type": "object", "properties": {}}
    if isinstance(given.get("type"), str) and "properties" in given:
        return given
    properties = {name: _schema(hint) for name, hint in given.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


async def _called(tool: SdkMcpTool[Any], schema: dict[str, Any], arguments: Any) -> CallToolResult:
    import jsonschema  # type: ignore[import-untyped]  # comes with `mcp`
    from mcp.types import CallToolResult

    world = caller.get()
    try:
        jsonschema.validate(instance=arguments, schema=schema)
        if world is None:
            result = await tool.handler(arguments)
        else:
            result = await world.call(tool.handler, arguments)
        content = [block for item in result.get("content", ()) if (block := _block(item))]
        return CallToolResult.model_validate(
            {"content": content, "isError": result.get("is_error", False)}
        )
    except jsonschema.ValidationError as error:
        return _failed(f"Input validation error: {error.message}")
    except Exception as error:  # the caller's function or schema: the model is told
        return _failed(str(error))


def _failed(text: str) -> CallToolResult:
    from mcp.types import CallToolResult

    said = [{"type": "text", "text": text}]
    return CallToolResult.model_validate({"content": said, "isError": True})


def _block(item: dict[str, Any]) -> dict[str, Any] | None:
    """A block of a function's result as MCP has it; None for what a model cannot be shown."""
    match item.get("type"):
        case "text":
            return {"type": "text", "text": item["text"]}
        case "image":
            return {"type": "image", "data": item["data"], "mimeType": item["mimeType"]}
        case "resource_link":
            parts = [str(item[key]) for key in ("name", "uri", "description") if item.get(key)]
            return {"type": "text", "text": "\n".join(parts) or "Resource link"}
        case "resource" if "text" in (item.get("resource") or {}):
            return {"type": "text", "text": item["resource"]["text"]}
        case kind:
            log.warning(
                "A block of type `%s` in a tool's result cannot be shown and is left out.", kind
            )
    return None


def _meta(tool: SdkMcpTool[Any]) -> dict[str, Any] | None:
    size = getattr(tool.annotations, "maxResultSizeChars", None)
    return None if size is None else {"anthropic/maxResultSizeChars": size}


def _schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema of a type; a text for what is not known."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (NotRequired, Required):
        return _schema(inside[0])
    if origin is Annotated:
        notes = [note for note in inside[1:] if isinstance(note, str)]
        return {**_schema(inside[0]), **({"description": notes[0]} if notes else {})}
    if origin in (Union, types.UnionType):
        kinds = [_schema(one) for one in inside if one is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin is list and inside:
        return {"type": "array", "items": _schema(inside[0])}
    if is_typeddict(hint):
        return _typed_dict(hint)
    return dict(_PLAIN.get(origin or hint, _PLAIN[str]))


def _typed_dict(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _schema(hint) for name, hint in hints.items()},
    }
    if required := sorted(kind.__required_keys__):
        schema["required"] = required
    return schema
