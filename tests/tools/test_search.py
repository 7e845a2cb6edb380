"""Searching with ripgrep and without it finds the same; how ripgrep is found; what bounds a search."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from searching import WITHOUT_RIPGREP, Session, grow

from hames._clock import Clock
from hames.errors import ToolError
from hames.sandbox.local import LocalMachine
from hames.tools import globs, search_python
from hames.tools.regexes import compile_regex
from hames.tools.ripgrep import Ripgrep
from hames.tools.search import existing, list_files, newest_first, visible
from hames.tools.search_python import PythonSearch
from hames.tools.search_terms import Query, Scope
from hames.tools.tool import Call

NAMES = ["a", "b", "ab", "a.py", "b.py", "c.txt", ".x", "build", "a b", "[a]"]
IGNORE_LINES = [
    *["a", "b", "*.py", "/a", "a/", "/a/", "a/b", "**/b", "a/**", "*", "!a", "!*.py", "!/b/", "a*"],
    *["?", "[ab]", "[!a]", "a/*.py", "!a/b", "# c", "\\!x", "*.{py,txt}", "build/", "/build"],
    *["!build", "**/a/b", "a/**/b", "*.p[xy]", "a ", "\\[a\\]", "/*", "!*/", "b/**/", "**"],
    *["/**/a", "[", "./a", "//a", "a//b", ".*"],
]
FRAGMENTS = [
    *[b"foo", b"bar", b" ", b"\n", b"\n", b"\r\n", b"\t", b"a", b"b", b"\xff", b"\xc3\xa9"],
    *[
        "日本".encode(),
        b"Foo",
        b"x" * 600,
        b"{}",
        b"(",
        b"12",
        b"_",
        b".",
        b"\n\n",
        b"\xf0\x9f",
        b"-",
    ],
]
PATTERNS = [
    *["foo", "foo.bar", "fo+", "^foo", "bar$", "^$", "a|b", r"\bfoo\b", r"\d+", r"\w+", r"\s"],
    *["[^a]b", "[[:digit:]]+", "(?i)foo", "é", "[é日]", ".", ".*", "a*", "foo|foobar", r"\."],
    *["x{3,}", "x{600}", r"foo\s+bar", "(?:foo|a)b", r"\x{e9}", r"\S+", r"\W", "interface{}", "{}"],
    *["(?=f)foo", r"(a)\1", r"foo\n", "\n\n", r"a\r?\nb", "(", "[", "*", r"\<foo\>", "(foo)+"],
    *["(?<n>a)b", "-a", "a-", "^", "$", r"foo\nbar", "(?s)foo.bar", r"\Afoo", r"b\z", "f[^\n]o"],
]
SEEDS = range(0, 120, 12)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_same_files_are_left_out_with_and_without_ripgrep(tmp_path: Path, seed: int):
    for each in range(seed, seed + 12):
        chance = random.Random(each)
        top = tmp_path / str(each)
        folder = composed_tree(chance, top)
        with_it = await listed(Session(top), folder)
        assert await listed(Session(top, WITHOUT_RIPGREP), folder) == with_it, each


def composed_tree(chance: random.Random, top: Path) -> Path:
    """A tree with ignore files and repositories at random; one of its folders."""
    folders = [top / "r"]
    folders[0].mkdir(parents=True)
    for _ in range(chance.randint(0, 6)):
        folder = chance.choice(folders) / chance.choice(NAMES)
        if not folder.exists():
            folder.mkdir()
            folders.append(folder)
    for _ in range(15):
        path = chance.choice(folders) / chance.choice(NAMES)
        if not path.exists():
            path.write_bytes(b"x")
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([".gitignore", ".gitignore", ".ignore", ".rgignore"])
        lines = [chance.choice(IGNORE_LINES) for _ in range(chance.randint(1, 4))]
        (chance.choice([top, *folders]) / name).write_text("\n".join(lines), encoding="utf-8")
    for folder in chance.sample([top, *folders], k=min(len(folders), chance.randint(0, 2))):
        exclude = chance.choice(IGNORE_LINES) if chance.random() < 0.3 else ""
        grow(folder, {".git/info/exclude": exclude})
    return chance.choice(folders)


async def listed(session: Session, folder: Path, **scope: Any) -> list[str]:
    return sorted((await list_files(call_of(session), Scope(str(folder), **scope))).paths)


def call_of(session: Session) -> Call:
    async def no_spill(name: str, data: bytes) -> str:
        raise AssertionError

    return Call("1", "Grep", session.machine, session.workspace, session.states, no_spill)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_same_lines_match_with_and_without_ripgrep(tmp_path: Path, seed: int):
    for each in range(seed, seed + 12):
        chance = random.Random(each)
        top = grow(tmp_path / str(each), composed_files(chance))
        pattern, options = chance.choice(PATTERNS), composed_options(chance)
        with_it = await outcome(Session(top), pattern, options)
        without = await outcome(Session(top, WITHOUT_RIPGREP), pattern, options)
        assert without == with_it, (each, pattern, options)


def composed_files(chance: random.Random) -> dict[str, bytes]:
    files = {}
    for number in range(chance.randint(1, 4)):
        data = b"".join(chance.choice(FRAGMENTS) for _ in range(chance.randint(0, 14)))
        begin = chance.choices([b"", b"\xef\xbb\xbf"], [20, 1])[0]
        end = chance.choices([b"", b"\0\nfoo\n"], [12, 1])[0]
        if chance.random() < 0.05:
            begin, data, end = b"\xff\xfe", "foo bar\néa\n".encode("utf-16-le"), b""
        files[f"f{number}.{chance.choice(['py', 'txt'])}"] = begin + data + end
    return files


def composed_options(chance: random.Random) -> dict[str, Any]:
    choices: list[tuple[float, str, list[Any]]] = [
        (0.7, "output_mode", ["content", "content", "count"]),
        (0.3, "C", [0, 1, 2]),
        (0.2, "B", [0, 1, 2]),
        (0.2, "i", [True]),
        (0.2, "o", [True]),
        (0.25, "multiline", [True]),
        (0.2, "glob", ["*.py", "!*.py", "*.{py,txt}"]),
        (0.1, "type", ["py"]),
        (0.2, "head_limit", [1, 2, 3]),
        (0.2, "offset", [1, 2]),
    ]
    return {name: chance.choice(those) for odds, name, those in choices if chance.random() < odds}


async def outcome(session: Session, pattern: str, options: dict[str, Any]) -> Any:
    """What a call gives; the reason why a pattern is none is worded by the engine."""
    result = await session.grep(pattern, **options)
    lines = str(result.content).split("\n")
    return [line for line in lines if not line.startswith("Not a regular expression")], result.data


async def test_a_worktree_uses_the_exclude_file_of_its_repository(tmp_path: Path):
    grow(tmp_path, {"main/.git/info/exclude": "*.log", "main/.git/worktrees/w/commondir": "../.."})
    gitdir = f"gitdir: {tmp_path}/main/.git/worktrees/w\n"
    grow(tmp_path, {"w/.git": gitdir, "w/a.log": "", "w/a.py": ""})
    for env in ({}, WITHOUT_RIPGREP):
        assert await listed(Session(tmp_path, env), tmp_path / "w") == ["a.py"]


async def test_links_pipes_and_unreadable_folders_are_passed_over(tmp_path: Path):
    grow(tmp_path, {"a.py": "x", "closed/b.py": "x"})
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "closed").chmod(0)
    try:
        found = [await listed(Session(tmp_path, env), tmp_path) for env in ({}, WITHOUT_RIPGREP)]
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert found[0] == found[1]
    assert [path for path in found[0] if not path.startswith("closed")] == ["a.py"]


async def test_a_name_that_is_no_text_is_found_and_shown(tmp_path: Path):
    (tmp_path / os.fsdecode(b"a\xff\n.py")).write_bytes(b"foo\n")
    for env in ({}, WITHOUT_RIPGREP):
        session = Session(tmp_path, env)
        assert (await session.glob("*.py")).content == "a\ufffd\n.py"
        assert (await session.grep("foo")).content == "Found 1 file\na\ufffd\n.py"


@pytest.mark.parametrize(
    "pattern",
    [r"\p{L}", "[a-z&&b]", "[[a]b]", "a(?i)b", "(?i:a)", "(a+)+", "(a*b)*", "a++", "(x{11}y)+"],
)
async def test_what_only_ripgrep_can_do_is_refused_without_it(tmp_path: Path, pattern: str):
    grow(tmp_path, {"a.txt": "aab"})
    error = await Session(tmp_path).refusal(Session(tmp_path, WITHOUT_RIPGREP).grep(pattern))
    assert "Without ripgrep" in str(error)


def test_repeats_that_cannot_take_forever_are_allowed_without_ripgrep():
    for pattern in ("(a|b)+c*", "(?:ab)*", "(a{2}b)+", "(a?b)+", "[+*]+"):
        compile_regex(pattern, literal=False, ignore_case=False, dotall=False)


async def test_texts_too_long_for_a_slow_expression_are_skipped_and_told(tmp_path: Path):
    grow(tmp_path, {"long.txt": "a" * 20_000 + "b", "short.txt": "aab"})
    session = Session(tmp_path, WITHOUT_RIPGREP)
    result = await session.grep("a.*a.*b")
    assert result.content == (
        "Found 1 file\nshort.txt\n[The search was cut short; there may be more. Search fewer files.]"
    )


async def test_search_without_ripgrep_ends_in_time(tmp_path: Path):
    grow(tmp_path, {f"{number}.txt": "x" for number in range(5)})
    session = Session(tmp_path, WITHOUT_RIPGREP)
    late = PythonSearch(session.machine, Rushing())
    with pytest.raises(TimeoutError):
        await late.search(Scope(str(tmp_path)), Query("x"))


class Rushing(Clock):
    """A clock that goes on by a minute each time it is asked."""

    def __init__(self) -> None:
        self.minutes = 0

    def monotonic(self) -> float:
        self.minutes += 1
        return self.minutes * 60.0


async def test_a_search_that_takes_too_long_is_stopped_and_told(tmp_path: Path):
    class Slow(LocalMachine):
        async def run(self, *args: Any, **more: Any) -> Any:
            raise TimeoutError

    session = Session(grow(tmp_path, {"a": "x"}))
    session.machine = Slow()
    error = await session.refusal(session.grep("x"))
    assert "longer than 20 s" in str(error)


async def test_output_beyond_the_limit_is_told_as_cut(tmp_path: Path):
    class Narrow(LocalMachine):
        async def run(self, *args: Any, **more: Any) -> Any:
            return await super().run(*args, **{**more, "limit": 2_000})

    session = Session(grow(tmp_path, {f"{number}.txt": "foo\n" for number in range(400)}))
    session.machine = Narrow()
    found = await session.glob("*.txt")
    assert found.data["truncated"]
    assert not found.data["countIsComplete"]
    assert "of at least" in str(found.content)
    for mode in ("content", "count", "files_with_matches"):
        result = await session.grep("foo", output_mode=mode)
        assert "The search was cut short" in str(result.content)


async def test_ripgrep_is_looked_for_beside_python_then_on_the_path(tmp_path: Path):
    other = tmp_path / "bin/rg"
    grow(tmp_path, {"bin/rg": "#!/bin/sh\n"})
    beside = str(Path(sys.executable).parent / "rg")
    path = {"PATH": f"/nowhere:{other.parent}"}
    assert await found_with(path) == beside
    assert await found_with({**path, "USE_BUILTIN_RIPGREP": "0"}) is None
    other.chmod(0o755)
    assert await found_with({**path, "USE_BUILTIN_RIPGREP": "0"}) == str(other)
    assert await found_with({**path, "HAMES_RG": str(other)}) == str(other)
    assert await found_with({**path, "HAMES_RG": "0"}) is None
    with pytest.raises(ToolError, match="HAMES_RG"):
        await found_with({"HAMES_RG": "/nowhere/rg"})


async def found_with(env: dict[str, str]) -> str | None:
    return await Ripgrep().find(LocalMachine(), env)


async def test_the_ripgrep_that_is_named_is_the_one_that_runs(tmp_path: Path):
    real = shutil.which("rg", path=bin_folder())
    grow(tmp_path, {"bin/rg": f'#!/bin/sh\ntouch {tmp_path}/ran\nexec {real} "$@"\n', "a": "foo"})
    (tmp_path / "bin/rg").chmod(0o755)
    env = {"HAMES_RG": str(tmp_path / "bin/rg"), "PATH": "/usr/bin:/bin"}
    assert (await Session(tmp_path, env).grep("^fo+")).content == "Found 1 file\na"
    assert (tmp_path / "ran").exists()


def bin_folder() -> str:
    return str(Path(sys.executable).parent)


async def test_a_file_larger_than_the_limit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search_python, "LARGEST_FILE", 10)
    grow(tmp_path, {"a.txt": "foo" * 10, "b.txt": "foo"})
    result = await Session(tmp_path, WITHOUT_RIPGREP).grep("foo")
    assert str(result.content).startswith("Found 1 file\nb.txt\n[The search was cut short")


async def test_newest_goes_first_and_equal_times_by_name(tmp_path: Path):
    grow(tmp_path, {"a": "", "b": "", "c": ""})
    for name, time in (("a", 5), ("b", 9), ("c", 5)):
        os.utime(tmp_path / name, (time, time))
    paths = [str(tmp_path / name) for name in ("c", "gone", "a", "b")]
    dated = await newest_first(call_of(Session(tmp_path)), paths)
    assert [Path(path).name for path in dated] == ["b", "a", "c", "gone"]


async def test_a_path_that_is_not_there_is_told_with_the_working_directory(tmp_path: Path):
    session = Session(tmp_path)
    error = await session.refusal(existing(call_of(session), "nope"))
    assert error.invalid
    assert str(tmp_path / "nope") in str(error)
    assert f"working directory is `{tmp_path}`" in str(error)


def test_paths_that_a_rule_hides_are_not_visible(tmp_path: Path):
    call = call_of(Session(tmp_path))
    assert visible(call, ["/a", "/b"]) == ["/a", "/b"]
    call.hidden = lambda path: path == "/a"
    assert visible(call, ["/a", "/b"]) == ["/b"]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.py", ["a.py", "x/y/a.py", ".py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "x/src/a.py"]),
        ("/a.py", ["a.py"], ["x/a.py"]),
        ("./a.py", ["a.py"], ["x/a.py"]),
        ("**/a.py", ["a.py", "x/y/a.py"], ["ba.py"]),
        ("src/**", ["src/a", "src/a/b"], ["src", "x/src/a"]),
        ("src/**/a", ["src/a", "src/x/y/a"], ["src/xa"]),
        ("src/", ["src/a", "x/src/a"], ["src"]),
        ("**", ["a", "a/b"], []),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[a-c]x", ["bx"], ["dx", "/x"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("[^a]x", ["bx"], ["ax"]),
        ("[]]x", ["]x"], ["x"]),
        ("*.{ts,tsx}", ["a.ts", "x/a.tsx"], ["a.t"]),
        ("{a,b{1,2}}/x", ["a/x", "b1/x", "b2/x"], ["b/x"]),
        ("\\*.py", ["*.py"], ["a.py"]),
        ("!*.py", ["a.txt"], ["a.py"]),
        ("a+(b)|c", ["a+(b)|c"], ["aab"]),
    ],
)
def test_glob_pattern_matches_as_gitignore_and_ripgrep_do(
    pattern: str, yes: list[str], no: list[str]
):
    matches = globs.matcher([pattern])
    assert [path for path in yes if not matches(path)] == []
    assert [path for path in no if matches(path)] == []


@pytest.mark.parametrize("pattern", ["[a", "{a", "a}", "[z-a]", "a\\", "{a,b}" * 12])
def test_broken_glob_pattern_is_refused(pattern: str):
    with pytest.raises(ValueError):
        globs.matcher([pattern])


@pytest.mark.parametrize(
    ("pattern", "folder", "rest"),
    [
        ("*.py", "", "*.py"),
        ("src/app/*.py", "src/app", "/*.py"),
        ("/etc/*.conf", "/etc", "/*.conf"),
        ("/*.conf", "/", "/*.conf"),
        ("../x/**", "../x", "/**"),
        ("src/{a,b}/c", "src", "/{a,b}/c"),
        ("**/a", "", "/**/a"),
        ("!src/a", "", "!src/a"),
    ],
)
def test_fixed_folder_of_a_pattern(pattern: str, folder: str, rest: str):
    assert globs.fixed_folder(pattern) == (folder, rest)


def test_names_are_known_only_where_the_last_part_tells():
    assert globs.names(["src/**/*.{ts,tsx}", "!x"]) == ("*.ts", "*.tsx")
    assert globs.names(["*.py", "src/**"]) == ()
    assert globs.names(["a[bc].py"]) == ()
    assert globs.split("*.{a,b}, *.c  d/*") == ["*.{a,b}", "*.c", "d/*"]
