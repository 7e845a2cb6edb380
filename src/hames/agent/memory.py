"""The memory files of an agent: in its opening, and on the way as it comes to files below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hames.agent.start.settle import Settled
from hames.context.memory_files import Memory, MemoryFile, Place, rendered, rendered_nested
from hames.permissions.hiding import hidden
from hames.permissions.types import Policy
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.settings import sources

if TYPE_CHECKING:
    from hames.tools.seen import Seen, SeenFiles


class AgentMemory:
    """Gives each memory file once, when it comes to hold."""

    def __init__(self, memory: Memory, states: dict[type, Any]) -> None:
        self._memory = memory
        self._states = states
        self._known: dict[str, Seen] = {}
        self._given: list[MemoryFile] = []
        self.held: list[tuple[MemoryFile, int]] = []
        """What stands in the conversation since this process began, with the size of its text."""

    async def opening(self, *, resumed: bool) -> str:
        """What holds from the start, as one text. A resumed session has it in its log."""
        files = await self._memory.opening()
        if resumed:
            # What was read before brought its folder's memory with it.
            await self._new_files()
            self._given.clear()
            return ""
        self._give(files)
        return rendered(files)

    async def again(self) -> str:
        """What holds from the start, read anew: earlier messages have left the conversation.

        Memory of folders below is given once more when a file there is read again.
        """
        files = await self._memory.opening("compact")
        if (seen := self._seen()) is not None:
            seen.forget_context()
            self._known = dict(seen.files)
        self.held.clear()
        self._give(files)
        return rendered(files)

    async def news(self) -> list[str]:
        """Notes on memory of folders whose files were seen since the last time."""
        files = await self._new_files()
        return [rendered_nested(files)] if files else []

    def warnings(self) -> list[str]:
        """What was left out since the last time."""
        said = list(self._memory.warnings)
        self._memory.warnings.clear()
        return said

    def given(self) -> list[MemoryFile]:
        """The files that the model was given since the last time, without their texts."""
        files, self._given = self._given, []
        return files

    def _give(self, files: list[MemoryFile]) -> None:
        bare = [msgspec.structs.replace(file, text="") for file in files]
        self._given += bare
        self.held += zip(bare, (len(file.text.encode()) for file in files), strict=True)

    async def _new_files(self) -> list[MemoryFile]:
        """Memory of the files that were read since the last time; reading again makes a new `Seen`."""
        seen = self._seen()
        if seen is None:
            return []
        new = [path for path, one in seen.files.items() if self._known.get(path) is not one]
        self._known.update((path, seen.files[path]) for path in new)
        files = await self._memory.nested(new) if new else []
        self._give(files)
        return files

    def _seen(self) -> SeenFiles | None:
        from hames.tools.seen import SeenFiles  # tools are not loaded before they are used

        return self._states.get(SeenFiles)


def memory_of(
    settled: Settled,
    policy: Policy,
    machine: Machine,
    workspace: Workspace,
    states: dict[type, Any],
) -> AgentMemory | None:
    """The memory of an agent; None when its options name no source."""
    chosen, settings = settled.options.setting_sources, settled.settings
    if not chosen:
        return None
    place = Place(
        config_folder=settled.environ.config_folder,
        managed_folder=sources.MANAGED_FOLDER,
        sources=tuple(chosen),
        excludes=settings.values.claude_md_excludes,
        trusted=settings.trust.trusted,
        hidden=hidden(policy, workspace.cwd),
    )
    return AgentMemory(Memory(machine, workspace, place), states)
