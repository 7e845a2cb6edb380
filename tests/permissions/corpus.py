"""The case corpus: permission cases as data, judged over a fixture tree that exists in memory only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hames.access import Access, Asks, Fetches, Reads, Runs, Writes
from hames.permissions.types import Policy, Question, Rules, SourcedRule

DATA = Path(__file__).parent.parent / "data" / "permissions"
CASES = [json.loads(line) for line in (DATA / "cases.jsonl").read_text("utf-8").splitlines()]
FIXTURE: dict[str, Any] = json.loads((DATA / "fixture.json").read_text("utf-8"))


class MemoryFiles:
    """A tree of names and links; a target of None is a file, a string the target of a link."""

    def __init__(self, entries: dict[str, Any]) -> None:
        self.links: dict[str, str] = {}
        self.folders: dict[str, set[str]] = {"/": set()}
        for path, content in entries.items():
            if isinstance(content, dict):
                self.links[path] = content["link"]
            self._add(path)

    def _add(self, path: str) -> None:
        if path.endswith("/"):
            path = path.rstrip("/")
            self.folders.setdefault(path, set())
        while path != "/":
            folder, name = os.path.split(path)
            self.folders.setdefault(folder, set()).add(name)
            path = folder

    def real_path(self, path: str) -> str:
        done = "/"
        left = [name for name in path.split("/") if name]
        for _ in range(1000):
            if not left:
                break
            name = left.pop(0)
            if name == "..":
                done = os.path.dirname(done)
            elif name != ".":
                step = os.path.join(done, name)
                if (target := self.links.get(step)) is None:
                    done = step
                else:
                    left[:0] = [part for part in target.split("/") if part]
                    done = "/" if target.startswith("/") else done
        return done

    def names(self, folder: str) -> list[str]:
        return sorted(self.folders.get(self.real_path(folder), ()))

    def is_dir(self, path: str) -> bool:
        return self.real_path(path) in self.folders


FILES = MemoryFiles(FIXTURE["files"] | {"/proj/.git/config": "", "/proj/.git/HEAD": ""})


def accesses_of(tool: str, input: dict[str, Any]) -> list[Access]:
    """What the built-in tools touch."""
    match tool:
        case "Read":
            return [Reads(input["file_path"])]
        case "Write" | "Edit":
            return [Writes(input["file_path"])]
        case "NotebookEdit":
            return [Writes(input["notebook_path"])]
        case "Glob" | "Grep":
            return [Reads(input.get("path", "."))]
        case "WebFetch":
            return [Fetches(input["url"])]
        case "Bash":
            return [Runs(input["command"])]
        case _:
            return [Asks()]


def policy_of(
    mode: str = "default", cwd: str = "/proj", dirs: tuple[str, ...] = (), **lists: Any
) -> Policy:
    """A policy over the fixture tree whose rules are settings of the project in `cwd`."""
    rules = {
        behavior: tuple(SourcedRule(text, "projectSettings", cwd) for text in texts)
        for behavior, texts in lists.items()
    }
    return Policy(
        mode=mode,  # type: ignore[arg-type]
        rules=Rules(**rules),
        root=cwd,
        folders=tuple(dirs),
        home=FIXTURE["home"],
        config_folder=FIXTURE["home"] + "/.claude",
        files=FILES,
    )


def question_of(tool: str, **input: Any) -> Question:
    """A call of a built-in tool."""
    return Question(tool, input, accesses_of(tool, input))
