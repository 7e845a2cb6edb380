"""Removals of critical places by shell commands."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from hames.permissions.paths import normal, place
from hames.permissions.protected import critical_folders
from hames.permissions.shell_writes import operands_of
from hames.permissions.types import Policy
from hames.permissions.words import ANY, BRACKET, QUESTION, STAR, plain, readings, segment_regex
from hames.permissions.wrappers import Inner

_LONGEST_PATH = 4096
_GLOB = re.compile(f"[{STAR}{QUESTION}{BRACKET}]")


def critical_removal(policy: Policy, folders: Sequence[str], inner: Inner) -> str | None:
    """The operand by which a command removes a critical place; None when it does not."""
    name, words = inner.name, inner.words
    if name in ("rm", "rmdir"):
        targets, _ = operands_of(words[1:])
    elif name == "find" and any(_removes(word.marked) for word in words[1:]):
        targets = []
        for word in words[1:]:
            if word.static and word.marked.startswith(("-", "(", "!")):
                break
            targets.append(word)
        targets = targets or [plain(".")]
    else:
        return None
    for word in targets:
        for folder in folders:
            if any(_is_critical(policy, folder, reading) for reading in readings(word.marked)):
                return word.raw
    return None


def _removes(argument: str) -> bool:
    return argument == "-delete" or argument.rpartition("/")[2] in ("rm", "rmdir")


_BELOW_VARIABLE = re.compile(rf"\0+/+(?:\.?[{STAR}{QUESTION}{BRACKET}].*|\.\.?/*)?|\0*/[\0/]*")


def _is_critical(policy: Policy, folder: str, marked: str) -> bool:
    path = marked if marked.startswith(("/", ANY)) else folder.rstrip("/") + "/" + marked
    if len(path) > _LONGEST_PATH or _BELOW_VARIABLE.fullmatch(path):
        return True
    if ANY in path:
        # An empty variable leaves what stands before it.
        before, _, after = path.partition(ANY)
        return not after.strip("/") and normal(before or "/") in ("/", policy.home)
    path = normal(path)
    critical = {
        normal(name) for name in critical_folders(policy, folder if ANY not in folder else "")
    }
    if not _GLOB.search(path):
        where = place(policy, "/", path).paths
        return any(name in critical or os.path.dirname(name) == "/" for name in where)
    above, _, last = path.rpartition("/")
    above = normal(above or "/")
    if _GLOB.search(above):
        return any(re.fullmatch(_regex(path), name) for name in critical)
    if above == "/":
        return True
    everything = re.fullmatch(rf"\.?{QUESTION}*{STAR}+", last) is not None
    return (everything and above in critical) or any(
        segment_regex(last).match(os.path.basename(name))
        for name in critical
        if os.path.dirname(name) == above
    )


def _regex(path: str) -> str:
    return segment_regex(path).pattern
