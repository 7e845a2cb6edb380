"""Memory files: what people wrote down for whoever works here, CLAUDE.md and its kin.

Found without walking the tree: in the folders from `/` down to the working directory, for the user,
and for the whole computer; then below, folder by folder, as files there come into use. What comes
later is closer to the work. A project brings nothing from outside of itself into the conversation until
it is trusted: `@~/.ssh/id_rsa` is a path like any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from hames.context.memory_text import front_matter, imports, without_comments
from hames.context.reminders import INSTRUCTIONS
from hames.permissions.patterns import PathPattern, compile_pattern
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace

Kind = Literal["managed", "user", "project", "local"]
Reason = Literal["session_start", "nested_traversal", "path_glob_match", "include", "compact"]

DEPTH = 5
"""Imports that may follow one another."""
MOST_BYTES = 100_000
"""Bytes of one file; what is longer is cut."""
MOST_IN_ALL = 400_000
MOST_FILES = 200
RULE_DEPTH = 4
"""Folders inside of a rules folder."""
PUNCTUATION = ".,;:!?)]}>\"'"


class Why(msgspec.Struct, frozen=True):
    """Why a file is read, in the official words."""

    reason: Reason = "session_start"
    parent: str | None = None
    """The file that imports it."""
    trigger: str | None = None
    """The file in use that it belongs to."""
    globs: tuple[str, ...] = ()
    """The patterns of a rule that speak of that file."""


class MemoryFile(msgspec.Struct, frozen=True):
    """One file as the model is shown it."""

    path: str
    kind: Kind
    text: str
    why: Why = Why()


class Place(msgspec.Struct, frozen=True):
    """Where to look, and what may be read."""

    config_folder: str
    managed_folder: str
    sources: Sequence[str]
    """Of `user`, `project`, `local`; without any nothing is loaded."""
    excludes: Sequence[str] = ()
    trusted: bool = False
    hidden: Callable[[str], bool] | None = None
    """Says of an absolute path that rules deny reading it."""


class _Conditional(msgspec.Struct):
    """A rule that waits for a file it speaks of."""

    path: str
    kind: Kind
    folder: str
    globs: tuple[str, ...]
    patterns: tuple[PathPattern, ...]


class Memory(msgspec.Struct):
    """The memory files of a session; each is given once."""

    machine: Machine
    workspace: Workspace
    place: Place
    warnings: list[str] = msgspec.field(default_factory=list)
    """What was left out, and why."""
    _loaded: set[str] = msgspec.field(default_factory=set)
    _folders: set[str] = msgspec.field(default_factory=set)
    _conditional: list[_Conditional] = msgspec.field(default_factory=list)
    _excluded: tuple[PathPattern, ...] = ()
    _bytes: int = 0

    async def opening(self, reason: Reason = "session_start") -> list[MemoryFile]:
        """The files that hold from the start: managed, the user's, then from `/` to here.

        Called once more, it reads all anew and takes nothing as given.
        """
        why = Why(reason)
        self._loaded.clear()
        self._folders.clear()
        self._conditional.clear()
        self._bytes = 0
        self._excluded = tuple(self._pattern(text, "/") for text in self.place.excludes)
        found: list[MemoryFile] = []
        if not self.place.sources:
            return found
        await self._load(
            found, os.path.join(self.place.managed_folder, "CLAUDE.md"), "managed", why
        )
        if "user" in self.place.sources:
            await self._load(
                found, os.path.join(self.place.config_folder, "CLAUDE.md"), "user", why
            )
            rules = os.path.join(self.place.config_folder, "rules")
            await self._load_rules(found, rules, "user", why, self.workspace.root)
        for folder in reversed([self.workspace.root, *_above(self.workspace.root)]):
            await self._load_folder(found, folder, why)
        return found

    async def nested(self, paths: Iterable[str]) -> list[MemoryFile]:
        """The files that come to hold as these (real paths) are read; each is given once."""
        found: list[MemoryFile] = []
        for path in paths:
            above = [folder for folder in _above(path) if self._is_below_root(folder)]
            for folder in reversed(above):
                await self._load_folder(found, folder, Why("nested_traversal", trigger=path))
            for rule in [r for r in self._conditional if any(p.matches(path) for p in r.patterns)]:
                self._conditional.remove(rule)
                why = Why("path_glob_match", trigger=path, globs=rule.globs)
                await self._load(found, rule.path, rule.kind, why, home=rule.folder)
        return found

    async def _load_folder(self, found: list[MemoryFile], folder: str, why: Why) -> None:
        """What one folder says."""
        if folder in self._folders:
            return
        self._folders.add(folder)
        inner = os.path.join(folder, ".claude")
        if "project" in self.place.sources:
            before = len(found)
            names = [os.path.join(folder, "CLAUDE.md")]
            if inner != self.place.config_folder:  # that of home is the user's
                names.append(os.path.join(inner, "CLAUDE.md"))
            for name in names:
                await self._load(found, name, "project", why, home=folder)
            if len(found) == before:
                name = os.path.join(folder, "AGENTS.md")
                await self._load(found, name, "project", why, home=folder)
            if inner != self.place.config_folder:
                await self._load_rules(found, os.path.join(inner, "rules"), "project", why, folder)
        if "local" in self.place.sources:
            name = os.path.join(folder, "CLAUDE.local.md")
            await self._load(found, name, "local", why, home=folder)

    async def _load_rules(
        self,
        found: list[MemoryFile],
        rules: str,
        kind: Kind,
        why: Why,
        folder: str,
        depth: int = 0,
    ) -> None:
        try:
            entries = await self.machine.list(rules)
        except OSError:
            return
        for entry in entries[:MOST_FILES]:
            path = os.path.join(rules, entry.name)
            if entry.kind == "folder" and depth < RULE_DEPTH:
                await self._load_rules(found, path, kind, why, folder, depth + 1)
            elif entry.kind in ("file", "link") and entry.name.endswith(".md"):
                await self._load(found, path, kind, why, home=folder, conditional=True)

    async def _load(
        self,
        found: list[MemoryFile],
        path: str,
        kind: Kind,
        why: Why,
        *,
        home: str = "",
        depth: int = 0,
        conditional: bool = False,
    ) -> bool:
        """Add a file and what it imports; whether it is there."""
        if len(found) >= MOST_FILES or self._bytes >= MOST_IN_ALL:
            self._warn(f"`{path}` and what follows it is not loaded: there is too much memory.")
            return False
        try:
            stat = await self.machine.stat(path)
            if stat is None or stat.kind != "file":
                return False
            real = await self.machine.real_path(path)
            if real in self._loaded or not self._may_load(path, real, kind, home):
                return True
            data = await self.machine.read(real, limit=MOST_BYTES + 1)
        except OSError as error:
            self._warn(f"The memory file `{path}` cannot be read: {error.strerror or error}.")
            return False
        if b"\0" in data:
            self._warn(f"The memory file `{path}` is no text; it is not loaded.")
            return True
        text = data[:MOST_BYTES].decode("utf-8-sig", "replace")
        patterns, body = front_matter(text)
        if conditional and patterns:
            compiled = tuple(self._pattern(one, home) for one in patterns)
            self._conditional.append(_Conditional(path, kind, home, tuple(patterns), compiled))
            return True
        self._loaded.add(real)
        self._bytes += len(data)
        text = without_comments(body if patterns else text).strip()
        if len(data) > MOST_BYTES:
            self._warn(f"The memory file `{path}` is cut after {MOST_BYTES:,} bytes.")
            text += f"\n[The file goes on; only its first {MOST_BYTES:,} bytes are shown.]"
        if text:
            found.append(MemoryFile(path, kind, text, why))
        for target in imports(text):
            await self._import(found, target, (path, real), kind, home, depth + 1)
        return True

    async def _import(
        self,
        found: list[MemoryFile],
        target: str,
        importer: tuple[str, str],
        kind: Kind,
        home: str,
        depth: int,
    ) -> None:
        """Load what a file names. `importer` is that file, as it was named and where it really is."""
        folder = os.path.dirname(importer[1])
        if depth > DEPTH:
            self._warn(f"The import `@{target}` in `{folder}` is deeper than {DEPTH} and left out.")
            return
        for text in dict.fromkeys((target, target.rstrip(PUNCTUATION))):
            if not text:
                continue
            path = self.workspace.home + text[1:] if text.startswith("~/") else text
            path = os.path.normpath(os.path.join(folder, path))
            why = Why("include", parent=importer[0])
            if await self._load(found, path, kind, why, home=home, depth=depth):
                return

    def _may_load(self, path: str, real: str, kind: Kind, home: str) -> bool:
        if kind == "managed":
            return True
        if any(one.matches(path) or one.matches(real) for one in self._excluded):
            return False
        hidden = self.place.hidden
        if hidden is not None and (hidden(path) or hidden(real)):
            self._warn(f"The memory file `{path}` is not loaded: a rule denies reading it.")
            return False
        # `CLAUDE.local.md` may have come with the folder just as well.
        if kind == "user" or self.place.trusted:
            return True
        if _is_below(real, home) or _is_below(real, self.workspace.root):
            return True
        # Official 2.1.330 leaves such files out as well, and says nothing.
        self._warn(
            f"`{path}` is not loaded: it lies outside of `{home}`, which is not trusted."
            " `hames config trust` trusts it."
        )
        return False

    def _pattern(self, text: str, base: str) -> PathPattern:
        return compile_pattern(text, wide=False, base=base, home=self.workspace.home, here=(base,))

    def _is_below_root(self, folder: str) -> bool:
        return folder != self.workspace.root and _is_below(folder, self.workspace.root)

    def _warn(self, said: str) -> None:
        if said not in self.warnings:
            self.warnings.append(said)


def rendered(files: Sequence[MemoryFile]) -> str:
    """The files as one text for the model; "" for none."""
    if not files:
        return ""
    return "\n\n".join([INSTRUCTIONS, *map(_shown, files)])


def rendered_nested(files: Sequence[MemoryFile]) -> str:
    """Files that came to hold on the way."""
    return "\n\n".join(
        ["These instructions hold for the files that you have just seen.", *map(_shown, files)]
    )


def _shown(file: MemoryFile) -> str:
    scope = {
        "managed": "the organisation",
        "user": "the user, everywhere",
        "project": "this project",
        "local": "the user, in this project",
    }[file.kind]
    return f'<instructions from="{file.path}" of="{scope}">\n{file.text}\n</instructions>'


def _above(path: str) -> list[str]:
    """The folders above a path, nearest first."""
    found = []
    while (parent := os.path.dirname(path)) != path:
        found.append(parent)
        path = parent
    return found


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
