"""`ToolAnnotations`, which brings the `mcp` package along; loaded when it is first asked for."""

from __future__ import annotations

from typing import Any

from mcp import types

_WIRE_NAMES = {
    "read_only_hint": "readOnlyHint",
    "destructive_hint": "destructiveHint",
    "idempotent_hint": "idempotentHint",
    "open_world_hint": "openWorldHint",
    "max_result_size_chars": "maxResultSizeChars",
}


class ToolAnnotations(types.ToolAnnotations, extra="allow"):
    """What a tool says of itself, in either spelling; `maxResultSizeChars` keeps large results whole."""

    maxResultSizeChars: int | None = None

    def __init__(self, **data: Any) -> None:
        for name, wire in _WIRE_NAMES.items():
            if name in data:
                data.setdefault(wire, data.pop(name))
                data.pop(name, None)
        super().__init__(**data)
