"""Commands that run other commands: what to strip before allow rules, what to look through for deny.

To allow, only wrappers whose options are understood are taken off. To deny, every word that may be the
name of the command inside is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from hames.permissions.words import ANY, Word

NEVER_BY_PREFIX = frozenset(("watch", "setsid", "ionice", "flock"))
"""What these run must be named exactly: a prefix rule never approves them."""

FIND_ACTIONS = frozenset(
    ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"]
)
"""Options with which find does more than find; a prefix rule never approves them."""

SAFE_VARIABLES = frozenset(
    [
        "NODE_ENV",
        "RUST_BACKTRACE",
        "RUST_LOG",
        "TZ",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_CTYPE",
        "LC_COLLATE",
        "LC_MESSAGES",
        "LC_NUMERIC",
        "LC_TIME",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "CI",
        "GOOS",
        "GOARCH",
        "CGO_ENABLED",
        "TERM",
    ]
)
"""Variables that change nothing about which program runs."""

_SHELLS = frozenset(
    ["sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "rbash", "fish", "csh", "tcsh"]
)
_EXEC_WRAPPERS = _SHELLS | frozenset(
    [
        "timeout",
        "time",
        "nice",
        "nohup",
        "stdbuf",
        "command",
        "builtin",
        "exec",
        "env",
        "sudo",
        "doas",
        "su",
        "runuser",
        "pkexec",
        "watch",
        "setsid",
        "ionice",
        "chrt",
        "taskset",
        "flock",
        "strace",
        "ltrace",
        "chroot",
        "unshare",
        "nsenter",
        "setpriv",
        "setarch",
        "linux32",
        "linux64",
        "prlimit",
        "numactl",
        "cgexec",
        "systemd-run",
        "firejail",
        "bwrap",
        "xargs",
        "parallel",
        "busybox",
        "toybox",
        "coproc",
        "hash",
        "source",
        ".",
        "script",
        "ssh",
        "entr",
        "unbuffer",
        "faketime",
        "proxychains",
        "torsocks",
        "gosu",
        "su-exec",
        "dbus-run-session",
        "xvfb-run",
        "caffeinate",
        "rlwrap",
    ]
)
_EVALUATES = frozenset(
    [
        "test",
        "[",
        "[[",
        "printf",
        "read",
        "unset",
        "let",
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "mapfile",
        "readarray",
        "wait",
        "getopts",
        "compgen",
        "complete",
        "bind",
        "fc",
        "trap",
    ]
)
"""Builtins that evaluate text in their arguments: the index of a name, or whole commands."""

_RUNS_ARGUMENTS = frozenset(["mapfile", "readarray", "compgen", "complete", "bind", "fc", "trap"])

INTERPRETERS = re.compile(
    r"(?:[gmn]?awk|g?sed|perl|python|pypy|ruby|node|deno|bun|php|lua|tclsh|osascript|vim?|ex|ed|gdb)[\d.]*"
)
"""Programs whose arguments are code of another language, which may run commands."""

STEERING_VARIABLE = re.compile(
    r"""(?:PATH|CDPATH|HOME|ENV|IFS|PS4|PROMPT_COMMAND|PAGER|EDITOR|VISUAL|BROWSER|MANPAGER|HISTFILE
    |(?:LD|DYLD|BASH|GIT|PYTHON|PERL|PERL5|RUBY|NODE|NPM|JAVA|LESS|SHELL|SSH|CURL|PIP|CARGO|RUSTC)\w*
    |\w*(?:OPTIONS|OPTS|FLAGS|COMMAND|PRELOAD|_PATH))(?:\[.*)?""",
    re.VERBOSE | re.DOTALL,
)
"""Variables that decide what runs, or how."""

_FINDERS = frozenset(("find", "gfind", "bfs", "fd", "fdfind"))
_FIND_RUNS = frozenset(("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"))

_RUN_NOTHING = frozenset(
    [
        "echo",
        "printf",
        "true",
        "false",
        ":",
        "which",
        "type",
        "test",
        "[",
        "[[",
        "cat",
        "grep",
        "egrep",
        "fgrep",
        "ls",
        "touch",
        "mkdir",
        "rmdir",
        "cd",
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "unset",
        "read",
        "exit",
        "return",
        "kill",
        "sleep",
    ]
)
"""Programs that take names of programs as text only."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_MOST_TRIED = 50_000
"""Words of the commands tried inside one command; what is left counts as unknown."""

_ATTACHED = re.compile(r"(?:-\w*?[Sc]|--split-string=|--command=)(.+)", re.DOTALL)
"""An option whose value, a command line, stands at it: `env -S'a b'`, `script -qc'a b'`."""

_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?")


class Inner(msgspec.Struct):
    """A command that stands inside another one, or that one itself."""

    words: Sequence[Word]
    name: str = ""
    """The program's name without its folder; "" when unknown."""

    def __post_init__(self) -> None:
        word = self.words[0].vague
        self.name = "" if ANY in word else word.rpartition("/")[2]


def stripped(words: Sequence[Word]) -> Sequence[Word] | None:
    """The command inside one wrapper that is understood, None when there is no such wrapper."""
    if not words or not words[0].static:
        return None
    left = list(words[1:])
    match words[0].marked:
        case "nohup" | "builtin":
            pass
        case "command" | "xargs":
            if left and left[0].marked.startswith("-"):
                return None
        case "time":
            if left and left[0].marked == "-p":
                left.pop(0)
        case "nice":
            if not _options(left, {"-n": r"-?\d+", "--adjustment": r"-?\d+"}, r"-\d+|-n-?\d+"):
                return None
        case "stdbuf":
            size = r"[0L]|\d+[KMG]?"
            keys = dict.fromkeys(("-i", "-o", "-e", "--input", "--output", "--error"), size)
            if not _options(left, keys, rf"-[ioe](?:{size})"):
                return None
        case "timeout":
            keys = {"-k": _DURATION.pattern, "--kill-after": _DURATION.pattern}
            keys |= dict.fromkeys(("-s", "--signal"), r"[A-Za-z0-9]+")
            if not _options(left, keys, "-v|--verbose|--preserve-status|--foreground"):
                return None
            if not left or not left[0].static or not _DURATION.fullmatch(left.pop(0).marked):
                return None
        case _:
            return None
    # What follows the wrapper must be a command: an option that is not understood is none.
    return left if left and left[0].static and not left[0].marked.startswith("-") else None


def _options(left: list[Word], values: dict[str, str], flags: str) -> bool:
    """Take known options off; False when one has a value that is not understood."""
    while left and left[0].static and left[0].marked.startswith("-"):
        text = left.pop(0).marked
        name, equals, value = text.partition("=")
        if re.fullmatch(flags, text):
            continue
        if name not in values or (equals and not name.startswith("--")):
            return False
        if not equals:
            if not left or not left[0].static:
                return False
            value = left.pop(0).marked
        if not re.fullmatch(values[name], value):
            return False
    return True


def is_wrapper(name: str) -> bool:
    """Whether a program runs what its arguments say."""
    return name in _EXEC_WRAPPERS


def runs_others(inner: Inner) -> bool:
    """Whether a program may run what its arguments name in a way that is not looked through.

    All may that are not known to do something else.
    """
    return inner.name not in _EXEC_WRAPPERS and inner.name not in _RUN_NOTHING


def looked_through(words: Sequence[Word]) -> Iterator[Inner]:
    """The command and every command that it may run by its arguments. For deny rules."""
    whole = Inner(words)
    yield whole
    if whole.name not in _FINDERS and whole.name not in _EXEC_WRAPPERS:
        return
    # Some wrappers add arguments from their input.
    adds = any(word.vague.rpartition("/")[2] in ("xargs", "parallel") for word in words)
    tail = [Word("{}", ANY, False)] if adds else []
    tried = 0
    for run in chain((words,), _find_runs(words)):
        wraps = Inner(run).name in _EXEC_WRAPPERS
        for at, word in enumerate(run if wraps else run[:1]):
            if (at or run is not words) and not _is_option(word):
                yield Inner([*run[at:], *tail])
                tried += len(run) - at
            if tried > _MOST_TRIED:
                yield Inner([Word("…", ANY, False)])
                return


def scripts(inner: Inner) -> Iterator[str | None]:
    """Shell texts that a command runs; None for one that is not known."""
    name, arguments = inner.name, inner.words[1:]
    if name == "eval":
        if arguments:
            yield " ".join(word.text for word in arguments) if _static(arguments) else None
        return
    if name in _EVALUATES:
        for word in arguments:
            yield from _steering(word)
        for word in arguments:
            if word.static and (
                name in _RUNS_ARGUMENTS or "$(" in word.marked or "`" in word.marked
            ):
                yield word.marked
        if name not in _RUNS_ARGUMENTS:
            return
    if name in ("trap", "alias"):
        for word in arguments:
            yield word.text.partition("=")[2 if name == "alias" else 0] if word.static else None
        return
    if name in _SHELLS:
        yield from _shell_scripts(arguments)
    elif name == "git":
        # Aliases, pagers, hooks and the like may be set for one call: `-c alias.x='!command'`.
        yield from _git_scripts(arguments)
    elif name in _EXEC_WRAPPERS:
        # `watch`, `su -c`, `ssh`, `parallel`: one word that is itself shell text.
        for word in arguments:
            if word.static and re.search(r"[\s;&|]", word.marked):
                yield word.marked
            if word.static and (found := _ATTACHED.match(word.marked)):
                yield found[1]
            yield from _steering(word)


def _git_scripts(arguments: Sequence[Word]) -> Iterator[str | None]:
    """What git may come to run: aliases, pagers, hooks and the like, set for one call or for good."""
    for at, word in enumerate(arguments):
        if word.marked.startswith(("--config-env", "--exec-path=")):
            yield None
        key, equals, value = word.marked.partition("=")
        following = arguments[at + 1 :]
        if not equals and re.match(r"alias\.", key) and following:
            value = " ".join(one.text for one in following)
        if not value or not word.static:
            continue
        yield value.lstrip("!")
        if re.match(r"(?:-c)?alias\.", key) and not value.startswith("!"):
            yield f"git {value}"


def _steering(word: Word) -> Iterator[str]:
    """The value of a variable that is set by an argument: `env GIT_PAGER=...`, `export EDITOR=...`."""
    name, equals, _ = word.marked.partition("=")
    if equals and re.fullmatch(r"[A-Za-z_]\w*", name):
        value = Word(word.raw, word.marked.partition("=")[2], word.static)
        yield from assigned_scripts([(name, value)])


def assigned_scripts(assignments: Sequence[tuple[str, Word]]) -> Iterator[str]:
    """Values of variables that may come to be run as shell text."""
    for name, word in assignments:
        if word.static and name not in ("PATH", "HOME", "IFS"):
            text = word.marked
            if STEERING_VARIABLE.fullmatch(name) or "$(" in text or "`" in text:
                yield text.lstrip("|!")
            if name.startswith("GIT_"):
                yield f"git {text}"  # an alias that is set by `GIT_CONFIG_VALUE_0`


def _shell_scripts(arguments: Sequence[Word]) -> Iterator[str | None]:
    for at, word in enumerate(arguments):
        if not word.static:
            yield None
        elif re.fullmatch(r"-\w*c\w*|--?command", word.marked):
            for following in arguments[at + 1 :]:
                yield following.marked if following.static else None
            return
    if all(word.marked.startswith(("-", "+")) for word in arguments):
        yield None  # standard input


def _find_runs(words: Sequence[Word]) -> Iterator[list[Word]]:
    for at, word in enumerate(words):
        if word.marked in _FIND_RUNS and at + 1 < len(words):
            inner: list[Word] = []
            for following in words[at + 1 :]:
                if following.marked in (";", "+"):
                    break
                named = "{" in following.marked
                inner.append(Word(following.raw, ANY, False) if named else following)
            if inner and not any("{" in word.text or not word.static for word in inner):
                inner.append(Word("{}", ANY, False))  # fd adds the name
            if inner:
                yield inner


def _static(words: Sequence[Word]) -> bool:
    return all(word.static for word in words)


def _is_option(word: Word) -> bool:
    return word.static and (word.marked.startswith("-") or bool(_ASSIGNMENT.match(word.marked)))
