"""The request: a join of what is frozen with the session and what stands in its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hames import _json
from hames.blocks import Turn, text
from hames.context.cache import Marks
from hames.providers.protocol import Request

LEAST_THINKING = 1024
"""The smallest thinking budget that the API takes."""


class Frame(msgspec.Struct, frozen=True):
    """What every request of a session begins with, encoded once."""

    model: str
    max_tokens: int
    system: tuple[bytes, ...]
    """Encoded text blocks, marked."""
    tools: tuple[bytes, ...]
    """Encoded definitions in a fixed order, the last one marked."""
    marks: Marks
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    extra_body: dict[str, Any] = msgspec.field(default_factory=dict)
    betas: tuple[str, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of system prompt and tools."""
        return sum(map(len, self.system)) + sum(map(len, self.tools))

    @property
    def has_budget(self) -> bool:
        """Whether thinking is asked for with a budget."""
        return "budget_tokens" in self.params.get("thinking", {})

    def request(
        self,
        turns: Sequence[Turn],
        encoded: Sequence[bytes],
        *,
        max_tokens: int | None = None,
        may_think: bool = True,
    ) -> Request:
        """The request that continues these turns.

        `may_think` is false where the API would refuse a thinking budget.
        """
        max_tokens = max_tokens or self.max_tokens
        params, tools = self._params(max_tokens, may_think), list(self.tools)
        if not tools and (tools := _past_tools(turns)):
            params = {**params, "tool_choice": {"type": "none"}}
        return Request(
            model=self.model,
            messages=self.marks.messages(turns, encoded),
            max_tokens=max_tokens,
            system=list(self.system),
            tools=tools,
            params=params,
            extra_body=self.extra_body,
            betas=self.betas,
            headers=self.headers,
        )

    def _params(self, max_tokens: int, may_think: bool) -> dict[str, Any]:
        """The fields with a thinking budget that fits, or without one."""
        budget = self.params.get("thinking", {}).get("budget_tokens")
        if budget is None or (may_think and budget < max_tokens):
            return self.params
        params = {name: value for name, value in self.params.items() if name != "thinking"}
        if may_think and max_tokens > LEAST_THINKING:
            params["thinking"] = {"type": "enabled", "budget_tokens": max_tokens - 1}
        return params

    def instead_of(self, request: Request) -> Request:
        """A request made with another frame, for this one's model; the prefix stays as it is."""
        return msgspec.structs.replace(
            request,
            model=self.model,
            max_tokens=min(request.max_tokens, self.max_tokens),
            params={**self.params, **_tool_choice(request)},
            betas=self.betas,
        )


def _tool_choice(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.params.items() if name == "tool_choice"}


def _past_tools(turns: Sequence[Turn]) -> list[bytes]:
    """Definitions for a session that called tools and has none any more: the API asks for some."""
    calls = (block for turn in turns for block in turn.blocks if block.type == "tool_use")
    names = dict.fromkeys(str(block.value()["name"]) for block in calls)
    return [encoded_tool(name, "Not available any more.", {"type": "object"}) for name in names]


def encoded_system(prompt: str, marks: Marks) -> tuple[bytes, ...]:
    """The system prompt as marked blocks; none for an empty prompt."""
    return (marks.on(text(prompt).raw),) if prompt else ()


def encoded_tool(name: str, description: str, schema: dict[str, Any]) -> bytes:
    """A tool definition as the API takes it."""
    return _json.encode({"name": name, "description": description, "input_schema": schema})
