"""The git branch and worktrees of a folder, read from `.git` without running git."""

from __future__ import annotations

import os

_NONE = "HEAD"
"""What official transcripts say outside a repository and when no branch is checked out."""


def branch(cwd: str) -> str:
    """The branch checked out where `cwd` lies."""
    found = _repository(cwd)
    if found is None:
        return _NONE
    _, is_branch, name = found[1].partition("ref: refs/heads/")
    return name.strip() if is_branch else _NONE


def worktrees(cwd: str) -> list[str]:
    """The folders of all worktrees of the repository that `cwd` lies in, when it has several."""
    found = _repository(cwd)
    if found is None:
        return []
    folder = found[0]
    if common := _read(os.path.join(folder, "commondir")):
        folder = os.path.normpath(os.path.join(folder, common.strip()))
    try:
        names = sorted(os.listdir(os.path.join(folder, "worktrees")))
    except OSError:
        return []
    links = [_read(os.path.join(folder, "worktrees", name, "gitdir")) for name in names]
    others = [os.path.dirname(link.strip()) for link in links if link]
    return [os.path.dirname(folder), *others] if others else []


def _repository(cwd: str) -> tuple[str, str] | None:
    """The git folder that belongs to a working directory, and the text of its HEAD."""
    folder = cwd
    while True:
        dot_git = os.path.join(folder, ".git")
        head = _read(os.path.join(dot_git, "HEAD"))
        if head is None and (link := _read(dot_git) or "").startswith("gitdir:"):
            # In worktrees and submodules `.git` is a file that names the folder.
            dot_git = os.path.join(folder, link.removeprefix("gitdir:").strip())
            head = _read(os.path.join(dot_git, "HEAD"))
        if head is not None:
            return dot_git, head
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return None
