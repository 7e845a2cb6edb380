"""A request taken apart once: its blocks with their paths, and its turns as the API merges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

Findings = Iterator[tuple[str, str]]
"""What a rule yields: where, and what is wrong there."""

Verifier = Callable[[dict[str, Any]], bool]
"""Whether a thinking block is as the model made it."""


class Violation(NamedTuple):
    """One thing for which the API would refuse a request."""

    path: str
    """Where, as the API writes it: `messages.3.content.0`."""
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} ({self.rule})"


class Part(NamedTuple):
    """One content block and where it stands."""

    path: str
    block: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.block["type"])


class Turn(NamedTuple):
    """Neighbouring messages of one role, which the API reads as one. Messages of `system` are left out."""

    role: str
    path: str
    parts: list[Part]

    def of(self, *types: str) -> list[Part]:
        """Its blocks of these types."""
        return [part for part in self.parts if part.block["type"] in types]


class Subject:
    """A well-shaped request, prepared for the rules."""

    def __init__(
        self, body: dict[str, Any], *, size: int | None = None, signed: Verifier | None = None
    ) -> None:
        self.body = body
        self.size = size
        self.signed = signed
        self.model: str = body.get("model", "")
        self.thinking: str = (body.get("thinking") or {}).get("type", "disabled")
        self.messages: list[tuple[str, str, list[Part]]] = [
            (
                message["role"],
                f"messages.{i}",
                parts_of(message["content"], f"messages.{i}.content"),
            )
            for i, message in enumerate(body["messages"])
        ]
        """Role, path and blocks of each message as sent."""

    @cached_property
    def turns(self) -> list[Turn]:
        merged: list[Turn] = []
        for role, path, parts in self.messages:
            if role == "system":
                continue
            if merged and merged[-1].role == role:
                merged[-1].parts.extend(parts)
            else:
                merged.append(Turn(role, path, list(parts)))
        return merged

    @cached_property
    def parts(self) -> list[Part]:
        """All blocks of all messages, those inside tool results not included."""
        return [part for _, _, parts in self.messages for part in parts]

    @cached_property
    def inner_parts(self) -> list[Part]:
        """The blocks inside tool results."""
        return [
            inner
            for part in self.parts
            if part.block["type"] == "tool_result" and isinstance(part.block.get("content"), list)
            for inner in parts_of(part.block["content"], f"{part.path}.content")
        ]

    @cached_property
    def system(self) -> list[Part]:
        return parts_of(self.body.get("system") or [], "system")

    @cached_property
    def tools(self) -> list[tuple[str, dict[str, Any]]]:
        """Path and definition of each tool."""
        return [(f"tools.{i}", tool) for i, tool in enumerate(self.body.get("tools") or ())]


def parts_of(content: str | list[dict[str, Any]], path: str) -> list[Part]:
    """The blocks of a content, which may also be a plain string."""
    if isinstance(content, str):
        return [Part(path, {"type": "text", "text": content})]
    return [Part(f"{path}.{i}", block) for i, block in enumerate(content)]
