"""The prompt of `hames -p`: the argument, standard input, or one after the other."""

from __future__ import annotations

import os
import select
import sys

from hames.cli.parse import Parsed
from hames.errors import OptionsError

LARGEST = 10_000_000
"""Bytes of standard input."""
PATIENCE = 3.0
"""Seconds that standard input may stay silent when there is a prompt without it."""


def read_prompt(parsed: Parsed) -> str | None:
    """The prompt; None when a session is resumed without one, to go on with calls that wait.

    Raises OptionsError when there is none, or too much of it.
    """
    if len(parsed.rest) > 1:
        raise OptionsError(
            f"There is one prompt, and {len(parsed.rest)} were given: `{parsed.rest[0]}`, "
            f"`{parsed.rest[1]}` … Put a prompt of several words in quotes."
        )
    argument = parsed.rest[0] if parsed.rest else None
    piped = _standard_input(wait=argument is None)
    prompt = "\n".join(part for part in (argument, piped) if part)
    if not prompt and ("resume" in parsed.values or "continue" in parsed.values):
        return None
    if not prompt:
        raise OptionsError(_nothing_given(parsed))
    if not prompt.strip():
        raise OptionsError("The prompt has only blanks; give one with text.")
    return prompt


def _nothing_given(parsed: Parsed) -> str:
    if parsed.last_list:
        return (
            f"There is no prompt: `{parsed.last_list}` took everything up to the end. "
            "Put `--` before the prompt."
        )
    return "There is no prompt: give one as an argument, or pipe it in."


def _standard_input(*, wait: bool) -> str | None:
    """What is piped in; None from a terminal, and from a pipe that stays silent unless `wait`."""
    try:
        if os.isatty(0):
            return None
        if not wait and not select.select([0], [], [], PATIENCE)[0]:
            print(
                f"Standard input was silent for {PATIENCE:g} s and is left unread; "
                "redirect it from /dev/null to start at once.",
                file=sys.stderr,
            )
            return None
        data = _read_all()
    except OSError:  # closed by whoever started us
        return None
    return data.decode(errors="replace")


def _read_all() -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := os.read(0, 1 << 16):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise OptionsError(
                f"Standard input has more than {LARGEST // 1_000_000} MB. Save it to a file and name "
                "the file in the prompt."
            )
    return b"".join(parts)
