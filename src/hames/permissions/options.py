"""Options of commands: which a command may have, and a call taken apart by them.

Any option that is not listed, an abbreviated or a combined one too, makes the call unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from hames.permissions.words import Word

Operands = Literal["paths", "text", "none", "text-then-paths"]


class Options(msgspec.Struct, frozen=True):
    """The options of a command that only read. In `short`, `:` follows a letter with a value, `@` one
    whose value is a path; in `long`, `=` is a value that is needed, `?` one that may follow, `@` a path.
    """

    short: str = ""
    long: str = ""
    operands: Operands = "paths"
    most: int = 1_000_000
    """Operands, at most."""
    number: bool = False
    """`-5` is an option."""
    globs: bool = True
    """Operands may be globs. Not where a file name that looks like an option could do harm."""
    scripts: str = ""
    """Options that take the place of the first text operand (`-e` of grep)."""


class Use(msgspec.Struct, frozen=True):
    """A call of a command, taken apart by its options."""

    paths: list[Word]
    """Operands and option values that are files or folders."""
    texts: list[Word]
    """Other operands."""
    options: list[str]


def use(options: Options, words: Sequence[Word]) -> Use | None:
    """Take a call apart; None when an option or operand is not among the known ones."""
    used = Use([], [], [])
    left = list(words)
    operands: list[Word] = []
    while left:
        word = left.pop(0)
        text = word.marked
        if text == "--" and word.static:
            operands += left
            break
        if not text.startswith("-") or text == "-":
            operands.append(word)
        elif not word.static:
            return None
        elif text.startswith("--"):
            if not _long(options, word, left, used):
                return None
        elif not (options.number and text[1:].isdigit()) and not _short(options, word, left, used):
            return None
    return used if _operands(options, operands, used) else None


def _long(options: Options, word: Word, left: list[Word], used: Use) -> bool:
    name, equals, value = word.marked[2:].partition("=")
    for known in options.long.split():
        kind = known[-1] if known[-1] in "=?@" else ""
        if known.rstrip("=?@") != name:
            continue
        used.options.append("--" + name)
        if kind in ("", "?"):
            return not equals or kind == "?"
        if not equals:
            if not left or not left[0].static:
                return False
            value = left.pop(0).marked
        if kind == "@":
            used.paths.append(Word(value, value, True))
        return True
    return False


def _short(options: Options, word: Word, left: list[Word], used: Use) -> bool:
    text = word.marked[1:]
    while text:
        letter, text = text[0], text[1:]
        at = options.short.find(letter)
        if at < 0 or letter in ":@":
            return False
        used.options.append("-" + letter)
        kind = options.short[at + 1 : at + 2]
        if kind in (":", "@") and kind:
            if not text:
                if not left or not left[0].static:
                    return False
                text = left.pop(0).marked
            if kind == "@":
                used.paths.append(Word(text, text, True))
            return True
    return True


def _operands(options: Options, operands: list[Word], used: Use) -> bool:
    if len(operands) > options.most:
        return False
    if not options.globs and any(not word.static for word in operands):
        return False
    match options.operands:
        case "none":
            return not operands
        case "text":
            used.texts.extend(operands)
            used.paths.extend(word for word in operands if word.is_glob)
        case "paths":
            used.paths.extend(operands)
        case "text-then-paths":
            if not any(option in options.scripts.split() for option in used.options):
                if not operands or not operands[0].static:
                    return False
                used.texts.append(operands.pop(0))
            used.paths.extend(operands)
    return True


def paths_of(options: Options, words: Sequence[Word]) -> list[Word] | None:
    """The files and folders that a call names; None when it is not among the known ones."""
    used = use(options, words)
    return used.paths if used else None
