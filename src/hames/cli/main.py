"""`hames`: picks what to do, and turns what goes wrong into one line and an exit code.

Nothing that takes time is imported before it is known to be needed: `hames --version` loads no event
loop.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from hames._version import COMPATIBLE_VERSION, __version__

EXIT_CLOSED_PIPE = 141
"""What a shell reports for a program whose reader has left."""
EXIT_INTERRUPTED = 130

USAGE = 'hames -p "PROMPT" [options]   |   hames COMMAND [options]'
INTRO = (
    "Hames runs an agent that reads, edits, runs and searches in a folder, under rules that hold. "
    "There is no full-screen mode: give a prompt with `-p`."
)
CLOSING = """\
Lists end at the next option; put `--` before a prompt that follows one.

Examples:
  hames demo
  hames -p "Which test is slow, and why?" --allowedTools "Bash(pytest:*)" Read
  git diff | hames -p "Review this change" --tools "" --output-format json | jq -r .result
  hames -p "Fix the flaky test" --permission-mode acceptEdits --max-budget-usd 2
  hames -p --continue "Explain what you did"

Exit codes: 0 answered or interrupted; 1 an error, a limit, or a wrong option; 129, 143 ended by a
signal; 141 the reader of the output left.

Credentials: ANTHROPIC_API_KEY, or ANTHROPIC_AUTH_TOKEN; ANTHROPIC_BASE_URL for another server.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Without arguments they are the process's own."""
    if arguments is None:
        _collect_less()
    from hames.errors import HamesError

    try:
        code = _dispatch(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()  # here a reader that left is caught; at exit it would be complained about
        return code
    except HamesError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _give_up_output()
        return EXIT_CLOSED_PIPE
    finally:
        if arguments is None:
            # The interpreter would look through everything once more before it lets go of it.
            gc.freeze()


def _collect_less() -> None:
    """Imports make many objects and no garbage; looking for it takes a tenth of a short run."""
    gc.set_threshold(50_000, 20, 20)


def _dispatch(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-v"]):
        return _version()
    from hames.cli.commands import COMMANDS

    if arguments and arguments[0] in COMMANDS:
        from importlib import import_module

        command = import_module(COMMANDS[arguments[0]][0])
        code: int = command.main(arguments[1:])
        return code
    return _without_command(arguments)


def _without_command(arguments: list[str]) -> int:
    from hames.cli.flags import ELSEWHERE, FLAGS
    from hames.cli.parse import parse
    from hames.errors import OptionsError

    parsed = parse(FLAGS, arguments, absent=ELSEWHERE)
    if "help" in parsed.values:
        return _help()
    if "version" in parsed.values:
        return _version()
    if "rewind-files" in parsed.values:
        from hames.cli.commands.rewind import rewind_by_flag

        return rewind_by_flag(parsed)
    if parsed.values.get("input-format") == "stream-json":
        from hames.cli.stream_mode import serve

        return serve(parsed)
    if "init-only" in parsed.values:
        from hames.cli.init_only import set_up

        return set_up(parsed)
    if _is_headless(parsed.values):
        from hames.cli.print_mode import answer

        return answer(parsed)
    if not arguments:
        return _help()
    raise OptionsError(_needs_print(parsed.rest))


def _is_headless(values: dict[str, object]) -> bool:
    """Official clients never pass `-p`: the two stream formats mean the same."""
    return "print" in values or values.get("output-format") == "stream-json"


def _needs_print(words: list[str]) -> str:
    from hames.cli.commands import COMMANDS
    from hames.cli.parse import nearest

    if words and " " not in words[0] and (hint := nearest(words[0], COMMANDS)):
        return f"There is no command `{words[0]}`.{hint} A prompt is given with `-p`."
    return 'There is no full-screen mode: add `-p`, as in `hames -p "PROMPT"`. See `hames --help`.'


def _help() -> int:
    from hames.cli import help
    from hames.cli.commands import COMMANDS
    from hames.cli.flags import FLAGS

    commands = [(name, summary) for name, (_, summary) in COMMANDS.items()]
    print(help.text(USAGE, INTRO, FLAGS, commands=commands, closing=CLOSING), end="", flush=True)
    return 0


def _version() -> int:
    print(f"{COMPATIBLE_VERSION} (Hames {__version__})", flush=True)
    return 0


def _give_up_output() -> None:
    """Nobody reads: keep the interpreter from complaining about it when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
