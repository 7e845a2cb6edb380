"""What shell commands write: by their operands, by options, by being edits that a mode allows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hames.permissions.options import Options, use
from hames.permissions.readonly_languages import sed_prints
from hames.permissions.words import Word, plain
from hames.permissions.wrappers import Inner

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


def written(inner: Inner) -> list[Word]:
    """The operands that a known file command creates, changes or removes."""
    name, arguments = inner.name, inner.words[1:]
    if name in _CHANGED_WHOLE:
        return operands_of(arguments)[0]
    if name in _COPIED:
        sources, targets = operands_of(arguments)
        if not targets:
            sources, targets = sources[:-1], sources[-1:]
        inside = [_joined(target, source) for target in targets for source in sources]
        return [*targets, *inside, *(sources if name == "mv" else [])]
    if name == "sed" and any(re.match(r"-\w*i|--in-place", word.marked) for word in arguments):
        return operands_of(arguments)[0]
    if name == "dd":
        return after("of=", arguments)
    if name == "sort":
        return [plain(text) for text in values_of(arguments, r"-\w*o|--outp?u?t?")]
    if name == "git":
        return _written_by_git(arguments)
    if name in _CHANGED_IF_NAMED:
        return operands_of(arguments)[0]
    if name in ("perl", "ruby") and any(re.match(r"-\w*i", word.marked) for word in arguments):
        return operands_of(arguments)[0]
    if name in _OUTPUT_BY_OPTION:
        found = [plain(text) for text in values_of(arguments, _OUTPUT_BY_OPTION[name])]
        return [*found, *(_members(arguments) if name == "unzip" else [])]
    return []


def _members(arguments: Sequence[Word]) -> list[Word]:
    return operands_of(arguments)[0][1:]


def _written_by_git(arguments: Sequence[Word]) -> list[Word]:
    """What git puts into the working tree, or removes from it; by option also elsewhere."""
    found = [plain(text) for text in values_of(arguments, "--output|--output-directory|-o")]
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


def operands_of(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """The operands of a file command, and the target folders given by option."""
    operands: list[Word] = []
    targets = [plain(text) for text in values_of(words, r"-\w*t|--targ[a-z-]*")]
    only = False
    for word in words:
        if word.marked == "--" and not only:
            only = True
        elif only or not word.marked.startswith("-"):
            operands.append(word)
    return [
        word for word in operands if word.marked not in {target.marked for target in targets}
    ], targets


def values_of(words: Sequence[Word], option: str) -> list[str]:
    """The values of an option, in every form that it may have."""
    found: list[str] = []
    for at, word in enumerate(words):
        if re.fullmatch(option, word.marked) and at + 1 < len(words):
            found.append(words[at + 1].marked)
        elif matched := re.fullmatch(rf"(?:{option})=?(.+)", word.marked, re.DOTALL):
            found.append(matched[1])
    return found


def after(prefix: str, words: Sequence[Word]) -> list[Word]:
    """What stands after a prefix in the words that begin with it: `if=` of dd."""
    return [
        Word(word.raw, word.marked.removeprefix(prefix), word.static)
        for word in words
        if word.marked.startswith(prefix)
    ]


def _joined(folder: Word, source: Word) -> Word:
    last = source.marked.rstrip("/").rpartition("/")[2]
    return Word(folder.raw, folder.marked.rstrip("/") + "/" + last, folder.static and source.static)
