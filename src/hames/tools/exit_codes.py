"""What an exit code means where 1 is an answer and no failure."""

from __future__ import annotations

import os
import shlex

_ANSWERS = {
    "grep": "no line matches",
    "egrep": "no line matches",
    "fgrep": "no line matches",
    "zgrep": "no line matches",
    "rg": "no line matches",
    "pgrep": "no process matches",
    "diff": "the files differ",
    "colordiff": "the files differ",
    "cmp": "the files differ",
    "test": "the condition is false",
    "[": "the condition is false",
    "[[": "the condition is false",
    "find": "some folders could not be read",
}
"""Programs, and what code 1 of them says."""

_SILENT = frozenset(
    [
        "cd",
        "chgrp",
        "chmod",
        "chown",
        "cp",
        "export",
        "kill",
        "ln",
        "mkdir",
        "mkfifo",
        "mv",
        "popd",
        "pushd",
        "rm",
        "rmdir",
        "set",
        "sleep",
        "touch",
        "true",
        "umask",
        "unset",
        "wait",
    ]
)
"""Programs that print nothing when all went well."""

_SEPARATORS = frozenset({";", "&", "&&", "||", "|", "|&", "\n", ";;"})


_ENDS_EARLY = frozenset({"exec", "exit", "set", "trap"})
"""With one of these the code may come from anywhere in the command."""


def meaning(command: str, code: int, output: str) -> str | None:
    """What the code says when it is an answer; None when it is a success or a failure.

    The program that has set the code must be certain: the last of the command, with nothing before it
    that could have failed in its place. A `cd` before `&&` is let through, for it says so when it fails.
    """
    parts = _parts(command) if code == 1 else []
    if not parts or any(_ENDS_EARLY.intersection(words) for _, words in parts):
        return None
    for (_, before), (separator, _) in zip(parts[-2::-1], parts[:0:-1], strict=True):
        if separator == "||" or (separator == "&&" and (before[0] != "cd" or "cd: " in output)):
            return None
        if separator not in ("|", "|&", "&&"):
            break
    return _ANSWERS.get(os.path.basename(parts[-1][1][0]))


def is_silent(command: str) -> bool:
    """Whether no output is what one expects of the command."""
    first = command.split(None, 1)
    if not first or first[0] not in _SILENT:
        return False
    parts = _parts(command)
    return bool(parts) and all(words[0] in _SILENT for _, words in parts)


def _parts(command: str) -> list[tuple[str, list[str]]]:
    """The simple commands as (separator before it, words); [] when the text is not that simple."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|\n<>()")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    parts: list[tuple[str, list[str]]] = [("", [])]
    try:
        for token in lexer:
            if token.strip("\n") == "" and token:
                token = "\n"
            if token in _SEPARATORS:
                if parts[-1][1]:
                    parts.append((token, []))
            elif not _is_assignment(token) or parts[-1][1]:
                parts[-1][1].append(token)
    except ValueError:  # an open quote, or a heredoc that looks like one
        return []
    return [(separator, words) for separator, words in parts if words]


def _is_assignment(token: str) -> bool:
    name, equals, _ = token.partition("=")
    return bool(equals) and name.isidentifier()
