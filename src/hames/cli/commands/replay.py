"""`hames policy replay`: which calls of stored sessions would be decided differently now."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hames._json import encode
from hames.cli.policies import accesses_of, place_of, policy_of, rule_of
from hames.errors import OptionsError, SessionNotFound
from hames.permissions.decide import decide
from hames.permissions.modes import parse_mode
from hames.permissions.types import Decision, Policy, Question
from hames.sessions import resume
from hames.sessions.decisions import Judged, decisions
from hames.sessions.files import FileStore
from hames.sessions.names import project_key
from hames.settings.environ import Environ

SAME, CHANGED, UNREADABLE = 0, 1, 2
"""Exit codes; of several sessions the highest counts."""

_ORDER = {"deny": 0, "ask": 1, "allow": 2}
_LONGEST = 160


class Change(msgspec.Struct):
    """A call that is decided differently."""

    path: Path
    call: Judged
    policy: Policy
    now: Decision

    @property
    def is_stricter(self) -> bool:
        return _ORDER[self.now.behavior] < _ORDER[self.call.then]


def run_replay(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write the calls whose decision has changed; the exit code."""
    if not names:
        raise OptionsError("`hames policy replay` needs sessions: ids, titles, files or folders.")
    policies = Policies(values)
    code, judged, changed = SAME, 0, 0
    for path in _transcripts(names, values):
        try:
            calls, unread = decisions(path.read_bytes().split(b"\n"))
        except OSError as error:
            print(f"`{path}` cannot be read: {error.strerror}.", file=sys.stderr)
            code = UNREADABLE
            continue
        if unread:
            print(f"`{path}`: {unread} line(s) cannot be read.", file=sys.stderr)
        judged += len(calls)
        for change in _changes(path, calls, policies):
            if values.get("only") in (None, "stricter" if change.is_stricter else "looser"):
                changed += 1
                out.write(_told(change) if "json" in values else _prose(change))
    if "json" not in values:
        out.write(f"{changed} of {judged} calls are decided differently now.\n")
    return max(code, CHANGED if changed else SAME)


class Policies:
    """The present policies of the folders that sessions worked in."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._known: dict[tuple[str, str | None], Policy] = {}

    def of(self, root: str, mode: str | None) -> Policy:
        """The policy of a session that started in the folder; `--cwd` and `--mode` go first."""
        folder = os.path.realpath(self._values.get("cwd") or root or os.getcwd())
        if "mode" in self._values:
            mode = None
        if (folder, mode) not in self._known:
            self._known[folder, mode] = self._in_mode(folder, mode) if mode else self._read(folder)
        return self._known[folder, mode]

    def _in_mode(self, folder: str, mode: str) -> Policy:
        policy = self.of(folder, None)
        try:
            return replace(policy, mode=parse_mode(mode))
        except OptionsError:
            return policy  # a mode of a later version

    def _read(self, folder: str) -> Policy:
        if not os.path.isdir(folder):
            said = "its own settings are not known. `--cwd` names another folder."
            print(f"Warning: `{folder}` is not there, so {said}", file=sys.stderr)
        return policy_of({**self._values, "cwd": folder})


def _changes(path: Path, calls: Sequence[Judged], policies: Policies) -> Iterator[Change]:
    root = calls[0].cwd if calls else ""
    for call in calls:
        policy = policies.of(root, call.mode)
        # `--cwd` puts the session into another folder.
        cwd = call.cwd if policy.root == os.path.realpath(root) else policy.root
        accesses = accesses_of(call.tool, call.input)
        now = decide(policy, Question(call.tool, call.input, accesses, cwd))
        if now.behavior != call.then:
            yield Change(path, call, policy, now)


def _transcripts(names: Sequence[str], values: dict[str, Any]) -> Iterator[Path]:
    """The transcripts that are meant, each followed by those of its subagents."""
    store = FileStore(Environ.read(os.environ).config_folder)
    for name in names:
        for path in _named(name, store, values):
            yield path
            yield from sorted(path.with_suffix("").glob("subagents/**/*.jsonl"))


def _named(name: str, store: FileStore, values: dict[str, Any]) -> list[Path]:
    if os.path.isdir(name):
        inside = sorted(Path(name).glob("*.jsonl"))
        if not inside:
            stored = asyncio.run(store.list(project_key(name)))
            inside = [Path(store.path(one.key)) for one in stored]
        if not inside:
            raise SessionNotFound(f"There are no sessions in `{name}`, and none that worked there.")
        return inside
    if name.endswith(".jsonl") or os.path.isfile(name):
        return [Path(name)]
    cwd = os.path.realpath(values.get("cwd") or os.getcwd())
    return [Path(store.path(asyncio.run(resume.find(store, cwd=cwd, id_or_title=name))))]


def _prose(change: Change) -> str:
    call, now = change.call, change.now
    ran = "" if call.then != "ask" else " (and allowed)" if call.ran else " (and refused)"
    written = f"{call.tool} {encode(call.input).decode()}"
    lines = [
        f"{change.path}:{call.line}: {call.then}{ran} -> {now.behavior}",
        f"  {written if len(written) <= _LONGEST else written[:_LONGEST] + '…'}",
        f"  {now.reason}",
    ]
    if now.rule:
        lines.append(f"  Rule `{now.rule}` from {place_of(change.policy, now)}.")
    return "\n".join(lines) + "\n"


def _told(change: Change) -> str:
    call, now = change.call, change.now
    rule = rule_of(change.policy, now)
    told = {
        "path": str(change.path),
        "line": call.line,
        "tool_use_id": call.id,
        "tool": call.tool,
        "input": call.input,
        "mode": change.policy.mode,
        "then": call.then,
        "ran": call.ran,
        "now": now.behavior,
        "reason": now.reason,
        "rule": now.rule,
        "source": now.source,
        "rule_file": rule.file if rule else None,
        "rule_line": rule.line if rule else None,
    }
    return encode(told).decode() + "\n"
