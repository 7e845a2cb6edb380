"""`hames.query` over real HTTP, apart from the environment of whoever runs the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hames import AgentOptions, AssistantMessage, ResultMessage, SystemMessage, query
from hames.providers.retry import RetryPolicy
from hames.testing.fake_api import FakeAPI

AT_ONCE = RetryPolicy(base_delay=0.001, max_delay=0.001, jitter=0)
"""Retries without the wait."""


@dataclass
class Asked:
    """What came of a prompt."""

    messages: list[Any]

    @property
    def result(self) -> ResultMessage:
        last = self.messages[-1]
        assert isinstance(last, ResultMessage)
        return last

    @property
    def said(self) -> list[str]:
        """The texts of the model, as they came."""
        return [m.text for m in self.messages if isinstance(m, AssistantMessage) and m.text]

    def noted(self, subtype: str) -> list[dict[str, Any]]:
        """The data of the system messages of a subtype."""
        system = [m for m in self.messages if isinstance(m, SystemMessage)]
        return [m.data for m in system if m.subtype == subtype]

    @property
    def owed(self) -> list[str]:
        """The kinds of the result's obligations."""
        return [obligation["kind"] for obligation in self.result.obligations or ()]


def options_for(api: FakeAPI, folder: Path, **more: Any) -> AgentOptions:
    """Options of a session in a folder of the test, with its own home."""
    env = {
        "HOME": str(folder),
        "CLAUDE_CONFIG_DIR": str(folder / "config"),
        "ANTHROPIC_BASE_URL": api.url,
        "ANTHROPIC_API_KEY": "test-key",
        "NO_PROXY": "*",
        **more.pop("env", {}),
    }
    (folder / "project").mkdir(exist_ok=True)
    return AgentOptions(**{"cwd": folder / "project", "retry": AT_ONCE, **more}, env=env)


async def ask(api: FakeAPI, folder: Path, prompt: Any = "Go.", **more: Any) -> Asked:
    """The messages of one prompt."""
    options = options_for(api, folder, **more)
    return Asked([message async for message in query(prompt=prompt, options=options)])
