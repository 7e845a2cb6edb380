"""Where a session works: cwd, folders and environment as values, so that a process holds many."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec


class Workspace(msgspec.Struct):
    """The place a session works in. Only `cwd` changes while it runs (through `cd` in a shell)."""

    root: str
    """Where the session started; absolute and real."""
    cwd: str
    folders: tuple[str, ...] = ()
    """Additional working directories; absolute and real."""
    home: str = msgspec.field(default_factory=lambda: os.path.expanduser("~"))
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The environment of child processes."""

    def resolve(self, path: str | None) -> str:
        """The absolute, normalised form of a path; `~` is the home, None the working directory.

        Symbolic links are not followed: that needs the machine.
        """
        if not path:
            return self.cwd
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        return os.path.normpath(os.path.join(self.cwd, path))

    def contains(self, real_path: str) -> bool:
        """Whether a real path is inside the root or an additional folder, compared by segment."""
        return any(
            real_path == folder or real_path.startswith(folder.rstrip("/") + "/")
            for folder in (self.root, *self.folders)
        )
