r"""Regular expressions of ripgrep for Python's `re`, used where there is no ripgrep.

Both know the common part. Written differently: `\z`, `(?<name>…)`, `\<`, `\>`, `\b{start}`,
`\x{…}`, `[[:alpha:]]`. Refused by name, because `re` has no like: `\p{…}`, sets within classes,
flags inside the pattern, possessive quantifiers, repeats within repeats (they can take forever).
Where the two differ unseen: `\w` of ripgrep also takes combining marks.
"""

from __future__ import annotations

import re

from hames.errors import ToolError

NOT_UTF8 = "\udc80-\udcff"
"""Bytes that are no UTF-8, as decoded with `surrogateescape`; nothing but themselves matches them."""

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\x0b\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t]",
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
    "D": rf"[^\d{NOT_UTF8}]",
    "S": rf"[^\s{NOT_UTF8}]",
    "W": rf"[^\w{NOT_UTF8}]",
}
_BOUNDARIES = {
    "start": r"\b(?=\w)",
    "end": r"\b(?<=\w)",
    "start-half": r"(?<!\w)",
    "end-half": r"(?!\w)",
}
_REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")
_FLAGS = re.compile(r"\(\?([imsx]+)\)")
MANY = 10
"""A counted repeat of more than this is taken for an endless one."""


def compile_regex(
    pattern: str, *, literal: bool, ignore_case: bool, dotall: bool
) -> tuple[re.Pattern[str], bool]:
    """The expression, and whether it can be slow on long texts. Raises ValueError, or
    ToolError for what only ripgrep can do.
    """
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
    if literal:
        return re.compile(re.escape(pattern), flags), False
    if found := _FLAGS.match(pattern):
        pattern = pattern[found.end() :]
        for flag in found[1]:
            flags |= {"i": re.IGNORECASE, "x": re.VERBOSE}.get(flag, 0)
            dotall = dotall or flag == "s"
    translation = _Translation(pattern, dotall)
    try:
        return re.compile(translation.text, flags), translation.repeats > 1
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from error


def _needs_ripgrep(what: str) -> ToolError:
    return ToolError(
        f"Without ripgrep, which is not installed here, {what} cannot be searched for. Write the "
        "pattern without that."
    )


class _Translation:
    """Walks over a pattern once; the outcome is in `text` and `repeats`."""

    def __init__(self, pattern: str, dotall: bool) -> None:
        self.text = ""
        self.repeats = 0
        self._pattern = pattern
        self._any = f"[^{'' if dotall else chr(92) + 'n'}{NOT_UTF8}]"
        self._at = 0
        self._open: list[bool] = []
        self._repeats_inside = False
        while self._at < len(pattern):
            self._step()

    def _step(self) -> None:
        """Translate one item and the repeat behind it."""
        sign = self._pattern[self._at]
        self._repeats_inside = False
        if sign == "\\":
            self._escape()
        elif sign == "[":
            self._class()
        elif sign == "(":
            self._group()
            return
        elif sign == ")":
            self._repeats_inside = self._open.pop() if self._open else False
            self._take(1)
        elif sign == ".":
            self._at += 1
            self.text += self._any
        else:
            self._take(1)
            if sign in "|^":
                return
        self._repeat()

    def _take(self, count: int) -> None:
        self.text += self._pattern[self._at : self._at + count]
        self._at += count

    def _group(self) -> None:
        rest = self._pattern[self._at :]
        if re.match(r"\(\?<[A-Za-z_]", rest):
            self._at += 3
            self.text += "(?P<"
        elif re.match(r"\(\?[a-zA-Z]*-?[a-zA-Z]+[:)]", rest):
            raise _needs_ripgrep("flags inside the pattern")
        elif found := re.match(r"\(\?(?:P<|P=|<?[=!]|:|>)|\(", rest):
            self._take(found.end())
        self._open.append(False)

    def _escape(self) -> None:
        rest = self._pattern[self._at + 1 :]
        if found := re.match(r"[xuU]\{([0-9A-Fa-f]+)\}", rest):
            self.text += re.escape(chr(int(found[1], 16)))
            self._at += 1 + found.end()
        elif found := re.match(r"b\{([a-z-]+)\}", rest):
            if found[1] not in _BOUNDARIES:
                raise ValueError(f"unknown boundary `{found[1]}`")
            self.text += _BOUNDARIES[found[1]]
            self._at += 1 + found.end()
        elif rest[:1] in ("p", "P"):
            raise _needs_ripgrep("`\\p`")
        elif rest[:1] in _ESCAPES:
            self.text += _ESCAPES[rest[0]]
            self._at += 2
        else:
            self._take(2)

    def _class(self) -> None:
        """A class; one that is negated does not match what is no UTF-8."""
        at = self._at + 1
        inside = "["
        if self._pattern[at : at + 1] == "^":
            inside += "^" + NOT_UTF8
            at += 1
        first = at
        while self._pattern[at : at + 1] != "]" or at == first:
            if at >= len(self._pattern):
                raise ValueError("unclosed character class")
            part, at = self._class_item(at)
            inside += part
        self._at = at + 1
        self.text += inside + "]"

    def _class_item(self, at: int) -> tuple[str, int]:
        rest = self._pattern[at:]
        if found := re.match(r"\[:([a-z]+):\]", rest):
            if found[1] not in _POSIX:
                raise ValueError(f"unknown class `{found[0]}`")
            return _POSIX[found[1]], at + found.end()
        if rest[0] == "[" or rest[:2] in ("&&", "--", "~~"):
            raise _needs_ripgrep("sets within classes")
        if found := re.match(r"\\[xuU]\{([0-9A-Fa-f]+)\}", rest):
            return re.escape(chr(int(found[1], 16))), at + found.end()
        if rest[:2] in ("\\p", "\\P"):
            raise _needs_ripgrep("`\\p`")
        if rest[0] == "\\":
            return rest[:2], at + 2
        return ("\\" + rest[0] if rest[0] in "&~|" else rest[0]), at + 1

    def _repeat(self) -> None:
        """The repeat behind an item, if there is one; refused when it can take forever."""
        found = _REPEAT.match(self._pattern, self._at)
        endless = False
        if found and found[0] not in ("{}", "{,}"):
            endless = _is_endless(found[0])
            if endless and self._repeats_inside:
                raise _needs_ripgrep("repeats within repeats")
            self._take(len(found[0]))
            if self._pattern[self._at : self._at + 1] == "+":
                raise _needs_ripgrep("possessive quantifiers")
            if self._pattern[self._at : self._at + 1] == "?":
                self._take(1)
        self.repeats += endless
        if self._open:
            self._open[-1] = self._open[-1] or endless or self._repeats_inside


def _is_endless(repeat: str) -> bool:
    if repeat[0] != "{":
        return repeat != "?"
    low, comma, high = repeat[1:-1].partition(",")
    return not high if comma and not high else int(high or low or 0) > MANY
