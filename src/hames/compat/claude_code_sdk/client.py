"""`query` and the client of 2025, with its options."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from hames.compat import client
from hames.compat import query as today
from hames.compat.claude_code_sdk.types import ClaudeCodeOptions, of_today
from hames.compat.messages import Message


async def query(
    *, prompt: str | AsyncIterable[dict[str, Any]], options: ClaudeCodeOptions | None = None
) -> AsyncIterator[Message]:
    """The messages of a session that answers the prompt."""
    answer: Any = today.query(prompt=prompt, options=of_today(options))
    try:
        async for message in answer:
            yield message
    finally:
        await answer.aclose()


class ClaudeSDKClient(client.ClaudeSDKClient):
    """The client of 2025."""

    def __init__(self, options: ClaudeCodeOptions | None = None) -> None:
        super().__init__(of_today(options))
