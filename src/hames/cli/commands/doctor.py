"""`hames doctor`: what is wrong with installation, settings and rules, each with file and line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TextIO

import msgspec

from hames import _json
from hames._version import COMPATIBLE_VERSION, __version__
from hames.cli import help
from hames.cli.parse import Flag, nearest, parse
from hames.errors import OptionsError, ToolError
from hames.permissions.rules import parse_rule, rule_warnings
from hames.permissions.shadows import shadowed
from hames.permissions.types import Behavior, Rules, SourcedRule
from hames.settings.effective import Effective, effective
from hames.settings.environ import Environ
from hames.settings.schema import LATER, NOTHING_HERE, keys
from hames.settings.sources import Loaded

INTRO = (
    "Look for what is wrong: broken settings files, keys nobody knows, permission rules that cannot be read,"
    " say nothing or never decide, hooks that are wrong, memory files that are left out, a missing search"
    " program. Nothing is changed."
)
USAGE = "hames doctor [options]"
FLAGS = (
    Flag(("--strict",), "Warnings count as errors."),
    Flag(("--settings",), "A settings file or JSON to look at as well.", "one", "FILE_OR_JSON"),
    Flag(("--cwd",), "Another folder than the present one.", "one", "FOLDER"),
    Flag(("--json",), "Answer in JSON, a line for each finding."),
    Flag(("-h", "--help"), "This text."),
)
CLOSING = """\
Exit codes: 0 nothing is wrong, warnings apart; 1 something is, with `--strict` warnings too.
"""

Level = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at."""

    level: Level
    text: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{self.level:<8}{place}{self.text}"


def main(arguments: list[str]) -> int:
    """Run `hames doctor`."""
    parsed = parse(FLAGS, arguments)
    if "help" in parsed.values:
        sys.stdout.write(help.text(USAGE, INTRO, FLAGS, closing=CLOSING))
        return 0
    if parsed.rest:
        raise OptionsError(f"`hames doctor` takes options only, not `{parsed.rest[0]}`.")
    return run(parsed.values, sys.stdout)


def run(values: dict[str, Any], out: TextIO) -> int:
    """Write every finding; the exit code."""
    findings = list(examine(values.get("cwd") or os.getcwd(), values.get("settings")))
    for finding in findings:
        line = _json.encode(finding).decode() if "json" in values else str(finding)
        out.write(line + "\n")
    bad = {"error", "warning"} if "strict" in values else {"error"}
    return int(any(finding.level in bad for finding in findings))


def examine(folder: str, settings: str | None = None) -> Iterator[Finding]:
    """Look at everything. `settings` is what `--settings` would be given."""
    environ = Environ.read(os.environ)
    root = os.path.realpath(os.path.expanduser(folder))
    yield Finding("ok", f"Version {COMPATIBLE_VERSION} (Hames {__version__})")
    yield from _installation(environ)
    found = effective(
        environ, root, settings=settings, setting_sources=("user", "project", "local")
    )
    yield from _files(found)
    yield from _folders(found, environ, root)
    yield from _rules(found)
    yield from _hooks(found)
    yield from _memory(found, environ, root)


def _installation(environ: Environ) -> Iterator[Finding]:
    for said in environ.warnings:
        yield Finding("warning", said)
    yield _search_program(environ)
    config = environ.config_folder
    there = os.path.isdir(config)
    if there and not os.access(config, os.W_OK | os.X_OK):
        yield Finding("error", f"The configuration folder `{config}` cannot be written to.")
    else:
        yield Finding("ok", f"Configuration folder `{config}`{'' if there else ' (not there yet)'}")


def _search_program(environ: Environ) -> Finding:
    import asyncio

    from hames.sandbox.local import LocalMachine
    from hames.tools.ripgrep import Ripgrep

    try:
        program = asyncio.run(Ripgrep().find(LocalMachine(), environ.raw))
    except ToolError as error:
        return Finding("error", str(error))
    if program:
        return Finding("ok", f"Searches use `{program}`.")
    return Finding("warning", "There is no `rg`; searches work, but slower. Install ripgrep.")


def _files(found: Effective) -> Iterator[Finding]:
    for one in found.loaded:
        if not one.problems and one.file:
            yield Finding("ok", f"Settings of `{one.source}`.", one.file)
        for problem in one.problems:
            level: Level = "warning" if "ignored" in problem.text else "error"
            yield Finding(level, problem.text, problem.file, problem.line)
        yield from _idle(one)
        for path in one.unknown:
            name = ".".join(path)
            text = f"nobody knows the key `{name}`; it has no effect.{nearest(name, keys())}"
            yield Finding("warning", text, one.file, one.line(*path))


def _idle(one: Loaded) -> Iterator[Finding]:
    """Keys that are accepted and change nothing."""
    for key in one.values:
        if key in LATER:
            said = f"`{key}` is accepted, and not in effect yet in this version."
            yield Finding("warning", said, one.file, one.line(key))
        elif key in NOTHING_HERE:
            said = f"`{key}` is accepted, and has nothing to act on here."
            yield Finding("ok", said, one.file, one.line(key))


def _folders(found: Effective, environ: Environ, root: str) -> Iterator[Finding]:
    home = environ.home or os.path.expanduser("~")
    for index, given in enumerate(found.values.permissions.additional_directories):
        path = home + given[1:] if given == "~" or given.startswith("~/") else given
        if not os.path.isdir(os.path.join(root, path)):
            place = found.place("permissions", "additionalDirectories", index)
            assert place is not None
            text = f"the additional directory `{given}` is not a folder."
            yield Finding("warning", text, place.file, place.line)


def _rules(found: Effective) -> Iterator[Finding]:
    from hames.tools import ALIASES, CATALOGUE

    tools = {*CATALOGUE, *ALIASES, "Agent", "Task", "Skill", "AskUserQuestion", "ExitPlanMode"}
    rules: dict[Behavior, list[SourcedRule]] = {"allow": [], "ask": [], "deny": []}
    for behavior, readable in rules.items():
        for rule in found.rules(behavior):
            place = rule.place
            try:
                parse_rule(rule.text)
            except OptionsError as error:
                yield Finding("error", str(error), place.file, place.line)
                continue
            sourced = SourcedRule(
                rule.text, place.source, place.loaded.base, place.file, place.line
            )
            readable.append(sourced)
            for said in rule_warnings(_only(behavior, sourced), tools):
                yield Finding("warning", said, place.file, place.line)
    for dead in shadowed(Rules(**{name: tuple(each) for name, each in rules.items()})):
        yield Finding("warning", str(dead), dead.rule.file, dead.rule.line)


def _hooks(found: Effective) -> Iterator[Finding]:
    """Hooks that would keep a session from starting, and those that will not run."""
    from hames.hooks.config import parse_hooks

    for one in found.loaded:
        for event, groups in (one.values.get("hooks") or {}).items():
            line = one.line("hooks", event)
            try:
                table = parse_hooks({event: groups}, one.source)
            except OptionsError as error:
                yield Finding("error", str(error), one.file, line)
            else:
                yield from (Finding("warning", said, one.file, line) for said in table.warnings)


def _only(behavior: Behavior, rule: SourcedRule) -> Rules:
    parts: dict[str, Sequence[SourcedRule]] = {behavior: (rule,)}
    return Rules(**{name: tuple(each) for name, each in parts.items()})


def _memory(found: Effective, environ: Environ, root: str) -> Iterator[Finding]:
    """The memory files that a session here begins with, and what is left out."""
    import asyncio

    from hames.context.memory_files import Memory, Place, rendered
    from hames.sandbox.local import LocalMachine
    from hames.sandbox.workspace import Workspace
    from hames.settings import sources

    place = Place(
        config_folder=environ.config_folder,
        managed_folder=sources.MANAGED_FOLDER,
        sources=("user", "project", "local"),
        excludes=found.values.claude_md_excludes,
        trusted=found.trust.trusted,
    )
    home = environ.home or os.path.expanduser("~")
    memory = Memory(LocalMachine(), Workspace(root, root, (), home), place)
    files = asyncio.run(memory.opening())
    for file in files:
        by = f", imported by `{file.why.parent}`" if file.why.parent else ""
        size = len(file.text.encode())
        yield Finding("ok", f"Memory ({file.kind}{by}): {size:,} bytes.", file.path)
    for said in memory.warnings:
        yield Finding("warning", said)
    if len(files) > 1:
        yield Finding("ok", f"Memory in all: {len(rendered(files).encode()):,} bytes.")
