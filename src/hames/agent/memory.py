"""The memory files of an agent: in its opening, and on the way as it comes to files below."""

from __future__ import annotations

from typing import Any

from hames.agent.settle import Settled
from hames.context.memory_files import Memory, MemoryFile, Place, rendered, rendered_nested
from hames.permissions.hiding import hidden
from hames.permissions.types import Policy
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.settings import sources


class AgentMemory:
    """Gives each memory file once, when it comes to hold."""

    def __init__(self, memory: Memory, states: dict[type, Any]) -> None:
        self._memory = memory
        self._states = states
        self._known: set[str] = set()

    async def opening(self, *, resumed: bool) -> str:
        """What holds from the start, as one text. A resumed session has it in its log."""
        files = await self._memory.opening()
        if resumed:
            # What was read before brought its folder's memory with it.
            await self._new_files()
            return ""
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

    async def _new_files(self) -> list[MemoryFile]:
        from hames.tools.seen import SeenFiles  # tools are not loaded before they are used

        seen: SeenFiles | None = self._states.get(SeenFiles)
        new = [path for path in seen.files if path not in self._known] if seen else []
        self._known.update(new)
        return await self._memory.nested(new) if new else []


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
        strict=settings.trust.strict,
        hidden=hidden(policy, workspace.cwd),
    )
    return AgentMemory(Memory(machine, workspace, place), states)
