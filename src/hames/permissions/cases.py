"""Permission cases: what a team expects of its rules, one JSON object a line, over a tree in memory.

A line has `id, mode, rules {allow, ask, deny}, cwd, dirs, tool, input, expect, why` and may have
`accept`, all answers that count as right. The fixture tells which files and links exist.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hames.access import Access, Asks, Fetches, Reads, Runs, Writes
from hames.errors import OptionsError
from hames.messages import PermissionMode
from hames.permissions.decide import decide
from hames.permissions.types import Behavior, Decision, Policy, Question, Rules, SourcedRule

AccessesOf = Callable[[str, dict[str, Any]], Sequence[Access]]
"""What a call of a tool with an input touches."""


class CaseRules(msgspec.Struct, frozen=True):
    """The rules of a case."""

    allow: list[str] = []
    ask: list[str] = []
    deny: list[str] = []


class Case(msgspec.Struct, frozen=True):
    """One call and the answer it should get."""

    id: str
    tool: str
    input: dict[str, Any]
    expect: Behavior
    mode: PermissionMode = "default"
    rules: CaseRules = CaseRules()
    cwd: str = "/proj"
    dirs: list[str] = []
    accept: list[Literal["allow", "ask", "deny"]] = []
    why: str = ""

    def is_right(self, decision: Decision) -> bool:
        return decision.behavior in (self.accept or [self.expect])


class Fixture(msgspec.Struct, frozen=True):
    """The tree that cases are judged over."""

    files: dict[str, Any] = {}
    """Path to content; `{"link": target}` is a link, a path with a final slash an empty folder."""
    home: str = "/home/dev"
    git: dict[str, Any] = {}
    """`repo` is a folder that has a repository."""


class MemoryFiles:
    """Names and links of a tree that exists in memory only."""

    def __init__(self, paths: Mapping[str, Any]) -> None:
        self._links: dict[str, str] = {}
        self._folders: dict[str, set[str]] = {"/": set()}
        for path, content in paths.items():
            if isinstance(content, dict):
                self._links[path] = content["link"]
            self._add(path)

    def real_path(self, path: str) -> str:
        done = "/"
        left = [name for name in path.split("/") if name]
        for _ in range(1000):  # links may go in circles
            if not left:
                break
            name = left.pop(0)
            step = os.path.join(done, name)
            target = self._links.get(step)
            if name == "..":
                done = os.path.dirname(done)
            elif target is not None:
                left[:0] = [part for part in target.split("/") if part]
                done = "/" if target.startswith("/") else done
            elif name != ".":
                done = step
        return done

    def names(self, folder: str) -> list[str]:
        return sorted(self._folders.get(self.real_path(folder), ()))

    def is_dir(self, path: str) -> bool:
        return self.real_path(path) in self._folders

    def _add(self, path: str) -> None:
        if path.endswith("/"):
            path = path.rstrip("/")
            self._folders.setdefault(path, set())
        while path != "/":
            folder, name = os.path.split(path)
            self._folders.setdefault(folder, set()).add(name)
            path = folder


def read_cases(text: bytes, name: str) -> list[Case]:
    """The cases in a file's bytes; raises OptionsError with the line that is none."""
    found: list[Case] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=Case))
            except msgspec.MsgspecError as error:
                raise OptionsError(
                    f"`{name}`, line {number} is no permission case: {error}."
                ) from error
    return found


def read_fixture(text: bytes, name: str) -> Fixture:
    """The fixture in a file's bytes; raises OptionsError when it is none."""
    try:
        return msgspec.json.decode(text, type=Fixture)
    except msgspec.MsgspecError as error:
        raise OptionsError(f"`{name}` is no fixture: {error}.") from error


def files_of(fixture: Fixture) -> MemoryFiles:
    """The fixture's tree."""
    paths = dict(fixture.files)
    if repo := fixture.git.get("repo"):
        paths |= {f"{repo}/.git/config": "", f"{repo}/.git/HEAD": ""}
    return MemoryFiles(paths)


def policy_of(case: Case, fixture: Fixture, files: MemoryFiles) -> Policy:
    """The policy of a case; its rules are settings of a trusted project."""

    def sourced(texts: list[str]) -> tuple[SourcedRule, ...]:
        return tuple(SourcedRule(text, "projectSettings", case.cwd) for text in texts)

    return Policy(
        mode=case.mode,
        rules=Rules(sourced(case.rules.allow), sourced(case.rules.ask), sourced(case.rules.deny)),
        root=case.cwd,
        folders=tuple(case.dirs),
        home=fixture.home,
        config_folder=fixture.home + "/.claude",
        files=files,
    )


def judged(
    cases: Sequence[Case], fixture: Fixture, accesses_of: AccessesOf
) -> Iterator[tuple[Case, Decision]]:
    """Every case with the decision it gets."""
    files = files_of(fixture)
    for case in cases:
        question = Question(case.tool, case.input, accesses_of(case.tool, case.input), case.cwd)
        yield case, decide(policy_of(case, fixture, files), question)


def usual_accesses(tool: str, input: Mapping[str, Any]) -> Sequence[Access]:
    """What a tool of this name touches, by the names that official tools give their arguments."""
    match tool, input:
        case "Bash", {"command": str(command)}:
            return [Runs(command)]
        case "Read" | "NotebookRead", {"file_path": str(path)}:
            return [Reads(path)]
        case "Write" | "Edit" | "MultiEdit", {"file_path": str(path)}:
            return [Writes(path)]
        case "NotebookEdit", {"notebook_path": str(path)}:
            return [Writes(path)]
        case "Glob" | "Grep" | "LS", _:
            return [Reads(str(input.get("path") or "."))]
        case "WebFetch", {"url": str(url)}:
            return [Fetches(url)]
        case _:
            return [Asks()]
