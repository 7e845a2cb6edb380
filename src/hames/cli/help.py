"""Help as text, made from the table of flags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from hames.cli.parse import Flag

INDENT = 28
"""Column in which explanations start."""


def text(
    usage: str,
    intro: str,
    flags: Sequence[Flag],
    *,
    commands: Iterable[tuple[str, str]] = (),
    arguments: Iterable[tuple[str, str]] = (),
    closing: str = "",
    width: int | None = None,
) -> str:
    """The help of a command."""
    width = width or _terminal_width()
    lines = [f"Usage: {usage}", "", *_wrapped(intro, width)]
    for title, rows in (("Arguments", arguments), ("Commands", commands)):
        if rows := list(rows):
            lines += ["", f"{title}:", *(line for row in rows for line in _row(*row, width))]
    for group, members in _grouped(flags).items():
        lines += ["", f"{group}:"]
        for flag in members:
            lines += _row(_heading(flag), _explanation(flag), width)
    if closing:
        lines += ["", closing.rstrip("\n")]
    return "\n".join(lines) + "\n"


def _grouped(flags: Sequence[Flag]) -> dict[str, list[Flag]]:
    groups: dict[str, list[Flag]] = {}
    for flag in flags:
        if not flag.hidden:
            groups.setdefault(flag.group, []).append(flag)
    return groups


def _heading(flag: Flag) -> str:
    names = ", ".join(flag.names)
    match flag.kind:
        case "switch":
            return names
        case "one":
            return f"{names} {flag.value}"
        case "maybe":
            return f"{names} [{flag.value}]"
        case "many":
            return f"{names} {flag.value}..."


def _explanation(flag: Flag) -> str:
    parts = [flag.help]
    if flag.choices and not all(f"`{choice}`" in flag.help for choice in flag.choices):
        parts.append(f"One of: {', '.join(flag.choices)}.")
    if flag.env:
        parts.append(f"[{flag.env}]")
    return " ".join(parts)


def _row(heading: str, explanation: str, width: int) -> Iterator[str]:
    lines = list(_wrapped(explanation, max(width - INDENT, 20)))
    if len(heading) + 4 > INDENT:
        yield f"  {heading}"
    else:
        yield f"  {heading:<{INDENT - 2}}{lines.pop(0)}"
    yield from (" " * INDENT + line for line in lines)


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _terminal_width() -> int:
    try:
        return min(os.get_terminal_size(1).columns, 100)
    except OSError:
        return 90
