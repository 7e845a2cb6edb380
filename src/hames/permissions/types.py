"""The words of a permission decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from hames.access import Access
from hames.messages import PermissionMode

Behavior = Literal["allow", "ask", "deny"]


class Question(msgspec.Struct, frozen=True):
    """A call that is to be judged."""

    tool: str
    input: dict[str, Any]
    accesses: Sequence[Access] = ()
    """What it touches, told by the tool."""
    cwd: str = ""
    """The session's current directory; "" is where it started."""
    aliases: tuple[str, ...] = ()
    """Other names of the tool that rules may use."""


class Decision(msgspec.Struct, frozen=True):
    """What may happen with a call, and why."""

    behavior: Behavior
    reason: str
    """One sentence for a person."""
    rule: str | None = None
    """The text of the rule that decided."""
    source: str | None = None
    """Where the rule or mode comes from: `cliArg`, `session`, a settings file …"""
    reason_type: Literal[
        "rule", "mode", "workingDir", "safetyCheck", "readonly", "hook", "callback", "other"
    ] = "other"
    readonly: bool = False
    """The call is known to change nothing, so it may run beside others."""
    blocked_path: str | None = None


class Files(Protocol):
    """The little of a file system that a decision needs; synchronous, so that deciding stays pure."""

    def real_path(self, path: str) -> str:
        """The path with symbolic links resolved, as far as it exists."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, [] when there is none. Used to expand globs against deny rules."""

    def is_dir(self, path: str) -> bool:
        """Whether a folder is at the path, links followed."""


class Rules(msgspec.Struct, frozen=True):
    """The three lists, as written."""

    allow: tuple[SourcedRule, ...] = ()
    ask: tuple[SourcedRule, ...] = ()
    deny: tuple[SourcedRule, ...] = ()


class SourcedRule(msgspec.Struct, frozen=True):
    """A rule's text and where it stands."""

    text: str
    source: str = "session"
    base: str | None = None
    """Folder that a leading `/` of a path pattern means; None is the start of the session."""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All that a decision depends on besides the call. Build a new one to change something."""

    mode: PermissionMode = "default"
    rules: Rules = field(default_factory=Rules)
    root: str = "/"
    """Where the session started; real path."""
    folders: tuple[str, ...] = ()
    """Additional working directories; real paths."""
    readable: tuple[str, ...] = ()
    """Folders of the harness itself that may be read (spilled results)."""
    home: str = ""
    config_folder: str = ""
    """The harness's own configuration folder; protected."""
    files: Files | None = None
    """None is the local disk."""
    compiled: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)
    """Kept by `rules.compiled`: the rules, compiled once for each policy."""
