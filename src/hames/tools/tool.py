"""What a tool is: a value, the same class for built-in tools, `@tool` functions and MCP tools.

A tool says what a call of it touches; permission rules follow from that, so a tool knows nothing of
permissions. It reaches disk and processes only through `Call.machine`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from hames._clock import Clock, Ids
from hames.access import Access, Asks, Fetches, Reads, Runs, Writes
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace

__all__ = [
    "Access",
    "Asks",
    "Call",
    "Fetches",
    "Reads",
    "Result",
    "Runs",
    "Spill",
    "Tool",
    "Writes",
]

T = TypeVar("T")


class Result(msgspec.Struct):
    """What a call gives back."""

    content: str | list[dict[str, Any]]
    """What the model sees: text, or content blocks (text, image, document)."""
    data: Any = None
    """The structured result for programs (`tool_use_result`); JSON, or something msgspec can encode."""
    is_error: bool | None = None
    after: list[dict[str, Any]] = []
    """Blocks that follow the results in the same message (a note on a scaled image)."""
    keep_whole: bool = False
    """The tool has bounded its content itself; it is not bounded again."""


class Spill(Protocol):
    """Where texts go that are too long for the model."""

    async def __call__(self, name: str, data: bytes) -> str:
        """Store the bytes under a file name and return the absolute path."""


class Call(msgspec.Struct):
    """One call of a tool, and what it may use."""

    id: str
    name: str
    machine: Machine
    workspace: Workspace
    """cwd, folders and environment of the session, as values."""
    states: dict[type, Any]
    """Per-session state of tools; use `state`."""
    spill: Spill
    clock: Clock = msgspec.field(default_factory=Clock)
    ids: Ids = msgspec.field(default_factory=Ids)
    hidden: Callable[[str], bool] | None = None
    """Says of an absolute path that searches must pass over it; None: of no path."""
    so_far: Callable[[], str] | None = None
    """Set by a running tool: the output it has until now, asked for when the call is interrupted."""

    def resolve(self, path: str | None) -> str:
        """The absolute form of a path argument; None is the working directory."""
        return self.workspace.resolve(path)

    def state(self, kind: type[T]) -> T:
        """The session's one instance of `kind`, created with no arguments at first use."""
        if (found := self.states.get(kind)) is None:
            found = self.states[kind] = kind()
        return found


class Tool(msgspec.Struct, frozen=True, eq=False):
    """A tool."""

    name: str
    description: str
    """For the model. A built-in tool may name an `.md` beside its module, read at first use."""
    input: type[msgspec.Struct] | dict[str, Any]
    """A Struct type that validates the arguments, or a JSON Schema for tools that validate themselves."""
    run: Callable[[Any, Call], Awaitable[Result]]
    access: Callable[[Any], Sequence[Access]] = lambda args: ()
    """What a call with these arguments touches, told by the tool itself."""
    check: Callable[[Any, Call], None] | None = None
    """Raises an invalid ToolError for a call that makes no sense as things stand, before anybody is
    asked about it."""
    parallel: bool = False
    """Calls may run beside others. Shell commands that are judged read-only may as well."""
    aliases: tuple[str, ...] = ()
    """Older names that are still answered and still match rules."""
    max_chars: int | None = None
    """Longer text results are spilled to a file and previewed. None: the tool bounds its own output."""
    recall: Callable[[dict[type, Any], Any, Any], None] | None = None
    """Rebuild per-session state from a stored call: `recall(states, input, data)`; used on resume."""
    evidence: Callable[[Any, Call], Awaitable[str | None]] | None = None
    """What the workspace tells of a call that was cut off: a sentence for the model; used on resume."""
    timeout: float | None = 600.0
    """Seconds after which a call is stopped; None for tools that keep their own time."""
    native: bool = True
    """Comes with Hames; False for functions of the caller and MCP tools."""
    folder: str = __file__.rpartition("/")[0]
    """Where the description's `.md` lies."""
