"""A plain HTTP client, so that the fake API is tested by something that shares no code with it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

HEADERS = {
    "x-api-key": "test",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}
TOOLS = [{"name": "Bash", "input_schema": {"type": "object"}}]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def events(self) -> list[dict[str, Any]]:
        blocks = self.raw.decode().split("\n\n")
        assert blocks.pop() == ""
        found = []
        for block in blocks:
            name, data = block.split("\n")
            value = json.loads(data.removeprefix("data: "))
            assert name == f"event: {value['type']}"
            found.append(value)
        return found

    @property
    def text(self) -> str:
        return "".join(event.get("delta", {}).get("text", "") for event in self.events)

    @property
    def usage(self) -> dict[str, Any]:
        return next(e["usage"] for e in self.events if e["type"] == "message_delta")


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A request; texts are user messages."""
    said = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1000,
        "tools": TOOLS,
        "messages": said or [{"role": "user", "content": "Hello."}],
        "stream": True,
        **fields,
    }


class Client:
    """One connection that is kept alive."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def post(
        self, value: Any = None, path: str = "/v1/messages?beta=true", **headers: str | None
    ) -> Reply:
        data = value if isinstance(value, bytes) else json.dumps(value or body()).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        sent = {k: v for k, v in {**HEADERS, **named}.items() if v is not None}
        self.connection.request("POST", path, data, sent)
        response = self.connection.getresponse()
        fields = {name.lower(): text for name, text in response.getheaders()}
        return Reply(response.status, fields, response.read())

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def post(url: str, value: Any = None, **headers: str | None) -> Reply:
    """One request on a connection of its own."""
    with Client(url) as client:
        return client.post(value, **headers)
