"""The fixture of these tests: options with which an official client drives the installed `hames`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions

from hames.testing.fake_api import FakeAPI


class Official:
    """A folder, a home and a fake API for official clients."""

    def __init__(self, folder: Path, api: FakeAPI) -> None:
        self.api = api
        self.cwd = folder / "project"
        self.cwd.mkdir(exist_ok=True)
        self.errors: list[str] = []
        self.environment = {
            "HOME": str(folder),
            "CLAUDE_CONFIG_DIR": str(folder / "config"),
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "test-key",
            "CLAUDE_CODE_MAX_RETRIES": "0",
        }

    def options(self, **options: Any) -> ClaudeAgentOptions:
        """Options of the Python client; what the process says on standard error is kept in `errors`."""
        given = {
            "cli_path": str(Path(sys.executable).with_name("hames")),
            "cwd": str(self.cwd),
            "env": self.environment,
            "setting_sources": [],
            "stderr": self.errors.append,
        }
        return ClaudeAgentOptions(**{**given, **options})


@pytest.fixture
def official(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Official]:
    """`hames = official(says("Hello."))`, then `query(prompt="Hi.", options=hames.options())`."""
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)

    def against(*plays: Any, **options: Any) -> Official:
        return Official(tmp_path, fake_api(plays, **options))

    return against
