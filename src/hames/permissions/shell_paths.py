"""Files that a shell command touches: operands, globs, the folder it works in, critical removals."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

import msgspec

from hames.permissions.options import Options, use
from hames.permissions.paths import files_of, normal, place, start_of
from hames.permissions.protected import critical_folders
from hames.permissions.readonly_commands import RECURSIVE, UNREAD
from hames.permissions.readonly_languages import sed_prints
from hames.permissions.types import Policy
from hames.permissions.words import (
    ANY,
    BRACKET,
    QUESTION,
    STAR,
    Word,
    is_open,
    plain,
    readings,
    segment_regex,
)
from hames.permissions.wrappers import Inner, is_wrapper

_MOST_NAMES = 3000
_MOST_SEEN = 20_000
_LONGEST_NAME = 300
_LONGEST_PATH = 4096
_MOST_FOLDERS = 8
_GLOB = re.compile(f"[{STAR}{QUESTION}{BRACKET}]")

_CHANGED_WHOLE = frozenset(
    [
        "rm",
        "rmdir",
        "unlink",
        "shred",
        "mkdir",
        "touch",
        "truncate",
        "chmod",
        "chown",
        "chgrp",
        "tee",
        "mkfifo",
        "mknod",
        "setfacl",
        "chattr",
    ]
)
"""Commands that write all their operands."""
_CHANGED_IF_NAMED = frozenset(("patch", "sponge", "split", "csplit", "script", "ed", "ex"))
"""Programs that may write any of their operands."""
_OUTPUT_BY_OPTION = {
    **dict.fromkeys(
        ("gcc", "g++", "cc", "c++", "clang", "clang++", "ld", "go", "rustc", "tsc", "pandoc"),
        r"-o|--output",
    ),
    "curl": r"-\w*o|--output|--output-dir",
    "wget": r"-\w*[OP]|--output-document|--directory-prefix",
    "tar": r"-\w*C|--directory|--one-top-level",
    "bsdtar": r"-\w*C|--directory",
    "unzip": r"-\w*d",
    "7z": r"-o",
    "find": r"-fprint|-fprint0|-fprintf|-fls",
}
"""The options by which programs are told where to write."""
_COPIED = frozenset(("cp", "mv", "ln", "install", "rsync", "scp"))
"""Commands that write their last operand, or into it."""

_STATUS_ONLY = frozenset(["du", "stat", "df", "readlink", "realpath"])
"""Commands that look at files without opening them."""
_GREPS = frozenset(("grep", "egrep", "fgrep"))
_SEARCH_HERE = _GREPS | {"rg", "ag", "ack", "git"}
"""Commands that search the folder they work in when they are given none."""
_NAMES_ONLY = frozenset(["ls", "find", "tree"])
"""Commands that show names. A folder that they are given is judged, a glob is not."""

_EDITS = {
    "mkdir": Options("pv", "parents verbose", globs=False),
    "touch": Options("acm", "no-create", globs=False),
    "rm": Options("rRfvd", "recursive force verbose dir", globs=False),
    "rmdir": Options("pv", "parents verbose", globs=False),
    "mv": Options("fnv", "force no-clobber verbose", globs=False),
    "cp": Options("fnpv", "force no-clobber verbose", globs=False),
}
"""File commands of `acceptEdits`, with their harmless options."""
_SED_IN_PLACE = Options(
    "nErsuze:",
    "quiet silent regexp-extended expression=",
    "text-then-paths",
    globs=False,
    scripts="-e",
)


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


def folders(policy: Policy, cwd: str, moves: Iterable[tuple[Inner, bool]]) -> list[str]:
    """Every folder that commands may work in: where they start, and where each `cd` may lead.

    A move is the command and whether it stands in a loop. An unknown folder has `ANY` in it.
    """
    found = [start_of(policy, cwd)]
    for inner, repeated in moves:
        target = _target(policy, inner) if not repeated else ANY
        for folder in list(found):
            there = target if target.startswith(("/", ANY)) else os.path.join(folder, target)
            if there not in found:
                found.append(there)
        if len(found) > _MOST_FOLDERS:
            return [*found[:_MOST_FOLDERS], ANY]
    return found


def _target(policy: Policy, inner: Inner) -> str:
    operands = [word for word in inner.words[1:] if word.marked != "--"]
    if inner.name != "cd" or len(operands) > 1:
        return ANY
    if not operands:
        return policy.home or ANY
    return ANY if operands[0].marked.startswith("-") else operands[0].vague


def expanded(policy: Policy, folder: str, marked: str) -> list[str] | None:
    """What a word without `ANY` becomes in a folder; None when that are too many, or not known.

    A glob that matches nothing stays as it is, which is bash's way.
    """
    if ANY in folder:
        return None
    if not is_open(marked):
        return [marked]
    found: list[str] = []
    for reading in readings(marked):
        if ANY in reading:
            return None
        names = _glob(policy, folder, reading) if _GLOB.search(reading) else None
        if names is None and _GLOB.search(reading):
            return None
        found += names or [Word("", reading, False).text]
    return found if len(found) <= _MOST_NAMES else None


def _glob(policy: Policy, folder: str, marked: str) -> list[str] | None:
    files = files_of(policy)
    seen = 0
    found = ["/" if marked.startswith("/") else ""]
    for segment in marked.split("/"):
        if not segment:
            continue
        if not _GLOB.search(segment):
            found = [os.path.join(head, Word("", segment, False).text) for head in found]
            continue
        if len(segment) > _LONGEST_NAME:
            return None
        matches = segment_regex(segment).match
        hidden = segment.startswith(".")
        heads, found = found, []
        for head in heads:
            above = os.path.join(folder, head)
            if normal(above).startswith("/proc"):
                return None  # `/proc/self` is another process for the command
            names = files.names(above)
            seen += len(names) + 1
            if seen > _MOST_SEEN:
                return None
            found += [
                os.path.join(head, name)
                for name in names
                if matches(name) and (hidden or not name.startswith("."))
            ]
    return found


def touched(inner: Inner, known: list[Word] | None) -> Touched:
    """The words of a command that may name files. For deny rules, so rather too many than too few.

    `known` is what a read-only command reads.
    """
    name, words = inner.name, inner.words
    operands = list(words[1:])
    if name in UNREAD or name in _STATUS_ONLY:
        return Touched([], written(inner))
    if name == "dd":
        return Touched(_after("if=", operands), _after("of=", operands))
    deep = _is_deep(name, words)
    code: list[Word] = []
    if known is None:
        given = without_messages(inner)
        known = [piece for word in given for piece in _pieces(word)]
        code = [] if is_wrapper(name) else [part for word in given for part in _parts(word)]
        # The first operand is what is searched for.
        elsewhere = name != "git" and len(_operands(operands)[0]) > 1
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


def written(inner: Inner) -> list[Word]:
    """The operands that a known file command creates, changes or removes."""
    name, arguments = inner.name, inner.words[1:]
    if name in _CHANGED_WHOLE:
        return _operands(arguments)[0]
    if name in _COPIED:
        sources, targets = _operands(arguments)
        if not targets:
            sources, targets = sources[:-1], sources[-1:]
        inside = [_joined(target, source) for target in targets for source in sources]
        return [*targets, *inside, *(sources if name == "mv" else [])]
    if name == "sed" and any(re.match(r"-\w*i|--in-place", word.marked) for word in arguments):
        return _operands(arguments)[0]
    if name == "dd":
        return _after("of=", arguments)
    if name == "sort":
        return [plain(text) for text in _values(arguments, r"-\w*o|--outp?u?t?")]
    if name == "git":
        return _written_by_git(arguments)
    if name in _CHANGED_IF_NAMED:
        return _operands(arguments)[0]
    if name in ("perl", "ruby") and any(re.match(r"-\w*i", word.marked) for word in arguments):
        return _operands(arguments)[0]
    if name in _OUTPUT_BY_OPTION:
        found = [plain(text) for text in _values(arguments, _OUTPUT_BY_OPTION[name])]
        return [*found, *(_members(arguments) if name == "unzip" else [])]
    return []


def _members(arguments: Sequence[Word]) -> list[Word]:
    return _operands(arguments)[0][1:]


def _written_by_git(arguments: Sequence[Word]) -> list[Word]:
    """What git puts into the working tree, or removes from it; by option also elsewhere."""
    found = [plain(text) for text in _values(arguments, "--output|--output-directory|-o")]
    operands = [word for word in arguments if not word.marked.startswith("-")]
    names = [word.marked for word in operands[:3]]
    for name in ("checkout", "restore", "rm", "mv", "clean"):
        if name in names:
            return [*found, *operands[names.index(name) + 1 :]]
    return found


def edits(words: Sequence[Word]) -> list[Word] | None:
    """The operands of a file command that mode `acceptEdits` may run; None for any other command."""
    name = words[0].marked if words and words[0].static else ""
    arguments = list(words[1:])
    if name == "sed":
        kept = [word for word in arguments if word.marked not in ("-i", "--in-place")]
        used = use(_SED_IN_PLACE, kept)
        changes = len(kept) < len(arguments) and used is not None and sed_prints(kept, used)
        return used.paths if changes and used else None
    options = _EDITS.get(name)
    used = use(options, arguments) if options else None
    if used is None or not used.paths or not all(word.static for word in used.paths):
        return None
    if name in _COPIED:
        if len(used.paths) < 2:
            return None
        return [*used.paths, *(_joined(used.paths[-1], source) for source in used.paths[:-1])]
    return used.paths


def critical_removal(policy: Policy, folders: Sequence[str], inner: Inner) -> str | None:
    """The operand by which a command removes a critical place; None when it does not."""
    name, words = inner.name, inner.words
    if name in ("rm", "rmdir"):
        targets, _ = _operands(words[1:])
    elif name == "find" and any(_removes(word.marked) for word in words[1:]):
        targets = []
        for word in words[1:]:
            if word.static and word.marked.startswith(("-", "(", "!")):
                break
            targets.append(word)
        targets = targets or [plain(".")]
    else:
        return None
    for word in targets:
        for folder in folders:
            if any(_is_critical(policy, folder, reading) for reading in readings(word.marked)):
                return word.raw
    return None


def _removes(argument: str) -> bool:
    return argument == "-delete" or argument.rpartition("/")[2] in ("rm", "rmdir")


_BELOW_VARIABLE = re.compile(rf"\0+/+(?:\.?[{STAR}{QUESTION}{BRACKET}].*|\.\.?/*)?|\0*/[\0/]*")


def _is_critical(policy: Policy, folder: str, marked: str) -> bool:
    path = marked if marked.startswith(("/", ANY)) else folder.rstrip("/") + "/" + marked
    if len(path) > _LONGEST_PATH or _BELOW_VARIABLE.fullmatch(path):
        return True
    if ANY in path:
        # An empty variable leaves what stands before it.
        before, _, after = path.partition(ANY)
        return not after.strip("/") and normal(before or "/") in ("/", policy.home)
    path = normal(path)
    critical = {
        normal(name) for name in critical_folders(policy, folder if ANY not in folder else "")
    }
    if not _GLOB.search(path):
        where = place(policy, "/", path).paths
        return any(name in critical or os.path.dirname(name) == "/" for name in where)
    above, _, last = path.rpartition("/")
    above = normal(above or "/")
    if _GLOB.search(above):
        return any(re.fullmatch(_regex(path), name) for name in critical)
    if above == "/":
        return True
    everything = re.fullmatch(rf"\.?{QUESTION}*{STAR}+", last) is not None
    return (everything and above in critical) or any(
        segment_regex(last).match(os.path.basename(name))
        for name in critical
        if os.path.dirname(name) == above
    )


def _regex(path: str) -> str:
    return segment_regex(path).pattern


def _operands(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """The operands of a file command, and the target folders given by option."""
    operands: list[Word] = []
    targets = [plain(text) for text in _values(words, r"-\w*t|--targ[a-z-]*")]
    only = False
    for word in words:
        if word.marked == "--" and not only:
            only = True
        elif only or not word.marked.startswith("-"):
            operands.append(word)
    return [
        word for word in operands if word.marked not in {target.marked for target in targets}
    ], targets


def _values(words: Sequence[Word], option: str) -> list[str]:
    """The values of an option, in every form that it may have."""
    found: list[str] = []
    for at, word in enumerate(words):
        if re.fullmatch(option, word.marked) and at + 1 < len(words):
            found.append(words[at + 1].marked)
        elif matched := re.fullmatch(rf"(?:{option})=?(.+)", word.marked, re.DOTALL):
            found.append(matched[1])
    return found


def _after(prefix: str, words: Sequence[Word]) -> list[Word]:
    return [
        Word(word.raw, word.marked.removeprefix(prefix), word.static)
        for word in words
        if word.marked.startswith(prefix)
    ]


def _joined(folder: Word, source: Word) -> Word:
    last = source.marked.rstrip("/").rpartition("/")[2]
    return Word(folder.raw, folder.marked.rstrip("/") + "/" + last, folder.static and source.static)


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
