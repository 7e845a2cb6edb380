"""`hames session`: what can be done with stored sessions, one action each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TextIO

from hames.cli import help
from hames.cli.commands import check, rewind, session_changes, session_reading
from hames.cli.parse import Flag, nearest, parse
from hames.errors import OptionsError

INTRO = "Work with stored sessions, those of the official command line included."
USAGE = "hames session ACTION [SESSION] [options]"
SESSION = ("SESSION", "An id, an exact title, or, to read it, the path of a transcript.")

ALL = Flag(("--all",), "The sessions of all folders.")
CWD = Flag(("--cwd",), "Another folder than the present one.", "one", "FOLDER")
LIMIT = Flag(("--limit",), "At most so many.", "one", "N", int)
OFFSET = Flag(("--offset",), "Leave out the first ones.", "one", "N", int)
JSON = Flag(("--json",), "Answer in JSON, a line each.")
OUTPUT = Flag(("--output", "-o"), "The file to write.", "one", "FILE")
DRY_RUN = Flag(("--dry-run",), "Only say what would happen.")
HELP = Flag(("-h", "--help"), "This text.")

_Run = Callable[[Sequence[str], dict[str, Any], TextIO], Coroutine[Any, Any, int]]


class Action(NamedTuple):
    """One word behind `hames session`."""

    run: _Run
    arguments: str
    summary: str
    flags: tuple[Flag, ...]
    closing: str = ""


ACTIONS: dict[str, Action] = {
    "list": Action(
        session_reading.run_list,
        "",
        "Sessions of this folder and its git worktrees, the last used first.",
        (ALL, CWD, LIMIT, OFFSET, JSON),
    ),
    "info": Action(
        session_reading.run_info, "SESSION", "What is known of one session.", (CWD, JSON)
    ),
    "show": Action(
        session_reading.run_show,
        "SESSION",
        "The conversation, as text; with `--json` a message per line.",
        (
            Flag(("--agent",), "The conversation of this subagent.", "one", "ID"),
            CWD,
            LIMIT,
            OFFSET,
            JSON,
        ),
    ),
    "subagents": Action(
        session_reading.run_subagents, "SESSION", "Ids of its subagents.", (CWD, JSON)
    ),
    "export": Action(
        session_reading.run_export,
        "SESSION",
        "The conversation to a file or in another format.",
        (
            Flag(
                ("--format",), "What to write.", "one", "FORMAT",
                choices=("markdown", "json", "jsonl"),
            ),
            OUTPUT, CWD, JSON,
        ),
    ),
    "rename": Action(
        session_changes.run_rename, "SESSION TITLE", "Give it a title; it can be resumed by it.", (CWD,)
    ),
    "tag": Action(
        session_changes.run_tag, "SESSION [TAG]", "Tag it; without a tag, take the tag away.", (CWD,)
    ),
    "fork": Action(
        session_changes.run_fork,
        "SESSION",
        "Copy it to a session of its own, and write that one's id.",
        (
            Flag(("--up-to",), "The last line that is copied.", "one", "UUID"),
            Flag(("--title",), "Title of the copy.", "one", "TEXT"),
            CWD,
        ),
    ),
    "delete": Action(
        session_changes.run_delete,
        "SESSION...",
        "Remove sessions, with their subagents, spilled results and checkpoints.",
        (CWD,),
    ),
    "prune": Action(
        session_changes.run_prune,
        "",
        "Remove the sessions of all folders that were not used for some time.",
        (
            Flag(
                ("--older-than",), "Days; default `cleanupPeriodDays` of the settings, else 30.",
                "one", "DAYS", float,
            ),
            DRY_RUN, JSON,
        ),
    ),
    "rewind": Action(
        rewind.run_rewind,
        "SESSION [PROMPT]",
        "Put its files back as they were at a prompt, given by its uuid; without one, list them.",
        (DRY_RUN, CWD, JSON),
        "A rewind keeps the present state first, and says how to take it back.\n",
    ),
    "check": Action(
        check.run_check,
        "SESSION...",
        "What is wrong with transcripts, line by line.",
        (CWD, JSON),
        "Exit codes: 0 sound; 1 problems; 2 cannot be read.\n",
    ),
    "repair": Action(
        check.run_repair,
        "SESSION...",
        "Write a copy without that; the original stays as it is.",
        (OUTPUT, CWD, JSON),
        "Exit codes: 0 sound, or now repaired; 1 problems; 2 cannot be read.\n",
    ),
}  # fmt: skip
CLOSING = """\
`hames session ACTION --help` tells more of each.

Examples:
  hames session list --all
  hames session export 5f0d1c9e-1111-4222-8333-444455556666 -o talk.md
  hames session rewind "Largest file" --dry-run
  hames session check ~/.claude/projects/-home-ana-app/*.jsonl
"""


def main(arguments: list[str]) -> int:
    """Run `hames session`."""
    name = next((word for word in arguments if not word.startswith("-")), "")
    if not name:
        _check_only_help(arguments)
        sys.stdout.write(_help_of_all())
        return 0
    action = ACTIONS.get(name)
    if action is None:
        hint = nearest(name, ACTIONS)
        raise OptionsError(f"`hames session` knows {', '.join(ACTIONS)}, not `{name}`.{hint}")
    parsed = parse((*action.flags, HELP), arguments)
    if "help" in parsed.values:
        sys.stdout.write(_help_of(name, action))
        return 0
    if parsed.rest[:1] != [name]:
        raise OptionsError(f"The action comes first: `hames session {name} …`.")
    return asyncio.run(action.run(parsed.rest[1:], parsed.values, sys.stdout))


def _check_only_help(arguments: list[str]) -> None:
    parse((HELP,), arguments)


def _help_of_all() -> str:
    rows = [(f"{name} {one.arguments}".rstrip(), one.summary) for name, one in ACTIONS.items()]
    return help.text(USAGE, INTRO, (HELP,), commands=rows, arguments=(SESSION,), closing=CLOSING)


def _help_of(name: str, action: Action) -> str:
    usage = " ".join(
        part for part in ("hames session", name, action.arguments, "[options]") if part
    )
    arguments = (SESSION,) if action.arguments else ()
    flags = (*action.flags, HELP)
    return help.text(usage, action.summary, flags, arguments=arguments, closing=action.closing)
