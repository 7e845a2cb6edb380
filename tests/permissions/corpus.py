"""What the permission tests share: the corpus and policies over its fixture tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hames.permissions.cases import (
    Case,
    files_of,
    policy_of,
    read_cases,
    read_fixture,
    usual_accesses,
)
from hames.permissions.types import Policy, Question

DATA = Path(__file__).parent.parent / "data" / "permissions"
CASES = read_cases((DATA / "cases.jsonl").read_bytes(), "cases.jsonl")
FIXTURE = read_fixture((DATA / "fixture.json").read_bytes(), "fixture.json")
FILES = files_of(FIXTURE)


def policy(mode: str = "default", *dirs: str, **rules: list[str]) -> Policy:
    """A policy over the fixture tree whose rules are settings of the project `/proj`."""
    raw = {
        "id": "",
        "tool": "",
        "input": {},
        "expect": "ask",
        "mode": mode,
        "dirs": dirs,
        "rules": rules,
    }
    return policy_of(msgspec.convert(raw, Case), FIXTURE, FILES)


def call(tool: str, **input: Any) -> Question:
    """A call of a built-in tool, made in `/proj`."""
    return Question(tool, input, usual_accesses(tool, input), "/proj")


def bash(command: str) -> Question:
    """A shell command run in `/proj`."""
    return call("Bash", command=command)
