"""A request as it arrived, with the questions that tests ask about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from hames import _json
from hames.testing.caching import Share

if TYPE_CHECKING:
    from hames.sessions.rules import Violation


class _Head(msgspec.Struct):
    model: str = ""
    stream: bool = False


_heads = msgspec.json.Decoder(_Head)


class Recorded:
    """One request to a model."""

    def __init__(
        self, raw: bytes, *, headers: Mapping[str, str] | None = None, target: str = "/v1/messages"
    ) -> None:
        self.raw = raw
        """The body as sent."""
        self.headers = dict(headers or {})
        """Names in lower case."""
        self.target = target
        """Path and query."""
        self.status: int | None = None
        """Status of the answer; None when there was none."""
        self.violations: list[Violation] = []
        """Rules of the API that it broke; then it was answered with 400."""
        self.cache: Share | None = None
        """How its input was accounted."""
        self.finished = False
        """The answer was sent to its end, or to where its play ends it."""
        self.abandoned = False
        """The client closed the connection before that."""

    def __repr__(self) -> str:
        return f"<Recorded {self.target} {len(self.raw)} bytes, status {self.status}>"

    @cached_property
    def body(self) -> dict[str, Any]:
        """The body, parsed. Raises `DecodeError` when it is no JSON."""
        body: dict[str, Any] = _json.decode(self.raw)
        return body

    @cached_property
    def _head(self) -> _Head:
        return _heads.decode(self.raw)

    @property
    def model(self) -> str:
        return self._head.model

    @property
    def streaming(self) -> bool:
        return self._head.stream

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body["messages"])

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The tools offered, by name, in their order."""
        return {tool["name"]: tool for tool in self.body.get("tools") or ()}

    @property
    def system_text(self) -> str:
        """The system prompt, its blocks joined by empty lines."""
        return "\n\n".join(_texts(self.body.get("system") or []))

    @property
    def last_blocks(self) -> list[dict[str, Any]]:
        """The blocks of the last message, without cache marks."""
        return [
            {name: value for name, value in block.items() if name != "cache_control"}
            for block in _blocks(self.messages[-1]["content"])
        ]

    @property
    def last_text(self) -> str:
        """The last text block of the last message; empty when it has none."""
        texts = _texts(self.messages[-1]["content"])
        return texts[-1] if texts else ""

    @property
    def prompt(self) -> str:
        """The last text of the first user message: what the session was started with."""
        first = next(m for m in self.messages if m["role"] == "user")
        texts = _texts(first["content"])
        return texts[-1] if texts else ""

    @property
    def tool_results(self) -> list[dict[str, Any]]:
        """The results in the last message."""
        return [block for block in self.last_blocks if block["type"] == "tool_result"]

    @property
    def result_texts(self) -> list[str]:
        """The text of each result in the last message."""
        return ["\n".join(_texts(result.get("content") or "")) for result in self.tool_results]

    @property
    def text(self) -> str:
        """All texts of all messages, results included, one after the other: to look for a word in."""
        found: list[str] = []
        for message in self.messages:
            for block in _blocks(message["content"]):
                found += _texts(block.get("content") or "" if "text" not in block else [block])
        return "\n".join(found)


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _texts(content: str | list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in _blocks(content) if block.get("type") == "text"]
