"""The project that the demo works in: a small git repository with a fault and a test that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from hames.errors import HamesError, OptionsError

SETTINGS = {
    "user.name": "Hames demo",
    "user.email": "demo@example.com",
    "commit.gpgsign": "false",
    "core.hooksPath": os.devnull,
}
"""What a user's own configuration may say must not get into the way."""


class Scratch:
    """The project in a folder. Raises OptionsError when it cannot be made there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OptionsError(f"The demo needs an empty folder, and `{folder}` is none.")
        folder.mkdir(parents=True, exist_ok=True)
        for source in files(__package__).joinpath("project").iterdir():
            text = source.read_text(encoding="utf-8")
            (folder / source.name.removesuffix(".txt")).write_text(text, encoding="utf-8")
        (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
        self._git("init", "--quiet")
        for name, value in SETTINGS.items():
            self._git("config", name, value)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "Add prices")

    @property
    def environment(self) -> dict[str, str]:
        """What makes `python3` in the folder the interpreter that runs this."""
        return {
            "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', '')}"
        }

    def last_commit(self) -> str:
        """The newest commit with its changes."""
        return self._git("show", "--stat", "--patch", "--no-color", "--format=%h %s")

    def commits(self) -> int:
        return int(self._git("rev-list", "--count", "HEAD"))

    def tests_pass(self) -> bool:
        """Whether the project's own tests pass, run without the agent."""
        run = subprocess.run(
            [sys.executable, "-m", "unittest"], cwd=self.folder, capture_output=True, timeout=60
        )
        return run.returncode == 0

    def _git(self, *arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        try:
            run = subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
        except FileNotFoundError:
            raise OptionsError("The demo needs `git`, and it is not installed.") from None
        if run.returncode:
            raise HamesError(f"`git {arguments[0]}` failed: {run.stderr.strip()}")
        return run.stdout.rstrip("\n")
