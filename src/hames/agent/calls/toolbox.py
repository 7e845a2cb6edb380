"""The tools of a session: found by name or alias, validated, described to the model."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from hames.context.request import encoded_tool
from hames.errors import ToolError
from hames.tools.foreign import schema_of, value_of
from hames.tools.tool import Tool

MOST_KEPT = 128
"""Definitions of built-in tools that are kept."""


class Toolbox:
    """Tools in the order in which they are offered, which only `offer` changes.

    `answered` are not offered, but calls of them are run all the same; `withheld` are never offered.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        answered: Iterable[Tool] = (),
        withheld: Container[str] = (),
    ) -> None:
        self._answered = tuple(answered)
        self._withheld = withheld
        self.offer(tools)

    def offer(self, tools: Iterable[Tool]) -> None:
        """Offer these tools instead. The next request begins with other bytes, so its cache is cold."""
        self.tools = tuple(tool for tool in tools if tool.name not in self._withheld)
        every = [*self._answered, *self.tools]
        self._by_name = {alias: tool for tool in every for alias in tool.aliases}
        self._by_name.update({tool.name: tool for tool in every})

    def find(self, name: str) -> Tool | None:
        """The tool of that name, or of that alias."""
        return self._by_name.get(name)

    @property
    def names(self) -> list[str]:
        return [tool.name for tool in self.tools]

    def definitions(self) -> list[bytes]:
        """The encoded definitions."""
        return [definition(tool) for tool in self.tools]


def validated(tool: Tool, input: Any) -> Any:
    """The arguments as the tool wants them. Raises an invalid `ToolError` that says what is wrong.

    Numbers and booleans in strings are accepted; models write them now and then.
    """
    if not isinstance(input, dict):
        raise _invalid(tool, f"expected an object with parameters, got {type(input).__name__}")
    if isinstance(tool.input, dict):
        return input
    try:
        return msgspec.convert(input, tool.input, strict=False, dec_hook=value_of)
    except msgspec.ValidationError as error:
        raise _invalid(tool, str(error)) from error


def _invalid(tool: Tool, issue: str) -> ToolError:
    known = ", ".join(schema(tool).get("properties", {}))
    return ToolError(
        f"InputValidationError: {tool.name}: {issue}. Parameters: {known}.", invalid=True
    )


def definition(tool: Tool) -> bytes:
    """The tool as the API takes it.

    Kept for built-in tools. Those of callers come and go, with all that their functions refer to.
    """
    return _kept_definition(tool) if tool.native else _definition(tool)


def _definition(tool: Tool) -> bytes:
    return encoded_tool(tool.name, description(tool), schema(tool))


_kept_definition = lru_cache(maxsize=MOST_KEPT)(_definition)


def description(tool: Tool) -> str:
    """The text for the model."""
    if tool.native and tool.description.endswith(".md"):
        return (Path(tool.folder) / tool.description).read_text(encoding="utf-8").strip()
    return tool.description


def schema(tool: Tool) -> dict[str, Any]:
    """The JSON Schema of a tool's input, self-contained and short."""
    if isinstance(tool.input, dict):
        return tool.input
    return _struct_schema(tool.input)


def _struct_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    (root,), parts = msgspec.json.schema_components(
        [kind], schema_hook=schema_of, ref_template="#/$defs/{name}"
    )
    inlined: dict[str, Any] = _inline(root, parts)
    inlined.pop("title", None)
    shown = inlined.get("properties", {})
    inlined["properties"] = {k: v for k, v in shown.items() if not v.get("hidden")}
    inlined.setdefault("additionalProperties", False)
    return inlined


def _inline(node: Any, parts: dict[str, Any]) -> Any:
    match node:
        case {"$ref": str(ref)}:
            return _inline(
                {k: v for k, v in parts[ref.rpartition("/")[2]].items() if k != "title"}, parts
            )
        case {"anyOf": [*options], **rest}:
            kept = [option for option in options if option != {"type": "null"}]
            if len(kept) == 1:
                return _inline({**kept[0], **rest}, parts)
            return {
                **{k: _inline(v, parts) for k, v in rest.items()},
                "anyOf": [_inline(o, parts) for o in kept],
            }
        case dict():
            return {
                k: _inline(v, parts) for k, v in node.items() if not (k == "default" and v is None)
            }
        case list():
            return [_inline(item, parts) for item in node]
        case _:
            return node
