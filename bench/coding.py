"""A small repository and forty calls that work on it: the same bytes on every machine.

The calls are those of a change through several modules: look around, search, read, edit, check.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.plays import Task, ToolCall

MODULES = ("accounts", "audit", "currency", "invoices", "journal", "ledger", "payments", "reports")
VERBS = ("settle", "split", "merge", "round", "check", "close", "open", "list", "sum", "apply")
NOUNS = ("entry", "balance", "fee", "period", "rate", "batch")
TURNS = 40

_FUNCTION = '''

def {verb}_{noun}(values: dict[str, int], limit: int = {limit}) -> int:
    """{title} the {noun}s of the {module}, at most `limit` of them.

    Values without an amount count as nothing; the order of the names decides.
    """
    total = 0
    for name in sorted(values)[:limit]:
        amount = values[name]
        if amount is None or name.startswith("_"):
            continue
        total += amount if amount > {limit} else {limit} - amount
    return total
'''

_CHECKS = '''"""Calls every function of every module."""

import importlib

VALUES = {f"name{i}": i * 7 % 31 for i in range(40)}

for module in ("accounts", "audit", "currency", "invoices", "journal", "ledger", "payments", "reports"):
    found = vars(importlib.import_module(module))
    names = sorted(name for name, value in found.items() if callable(value))
    total = sum(found[name](VALUES) for name in names)
    print(f"{module:<12} {len(names)} functions  total {total:>8}  ok")
'''


def make_repository(folder: Path) -> None:
    """Write the repository into an empty folder and commit it."""
    source = folder / "src"
    source.mkdir(parents=True)
    for module in MODULES:
        (source / f"{module}.py").write_text(_module(module), encoding="utf-8")
    (source / "checks.py").write_text(_CHECKS, encoding="utf-8")
    (folder / "README.md").write_text(
        "# Books\n\nSmall functions that keep books.\n", encoding="utf-8"
    )
    (folder / ".gitignore").write_text("__pycache__\n", encoding="utf-8")
    who = {"NAME": "A", "EMAIL": "a@example.com", "DATE": "2026-01-01T00:00:00Z"}
    env = {
        **os.environ,
        **{f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()},
    }
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-q", "-m", "Keep books"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, env=env, check=True)


def task(folder: Path) -> Task:
    """The forty calls, for a repository in this folder."""
    calls = list(_calls(folder))
    assert len(calls) == TURNS
    return Task(TURNS, calls)


def _calls(folder: Path) -> Iterator[ToolCall]:
    source = folder / "src"
    yield _bash("git log --oneline | head -5; git status --short; ls -l src | awk '{print $5, $9}'")
    yield ToolCall("Read", {"file_path": str(folder / "README.md")})
    yield _grep("def settle_", source)
    for index, module in enumerate(MODULES):
        path = str(source / f"{module}.py")
        yield ToolCall("Read", {"file_path": path})
        yield _edit(path, module, VERBS[index])
        yield _bash("python3 src/checks.py")
        if index % 2:
            yield _grep(f"limit: int = {_limit(module, VERBS[index], NOUNS[1])}", source)
            yield ToolCall("Read", {"file_path": path, "offset": 40, "limit": 120})
    yield _bash("git diff --stat; git diff | head -60")
    yield _edit(str(source / "ledger.py"), "ledger", VERBS[9])
    yield _bash("python3 src/checks.py")
    yield _bash(
        "git -c user.name=A -c user.email=a@example.com commit -q -a -m 'Raise limits' && git show --stat --format=%s | head -20"
    )
    yield _bash("git status --short")


def _bash(command: str) -> ToolCall:
    return ToolCall("Bash", {"command": command, "description": "Look at the state of the change"})


def _grep(pattern: str, path: Path) -> ToolCall:
    fields = {"pattern": pattern, "path": str(path), "output_mode": "content", "-n": True}
    return ToolCall("Grep", fields)


def _edit(path: str, module: str, verb: str) -> ToolCall:
    limit = _limit(module, verb, NOUNS[0])
    line = "def {}_{}(values: dict[str, int], limit: int = {}) -> int:"
    old, new = line.format(verb, NOUNS[0], limit), line.format(verb, NOUNS[0], limit + 1)
    return ToolCall("Edit", {"file_path": path, "old_string": old, "new_string": new})


def _module(module: str) -> str:
    parts = [f'"""The {module} of the books."""\n']
    for verb in VERBS:
        for noun in NOUNS[: 2 + len(module) % 3]:
            fields = {"verb": verb, "noun": noun, "module": module, "title": verb.title()}
            parts.append(_FUNCTION.format(limit=_limit(module, verb, noun), **fields))
    return "".join(parts)


def _limit(module: str, verb: str, noun: str) -> int:
    return 10 + sum(map(ord, module + verb + noun)) % 80
