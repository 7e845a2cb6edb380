"""`hames session check` and `hames session repair`: what is wrong with transcripts, and copies without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hames._clock import Ids
from hames._json import encode
from hames.errors import OptionsError, SessionNotFound
from hames.sessions import check, resume
from hames.sessions.check import Problem, Report
from hames.sessions.files import FileStore
from hames.sessions.repair import repaired
from hames.settings.environ import Environ

SOUND, UNSOUND, UNREADABLE = 0, 1, 2
"""Exit codes; of several sessions the highest counts."""

_MOST_SHOWN = 50


async def run_check(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write what is wrong with transcripts."""
    code = SOUND
    for name in _several("check", names):
        try:
            path = await _path(name, values)
            report = check.report(await check.examine(check.key_of(path), check.read(path)))
        except SessionNotFound as error:
            code = UNREADABLE
            _say_unreadable(name, error, values, out)
            continue
        code = max(code, SOUND if report.is_sound else UNSOUND)
        told = _line({"path": str(path), **_told(report)}) if "json" in values else None
        out.write(told or _prose(path, report))
    return code


async def run_repair(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write a sound copy of each transcript that needs one; the originals stay as they are."""
    if "output" in values and len(names) > 1:
        raise OptionsError("`--output` names one file, so it goes with one session only.")
    code = SOUND
    for name in _several("repair", names):
        try:
            path = await _path(name, values)
            found = await check.examine(check.key_of(path), check.read(path))
        except SessionNotFound as error:
            code = UNREADABLE
            _say_unreadable(name, error, values, out)
            continue
        report = check.report(found)
        copy = None
        if not report.is_sound:
            copy, left = await _write_copy(path, found, values)
            code = max(code, UNSOUND if left else SOUND)
        if "json" in values:
            made = None if copy is None else {"session_id": copy.stem, "path": str(copy)}
            out.write(_line({"path": str(path), **_told(report), "repaired": made}))
        else:
            out.write(_prose(path, report, copy))
    return code


async def _write_copy(
    path: Path, found: check.Examined, values: dict[str, Any]
) -> tuple[Path, list[Problem]]:
    """The file of the copy, and what is still wrong with it."""
    ids = Ids()
    new_id = ids.uuid()
    copy = Path(values["output"]) if "output" in values else path.with_name(f"{new_id}.jsonl")
    key = check.key_of(copy)
    lines = repaired(found, key.session_id, ids)
    _write_new(copy, lines)
    return copy, check.report(await check.examine(key, check.read(copy))).problems


def _write_new(path: Path, lines: list[bytes]) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(b"\n".join([*lines, b""]))
    except OSError as error:
        raise OptionsError(f"`{path}` cannot be written: {error.strerror}.") from error


def _several(action: str, names: Sequence[str]) -> Sequence[str]:
    if not names:
        raise OptionsError(f"`hames session {action}` needs sessions: ids, titles or paths.")
    return names


async def _path(name: str, values: dict[str, Any]) -> Path:
    """The file that is meant. Raises SessionNotFound."""
    if name.endswith(".jsonl") or os.path.isfile(name):
        return Path(name)
    store = FileStore(Environ.read(os.environ).config_folder)
    cwd = os.path.realpath(values.get("cwd") or os.getcwd())
    return Path(store.path(await resume.find(store, cwd=cwd, id_or_title=name)))


def _prose(path: Path, report: Report, copy: Path | None = None) -> str:
    size = f"{report.lines} lines, {report.turns} turns"
    if report.is_sound:
        lines = [f"{path}: sound ({size})."]
    else:
        lines = [f"{path}: {len(report.problems)} problem(s) in {size}."]
    for problem in report.problems[:_MOST_SHOWN]:
        where = f"line {problem.line}: " if problem.line else ""
        lines.append(f"  {where}{problem.text}")
    if len(report.problems) > _MOST_SHOWN:
        lines.append(f"  … and {len(report.problems) - _MOST_SHOWN} more; `--json` has all.")
    lines += [f"  Note: {note}" for note in report.notes]
    if copy is not None:
        lines.append(f"  A copy without them: {copy}")
    return "\n".join(lines) + "\n"


def _told(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(report)
    return {**found, "sound": report.is_sound}


def _say_unreadable(name: str, error: SessionNotFound, values: dict[str, Any], out: TextIO) -> None:
    if "json" in values:
        out.write(_line({"path": name, "error": str(error)}))
    else:
        print(f"{name}: {error}", file=sys.stderr)


def _line(value: Any) -> str:
    return encode(value).decode() + "\n"
