"""Shell commands that change nothing, with the options known to be harmless.

Each command lists the options it may have; any other option, an abbreviated or a combined one that is
not listed makes the call unknown, which is asked about. To add a command, read its manual for options
that write, run programs, reach the network or name files, and list the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from hames.permissions.words import Word

Operands = Literal["paths", "text", "none", "text-then-paths"]


class Options(msgspec.Struct, frozen=True):
    """The options of a command that only read. In `short`, `:` follows a letter with a value, `@` one
    whose value is a path; in `long`, `=` is a value that is needed, `?` one that may follow, `@` a path.
    """

    short: str = ""
    long: str = ""
    operands: Operands = "paths"
    most: int = 1_000_000
    """Operands, at most."""
    number: bool = False
    """`-5` is an option."""
    globs: bool = True
    """Operands may be globs. Not where a file name that looks like an option could do harm."""
    scripts: str = ""
    """Options that take the place of the first text operand (`-e` of grep)."""


class Use(msgspec.Struct, frozen=True):
    """A call of a command, taken apart by its options."""

    paths: list[Word]
    """Operands and option values that are files or folders."""
    texts: list[Word]
    """Other operands."""
    options: list[str]


def reads(words: Sequence[Word]) -> list[Word] | None:
    """The files and folders a command reads; None when it is not known to be read-only."""
    name = words[0].marked if words and words[0].static else ""
    if not all(word.static or word.is_glob for word in words):
        return None
    entry = COMMANDS.get(name)
    if isinstance(entry, Options):
        used = use(entry, words[1:])
        return used.paths if used else None
    return entry(words[1:]) if entry else None


def use(options: Options, words: Sequence[Word]) -> Use | None:
    """Take a call apart; None when an option or operand is not among the known ones."""
    used = Use([], [], [])
    left = list(words)
    operands: list[Word] = []
    while left:
        word = left.pop(0)
        text = word.marked
        if text == "--" and word.static:
            operands += left
            break
        if not text.startswith("-") or text == "-":
            operands.append(word)
        elif not word.static:
            return None
        elif text.startswith("--"):
            if not _long(options, word, left, used):
                return None
        elif not (options.number and text[1:].isdigit()) and not _short(options, word, left, used):
            return None
    return used if _operands(options, operands, used) else None


def _long(options: Options, word: Word, left: list[Word], used: Use) -> bool:
    name, equals, value = word.marked[2:].partition("=")
    for known in options.long.split():
        kind = known[-1] if known[-1] in "=?@" else ""
        if known.rstrip("=?@") != name:
            continue
        used.options.append("--" + name)
        if kind in ("", "?"):
            return not equals or kind == "?"
        if not equals:
            if not left or not left[0].static:
                return False
            value = left.pop(0).marked
        if kind == "@":
            used.paths.append(Word(value, value, True))
        return True
    return False


def _short(options: Options, word: Word, left: list[Word], used: Use) -> bool:
    text = word.marked[1:]
    while text:
        letter, text = text[0], text[1:]
        at = options.short.find(letter)
        if at < 0 or letter in ":@":
            return False
        used.options.append("-" + letter)
        kind = options.short[at + 1 : at + 2]
        if kind in (":", "@") and kind:
            if not text:
                if not left or not left[0].static:
                    return False
                text = left.pop(0).marked
            if kind == "@":
                used.paths.append(Word(text, text, True))
            return True
    return True


def _operands(options: Options, operands: list[Word], used: Use) -> bool:
    if len(operands) > options.most:
        return False
    if not options.globs and any(not word.static for word in operands):
        return False
    match options.operands:
        case "none":
            return not operands
        case "text":
            used.texts.extend(operands)
            used.paths.extend(word for word in operands if word.is_glob)
        case "paths":
            used.paths.extend(operands)
        case "text-then-paths":
            if not any(option in options.scripts.split() for option in used.options):
                if not operands or not operands[0].static:
                    return False
                used.texts.append(operands.pop(0))
            used.paths.extend(operands)
    return True


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


def _find(words: Sequence[Word]) -> list[Word] | None:
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


def _sed(words: Sequence[Word]) -> list[Word] | None:
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


def _awk(words: Sequence[Word]) -> list[Word] | None:
    used = use(Options("F:", "field-separator=", "text-then-paths", globs=False), words)
    if used is None or not used.texts[0].marked.strip():
        return None
    return used.paths if _AWK_PROGRAM.fullmatch(used.texts[0].marked) else None


def _jq(words: Sequence[Word]) -> list[Word] | None:
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


def _version(words: Sequence[Word]) -> list[Word] | None:
    return [] if len(words) == 1 and words[0].marked == "--version" else None


def _exit(words: Sequence[Word]) -> list[Word] | None:
    return [] if len(words) <= 1 and all(word.marked.isdigit() for word in words) else None


# Git


_DIFF = """
 stat? shortstat numstat dirstat? summary name-only name-status patch no-patch raw unified= cached staged
 color? no-color word-diff? ignore-space-change ignore-all-space ignore-blank-lines check minimal patience
 histogram diff-algorithm= find-renames? diff-filter= exit-code quiet no-renames full-index abbrev?
 no-ext-diff no-textconv function-context compact-summary relative? text ignore-cr-at-eol merge-base
"""
_LOG = (
    _DIFF
    + """
 oneline graph decorate? no-decorate all branches? tags? remotes? max-count= skip= since= after= until= before=
 author= committer= grep= all-match invert-grep regexp-ignore-case merges no-merges first-parent reverse
 follow format= pretty? abbrev-commit no-abbrev-commit date= topo-order date-order left-right cherry-pick
 cherry-mark ancestry-path simplify-by-decoration full-history no-notes
"""
)
_REFS = "contains? no-contains? merged? no-merged? points-at= sort= format= color? no-color column? no-column"

GIT: Mapping[str, Options] = {
    "status": Options(
        "sbvuz",
        "short branch porcelain? long verbose untracked-files? ignored? column? no-column ahead-behind",
    ),
    "diff": Options("pswbRzaMU:S:G:", _DIFF + " pickaxe-regex"),
    "log": Options("pswbzgiaMn:U:S:G:", _LOG + " pickaxe-regex walk-reflogs", number=True),
    "show": Options("pswbzaMn:U:", _LOG, number=True),
    "shortlog": Options("nsec", "numbered summary email committer since= until= all no-merges"),
    "blame": Options("lstwefncL:MC", "line-porcelain porcelain show-email date= since= abbrev="),
    "branch": Options("arvl", "list show-current all remotes verbose " + _REFS, most=0),
    "tag": Options("ln", "list " + _REFS, most=0),
    "remote": Options("v", "verbose", most=0),
    "rev-parse": Options(
        "q",
        """show-toplevel show-prefix show-cdup git-dir git-common-dir is-inside-work-tree abbrev-ref? short?
        is-bare-repository is-inside-git-dir verify quiet symbolic-full-name all branches? tags? absolute-git-dir
        show-superproject-working-tree""",
    ),
    "rev-list": Options("n:", _LOG + " count objects", number=True),
    "ls-files": Options(
        "cdmosuktvz",
        "cached deleted modified others stage unmerged exclude-standard full-name error-unmatch",
    ),
    "ls-tree": Options(
        "drtlz", "name-only name-status full-name full-tree long object-only abbrev?"
    ),
    "describe": Options(
        "", "tags all always long dirty? abbrev= match= exact-match first-parent contains"
    ),
    "merge-base": Options("a", "all is-ancestor octopus independent fork-point"),
    "cat-file": Options("tsep", ""),
    "name-rev": Options("", "name-only tags all always"),
    "show-ref": Options("dsq", "head heads tags verify quiet hash? abbrev? dereference"),
    "for-each-ref": Options("", "count= " + _REFS),
    "diff-tree": Options("rptz", _DIFF + " root no-commit-id"),
    "count-objects": Options("vH", "verbose human-readable", most=0),
    "grep": Options(
        "niwlLcvhHEFGPope:A:B:C:m:",
        """line-number ignore-case word-regexp files-with-matches files-without-match count invert-match
        extended-regexp fixed-strings perl-regexp only-matching show-function heading break cached untracked
        color? no-color max-depth= and or not all-match column""",
        "text-then-paths",
        scripts="-e",
    ),
    "version": Options("", "build-options", most=0),
}
"""Git's subcommands; operands may be revisions, which are checked as if they were paths."""

_GIT_LISTS = {
    "stash": {"list": GIT["log"], "show": GIT["diff"]},
    "worktree": {"list": Options("v", "porcelain verbose", most=0)},
    "reflog": {"show": GIT["log"]},
    "remote": {"get-url": Options("", "all push")},
}


def _git(words: Sequence[Word]) -> list[Word] | None:
    left = list(words)
    if left and left[0].marked in ("--no-pager", "--no-optional-locks"):
        left.pop(0)
    if not left or not all(word.static for word in left):
        return None
    name = left.pop(0).marked
    if name == "--version":
        return None if left else []
    inner = _GIT_LISTS.get(name, {})
    if left and (options := inner.get(left[0].marked)):
        return _paths(options, left[1:])
    if name in ("branch", "tag") and any(word.marked in ("--list", "-l") for word in left):
        known = GIT[name]
        return _paths(Options(known.short, known.long), left)
    if name == "reflog" and not left:
        return []
    return _paths(GIT[name], left) if name in GIT else None


def _paths(options: Options, words: Sequence[Word]) -> list[Word] | None:
    used = use(options, words)
    return used.paths if used else None


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
    "find": _find,
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
    "sed": _sed,
    "awk": _awk,
    "jq": _jq,
    "git": _git,
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
    ("grep", "egrep", "fgrep", "rg", "diff", "cp", "mv", "rm", "tar", "zip", "rsync", "scp")
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
