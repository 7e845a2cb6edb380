"""Which settings files have changed: their stamps, compared when somebody asks. Nothing runs between."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import msgspec

from hames.settings.effective import SettingSource
from hames.settings.environ import Environ
from hames.settings.sources import Local, Managed, Project, User

Change = Literal["user_settings", "project_settings", "local_settings", "policy_settings"]
"""Official names of what may change."""

_Stamp = tuple[int, int, int]
_UNKNOWN: _Stamp = (-1, -1, -1)


class Changed(msgspec.Struct, frozen=True):
    """A file that was made, changed or removed."""

    source: Change
    file: str


class Watch:
    """The settings files of a session, those that are not there yet included."""

    def __init__(
        self,
        environ: Environ,
        root: str,
        setting_sources: Sequence[SettingSource],
        managed_folder: str,
    ) -> None:
        self._managed = Managed(managed_folder)
        self._files: dict[str, Change] = {}
        if "user" in setting_sources:
            self._files[User(environ.config_folder).file] = "user_settings"
        if "project" in setting_sources:
            self._files.setdefault(Project(root).file, "project_settings")
        if "local" in setting_sources:
            self._files[Local(root).file] = "local_settings"
        self._stamps = self._seen()

    def changed(self) -> list[Changed]:
        """What is different since the last time, each change told once."""
        before, self._stamps = self._stamps, self._seen()
        if before == self._stamps:
            return []
        files = [*before, *(file for file in self._stamps if file not in before)]
        return [
            Changed(self._files.get(file, "policy_settings"), file)
            for file in files
            if before.get(file) != self._stamps.get(file)
        ]

    def tell_again(self, changed: Sequence[Changed]) -> None:
        """These changes have not been dealt with."""
        self._stamps.update((one.file, _UNKNOWN) for one in changed)

    def _seen(self) -> dict[str, _Stamp | None]:
        found = {file: _stamp(file) for file in self._files}
        found.update((file, _stamp(file)) for file in self._managed.files())
        return found


def _stamp(file: str) -> _Stamp | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
