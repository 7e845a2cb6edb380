"""Grep: what matches, how it is shown, and what is told of the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from searching import WITHOUT_RIPGREP, Session, grow

from hames.tools.grep import GREP, GrepInput
from hames.tools.tool import Reads

BOTH = pytest.mark.parametrize("env", [{}, WITHOUT_RIPGREP], ids=["ripgrep", "python"])

FILES = {
    "a.py": "import os\n\ndef run():\n    return os.name\n",
    "sub/b.py": "import sys\nimport os\n",
    "c.txt": "nothing\nimport os from c\n",
}


def aged(folder: Path, *names: str) -> None:
    """Give files their times: the first is the newest."""
    for age, name in enumerate(names):
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))


@BOTH
async def test_files_that_match_are_listed_newest_first(tmp_path: Path, env: dict[str, str]):
    grow(tmp_path, FILES)
    aged(tmp_path, "sub/b.py", "c.txt", "a.py")
    result = await Session(tmp_path, env).grep("import os")
    assert result.content == "Found 3 files\nsub/b.py\nc.txt\na.py"
    assert result.data == {
        "mode": "files_with_matches",
        "numFiles": 3,
        "filenames": ["sub/b.py", "c.txt", "a.py"],
        "totalFiles": 3,
    }


@BOTH
async def test_lines_are_shown_with_path_and_number(tmp_path: Path, env: dict[str, str]):
    session = Session(grow(tmp_path, FILES), env)
    result = await session.grep("import os", output_mode="content")
    assert result.content == "a.py:1:import os\nc.txt:2:import os from c\nsub/b.py:2:import os"
    assert result.data == {
        "mode": "content",
        "numFiles": 0,
        "filenames": [],
        "content": result.content,
        "numLines": 3,
        "totalLines": 3,
    }
    plain = await session.grep("import os", output_mode="content", n=False, type="py")
    assert plain.content == "a.py:import os\nsub/b.py:import os"
    one = await session.grep("import os", output_mode="content", path="sub/b.py")
    assert one.content == "2:import os"


@BOTH
async def test_counts_end_with_the_totals(tmp_path: Path, env: dict[str, str]):
    session = Session(grow(tmp_path, FILES), env)
    result = await session.grep("import|os", output_mode="count")
    assert result.content == "a.py:2\nc.txt:1\nsub/b.py:2\n\n5 matching lines in 3 files"
    assert result.data == {
        "mode": "count",
        "numFiles": 3,
        "filenames": [],
        "content": "a.py:2\nc.txt:1\nsub/b.py:2",
        "numMatches": 5,
    }
    one = await session.grep("sys", output_mode="count", path="sub/b.py")
    assert one.content == "sub/b.py:1\n\n1 matching line in 1 file"


@BOTH
async def test_context_has_dashes_and_gaps(tmp_path: Path, env: dict[str, str]):
    lines = [f"line {number}" for number in range(1, 13)]
    grow(tmp_path, {"a.txt": "\n".join(lines) + "\n"})
    session = Session(tmp_path, env)
    result = await session.grep("line (2|4|11)$", output_mode="content", C=1)
    assert result.content == (
        "a.txt-1-line 1\na.txt:2:line 2\na.txt-3-line 3\na.txt:4:line 4\na.txt-5-line 5\n--\n"
        "a.txt-10-line 10\na.txt:11:line 11\na.txt-12-line 12"
    )
    after = await session.grep("line 2", output_mode="content", A=1, path="a.txt")
    assert after.content == "2:line 2\n3-line 3"
    before = await session.grep("line 2", output_mode="content", B=1, context=3, path="a.txt")
    assert before.content == "1-line 1\n2:line 2\n3-line 3\n4-line 4\n5-line 5"


@BOTH
async def test_only_the_matching_parts_are_shown_when_asked(tmp_path: Path, env: dict[str, str]):
    grow(tmp_path, {"a.txt": "x1 y22\nz\nÄ333\n"})
    result = await Session(tmp_path, env).grep(r"\d+", output_mode="content", o=True, C=2)
    assert result.content == "a.txt:1:1\na.txt:1:22\na.txt:3:333"


@BOTH
async def test_matches_may_cross_lines(tmp_path: Path, env: dict[str, str]):
    grow(tmp_path, {"a.txt": "begin {\n  x\r\n}\nend\n"})
    session = Session(tmp_path, env)
    asked = await session.grep(r"\{.*\}", output_mode="content", multiline=True)
    assert asked.content == "a.txt:1:begin {\na.txt:2:  x\na.txt:3:}"
    count = await session.grep(r"\{.*\}", output_mode="count", multiline=True)
    assert count.content == "a.txt:3\n\n3 matching lines in 1 file"
    named = await session.grep(r"\}\nend", output_mode="content")
    assert named.content == "a.txt:3:}\na.txt:4:end"
    assert (await session.grep(r"\{.*\}")).content == "No files found."


@BOTH
async def test_long_line_is_cut_around_its_match(tmp_path: Path, env: dict[str, str]):
    """Official 2.1.330 leaves such a line out."""
    grow(tmp_path, {"min.js": "ä" * 5000 + "needle" + "ö" * 5000 + "\nshort\n"})
    session = Session(tmp_path, env)
    result = await session.grep("needle", output_mode="content", A=1)
    assert result.content == (
        f"min.js:1:…{'ä' * 200}needle{'ö' * 200}… [10006 characters]\nmin.js-2-short"
    )
    context = await session.grep("short", output_mode="content", B=1)
    assert context.content == f"min.js-1-{'ä' * 200}… [10006 characters]\nmin.js:2:short"
    whole = await session.grep("ä.*ö", output_mode="content", o=True)
    assert whole.content == f"min.js:1:{'ä' * 200}… [10006 characters]"


@BOTH
@pytest.mark.parametrize("mode", ["content", "count", "files_with_matches"])
async def test_results_come_in_pages(tmp_path: Path, env: dict[str, str], mode: str):
    grow(tmp_path, {f"{number}.txt": "x\n" for number in range(5)})
    aged(tmp_path, *[f"{number}.txt" for number in range(5)])
    session = Session(tmp_path, env)
    page = await session.grep("x", output_mode=mode, head_limit=2, offset=1)
    assert (
        page.content
        == {
            "content": "1.txt:1:x\n2.txt:1:x\n[2-3 of 5 lines]",
            "count": "1.txt:1\n2.txt:1\n[2-3 of 5 files]\n\n5 matching lines in 5 files",
            "files_with_matches": "Found 5 files; 2-3 are shown\n1.txt\n2.txt",
        }[mode]
    )
    assert (page.data["appliedLimit"], page.data["appliedOffset"]) == (2, 1)
    beyond = await session.grep("x", output_mode=mode, offset=9)
    assert "5 " in str(beyond.content)
    everything = await session.grep("x", output_mode=mode, head_limit=0)
    assert str(everything.content).count(".txt") == 5
    assert "appliedLimit" not in everything.data


async def test_250_lines_are_shown_unless_more_are_asked_for(tmp_path: Path):
    grow(tmp_path, {"a.txt": "x\n" * 300})
    session = Session(tmp_path)
    first = await session.grep("x", output_mode="content")
    assert str(first.content).endswith("\na.txt:250:x\n[1-250 of 300 lines]")
    rest = await session.grep("x", output_mode="content", offset=250)
    assert str(rest.content).startswith("a.txt:251:x\n")
    assert rest.data["totalLines"] == 300


@BOTH
async def test_text_that_is_no_expression_is_searched_for_as_it_stands(
    tmp_path: Path, env: dict[str, str]
):
    """Official 2.1.330 answers with an error."""
    grow(tmp_path, {"a.go": "call(x\nvar m map[string\n"})
    session = Session(tmp_path, env)
    result = await session.grep("call(", output_mode="content")
    note, _, lines = str(result.content).partition("\n")
    assert note.startswith("Not a regular expression (")
    assert note.endswith("), so searched for as plain text.")
    assert lines == "a.go:1:call(x"
    none = await session.grep("map[", output_mode="count", path="a.go")
    assert str(none.content).endswith("a.go:1\n\n1 matching line in 1 file")


@BOTH
@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("interface{}", "3:type T interface{}"),
        ("(?<=type )T", "3:type T interface{}"),
        (r"(\w)\1", "2:aa"),
        ("-flag", "1:-flag"),
        ("--help", "4:--help"),
    ],
)
async def test_patterns_that_ripgrep_alone_would_refuse_or_misread(
    tmp_path: Path, env: dict[str, str], pattern: str, line: str
):
    grow(tmp_path, {"a.go": "-flag\naa\ntype T interface{}\n--help\n"})
    result = await Session(tmp_path, env).grep(pattern, output_mode="content", path="a.go")
    assert result.content == line


@BOTH
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"glob": "*.ts"}, {"src/a.ts", "src/ui/b.ts"}),
        ({"glob": "*.{ts,md}"}, {"src/a.ts", "src/ui/b.ts", "d.md"}),
        ({"glob": "*.md, *.ts"}, {"src/a.ts", "src/ui/b.ts", "d.md"}),
        ({"glob": "*.ts !src/ui/**"}, {"src/a.ts"}),
        ({"glob": "!*.ts"}, {"d.md", ".gitignore", ".env"}),
        ({"glob": "src/**/*.ts"}, {"src/a.ts", "src/ui/b.ts"}),
        ({"glob": "src/ui/*", "path": "src"}, {"src/ui/b.ts"}),
        ({"glob": "ui/*", "path": "src"}, {"src/ui/b.ts"}),
        ({"type": "ts"}, {"src/a.ts", "src/ui/b.ts"}),
        ({"type": "ts", "glob": "b.*"}, {"src/ui/b.ts"}),
        ({"type": "md"}, {"d.md"}),
        ({"path": "dist"}, {"dist/x.ts"}),
        ({"path": "dist/x.ts"}, {"dist/x.ts"}),
    ],
)
async def test_only_wanted_files_are_searched_and_ignored_ones_only_when_named(
    tmp_path: Path, env: dict[str, str], options: dict[str, Any], found: set[str]
):
    """With ripgrep's own `--glob`, `*.ts` would bring back the ignored `src/gen.ts`."""
    grow(tmp_path, dict.fromkeys(("src/a.ts", "src/ui/b.ts", "src/gen.ts", "d.md"), "x"))
    grow(tmp_path, {"dist/x.ts": "x", ".env": "x", ".git/config": "x"})
    grow(tmp_path, {".gitignore": "dist/\ngen.ts\n# x\n"})
    result = await Session(tmp_path, env).grep("x", **options)
    assert set(result.data["filenames"]) == found


async def test_unknown_type_is_refused_with_what_may_be_meant(tmp_path: Path):
    session = Session(grow(tmp_path, FILES))
    error = await session.refusal(session.grep("x", type="tsx"))
    assert "There is no file type `tsx`. Perhaps `ts`" in str(error)
    unknown = await session.refusal(session.grep("x", type="qqqqqq"))
    assert str(unknown) == "There is no file type `qqqqqq`. Use `glob`."


@BOTH
async def test_binary_files_are_left_out_and_told_when_named(tmp_path: Path, env: dict[str, str]):
    late = b"needle\n" + b"x" * 100_000 + b"\0\n"
    grow(tmp_path, {"a.bin": b"\0needle\nneedle\n", "late.bin": late, "t.txt": "needle"})
    utf16 = b"\xff\xfe" + "needle ä\n".encode("utf-16-le")
    grow(tmp_path, {"utf16.txt": utf16})
    session = Session(tmp_path, env)
    for mode in ("count", "content"):
        result = await session.grep("needle", output_mode=mode)
        assert "bin" not in str(result.content)
    assert set((await session.grep("needle")).data["filenames"]) == {"t.txt", "utf16.txt"}
    named = await session.grep("needle", output_mode="content", path="a.bin")
    assert named.content == "`a.bin` is a binary file; 2 lines of it match."
    assert (await session.grep("needle", path="a.bin")).content == "Found 1 file\na.bin"
    none = await session.grep("other", output_mode="content", path="a.bin")
    assert none.content == "No matches found."
    text = await session.grep("needle", output_mode="content", path="utf16.txt")
    assert text.content == "1:needle ä"


@BOTH
async def test_bytes_that_are_no_utf8_are_shown_replaced(tmp_path: Path, env: dict[str, str]):
    grow(tmp_path, {"a.txt": b"caf\xe9 needle\n"})
    session = Session(tmp_path, env)
    result = await session.grep("needle", output_mode="content")
    assert result.content == "a.txt:1:caf\ufffd needle"
    assert (await session.grep("caf. needle")).content == "No files found."


async def test_wrong_arguments_are_refused(tmp_path: Path):
    session = Session(grow(tmp_path, FILES))
    missing = await session.refusal(session.grep("x", path="nope"))
    assert missing.invalid
    assert "does not exist" in str(missing)
    assert (await session.refusal(session.grep(""))).invalid
    assert "no pattern" in str(await session.refusal(session.grep("x", glob="{a")))
    for wrong in ({"output_mode": "lines"}, {"unknown": 1}, {"-A": "x"}):
        with pytest.raises(msgspec.ValidationError):
            await session.use(GREP, {"pattern": "x", **wrong})


def test_the_call_declares_what_it_reads():
    assert GREP.access(GrepInput("x")) == (Reads("."),)
    assert GREP.access(GrepInput("x", path="/etc")) == (Reads("/etc"),)


def test_options_have_the_names_of_grep():
    names = set(msgspec.json.schema_components([GrepInput])[1]["GrepInput"]["properties"])
    assert names == {
        *("pattern", "path", "glob", "type", "output_mode", "-A", "-B", "-C", "context", "-n"),
        *("-i", "-o", "multiline", "head_limit", "offset"),
    }
