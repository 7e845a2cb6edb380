"""Which files are left out of a search: `.gitignore` and its relatives, read as ripgrep reads them.

A file is judged by the nearest rule that speaks of it; `.rgignore` goes before `.ignore`, that before
`.gitignore`, that before `.git/info/exclude`. The two of git count only inside a repository, and not
beyond its top.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection

import msgspec

from hames.sandbox.machine import Machine
from hames.tools import globs

FILES = (".rgignore", ".ignore", ".gitignore")
MAX_IGNORE_FILE = 1_000_000
"""Bytes of one ignore file that are read."""

_REPOSITORY = (".git", ".jj")


class Rule(msgspec.Struct, frozen=True):
    regex: re.Pattern[str]
    leaves_out: bool
    folders_only: bool


class Level(msgspec.Struct, frozen=True):
    """The rules that one folder brings; `up` is the folder above."""

    folder: str
    rules: dict[str, list[Rule]]
    is_repository: bool
    up: Level | None


def parse(text: str) -> list[Rule]:
    """The rules of an ignore file, the last one first. Lines that are no glob are passed over."""
    found = []
    for line in text.removeprefix("\ufeff").splitlines():
        if rule := _rule(line):
            found.append(rule)
    return found[::-1]


def _rule(line: str) -> Rule | None:
    if not line.endswith("\\ "):
        line = line.rstrip()
    if not line or line.startswith("#"):
        return None
    allows = line.startswith("!")
    line = line.removeprefix("!")
    folders_only = line.endswith("/")
    line = line.removesuffix("/")
    if not line:
        return None
    if line.endswith("/**"):
        line += "/*"
    try:
        regex = "|".join(f"(?:{globs.regex_of(one)})" for one in globs.expand(line))
    except ValueError:
        return None
    return Rule(re.compile(regex, re.DOTALL), not allows, folders_only)


def is_left_out(level: Level | None, path: str, *, is_folder: bool) -> bool:
    """Whether the rules from `level` upwards leave out the absolute path of an entry."""
    in_repository = _has_repository(level)
    verdicts: dict[str, bool] = {}
    beyond = False
    while level:
        relative = path[len(level.folder.rstrip("/")) + 1 :]
        for kind, rules in level.rules.items():
            if kind in verdicts or (kind in _OF_GIT and (beyond or not in_repository)):
                continue
            for rule in rules:
                if (is_folder or not rule.folders_only) and rule.regex.fullmatch(relative):
                    verdicts[kind] = rule.leaves_out
                    break
        beyond = beyond or level.is_repository
        level = level.up
    return next((verdicts[kind] for kind in _ORDER if kind in verdicts), False)


_OF_GIT = (".gitignore", "exclude")
_ORDER = (*FILES, "exclude")


def _has_repository(level: Level | None) -> bool:
    while level:
        if level.is_repository:
            return True
        level = level.up
    return False


async def levels_above(machine: Machine, folder: str) -> Level | None:
    """The rules of all folders above this one."""
    parts = folder.strip("/").split("/")[:-1] if folder != "/" else []
    chain: Level | None = None
    if folder != "/":
        chain = await level_of(machine, "/", None)
    for depth in range(len(parts)):
        chain = await level_of(machine, "/" + "/".join(parts[: depth + 1]), chain)
    return chain


async def level_of(
    machine: Machine, folder: str, up: Level | None, names: Collection[str] | None = None
) -> Level | None:
    """The rules that hold in this folder; `up` itself when it brings none. `names` are its entries."""
    rules: dict[str, list[Rule]] = {}
    for name in FILES:
        if names is None or name in names:
            rules[name] = parse(await _read(machine, os.path.join(folder, name)))
    is_repository = False
    for name in _REPOSITORY:
        if name in names if names is not None else await _exists(machine, folder, name):
            is_repository = True
    if is_repository:
        rules["exclude"] = parse(await _exclude(machine, os.path.join(folder, ".git")))
    rules = {kind: found for kind, found in rules.items() if found}
    return Level(folder, rules, is_repository, up) if rules or is_repository else up


async def _exclude(machine: Machine, git: str) -> str:
    """`info/exclude` of a repository, or of the one that a worktree belongs to."""
    at = await machine.stat(git)
    if at and at.kind == "file":
        to = (await _read(machine, git)).partition("gitdir:")[2].strip()
        git = os.path.join(os.path.dirname(git), to)
        common = (await _read(machine, os.path.join(git, "commondir"))).strip()
        git = os.path.join(git, common)
    return await _read(machine, os.path.join(git, "info", "exclude"))


async def _exists(machine: Machine, folder: str, name: str) -> bool:
    return await machine.stat(os.path.join(folder, name)) is not None


async def _read(machine: Machine, path: str) -> str:
    try:
        return (await machine.read(path, limit=MAX_IGNORE_FILE)).decode("utf-8", "replace")
    except OSError:
        return ""
