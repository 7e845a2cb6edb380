"""The git branch of a folder, read from `.git/HEAD` without running git."""

from __future__ import annotations

import os

_NONE = "HEAD"
"""What official transcripts say outside a repository and when no branch is checked out."""


def branch(cwd: str) -> str:
    """The branch checked out where `cwd` lies."""
    folder = cwd
    while True:
        found = _head(os.path.join(folder, ".git"))
        if found is not None:
            return found
        parent = os.path.dirname(folder)
        if parent == folder:
            return _NONE
        folder = parent


def _head(dot_git: str) -> str | None:
    """The branch that this `.git` (a folder, or in worktrees a file that names one) is on."""
    text = _read(os.path.join(dot_git, "HEAD"))
    if text is None:
        link = _read(dot_git)
        if link is None or not link.startswith("gitdir:"):
            return None
        folder = os.path.join(os.path.dirname(dot_git), link.removeprefix("gitdir:").strip())
        text = _read(os.path.join(folder, "HEAD"))
        if text is None:
            return None
    _, is_branch, name = text.partition("ref: refs/heads/")
    return name.strip() if is_branch else _NONE


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return None
