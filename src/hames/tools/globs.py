"""Glob patterns, read as gitignore and ripgrep read them.

A pattern without a slash means a name at any depth, one with a slash a path from the folder that is
searched. `*` and `?` stay within a name, `**` crosses folders; classes and braces are understood.
Errors are ValueErrors whose text says what is wrong with the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

MAX_ALTERNATIVES = 1000
"""Patterns that one pattern with braces may stand for."""

_SPECIAL = frozenset("*?[]{}\\")


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test of relative paths: one of the patterns matches, and none that begins with `!`.

    With only `!` patterns, everything else matches.
    """
    wanted, unwanted = [], []
    for pattern in patterns:
        if pattern.startswith("!"):
            unwanted += [regex_of(one) for one in expand(_rooted(pattern[1:]))]
        else:
            wanted += [regex_of(one) for one in expand(_rooted(pattern))]
    yes, no = _any_of(wanted), _any_of(unwanted)
    return lambda path: (yes is None or yes(path) is not None) and (no is None or no(path) is None)


def _rooted(pattern: str) -> str:
    """The pattern with `./` as `/`; in ignore files it is not understood so."""
    return pattern[1:] if pattern.startswith("./") else pattern


def _any_of(regexes: Sequence[str]) -> Callable[[str], object] | None:
    if not regexes:
        return None
    return re.compile("|".join(f"(?:{regex})" for regex in regexes), re.DOTALL).fullmatch


def names(patterns: Iterable[str]) -> tuple[str, ...]:
    """Patterns of file names, one of which every match has; () when nothing can be said."""
    found = []
    for pattern in patterns:
        if pattern.startswith("!"):
            continue
        for one in expand(pattern):
            name = one.rpartition("/")[2]
            if not name or "**" in name or any(sign in name for sign in "[]\\:"):
                return ()
            found.append(name)
    return tuple(dict.fromkeys(found))


def split(patterns: str) -> list[str]:
    """Several patterns in one text, separated by commas or blanks outside of braces."""
    found, depth = [""], 0
    for sign in patterns:
        depth += (sign == "{") - (sign == "}")
        if depth <= 0 and (sign == "," or sign.isspace()):
            found.append("")
        else:
            found[-1] += sign
    return [one for one in found if one]


def fixed_folder(pattern: str) -> tuple[str, str]:
    """The folder at the beginning that has no wildcard, and the rest of the pattern.

    The rest begins with `/` when it means a path from that folder.
    """
    if "/" not in pattern or pattern.startswith("!"):
        return "", pattern
    parts = pattern.split("/")
    fixed = 0
    while fixed < len(parts) - 1 and not _SPECIAL & set(parts[fixed]):
        fixed += 1
    folder = "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else "")
    return folder, "/" + "/".join(parts[fixed:])


def expand(pattern: str) -> list[str]:
    """The patterns without braces that a pattern with braces stands for."""
    found = [""]
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\" and at + 1 < len(pattern):
            step, choices = 2, [pattern[at : at + 2]]
        elif sign == "[":
            step = _class_end(pattern, at) - at
            choices = [pattern[at : at + step]]
        elif sign == "{":
            step, choices = _choices(pattern, at)
        elif sign == "}":
            raise ValueError("a `}` closes nothing")
        else:
            step, choices = 1, [sign]
        found = [begin + choice for begin in found for choice in choices]
        if len(found) > MAX_ALTERNATIVES:
            raise ValueError(f"its braces stand for more than {MAX_ALTERNATIVES} patterns")
        at += step
    return found


def _choices(pattern: str, start: int) -> tuple[int, list[str]]:
    """How long the braces at `start` are, and what may stand in their place."""
    depth, at, begin, found = 0, start, start + 1, []
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif sign == "{":
            depth += 1
        elif sign == "," and depth == 1:
            found += expand(pattern[begin:at])
            begin = at + 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                return at + 1 - start, found + expand(pattern[begin:at])
        at += 1
    raise ValueError("a `{` is not closed")


def regex_of(pattern: str) -> str:
    """The regular expression of a pattern without braces, for the whole of a relative path."""
    anchored = "/" in pattern.rstrip("/")
    if pattern.endswith("/"):
        pattern += "**"
    parts = pattern.removeprefix("/").split("/")
    regex = "" if anchored else "(?:.*/)?"
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part == "**":
            regex += ".+" if last else "(?:.*/)?"
        else:
            regex += _name_regex(part) + ("" if last else "/")
    return regex


def _name_regex(part: str) -> str:
    regex, at = "", 0
    while at < len(part):
        sign = part[at]
        if sign == "[":
            end = _class_end(part, at)
            regex += _class_regex(part[at + 1 : end - 1])
            at = end
            continue
        if sign == "\\":
            at += 1
            if at == len(part):
                raise ValueError("a `\\` stands at its end")
            regex += re.escape(part[at])
        elif sign == "*":
            regex += "" if regex.endswith("[^/]*") else "[^/]*"
        else:
            regex += "[^/]" if sign == "?" else re.escape(sign)
        at += 1
    return regex


def _class_end(pattern: str, start: int) -> int:
    """The place after the `]` of the class that begins at `start`."""
    at = start + 1
    if pattern[at : at + 1] in ("!", "^"):
        at += 1
    end = pattern.find("]", at + 1)
    if end < 0:
        raise ValueError("a `[` is not closed")
    return end + 1


def _class_regex(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    body = inside[1:] if negated else inside
    regex, at = "", 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            low, high = body[at], body[at + 2]
            if low > high:
                raise ValueError(f"the range `{low}-{high}` is upside down")
            regex += f"{re.escape(low)}-{re.escape(high)}"
            at += 3
        else:
            regex += re.escape(body[at])
            at += 1
    return f"(?!/)[{'^' if negated else ''}{regex}]"
