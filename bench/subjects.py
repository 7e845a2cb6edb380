"""Who is measured: Hames, a bare loop, and the peers that are installed.

A subject that cannot do what a row measures is left out of it. Each has a home of its own, and an
environment with nothing of the caller's in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import BenchError, Used, run
from bench.plays import ANSWERS, Task

PROGRAMS = Path(__file__).with_name("programs")
ALLOWED = ("Read", "Edit", "Bash", "Grep")


class Subject:
    """A harness, and the ways in which it can be run."""

    def __init__(
        self,
        name: str,
        title: str,
        *,
        home: Path,
        program: Sequence[str] = (),
        command: Sequence[str] = (),
        variables: dict[str, str] | None = None,
        distribution: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.title = title
        self.home = home
        self._program = list(program)
        self.command = list(command)
        """Its command line."""
        self._variables = variables or {}
        self.distribution = list(distribution)
        """Name and extras of what is installed."""
        home.mkdir(parents=True)

    def called(self) -> str:
        """Title and version; nothing for what has none."""
        if self.has_command:
            asked = [*self.command, "--version"]
        elif self.distribution:
            code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
            asked = [self.python, "-c", code, self.distribution[0]]
        else:
            return ""
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        return f"{self.title} {done.stdout.strip()}"

    @property
    def has_command(self) -> bool:
        return bool(self.command)

    @property
    def has_program(self) -> bool:
        return bool(self._program)

    @property
    def python(self) -> str:
        return self._program[0]

    def sdk(self, mode: str, url: str, cwd: Path, task: Task, **fields: Any) -> Used:
        """Run its program in a fresh process."""
        given = {"prompt": task.prompt(), "turns": task.turns, "cwd": str(cwd), **fields}
        return run([*self._program, mode, json.dumps(given)], env=self.env(url), cwd=cwd)

    def cli(self, url: str, cwd: Path, task: Task, *flags: str) -> Used:
        """Run its command line in a fresh process."""
        command = [*self.command, "-p", task.prompt(), *flags, "--allowedTools", *ALLOWED]
        used = run(command, env=self.env(url), cwd=cwd)
        if not any(answer in used.said for answer in ANSWERS):
            raise BenchError(f"{self.title} did not give the answer, but:\n{used.said[-2000:]}")
        return used

    def one(self, url: str, cwd: Path, task: Task) -> Used:
        """Answer one prompt in the way that is usual for it."""
        if self.has_command:
            return self.cli(url, cwd, task)
        return self.sdk("query", url, cwd, task)

    def env(self, url: str) -> dict[str, str]:
        """The environment of its processes."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "sk-bench",
            "CLAUDE_CONFIG_DIR": str(self.home / "config"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "BENCH_FOLDER": str(self.home),
            **self._variables,
        }


def hames(folder: Path) -> Subject:
    """The Hames of the interpreter that runs the bench."""
    command = Path(sys.executable).with_name("hames")
    return Subject(
        "hames",
        "Hames",
        home=folder / "hames",
        program=[sys.executable, str(PROGRAMS / "hames_session.py")],
        command=[str(command)] if command.exists() else [sys.executable, "-m", "hames"],
        distribution=["hames"],
    )


def bare(folder: Path) -> Subject:
    """The floor."""
    program = [sys.executable, "-S", str(PROGRAMS / "bare_session.py")]
    return Subject("bare", "bare loop", home=folder / "bare", program=program)


def peers(folder: Path, pythons: Sequence[str], official_cli: str | None) -> list[Subject]:
    """The peers that are found: in these interpreters, and the official command line."""
    found = []
    cli = official_cli or shutil.which("claude")
    for python in pythons:
        if _imports(python, "claude_agent_sdk"):
            found.append(_official_sdk(folder, python))
            cli = cli or _bundled_cli(python)
        if _imports(python, "pydantic_ai.models.anthropic"):
            found.append(_pydantic_ai(folder, python))
    if cli is not None:
        home = folder / "official-cli"
        found.insert(0, Subject("official-cli", "official CLI", home=home, command=[cli]))
    return found


def _official_sdk(folder: Path, python: str) -> Subject:
    return Subject(
        "official-sdk",
        "official SDK",
        home=folder / "official-sdk",
        program=[python, str(PROGRAMS / "official_session.py")],
        distribution=["claude-agent-sdk"],
    )


def _pydantic_ai(folder: Path, python: str) -> Subject:
    return Subject(
        "pydantic-ai",
        "Pydantic AI",
        home=folder / "pydantic-ai",
        program=[python, str(PROGRAMS / "pydantic_ai_session.py")],
        distribution=["pydantic-ai-slim", "anthropic"],
    )


def _bundled_cli(python: str) -> str | None:
    """The command line that comes with the official SDK."""
    asked = "import claude_agent_sdk, os; print(os.path.dirname(claude_agent_sdk.__file__))"
    folder = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    cli = Path(folder.stdout.strip(), "_bundled", "claude")
    return str(cli) if cli.exists() else None


def _imports(python: str, module: str) -> bool:
    asked = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
    return asked.returncode == 0
