"""Glob: what matches, in which order, and what is told of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from searching import WITHOUT_RIPGREP, Session, grow

from hames.tools.glob import GLOB, GlobInput
from hames.tools.tool import Reads

BOTH = pytest.mark.parametrize("env", [{}, WITHOUT_RIPGREP], ids=["ripgrep", "python"])


def aged(folder: Path, *names: str) -> None:
    """Give files their times: the first is the newest."""
    for age, name in enumerate(names):
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))


@BOTH
async def test_the_newest_file_goes_first(tmp_path: Path, env: dict[str, str]):
    """Documented in 2025. Official 2.1.330 begins with the oldest."""
    grow(tmp_path, {"a.py": "", "sub/b.py": "", "c.py": "", "d.txt": ""})
    aged(tmp_path, "c.py", "sub/b.py", "a.py")
    result = await Session(tmp_path, env).glob("*.py")
    assert result.content == "c.py\nsub/b.py\na.py"
    assert {**result.data, "durationMs": 0} == {
        "filenames": ["c.py", "sub/b.py", "a.py"],
        "durationMs": 0,
        "numFiles": 3,
        "truncated": False,
        "totalMatches": 3,
        "countIsComplete": True,
    }


@BOTH
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.{ts,tsx}", {"src/a.ts", "src/ui/b.tsx"}),
        ("src/*.ts", {"src/a.ts"}),
        ("src/**", {"src/a.ts", "src/ui/b.tsx", "src/ui/[id].py"}),
        ("**/ui/*", {"src/ui/b.tsx", "src/ui/[id].py"}),
        ("src/ui/[[]id].py", {"src/ui/[id].py"}),
        ("./src/a.ts", {"src/a.ts"}),
        (".hidden", {".hidden"}),
        ("!*.{ts,tsx,py}", {".hidden"}),
        ("src/nowhere/*", set()),
        ("*.PY", set()),
        ("ui", set()),
    ],
)
async def test_pattern_finds_files(
    tmp_path: Path, env: dict[str, str], pattern: str, found: set[str]
):
    grow(tmp_path, {"src/a.ts": "", "src/ui/b.tsx": "", "src/ui/[id].py": "", ".hidden": ""})
    grow(tmp_path, {".git/HEAD": "", ".git/a.ts": ""})
    result = await Session(tmp_path, env).glob(pattern)
    assert set(result.data["filenames"]) == found
    if not found:
        assert result.content == "No files found."


@BOTH
async def test_a_hundred_files_are_shown_with_how_many_there_are(
    tmp_path: Path, env: dict[str, str]
):
    grow(tmp_path, {f"{number:03}.txt": "" for number in range(120)})
    result = await Session(tmp_path, env).glob("*.txt")
    lines = str(result.content).split("\n")
    assert len(lines) == 101
    assert lines[-1] == "(100 of 120 files are shown, the newest first.)"
    assert result.data["numFiles"] == 100
    assert result.data["totalMatches"] == 120
    assert result.data["truncated"]


@BOTH
async def test_ignored_files_are_listed_only_when_nothing_else_matches(
    tmp_path: Path, env: dict[str, str]
):
    """Our choice. Official 2.1.330 always lists them."""
    grow(tmp_path, {".git/HEAD": "", ".gitignore": "build/\n*.log"})
    grow(tmp_path, {"a.js": "", "build/b.js": "", "build/deep/c.css": "", "d.log": ""})
    session = Session(tmp_path, env)
    assert (await session.glob("**/*.js")).content == "a.js"
    note = "(Ignore files such as .gitignore leave out all of these.)"
    assert (await session.glob("**/*.css")).content == f"build/deep/c.css\n{note}"
    assert (await session.glob("build/*.js")).content == "build/b.js"
    switched = Session(tmp_path, {**env, "CLAUDE_CODE_GLOB_NO_IGNORE": "true"})
    assert set((await switched.glob("**/*.js")).data["filenames"]) == {"a.js", "build/b.js"}


@BOTH
async def test_paths_outside_the_working_directory_are_absolute(
    tmp_path: Path, env: dict[str, str]
):
    grow(tmp_path, {"work/a.py": "", "other/b.py": "", "work/sub/c.py": ""})
    session = Session(tmp_path / "work", env)
    other = f"{tmp_path}/other/b.py"
    assert (await session.glob("*.py", path="../other")).content == other
    assert (await session.glob("../other/*.py")).content == other
    assert (await session.glob(f"{tmp_path}/other/*.py")).content == other
    assert (await session.glob("*.py", path="sub")).content == "sub/c.py"
    session.workspace.home = str(tmp_path)
    assert (await session.glob("~/other/*")).content == other


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        ({"pattern": "*.py"}, "./"),
        ({"pattern": "*.py", "path": "/x"}, "/x/"),
        ({"pattern": "src/*.py", "path": "/x"}, "/x/src"),
        ({"pattern": "/etc/*", "path": "/x"}, "/etc"),
        ({"pattern": "../secret/*"}, "./../secret"),
        ({"pattern": "~/.ssh/*"}, "~/.ssh"),
    ],
)
def test_the_call_declares_the_folder_it_reads(arguments: dict[str, str], folder: str):
    assert GLOB.access(GlobInput(**arguments)) == (Reads(folder),)


async def test_wrong_folders_and_patterns_are_refused(tmp_path: Path):
    session = Session(grow(tmp_path, {"a.py": ""}))
    missing = await session.refusal(session.glob("*", path="nope"))
    assert missing.invalid
    assert f"`{tmp_path}/nope` does not exist" in str(missing)
    a_file = await session.refusal(session.glob("*", path="a.py"))
    assert "is a file" in str(a_file)
    broken = await session.refusal(session.glob("[a"))
    assert str(broken) == "`[a` is no pattern: a `[` is not closed."
