"""The text of memory files: comments, imports, and the front matter of rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.S)
_IMPORT = re.compile(r"(?:^|(?<=\s))@((?:[^\s\\]|\\ )+)", re.M)
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.M | re.S)
_BRACES = re.compile(r"\{([^{}]*)\}")

MOST_PATTERNS = 200
"""Patterns that one rule may grow into; braces multiply."""


def without_comments(text: str) -> str:
    """The text without HTML comments; those in code are text."""
    if "<!--" not in text:
        return text
    found = [match.span() for match in _COMMENT.finditer(_without_code(text))]
    for start, end in reversed(found):
        text = text[:start] + text[end:]
    return text


def imports(text: str) -> Iterator[str]:
    """The paths that `@path` names outside of code, in their order, each once.

    Of a path that ends in punctuation the reader has to try both: with it and without.
    """
    if "@" in text:
        found = (match[1].replace("\\ ", " ") for match in _IMPORT.finditer(_without_code(text)))
        yield from dict.fromkeys(path for path in found if path.strip("./~"))


def front_matter(text: str) -> tuple[list[str], str]:
    """The `paths` patterns of a rule, and the text behind its front matter."""
    found = _FRONT.match(text)
    if found is None:
        return [], text
    return _paths(found[1]), text[found.end() :]


def _paths(front: str) -> list[str]:
    lines = front.splitlines()
    for number, line in enumerate(lines):
        key, colon, value = line.partition(":")
        if not colon or key.strip() != "paths":
            continue
        value = value.strip()
        if value:
            given = _split(value[1:-1] if value[:1] == "[" and value[-1:] == "]" else value)
        else:
            given = []
            for item in lines[number + 1 :]:
                if not item.strip().startswith("- "):
                    break
                given.append(item.strip()[2:])
        patterns = [_unquoted(one) for one in given]
        return [each for one in patterns if one for each in _expanded(one)][:MOST_PATTERNS]
    return []


def _split(value: str) -> list[str]:
    """The parts between commas that are in no braces."""
    value = _unquoted(value)
    parts, depth = [""], 0
    for char in value:
        depth += (char == "{") - (char == "}")
        if char == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _unquoted(text: str) -> str:
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    inner = text[1:-1] if quoted else text
    return text if quoted and text[0] in inner else inner


def _expanded(pattern: str) -> list[str]:
    """The patterns that one with braces stands for."""
    done: list[str] = []
    waiting = [pattern]
    while waiting and len(done) + len(waiting) < MOST_PATTERNS:
        one = waiting.pop(0)
        found = _BRACES.search(one)
        if found is None:
            done.append(one)
        else:
            waiting += (one[: found.start()] + x + one[found.end() :] for x in found[1].split(","))
    return done


def _without_code(text: str) -> str:
    """The text with blanks in place of code, of the same length."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return _SPAN.sub(blank, _FENCE.sub(blank, text))
