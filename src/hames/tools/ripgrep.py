"""Search with ripgrep: where the program is, how it is called, what it answers."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping, Sequence

import msgspec

from hames._slots import Slots
from hames.errors import ToolError
from hames.sandbox.machine import Finished, Machine
from hames.tools.search_terms import (
    MAX_OUTPUT,
    TIMEOUT,
    BadPattern,
    Found,
    Hits,
    Listing,
    Piece,
    Query,
    Scope,
)

AT_ONCE = Slots(64, share=1 / 32)
"""Searches under way, in all sessions. Each has threads of its own and three open files."""


class Ripgrep(msgspec.Struct):
    """Where a session's ripgrep is: looked for once, None when there is none."""

    path: str | None = None
    looked: bool = False

    async def find(self, machine: Machine, env: Mapping[str, str]) -> str | None:
        if not self.looked:
            self.path, self.looked = await _find(machine, env), True
        return self.path


async def _find(machine: Machine, env: Mapping[str, str]) -> str | None:
    """`HAMES_RG` (`0` is none at all), else the one beside this Python, else the one on `PATH`.

    `USE_BUILTIN_RIPGREP=0` leaves out the one beside this Python.
    """
    if chosen := env.get("HAMES_RG"):
        if chosen == "0":
            return None
        if not await _is_program(machine, chosen):
            raise ToolError(f"`HAMES_RG` names `{chosen}`, which is no program.")
        return chosen
    folders = [folder for folder in env.get("PATH", "").split(os.pathsep) if folder]
    if env.get("USE_BUILTIN_RIPGREP", "").lower() not in ("0", "false"):
        folders.insert(0, os.path.dirname(sys.executable or "/"))
    for folder in folders:
        if await _is_program(machine, program := os.path.join(folder, "rg")):
            return program
    return None


async def _is_program(machine: Machine, path: str) -> bool:
    found = await machine.stat(path)
    return found is not None and found.kind == "file" and bool(found.mode & 0o111)


class Rg:
    """One program, on one machine."""

    def __init__(self, program: str, machine: Machine, env: Mapping[str, str]) -> None:
        self._program = program
        self._machine = machine
        self._env = env

    async def list(self, scope: Scope) -> Listing:
        """The files of a scope, in no order."""
        ended = await self._run(scope, ["--files", "--null"])
        if ended.code not in (0, 1) and ended.stderr:
            raise ToolError(f"The search failed: {_complaint(ended)}")
        names = ended.stdout.split(b"\0")[:-1]
        paths = [os.fsdecode(name) for name in names]
        return Listing([path for path in paths if scope.keep(path)], not ended.cut)

    async def search(self, scope: Scope, query: Query) -> Found:
        """What a query finds. Raises `BadPattern`."""
        by_count = query.count_only and not query.multiline
        ended = await self._run(scope, _search_options(scope, query, by_count))
        if ended.code not in (0, 1) and ended.stderr:
            raise BadPattern(_complaint(ended))
        hits = _counted(ended.stdout) if by_count else _hits(ended.stdout, scope.only is not None)
        if query.count_only:
            hits = [Hits(one.path, one.lines) for one in hits]
        return Found([one for one in hits if scope.only or scope.keep(one.path)], not ended.cut)

    async def _run(self, scope: Scope, options: Sequence[str]) -> Finished:
        argv = [self._program, "--no-config", "--no-messages", *_files(scope), *options]
        if scope.only is not None:
            argv += ["--", "./" + scope.only]
        elif "--files" not in options:
            argv += ["--", "./"]
        async with AT_ONCE:
            return await self._machine.run(
                argv,
                cwd=scope.folder,
                env=self._env,
                timeout=TIMEOUT,
                limit=MAX_OUTPUT,
                stop_at_limit=True,
            )


def _files(scope: Scope) -> list[str]:
    # A personal, global ignore file would make the same search find other things elsewhere.
    options = ["--hidden", "--no-ignore-global", "--glob=!.git"]
    if scope.ignored:
        options.append("--no-ignore")
    if scope.names:
        # As a type, a pattern of names does not bring back ignored files, as `--glob` would.
        options += [f"--type-add=wanted:{name}" for name in scope.names]
        options.append("--type=wanted")
    return options


def _search_options(scope: Scope, query: Query, by_count: bool) -> list[str]:
    options = ["--count", "--with-filename", "--null"] if by_count else ["--json"]
    if query.literal:
        options.append("--fixed-strings")
    else:
        options.append("--engine=auto")
    if query.ignore_case:
        options.append("--ignore-case")
    if query.multiline:
        options.append("--multiline")
    if query.dotall:
        options.append("--multiline-dotall")
    if scope.only is not None:
        options.append("--text")
    if not query.count_only:
        options += [f"--before-context={query.before}", f"--after-context={query.after}"]
    return [*options, f"--regexp={query.pattern}"]


def _counted(output: bytes) -> list[Hits]:
    rows = re.findall(rb"([^\0]*)\0(\d+)\n", output)
    return [Hits(_path(name), int(count)) for name, count in rows]


class _Text(msgspec.Struct):
    text: str | None = None
    bytes: str | None = None

    def decode(self) -> str:
        if self.text is not None:
            return self.text
        return base64.b64decode(self.bytes or "").decode("utf-8", "surrogateescape")


class _Submatch(msgspec.Struct):
    start: int
    end: int


class _Data(msgspec.Struct):
    path: _Text | None = None
    lines: _Text | None = None
    line_number: int | None = None
    submatches: list[_Submatch] = []
    binary_offset: int | None = None


class _Line(msgspec.Struct):
    type: str
    data: _Data


_lines = msgspec.json.Decoder(_Line)


def _hits(output: bytes, binary_too: bool) -> list[Hits]:
    """The files of `--json` output. A file with a NUL byte is none, unless `binary_too`."""
    found: list[Hits] = []
    for raw in output.split(b"\n")[:-1]:
        line = _lines.decode(raw)
        data = line.data
        match line.type:
            case "begin" if data.path:
                found.append(Hits(data.path.decode().removeprefix("./"), 0))
            case "match" | "context" if data.lines:
                piece = _piece(data.lines.decode(), data)
                if line.type == "match" and not piece.spans:
                    # So it tells of `$` at the end of a file that has no last line end.
                    piece.spans = [(len(piece.text), len(piece.text))]
                found[-1].pieces.append(piece)
                if piece.spans:
                    found[-1].lines += piece.text.count("\n") + 1
            case "end" if data.binary_offset is not None and not binary_too:
                found.pop()
    return [one for one in found if one.lines]


def _piece(text: str, data: _Data) -> Piece:
    spans = [(one.start, one.end) for one in data.submatches]
    if spans and not text.isascii():
        raw = text.encode("utf-8", "surrogateescape")
        spans = [(_characters(raw, start), _characters(raw, end)) for start, end in spans]
    return Piece(data.line_number or 0, text.removesuffix("\n"), spans)


def _characters(raw: bytes, offset: int) -> int:
    return len(raw[:offset].decode("utf-8", "surrogateescape"))


def _path(raw: bytes) -> str:
    return os.fsdecode(raw).removeprefix("./")


def _complaint(ended: Finished) -> str:
    """The one sentence of ripgrep's complaint that says what is wrong."""
    lines = ended.stderr.decode("utf-8", "replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[0] if errors else lines[0].removeprefix("rg: ")
