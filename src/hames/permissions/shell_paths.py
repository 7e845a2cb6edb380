"""Files that a shell command touches, as far as its words tell: operands, options, names inside of code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from hames.permissions.readonly_commands import RECURSIVE, UNREAD
from hames.permissions.shell_writes import after, operands_of, written
from hames.permissions.words import Word, plain
from hames.permissions.wrappers import Inner, is_wrapper

_LONGEST_PATH = 4096

_STATUS_ONLY = frozenset(["du", "stat", "df", "readlink", "realpath"])
"""Commands that look at files without opening them."""
_GREPS = frozenset(("grep", "egrep", "fgrep"))
_SEARCH_HERE = _GREPS | {"rg", "ag", "ack", "git"}
"""Commands that search the folder they work in when they are given none."""
_NAMES_ONLY = frozenset(["ls", "find", "tree"])
"""Commands that show names. A folder that they are given is judged, a glob is not."""


class Touched(msgspec.Struct, frozen=True):
    """Words of a command that name files."""

    read: list[Word]
    written: list[Word]
    deep: bool = False
    """What lies below a folder among them is touched too."""
    hidden: bool = True
    """That includes names with a leading dot."""
    code: Sequence[Word] = ()
    """What may name files inside of other text: in code, in options."""


def touched(inner: Inner, known: list[Word] | None) -> Touched:
    """The words of a command that may name files. For deny rules, so rather too many than too few.

    `known` is what a read-only command reads.
    """
    name, words = inner.name, inner.words
    operands = list(words[1:])
    if name in UNREAD or name in _STATUS_ONLY:
        return Touched([], written(inner))
    if name == "dd":
        return Touched(after("if=", operands), after("of=", operands))
    deep = _is_deep(name, words)
    code: list[Word] = []
    if known is None:
        given = without_messages(inner)
        known = [piece for word in given for piece in _pieces(word)]
        code = [] if is_wrapper(name) else [part for word in given for part in _parts(word)]
        # The first operand is what is searched for.
        elsewhere = name != "git" and len(operands_of(operands)[0]) > 1
    else:
        elsewhere = bool(known)
        if name == "git":
            # `HEAD:path`, `:path`: what a commit or the index has of a file.
            known = [piece for word in known for piece in _pieces(word)]
    if deep and not elsewhere and name in _SEARCH_HERE:
        known = [*known, plain(".")]
    if name in _NAMES_ONLY:
        known = [word for word in known if not word.is_glob]
    return Touched(known, written(inner), deep, not _skips_hidden(name, words), code)


def _pieces(word: Word) -> Iterable[Word]:
    """An argument of an unknown command, and the parts of it that may be a path."""
    marked = word.marked
    yield word
    for part in re.split(r"[=:@]", marked)[1:]:
        if part:
            yield Word(word.raw, part, word.static)
    if re.match(r"-\w.", marked):
        yield Word(word.raw, marked[2:], word.static)


def _parts(word: Word) -> Iterable[Word]:
    """What in an argument with blanks, quotes and the like may be a path by itself."""
    if not word.static or not _CODE.search(word.marked) or len(word.marked) > _LONGEST_PATH:
        return
    for part in dict.fromkeys(_NO_PATH.split(word.marked)):
        if part.strip("./"):
            yield Word(word.raw, part, True)


_CODE = re.compile(r"[\s'\"()<>|;,`\[\]{}]")
_NO_PATH = re.compile(r"[^\w./~+%-]+")


def without_messages(inner: Inner) -> list[Word]:
    """The operands without the texts of commits and pull requests, which are no files."""
    name, operands = inner.name, list(inner.words[1:])
    if name not in ("git", "gh"):
        return operands
    return [
        word
        for at, word in enumerate(operands)
        if not (
            at
            and re.fullmatch("-[a-zA-Z]*m|--message|--title|--body|-b|-t", operands[at - 1].marked)
        )
        and not word.marked.startswith(("--message=", "--title=", "--body="))
    ]


def _skips_hidden(name: str, words: Sequence[Word]) -> bool:
    # Ripgrep passes over hidden files unless told otherwise.
    shows = re.compile(r"-\w*[u.]\w*|--hidden|--unrestricted|--no-ignore\S*")
    return name in ("rg", "ag", "ack") and not any(
        not word.static or shows.fullmatch(word.marked) for word in words[1:]
    )


def _is_deep(name: str, words: Sequence[Word]) -> bool:
    if name == "git":
        return any(word.marked in ("grep", "archive") for word in words[1:3])
    if name not in RECURSIVE:
        return False
    if name in ("rg", "ag", "ack", "mv", "tar", "zip", "rsync"):
        return True
    if name in _GREPS:
        return any(re.match(r"-\w*[rRd]|--[dr]", word.vague) for word in words[1:])
    return any(
        re.match(
            r"-\w*[rRa]|--recursive|--dereference-recursive|--archive|--directories", word.vague
        )
        for word in words[1:]
    )
