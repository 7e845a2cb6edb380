"""Words of a shell command: what stands in the source, and what is known of the argument it becomes.

Text that is known only when the command runs is the mark `ANY`; unquoted letters of globs and braces
are marks too. The marks are control characters, which no command that is judged may contain.
"""

from __future__ import annotations

import fnmatch
import re

import msgspec

ANY, STAR, QUESTION, BRACKET, BRACE, COMMA, CLOSE = "\0\1\2\3\4\5\6"
_LITERAL = str.maketrans(
    {STAR: "*", QUESTION: "?", BRACKET: "[", BRACE: "{", COMMA: ",", CLOSE: "}"}
)
_GLOB = re.compile(f"[{STAR}{QUESTION}{BRACKET}]")
_OPEN = re.compile("[\0-\6]")
_BRACES = re.compile(f"{BRACE}([^{BRACE}{CLOSE}]*){CLOSE}")
_MOST_READINGS = 64


class Word(msgspec.Struct, frozen=True):
    """A word of a command."""

    raw: str
    """As it stands in the source."""
    marked: str
    """After quote removal, with marks for what is not literal."""
    static: bool
    """It becomes exactly one argument, `marked`."""

    @property
    def text(self) -> str:
        """The argument, as far as it is known; `ANY` stands for the rest."""
        return self.marked.translate(_LITERAL)

    @property
    def is_glob(self) -> bool:
        return _GLOB.search(self.marked) is not None

    @property
    def vague(self) -> str:
        """The text with every glob and brace as `ANY` too: what deny rules are held against."""
        if self.static:
            return self.marked
        # What follows a bracket belongs to the glob up to an end that is not looked for.
        marked = re.sub(f"{BRACKET}.*", ANY, _without_braces(self.marked), flags=re.DOTALL)
        return re.sub("[\0-\6]+", ANY, marked)


def plain(text: str) -> Word:
    """A word that is its own text."""
    return Word(text, text, True)


def readings(marked: str) -> list[str]:
    """The words that brace expansion makes of it; what are too many becomes `ANY`."""
    done: list[str] = []
    left = [marked]
    while left:
        word = left.pop()
        found = _BRACES.search(word)
        if found is None:
            done.append(word)
        elif COMMA not in found[1] or len(left) + len(done) > _MOST_READINGS:
            left.append(word[: found.start()] + ANY + word[found.end() :])
        else:
            left += [
                word[: found.start()] + part + word[found.end() :] for part in found[1].split(COMMA)
            ]
    return done


def glob_pattern(marked: str) -> str:
    """A glob word in the language of fnmatch; `ANY` matches everything."""
    parts: list[str] = []
    for char in marked:
        match char:
            case "\0" | "\1":
                parts.append("*")
            case "\2":
                parts.append("?")
            case "\3":
                parts.append("[")
            case "*" | "?" | "[":
                parts.append(f"[{char}]")
            case _:
                parts.append(char.translate(_LITERAL))
    return "".join(parts).replace("[^", "[!")


def segment_regex(marked: str) -> re.Pattern[str]:
    """What names a glob segment matches."""
    return re.compile(fnmatch.translate(glob_pattern(marked)))


def is_open(marked: str) -> bool:
    """Whether there is anything in it that is not literal."""
    return _OPEN.search(marked) is not None


def wildcard_match(pattern: str, text: str) -> bool:
    """Whether a pattern with `*` for any text matches. In one pass: regular expressions try all splits."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    if not text.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(text) - at >= len(others[-1]) and text.endswith(others[-1])


def could_match(pattern: str, text: str) -> bool:
    """Whether a text with `ANY` in it may be one that a pattern with `*` in it matches.

    Both are wildcards; asked is whether they have a text in common.
    """
    # Position sets over the pattern, advanced by one letter of the text at a time.
    at = _with_skips(pattern, {0})
    for char in text:
        if char == ANY:
            at = _with_skips(pattern, set(range(min(at), len(pattern) + 1)))
        else:
            at = _with_skips(
                pattern,
                {
                    i if pattern[i] == "*" else i + 1
                    for i in at
                    if pattern[i : i + 1] in ("*", char)
                },
            )
        if not at:
            return False
        if len(pattern) - 1 in at and pattern[-1] == "*":
            return True
    return len(pattern) in at


def _with_skips(pattern: str, at: set[int]) -> set[int]:
    for i in list(at):
        while pattern[i : i + 1] == "*":
            i += 1
            at.add(i)
    return at


def _without_braces(marked: str) -> str:
    # From the first opening brace to the last closing one, so that nested braces go as well.
    start, end = marked.find(BRACE), marked.rfind(CLOSE)
    return marked[:start] + ANY + marked[end + 1 :] if 0 <= start < end else marked


def scan(
    source: str, start: int, end: int, holes: dict[int, tuple[int, str]]
) -> tuple[str, bool] | None:
    """The marked text of one word of shell source and whether it is static.

    `holes` tells where the grammar found expansions: start to end and known value. None means that
    the word reads differently from what the grammar says, so it must not be trusted.
    """
    out: list[str] = []
    static = True
    quoted = False
    at = start
    while at < end:
        char = source[at]
        if (hole := holes.get(at)) is not None:
            out.append(hole[1])
            static = False
            at = hole[0]
            continue
        if char == "\\":
            following = source[at + 1] if at + 1 < end else "\n"
            if following == "\n":
                return None
            if quoted and following not in '$`"\\':
                out.append("\\")
            out.append(following)
            at += 2
            continue
        if char == '"':
            quoted = not quoted
        elif char in "$`" and not (char == "$" and _is_literal_dollar(source, at, end, quoted)):
            return None
        elif quoted:
            out.append(char)
        elif char == "'":
            close = source.find("'", at + 1, end)
            if close < 0:
                return None
            out.append(source[at + 1 : close])
            at = close
        elif char in " \t\n;&|<>()" or (char == "#" and at == start):
            return None
        elif (mark := _MARKS.get(char)) is not None:
            out.append(mark)
        else:
            out.append(char)
        at += 1
    if quoted:
        return None
    marked = _plain_braces("".join(out))
    return marked, static and not is_open(marked)


_MARKS = {"*": STAR, "?": QUESTION, "[": BRACKET, "{": BRACE, ",": COMMA, "}": CLOSE}


def _is_literal_dollar(source: str, at: int, end: int, quoted: bool) -> bool:
    following = source[at + 1] if at + 1 < end else ""
    return following in ("", " ", "\t", ".", "/", "%", "+", ",", ":", "=", "^", "|") or (
        quoted and following == '"'
    )


def _plain_braces(marked: str) -> str:
    """Braces, commas and brackets that expand to nothing but themselves, made literal."""
    if BRACE in marked:
        start, end = marked.find(BRACE), marked.rfind(CLOSE)
        inside = marked[start:end] if end > start else ""
        if COMMA in inside or ".." in inside:
            return marked if COMMA in inside else _without_braces(marked)
    return marked.translate(_NO_BRACES)


_NO_BRACES = str.maketrans({BRACE: "{", COMMA: ",", CLOSE: "}"})
