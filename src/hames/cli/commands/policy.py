"""`hames policy`: explain what the permission rules make of a call, and test a file of cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hames._json import encode
from hames.cli import help
from hames.cli.parse import Flag, parse
from hames.cli.policies import accesses_of, place_of, policy_of
from hames.errors import OptionsError
from hames.permissions.cases import Case, judged, read_cases, read_fixture
from hames.permissions.decide import decide
from hames.permissions.modes import parse_mode
from hames.permissions.rules import parse_rule
from hames.permissions.types import Decision, Question

INTRO = "Say what the permission rules make of calls, and why. Nothing is run."
USAGE = "hames policy explain|test|replay ... [options]"
ARGUMENTS = (
    ("explain 'TOOL(WHAT)'", "The decision about one call, and what decides."),
    ("test CASES.jsonl", "A file of cases, each held against the rules that it names."),
    ("replay SESSION...", "The calls of stored sessions that would be decided differently now."),
    ("SESSION", "An id, an exact title, a transcript, or a folder: all sessions in it, or of it."),
)
CLOSING = """\
Examples:
  hames policy explain 'Bash(git push origin main)'
  hames policy explain 'Write(src/app.ts)' --mode acceptEdits
  hames policy explain 'Bash(rm -rf build)' --allow 'Bash(rm:*)'
  hames policy test cases.jsonl --fixture fixture.json
  hames policy replay . --deny 'Bash(git push:*)' --only stricter

Exit codes of `test`: 0 when every case got an expected answer, 1 otherwise.
Exit codes of `replay`: 0 nothing is listed; 1 something is; 2 a session cannot be read.
"""
FLAGS = (
    Flag(("--allow",), "Allow rules besides those of the settings.", "many", "RULE"),
    Flag(("--ask",), "Ask rules besides those of the settings.", "many", "RULE"),
    Flag(("--deny",), "Deny rules besides those of the settings.", "many", "RULE"),
    Flag(("--mode", "--permission-mode"), "The permission mode.", "one", "MODE", parse_mode),
    Flag(("--cwd",), "The folder the session starts in.", "one", "FOLDER"),
    Flag(("--add-dir",), "Additional working folders.", "many", "FOLDER"),
    Flag(("--settings",), "More settings to take rules from.", "one", "FILE_OR_JSON"),
    Flag(("--no-settings",), "Take no rules from the settings of user and project."),
    Flag(
        ("--fixture",),
        "For `test`: the tree of the cases; default `fixture.json` beside them.",
        "one",
        "FILE",
    ),
    Flag(
        ("--only",),
        "For `replay`: only what is decided more strictly now, or only what is less so.",
        "one",
        "KIND",
        choices=("stricter", "looser"),
    ),
    Flag(("--json",), "Answer in JSON, a line for each decision."),
    Flag(("-h", "--help"), "This text."),
)

_MAIN_FIELDS = {
    "Bash": "command",
    "Glob": "path",
    "Grep": "path",
    "LS": "path",
    "NotebookEdit": "notebook_path",
    "WebFetch": "url",
    "Agent": "subagent_type",
    "Task": "subagent_type",
    "Skill": "skill",
}


def main(arguments: list[str]) -> int:
    """Run `hames policy`."""
    if arguments[:1] == ["explain"]:
        return run_explain(arguments[1:], sys.stdout)
    if arguments[:1] == ["test"]:
        return run_test(arguments[1:], sys.stdout)
    if arguments[:1] == ["replay"]:
        return _replay(arguments[1:], sys.stdout)
    parsed = parse(FLAGS, arguments)
    if parsed.rest or ("help" not in parsed.values and arguments):
        raise OptionsError(
            f"`hames policy` knows `explain`, `test` and `replay`, not `{arguments[0]}`."
        )
    _help(sys.stdout)
    return 0


def run_explain(args: Sequence[str], out: TextIO) -> int:
    """Write the decision about one call, written like a rule: `Bash(git push)`."""
    parsed = parse(FLAGS, args)
    if "help" in parsed.values:
        return _help(out)
    if len(parsed.rest) != 1:
        raise OptionsError("`hames policy explain` needs one call, for example `'Bash(git push)'`.")
    policy = policy_of(parsed.values)
    tool, input = _call(parsed.rest[0])
    decision = decide(policy, Question(tool, input, accesses_of(tool, input), policy.root))
    if "json" in parsed.values:
        out.write(_line({"tool": tool, "input": input, **msgspec.to_builtins(decision)}))
        return 0
    out.write(f"{decision.behavior}: {parsed.rest[0]}\n  {decision.reason}\n")
    if decision.rule:
        out.write(f"  Rule `{decision.rule}` from {place_of(policy, decision)}.\n")
    if decision.readonly:
        out.write("  It changes nothing.\n")
    return 0


def run_test(args: Sequence[str], out: TextIO) -> int:
    """Judge every case of a file, write those that went wrong, and how many."""
    parsed = parse(FLAGS, args)
    if "help" in parsed.values:
        return _help(out)
    if len(parsed.rest) != 1:
        raise OptionsError("`hames policy test` needs one file of cases.")
    cases = Path(parsed.rest[0])
    fixture = Path(parsed.values.get("fixture") or cases.with_name("fixture.json"))
    results = judged(
        read_cases(_bytes(cases), str(cases)),
        read_fixture(_bytes(fixture), str(fixture)),
        accesses_of,
    )
    passed = failed = 0
    for case, decision in results:
        right = case.is_right(decision)
        passed += right
        failed += not right
        if "json" in parsed.values:
            out.write(_line(_result(case, decision)))
        elif not right:
            out.write(_mismatch(case, decision))
    if "json" in parsed.values:
        out.write(_line({"passed": passed, "failed": failed}))
    else:
        out.write(f"{passed} passed, {failed} failed\n")
    return 1 if failed else 0


def _replay(args: Sequence[str], out: TextIO) -> int:
    from hames.cli.commands.replay import run_replay

    parsed = parse(FLAGS, args)
    return _help(out) if "help" in parsed.values else run_replay(parsed.rest, parsed.values, out)


def _call(text: str) -> tuple[str, dict[str, Any]]:
    tool, what = parse_rule(text)
    if what is None:
        return tool, {}
    if tool == "WebFetch" and what.startswith("domain:"):
        what = f"https://{what.removeprefix('domain:')}/"
    return tool, {_MAIN_FIELDS.get(tool, "file_path"): what}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OptionsError(f"`{path}` cannot be read: {error.strerror}.") from error


def _result(case: Case, decision: Decision) -> dict[str, Any]:
    return {
        "id": case.id,
        "passed": case.is_right(decision),
        "expect": case.accept or [case.expect],
        "got": decision.behavior,
        "reason": decision.reason,
        "rule": decision.rule,
    }


def _mismatch(case: Case, decision: Decision) -> str:
    expected = " or ".join(case.accept or [case.expect])
    call = encode(case.input).decode("utf-8")
    why = f"  Why: {case.why}\n" if case.why else ""
    return (
        f"{case.id}: expected {expected}, got {decision.behavior}\n"
        f"  {case.tool} {call}\n  {decision.reason}\n{why}"
    )


def _line(value: dict[str, Any]) -> str:
    return encode(value).decode("utf-8") + "\n"


def _help(out: TextIO) -> int:
    out.write(help.text(USAGE, INTRO, FLAGS, arguments=ARGUMENTS, closing=CLOSING))
    return 0
