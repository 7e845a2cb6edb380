"""Commands whose arguments are a small language: find, sed, awk, jq; which of their programs only read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hames.permissions.options import Options, Use, use
from hames.permissions.words import Word

_FIND_FLAGS = frozenset(
    [
        "-a",
        "-o",
        "-and",
        "-or",
        "-not",
        "!",
        "(",
        ")",
        ",",
        "-print",
        "-print0",
        "-prune",
        "-empty",
        "-ls",
        "-depth",
        "-xdev",
        "-mount",
        "-readable",
        "-writable",
        "-executable",
        "-true",
        "-false",
        "-quit",
        "-daystart",
        "-noleaf",
        "-nouser",
        "-nogroup",
    ]
)
_FIND_VALUES = frozenset(
    [
        "-name",
        "-iname",
        "-path",
        "-ipath",
        "-wholename",
        "-iwholename",
        "-regex",
        "-iregex",
        "-type",
        "-xtype",
        "-maxdepth",
        "-mindepth",
        "-size",
        "-mtime",
        "-mmin",
        "-atime",
        "-amin",
        "-ctime",
        "-cmin",
        "-user",
        "-group",
        "-perm",
        "-links",
        "-inum",
        "-printf",
        "-regextype",
        "-uid",
        "-gid",
        "-lname",
        "-ilname",
        "-newermt",
        "-used",
    ]
)
_FIND_PATHS = frozenset(("-newer", "-anewer", "-cnewer", "-samefile"))


def find(words: Sequence[Word]) -> list[Word] | None:
    """The folders that a call of find looks through."""
    if not all(word.static for word in words):
        return None
    left = list(words)
    paths: list[Word] = []
    while left and not left[0].marked.startswith(("-", "(", "!", ",")):
        paths.append(left.pop(0))
    while left:
        text = left.pop(0).marked
        if text in _FIND_VALUES or text in _FIND_PATHS:
            if not left:
                return None
            value = left.pop(0)
            if text in _FIND_PATHS:
                paths.append(value)
        elif text not in _FIND_FLAGS:
            return None
    return paths


_SED_TEXT = {mark: rf"(?:[^{re.escape(mark)}\\\n]|\\[^\n])*" for mark in "/|#,@:"}
_SED_ADDRESS = rf"(?:\d+|\$|/{_SED_TEXT['/']}/I?)"
_SED_CHANGE = "|".join(
    rf"[sy]{re.escape(mark)}{text}{re.escape(mark)}{text}{re.escape(mark)}[gpiI0-9]*"
    for mark, text in _SED_TEXT.items()
)
# No two parts of these may match the same blank: trying every split of long runs would take forever.
_SED_COMMAND = (
    rf"(?:{_SED_ADDRESS}(?:,(?:{_SED_ADDRESS}|[+~]\d+))?[ \t]*(?:![ \t]*)?)?"
    rf"(?:[pdqlhHgGxnND=]|{_SED_CHANGE})[ \t]*"
)
_SED_SCRIPT = re.compile(rf"\s*{_SED_COMMAND}(?:[;\n]\s*{_SED_COMMAND})*;?\s*")
_SED = Options(
    "nErsuze:",
    "quiet silent regexp-extended expression= null-data separate unbuffered posix sandbox",
    "text-then-paths",
    globs=False,
    scripts="-e --expression",
)


def sed(words: Sequence[Word]) -> list[Word] | None:
    """The files that a call of sed prints from."""
    used = use(_SED, words)
    return used.paths if used and sed_prints(words, used) else None


def sed_prints(words: Sequence[Word], used: Use) -> bool:
    """Whether the scripts of a sed call neither write files nor run programs."""
    scripts = [word.marked for word in used.texts]
    left = list(words)
    while left:
        text = left.pop(0).marked
        if text == "--":
            break
        if text.startswith("--expression="):
            scripts.append(text.partition("=")[2])
        elif text == "--expression" or re.fullmatch("-[nErsuz]*e", text):
            scripts.append(left.pop(0).marked if left else "")
        elif found := re.fullmatch("-[nErsuz]*e(.+)", text, re.DOTALL):
            scripts.append(found[1])
    return bool(scripts) and all(
        len(text) < 2000 and _SED_SCRIPT.fullmatch(text) for text in scripts
    )


_AWK_ITEM = r'(?:\$(?:\d+|NF)|NR|NF|FNR|"[^"\\|<>]*")'
_AWK_TEST = (
    r"(?:NR|NF|FNR|\$\d+|\$NF)\s*(?:==|!=|<=|>=|<|>|~|!~)\s*(?:\d+|\"[\w .:/-]*\"|/[^/\\]*/)"
    r"|/[^/\\]*/|NF"
)
_AWK_PRINT = rf"print(?:\s*{_AWK_ITEM}(?:\s*(?:,\s*)?{_AWK_ITEM})*)?"
_AWK_PROGRAM = re.compile(rf"\s*(?:(?:{_AWK_TEST})\s*)?(?:\{{\s*{_AWK_PRINT}\s*(?:;\s*)?\}}\s*)?")


def awk(words: Sequence[Word]) -> list[Word] | None:
    """The files that a call of awk prints from."""
    used = use(Options("F:", "field-separator=", "text-then-paths", globs=False), words)
    if used is None or not used.texts[0].marked.strip():
        return None
    return used.paths if _AWK_PROGRAM.fullmatch(used.texts[0].marked) else None


def jq(words: Sequence[Word]) -> list[Word] | None:
    """The files that a call of jq reads."""
    known = "raw-output compact-output sort-keys exit-status null-input slurp raw-input tab indent= join-output"
    used = use(
        Options("rcSesnRjMC", known + " color-output monochrome-output", "text-then-paths"), words
    )
    # `env`, `$ENV` and modules reach beyond the input.
    if used is None or re.search(
        r"env|ENV|import|include|input|debug|halt|getpath|module", used.texts[0].marked
    ):
        return None
    return used.paths
