"""Subcommands of git that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hames.permissions.options import Options, paths_of
from hames.permissions.words import Word

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


def git(words: Sequence[Word]) -> list[Word] | None:
    """The files that a call of git reads; None when it may do more than read."""
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
        return paths_of(options, left[1:])
    if name in ("branch", "tag") and any(word.marked in ("--list", "-l") for word in left):
        known = GIT[name]
        return paths_of(Options(known.short, known.long), left)
    if name == "reflog" and not left:
        return []
    return paths_of(GIT[name], left) if name in GIT else None
