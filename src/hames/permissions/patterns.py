"""Path patterns of `Read(...)` and `Edit(...)` rules: gitignore's language with anchors.

`//x` is the root of the file system, `~/x` home, `/x` the place of the rule, `x` and `./x` the current
directory. A pattern that matches a directory covers what is in it. Allow patterns are read narrowly,
deny and ask patterns widely.
"""

from __future__ import annotations

import os.path
import re
import unicodedata

import msgspec

from hames.errors import OptionsError


class PathPattern(msgspec.Struct, frozen=True):
    """A compiled pattern; `matches` takes absolute, normalised paths."""

    regexes: tuple[re.Pattern[str], ...]
    wide: bool

    def matches(self, path: str) -> bool:
        path = comparable(path) if self.wide else path
        return any(regex.match(path) for regex in self.regexes)


def comparable(path: str) -> str:
    """A path in the form in which deny rules and protected names compare: without case.

    Some file systems ignore case and compose letters, so that other spellings reach the same file.
    """
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def compile_pattern(
    text: str, *, wide: bool, base: str, home: str, here: tuple[str, ...]
) -> PathPattern:
    """Compile one pattern. `base` is the place of the rule, `here` the current directories."""
    bases, rest = _anchor(text, base, home, here)
    anchored = bases is not here
    folder_only = rest.endswith("/")
    rest = re.sub(r"/+", "/", rest).strip("/")
    rest, up = _without_dots(rest)
    for _ in range(up):
        bases = tuple(map(os.path.dirname, bases))
        anchored = True
    body = _body(rest, anchored=anchored or (folder_only and "/" in rest), wide=wide)
    return PathPattern(tuple(_regex(folder, body, wide) for folder in bases), wide)


def check_pattern(text: str) -> None:
    """Raise OptionsError for a pattern that cannot be read."""
    try:
        compile_pattern(text, wide=False, base="/", home="/", here=("/",))
    except re.error as error:
        raise OptionsError(
            f"`{text}` is not a path pattern: {error.msg}. Write `\\[` for a bracket that means itself."
        ) from error


def _without_dots(rest: str) -> tuple[str, int]:
    """A pattern without `.` and `..`, and how many folders it begins above its base."""
    kept: list[str] = []
    up = 0
    for segment in rest.split("/"):
        if segment == "..":
            if kept and kept[-1] != "**":
                kept.pop()
            elif not kept:
                up += 1
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept), up


def _anchor(text: str, base: str, home: str, here: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    if text.startswith("//"):
        return ("/",), text[2:]
    if text == "~" or text.startswith("~/"):
        return (home or "/",), text[2:]
    if text.startswith("/"):
        return (base,), text[1:]
    return here, text


def _body(rest: str, *, anchored: bool, wide: bool) -> str:
    """The regular expression of the part below the base."""
    if rest in ("", ".", "**"):
        return "(?:/.*)?"
    segments = rest.split("/")
    inside = segments[-1] == "**"
    if inside:
        segments.pop()
    # gitignore: a pattern without an inner slash holds at any depth. The reference reads `src/**` as
    # one level in allow rules and as any depth in deny and ask rules.
    floats = not anchored and len(segments) == 1 and (wide or not inside)
    path = "(?:/[^/]+)*?" if floats else ""
    for segment in segments:
        path += "(?:/[^/]+)*" if segment == "**" else "/" + _segment(segment)
    if inside:
        return path + ("(?:/.*)?" if wide else "/.+")
    # `Read(~/*)` opens no folder below home, which gitignore's reading would do.
    return path + ("(?:/.*)?" if wide or "*" not in segments[-1] else "")


def _segment(segment: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(segment):
        char = segment[at]
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "\\" and at + 1 < len(segment):
            at += 1
            parts.append(re.escape(segment[at]))
        elif char == "[" and (found := re.compile(r"\[([!^]?)(\]?[^\]]*)\]").match(segment, at)):
            inner = found[2].replace("\\", "\\\\").replace("[", "\\[")
            inner = "\\" + inner if inner.startswith("]") else inner
            parts.append(f"(?!/)[{'^' if found[1] else ''}{inner}]")
            at = found.end() - 1
        else:
            parts.append(re.escape(char))
        at += 1
    return "".join(parts)


def _regex(folder: str, body: str, wide: bool) -> re.Pattern[str]:
    prefix = "" if folder == "/" else folder.rstrip("/")
    whole = re.escape(prefix) + body
    if wide:
        return re.compile(comparable_pattern(whole) + r"\Z", re.IGNORECASE | re.DOTALL)
    return re.compile(whole + r"\Z", re.DOTALL)


def comparable_pattern(pattern: str) -> str:
    """A regular expression in the form of `comparable`, its own letters left alone."""
    return pattern if pattern.isascii() else unicodedata.normalize("NFC", pattern)
