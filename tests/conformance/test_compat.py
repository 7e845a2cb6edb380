"""The programs of `test_python_client`, with one import changed: sessions live in this process.

What the official client does with `hames` as a process, our names do without one, message by message.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import test_python_client

from hames.compat.claude_agent_sdk import ClaudeAgentOptions
from hames.testing.fake_api import FakeAPI


class InProcess:
    """A folder, a home and a fake API; see `conftest.Official`."""

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
        given = {
            "cwd": str(self.cwd),
            "env": self.environment,
            "setting_sources": [],
            "stderr": self.errors.append,
        }
        return ClaudeAgentOptions(**{**given, **options})


@pytest.fixture
def official(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., InProcess]:
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)

    def against(*plays: Any, **options: Any) -> InProcess:
        return InProcess(tmp_path, fake_api(plays, **options))

    return against


def _with_our_names(program: str) -> str:
    changed = program.replace("from claude_agent_sdk ", "from hames.compat.claude_agent_sdk ")
    assert changed != program
    return changed


_PROGRAMS = Path(test_python_client.__file__)
exec(compile(_with_our_names(_PROGRAMS.read_text("utf-8")), str(_PROGRAMS), "exec"))
