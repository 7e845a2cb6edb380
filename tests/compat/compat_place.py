"""A folder, a home and a fake API, for programs with the official names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hames.compat.claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    Message,
    ResultMessage,
    TextBlock,
    ToolResultBlock,
    UserMessage,
    query,
)
from hames.testing.fake_api import FakeAPI

LIMIT = 30
"""Seconds after which something hangs."""


class Place:
    """Where a program with the official names runs; what it hears on `stderr` is in `errors`."""

    def __init__(self, folder: Path, api: FakeAPI) -> None:
        self.api = api
        self.folder = folder
        self.cwd = folder / "project"
        self.cwd.mkdir(exist_ok=True)
        self.config = folder / "config"
        self.errors: list[str] = []
        self.environment = {
            "HOME": str(folder),
            "CLAUDE_CONFIG_DIR": str(self.config),
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "test-key",
            "CLAUDE_CODE_MAX_RETRIES": "0",
        }

    def options(self, **options: Any) -> ClaudeAgentOptions:
        given = {
            "cwd": str(self.cwd),
            "env": self.environment,
            "setting_sources": [],
            "stderr": self.errors.append,
        }
        return ClaudeAgentOptions(**{**given, **options})


async def asked(prompt: Any, options: ClaudeAgentOptions) -> list[Message]:
    """All messages of `query`."""
    async with asyncio.timeout(LIMIT):
        return [message async for message in query(prompt=prompt, options=options)]


def said(messages: list[Message]) -> list[str]:
    return [
        block.text
        for message in messages
        if isinstance(message, AssistantMessage)
        for block in message.content
        if isinstance(block, TextBlock)
    ]


def tool_results(messages: list[Message]) -> list[ToolResultBlock]:
    return [
        block
        for message in messages
        if isinstance(message, UserMessage) and isinstance(message.content, list)
        for block in message.content
        if isinstance(block, ToolResultBlock)
    ]


def result_of(messages: list[Message]) -> ResultMessage:
    """The last result."""
    return [message for message in messages if isinstance(message, ResultMessage)][-1]
