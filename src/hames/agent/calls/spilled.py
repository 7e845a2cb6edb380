"""Results that are too long for the model: kept in files that it can read."""

from __future__ import annotations

import os
from collections.abc import Callable

from hames.sandbox.machine import Machine
from hames.sessions.log import SessionLog


class Spilled:
    """The long results of a session: beside its transcript, else in the machine's scratch folder.

    Those in the scratch folder are gone when the session ends.
    """

    def __init__(self, log: Callable[[], SessionLog], machine: Machine, owner: str) -> None:
        self._log = log
        self._machine = machine
        self._owner = owner
        self._folder: str | None = None

    async def keep(self, name: str, data: bytes) -> str:
        """Write a result; the path of the file. Raises OSError."""
        folder = self._log().spill_folder
        if folder is None:
            folder = self._folder = os.path.join(await self._machine.scratch(), self._owner)
        path = os.path.join(folder, name)
        await self._machine.write(path, data, mode=0o600)
        return path

    async def close(self) -> None:
        """Remove what nobody can come back to."""
        folder, self._folder = self._folder, None
        if folder is not None:
            try:
                await self._machine.remove(folder)
            except OSError:
                pass  # it goes with the process
