"""Where the checkpoints of a session lie, and which folders they pass over."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256

from hames.sessions.checkpoints.backups import Backups
from hames.sessions.checkpoints.objects import Objects, folder_of, pool_of
from hames.sessions.checkpoints.trees import Cache, Looker
from hames.tools.ignore import FILES, MAX_IGNORE_FILE, Level, Rule, is_left_out, parse


class Place:
    """Where the checkpoints of a session lie, and what is known of the folders it works in."""

    def __init__(self, config_folder: str, session_id: str, root: str) -> None:
        pool = pool_of(config_folder)
        self.folder = folder_of(config_folder, session_id)
        self.objects = Objects(os.path.join(self.folder, "objects"), pool)
        self.backups = Backups(self.folder, root)
        self._caches = os.path.join(os.path.dirname(pool), "seen")
        self._excluded = [
            os.path.realpath(os.path.join(config_folder, name))
            for name in ("projects", "file-history", "hames")
        ]
        self._lookers: dict[str, Looker] = {}

    def look(self, root: str) -> str:
        """The tree of a folder as it is."""
        cache = os.path.join(self._caches, sha256(os.fsencode(root)).hexdigest()[:32])
        looker = self._lookers.get(root)
        if looker is None:
            looker = self._lookers[root] = Looker(
                self.objects, root, ignores, excluded=self._excluded, cache=Cache.read(cache)
            )
        name = looker.look()
        if looker.changed:
            looker.cache.write(cache)
        return name


def outermost(folders: Iterable[str]) -> list[str]:
    """The folders that lie in none of the others."""
    kept: list[str] = []
    for folder in sorted(set(folders)):
        if not any(folder.startswith(other.rstrip("/") + "/") for other in kept):
            kept.append(folder)
    return kept


class FolderIgnores:
    """The `.gitignore` rules and their like, as searches understand them."""

    def __init__(self, level: Level | None) -> None:
        self._level = level

    def enter(self, folder: str, names: Iterable[str]) -> FolderIgnores:
        names = set(names)
        rules: dict[str, list[Rule]] = {
            name: found
            for name in FILES
            if name in names and (found := parse(_text(os.path.join(folder, name))))
        }
        is_repository = ".git" in names
        if not (rules or is_repository):
            return self
        if is_repository and (found := parse(_text(os.path.join(folder, ".git/info/exclude")))):
            rules["exclude"] = found
        return FolderIgnores(Level(folder, rules, is_repository, self._level))

    def leaves_out(self, folder: str) -> bool:
        return is_left_out(self._level, folder, is_folder=True)


def ignores(root: str) -> FolderIgnores:
    """The rules of the folders above a root."""
    found = FolderIgnores(None)
    above = os.path.dirname(root)
    parts = [part for part in above.split("/") if part]
    for depth in range(len(parts) + 1):
        folder = "/" + "/".join(parts[:depth])
        found = found.enter(folder, [n for n in _NAMES if os.path.lexists(os.path.join(folder, n))])
    return found


_NAMES = (*FILES, ".git")


def _text(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            return file.read(MAX_IGNORE_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
