"""A small git repository for one test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
    "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z",
}
"""Fixed names and dates, so that commits have the same ids in every run."""


class ScratchRepo(os.PathLike[str]):
    """A repository with the branch `main` and one commit of a `README.md`. It can be used as a path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        # For commits that the code under test makes, which does not get `ENVIRONMENT`.
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.com")
        self.git("config", "commit.gpgsign", "false")
        self.commit("Begin", {"README.md": "# Scratch\n"})

    def __fspath__(self) -> str:
        return str(self.path)

    def write(self, files: dict[str, str]) -> None:
        """Create or replace files; folders are made."""
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def commit(self, subject: str, files: dict[str, str] | None = None) -> str:
        """Write files, commit everything, and return the id of the commit."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def git(self, *args: str) -> str:
        """The output of a git command, without the last line break. Raises when it fails."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env={**inherited, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"`git {' '.join(args)}` failed: {done.stderr.decode().strip()}")
        return done.stdout.decode().rstrip("\n")
