"""What a call touches: the words between tools, which declare it, and permissions, which judge it."""

from __future__ import annotations

import msgspec


class Reads(msgspec.Struct, frozen=True):
    """The call reads this file, or the files below this folder. `~` and relative paths are allowed."""

    path: str


class Writes(msgspec.Struct, frozen=True):
    """The call creates, changes or removes this file."""

    path: str


class Runs(msgspec.Struct, frozen=True):
    """The call runs this shell command."""

    command: str


class Fetches(msgspec.Struct, frozen=True):
    """The call reaches this URL."""

    url: str


class Asks(msgspec.Struct, frozen=True):
    """The call does something that only a person or a rule can judge: an MCP tool, a plan, a question."""

    what: str = ""


Access = Reads | Writes | Runs | Fetches | Asks
