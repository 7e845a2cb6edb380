"""Shell commands that change nothing, with the options known to be harmless.

Each command lists the options it may have; any other option, an abbreviated or a combined one that is
not listed makes the call unknown, which is asked about. To add a command, read its manual for options
that write, run programs, reach the network or name files, and list the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from hames.permissions.options import Options, paths_of, use
from hames.permissions.readonly_git import git
from hames.permissions.readonly_languages import awk, find, jq, sed
from hames.permissions.words import Word


def reads(words: Sequence[Word]) -> list[Word] | None:
    """The files and folders a command reads; None when it is not known to be read-only."""
    name = words[0].marked if words and words[0].static else ""
    if not all(word.static or word.is_glob for word in words):
        return None
    entry = COMMANDS.get(name)
    if isinstance(entry, Options):
        return paths_of(entry, words[1:])
    return entry(words[1:]) if entry else None


# Commands with a grammar of their own


def _cd(words: Sequence[Word]) -> list[Word] | None:
    if len(words) == 2 and words[0].marked == "--":
        words = words[1:]
    # Without an operand it is home, `-` is wherever the shell was before.
    if len(words) == 1 and words[0].static and not words[0].marked.startswith("-"):
        return [words[0]]
    return None


def _echo(words: Sequence[Word]) -> list[Word] | None:
    return [word for word in words if word.is_glob]


def _printf(words: Sequence[Word]) -> list[Word] | None:
    if words and words[0].static and not words[0].marked.startswith("-"):
        return [word for word in words if word.is_glob]
    return None


def _date(words: Sequence[Word]) -> list[Word] | None:
    used = use(Options("uRId:", "utc universal rfc-email iso-8601? rfc-3339= date=", "text"), words)
    # An operand without `+` sets the clock.
    return [] if used and all(word.marked.startswith("+") for word in used.texts) else None


def _command(words: Sequence[Word]) -> list[Word] | None:
    if words and words[0].marked in ("-v", "-V") and all(word.static for word in words):
        return []
    return None


def _test(words: Sequence[Word]) -> list[Word] | None:
    """`test`, `[` and `[[`: files are looked at, not read; `-v` evaluates what it is given."""
    if any(not word.static or word.marked in ("-v", "-R") for word in words):
        return None
    return [
        words[at + 1]
        for at, word in enumerate(words[:-1])
        if re.fullmatch("-[a-hkprstuwxGLNOS]", word.marked)
    ]


def _version(words: Sequence[Word]) -> list[Word] | None:
    return [] if len(words) == 1 and words[0].marked == "--version" else None


def _exit(words: Sequence[Word]) -> list[Word] | None:
    return [] if len(words) <= 1 and all(word.marked.isdigit() for word in words) else None


_CHECKSUM = Options("bt", "binary text tag")
_NO_OPERANDS = Options(operands="none")

COMMANDS: Mapping[str, Options | Callable[[Sequence[Word]], list[Word] | None]] = {
    "ls": Options(
        "1aAbBcCdFghHiklmnNopqQrRsStuUvxXZw:T:",
        """all almost-all author escape directory classify? color? human-readable si inode no-group numeric-uid-gid
        reverse recursive size sort= time= time-style= width= full-time group-directories-first hide= ignore= format=
        ignore-backups indicator-style= file-type literal quote-name quoting-style= show-control-chars""",
    ),
    "cat": Options(
        "AbeEnstTuv",
        "show-all number-nonblank show-ends number squeeze-blank show-tabs show-nonprinting",
    ),
    "tac": Options("bs:", "separator="),
    "head": Options("qvzn:c:", "lines= bytes= quiet silent verbose zero-terminated", number=True),
    "tail": Options("qvzn:c:", "lines= bytes= quiet silent verbose zero-terminated", number=True),
    "wc": Options("clmwL", "bytes chars lines words max-line-length"),
    "nl": Options(
        "pb:f:h:i:l:n:s:v:w:", "body-numbering= number-format= number-width= number-separator="
    ),
    "pwd": Options("LP", "", "none"),
    "echo": _echo,
    "true": _echo,
    "false": _echo,
    ":": _echo,
    "grep": (
        _GREP := Options(
            "aEFGPiynvwxclLoqshHbTUzrIZe:f@m:A:B:C:d:D:",
            """extended-regexp fixed-strings basic-regexp perl-regexp ignore-case no-ignore-case invert-match
            word-regexp line-regexp count color? colour? files-with-matches files-without-match max-count=
            only-matching quiet silent no-messages byte-offset with-filename no-filename line-number
            initial-tab null after-context= before-context= context= text binary-files= directories=
            exclude= exclude-dir= include= recursive line-buffered regexp= file@ null-data""",
            "text-then-paths",
            number=True,
            scripts="-e --regexp -f --file",
        )
    ),
    "egrep": _GREP,
    "fgrep": _GREP,
    "rg": Options(
        "nNiSswlcvxFoqHIUPuapj:e:f@g:t:T:A:B:C:m:M:d:",
        """line-number no-line-number ignore-case smart-case case-sensitive word-regexp files-with-matches
        files-without-match count count-matches invert-match line-regexp fixed-strings only-matching quiet
        with-filename no-filename multiline multiline-dotall pcre2 hidden no-ignore no-ignore-vcs unrestricted
        text color= heading no-heading column regexp= file@ glob= iglob= type= type-not= type-list files json
        after-context= before-context= context= max-count= max-columns= max-depth= sort= sortr= stats trim
        vimgrep replace= null passthru no-messages threads= max-filesize= no-config""",
        "text-then-paths",
        scripts="-e --regexp -f --file --files --type-list",
    ),
    "find": find,
    "stat": Options("Lftc:", "dereference file-system terse format= printf="),
    "du": Options(
        "abchkmsx0d:t:",
        "all apparent-size bytes total human-readable max-depth= summarize si exclude= time?",
    ),
    "df": Options("ahHiklPT", "all human-readable si inodes local portability print-type total"),
    "diff": Options(
        "abBcdeEinpqrstTuwyNU:W:C:I:x:F:",
        """brief report-identical-files side-by-side width= unified? context? ignore-case ignore-space-change
        ignore-all-space ignore-blank-lines ignore-matching-lines= recursive new-file text minimal color? exclude=
        suppress-common-lines strip-trailing-cr show-c-function speed-large-files""",
    ),
    "cmp": Options("bsln:i:", "print-bytes silent quiet verbose bytes= ignore-initial="),
    "comm": Options(
        "123z", "check-order nocheck-order output-delimiter= total zero-terminated", globs=False
    ),
    "which": Options("a", "all", "text"),
    "type": Options("aftpP", "", "text"),
    "command": _command,
    "whoami": _NO_OPERANDS,
    "id": Options("ugGnrz", "user group groups name real", "text"),
    "groups": Options(operands="text"),
    "uname": Options(
        "asnrvmpio", "all kernel-name nodename kernel-release machine operating-system", "none"
    ),
    "hostname": _NO_OPERANDS,
    "nproc": Options("", "all", "none"),
    "arch": _NO_OPERANDS,
    "uptime": Options("ps", "pretty since", "none"),
    "free": Options("bkmghtw", "bytes kibi mebi gibi human total wide", "none"),
    "date": _date,
    "sort": Options(
        "bdfgiMhnrVcCmsuzRk:t:S:",
        """ignore-leading-blanks dictionary-order ignore-case general-numeric-sort ignore-nonprinting month-sort
        human-numeric-sort numeric-sort reverse version-sort sort= key= field-separator= stable unique check? merge
        zero-terminated parallel= buffer-size= random-sort""",
        globs=False,
    ),
    "uniq": Options(
        "cdDuizf:s:w:",
        "count repeated all-repeated? unique ignore-case skip-fields= skip-chars= check-chars= zero-terminated",
        most=1,
        globs=False,
    ),
    "cut": Options(
        "snzb:c:d:f:",
        "bytes= characters= delimiter= fields= complement only-delimited output-delimiter=",
    ),
    "paste": Options("szd:", "delimiters= serial zero-terminated"),
    "tr": Options("cCdst", "complement delete squeeze-repeats truncate-set1", "text"),
    "rev": Options(),
    "fold": Options("bsw:", "bytes spaces width="),
    "expand": Options("it:", "initial tabs="),
    "column": Options("tnes:c:o:", "table separator= output-separator="),
    "seq": Options("ws:f:", "equal-width separator= format=", "text"),
    "sleep": Options(operands="text"),
    "basename": Options("azs:", "multiple suffix= zero", "text"),
    "dirname": Options("z", "zero", "text"),
    "realpath": Options(
        "emqszLP", "canonicalize-existing canonicalize-missing quiet strip no-symlinks zero"
    ),
    "readlink": Options(
        "femnqsvz", "canonicalize canonicalize-existing canonicalize-missing no-newline"
    ),
    "file": Options("biLhkNrs0", "brief mime mime-type mime-encoding dereference no-pad raw"),
    "tree": Options(
        "adfpsughDFrtcUCAiL:P:I:",
        "noreport dirsfirst gitignore charset= filelimit= du prune inodes device",
    ),
    "md5sum": _CHECKSUM,
    "sha1sum": _CHECKSUM,
    "sha256sum": _CHECKSUM,
    "sha512sum": _CHECKSUM,
    "cksum": Options(),
    "od": Options("bcdoxvA:t:N:j:w:", "address-radix= format= read-bytes= skip-bytes="),
    "hexdump": Options("bcCdovxn:s:"),
    "xxd": Options("abBeEiupl:s:c:g:o:", most=1, globs=False),
    "strings": Options("an:t:", "all bytes= radix="),
    "cd": _cd,
    "printf": _printf,
    "test": _test,
    "[": _test,
    "[[": _test,
    "sed": sed,
    "awk": awk,
    "jq": jq,
    "git": git,
    "exit": _exit,
    "break": _exit,
    "continue": _exit,
    "wait": _NO_OPERANDS,
    **dict.fromkeys(
        ("node", "python", "python3", "gcc", "clang", "cmake", "make", "rustc"), _version
    ),
}
"""What may run unasked. Network tools, DNS tools and all that prints the environment are left out."""

RECURSIVE = frozenset(
    (
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "ag",
        "ack",
        "diff",
        "cp",
        "mv",
        "rm",
        "tar",
        "zip",
        "rsync",
        "scp",
    )
)
"""Commands that may take in what lies below a folder they are given."""

UNREAD = frozenset(
    [
        "echo",
        "printf",
        "true",
        "false",
        ":",
        "which",
        "type",
        "command",
        "basename",
        "dirname",
        "seq",
        "sleep",
        "id",
        "groups",
        "tr",
        "exit",
        "break",
        "continue",
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "unset",
        "alias",
        "set",
        "shift",
        "return",
        "wait",
        "kill",
        "test",
        "[",
        "[[",
    ]
)
"""Commands whose operands are not opened."""
