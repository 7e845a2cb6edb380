"""Runs `hames` against a fake API, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hames.cli.main import main
from hames.testing.fake_api import FakeAPI


@dataclass
class Ran:
    """What came of a command."""

    code: int
    output: str
    errors: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The output as JSON lines."""
        return [json.loads(line) for line in self.output.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The one result among the lines."""
        [found] = [line for line in self.lines if line["type"] == "result"]
        return found


class CommandLine:
    """`hames` in a folder, with a home of its own and no way out but the fake API."""

    def __init__(self, folder: Path, api: FakeAPI) -> None:
        self.api = api
        self.cwd = folder / "project"
        self.cwd.mkdir(exist_ok=True)
        self.config = folder / "config"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CLAUDE_CONFIG_DIR": str(self.config),
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "test-key",
        }

    def run(self, *arguments: str, input: str | bytes = b"", **environment: str) -> Ran:
        """Run a process to its end."""
        process = self.start(*arguments, **environment)
        data = input.encode() if isinstance(input, str) else input
        output, errors = process.communicate(data, timeout=60)
        return Ran(process.returncode, output.decode(), errors.decode())

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process whose ends are pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "hames", *arguments],
            cwd=self.cwd,
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def transcripts(self) -> list[Path]:
        return sorted(self.config.glob("projects/*/*.jsonl"))


def here(
    line: CommandLine,
    arguments: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capture: pytest.CaptureFixture[str],
) -> Ran:
    """Run in this process, which is faster; standard input is empty."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE"))]:
        monkeypatch.delenv(name)
    for name, value in line.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(line.cwd)
    code = main(list(arguments))
    return Ran(code, *capture.readouterr())
