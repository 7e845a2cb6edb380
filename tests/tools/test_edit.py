"""Edit: what matches, what is kept, and what the model is told when nothing matches."""

from __future__ import annotations

import codecs
import stat
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from file_tools import FileTools
from hypothesis import assume, given, settings
from hypothesis import strategies as st

BOMS = {
    "utf-8": b"",
    "utf-8-bom": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


async def edited(folder: Path, before: bytes, old: str, new: str, **more: bool) -> bytes:
    """The bytes of a file after it was read and edited."""
    path = folder / "file.txt"
    path.write_bytes(before)
    tools = FileTools(folder)
    await tools.read(path)
    await tools.edit(path, old, new, **more)
    return path.read_bytes()


async def refused(folder: Path, before: bytes, old: str, new: str, **more: bool) -> str:
    """The wrapped error of an edit that changes nothing."""
    path = folder / "file.txt"
    path.write_bytes(before)
    tools = FileTools(folder)
    await tools.read(path)
    error = await tools.refusal(tools.edit(path, old, new, **more))
    assert error.invalid
    assert path.read_bytes() == before
    return str(error)


async def test_a_unique_text_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"a = 1\nb = 2\n")
    tools = FileTools(tmp_path)
    await tools.read(path)
    result = await tools.edit(path, "b = 2", "b = 3")
    assert path.read_bytes() == b"a = 1\nb = 3\n"
    assert result.content == f"Edited `{path}` at line 2."
    digest = result.data.pop("contentHash")
    assert len(digest) == 32
    assert result.data == {
        "filePath": str(path),
        "oldString": "b = 2",
        "newString": "b = 3",
        "originalFile": "a = 1\nb = 2\n",
        "structuredPatch": [
            {
                "oldStart": 1,
                "oldLines": 2,
                "newStart": 1,
                "newLines": 2,
                "lines": [" a = 1", "-b = 2", "+b = 3"],
            }
        ],
        "userModified": False,
        "replaceAll": False,
    }


async def test_every_occurrence_is_replaced_when_asked(tmp_path: Path) -> None:
    assert await edited(tmp_path, b"x y x\nx", "x", "zz", replace_all=True) == b"zz y zz\nzz"


async def test_several_matches_are_refused_with_their_lines(tmp_path: Path) -> None:
    text = await refused(tmp_path, b"x\ny\nx\n", "x", "z")
    assert "2 matches" in text
    assert "lines 1 and 3" in text
    many = await refused(tmp_path, b"x\n" * 30, "x", "z")
    assert "30 matches" in many
    assert "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …" in many


async def test_equal_strings_are_refused(tmp_path: Path) -> None:
    assert "the same" in await refused(tmp_path, b"x", "x", "x")


async def test_an_unread_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.edit("a.txt", "x", "y"))
    assert error.invalid
    assert "not been read" in str(error)


async def test_a_missing_file_is_refused_with_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "File.txt").write_bytes(b"x")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.edit("file.txt", "x", "y"))
    assert error.invalid
    assert f"`{tmp_path}`" in str(error)
    assert "File.txt" in str(error)


async def test_notebooks_are_sent_to_their_own_tool(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    assert "NotebookEdit" in str(await tools.refusal(tools.edit("a.IPYNB", "x", "y")))


@pytest.mark.parametrize("data", [b"caf\xe9 x", b"a text with x and \0"])
async def test_what_is_not_text_is_refused(tmp_path: Path, data: bytes) -> None:
    await refused(tmp_path, data, "x", "y")


async def test_a_link_is_refused_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes(b"x")
    (tmp_path / "link.txt").symlink_to("real.txt")
    tools = FileTools(tmp_path)
    await tools.read("link.txt")
    error = await tools.refusal(tools.edit("link.txt", "x", "y"))
    assert error.invalid
    assert str(tmp_path / "real.txt") in str(error)


async def test_an_empty_old_string_makes_a_file(tmp_path: Path) -> None:
    result = await FileTools(tmp_path).edit("new/a.txt", "", "x\n")
    assert (tmp_path / "new/a.txt").read_bytes() == b"x\n"
    assert result.content == f"Created `{tmp_path}/new/a.txt`."
    assert result.data["originalFile"] == ""


async def test_an_empty_old_string_fills_an_empty_file_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.edit("a.txt", "", "x"))).invalid
    await tools.read("a.txt")
    result = await tools.edit("a.txt", "", "x")
    assert result.content == f"Filled `{tmp_path}/a.txt`."
    assert (tmp_path / "a.txt").read_bytes() == b"x"


async def test_an_empty_old_string_does_not_touch_a_full_file(tmp_path: Path) -> None:
    assert "not empty" in await refused(tmp_path, b"x", "", "y")


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("last", ["", "\n"], ids=["open", "closed"])
async def test_encoding_line_ends_and_last_line_are_kept(
    tmp_path: Path, encoding: str, end: str, last: str
) -> None:
    codec = encoding.removesuffix("-bom")

    def data(text: str) -> bytes:
        return BOMS[encoding] + (text + last).replace("\n", end).encode(codec)

    before, after = "é\nold one\nold two\n😀", "é\nnew one\nnew two\nnew three\n😀"
    new = "new one\nnew two\nnew three"
    assert await edited(tmp_path, data(before), "old one\nold two", new) == data(after)


async def test_the_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"x")
    path.chmod(0o755)
    tools = FileTools(tmp_path)
    await tools.read(path)
    await tools.edit(path, "x", "y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        pytest.param("a\r\nb\r\n", "a\r\nb", "c\r\nd", "c\r\nd\r\n", id="crlf given and there"),
        pytest.param("a\nb\n", "a\r\nb", "c\r\nd", "c\nd\n", id="crlf given, lf there"),
        pytest.param("a\r\nb\nc\r\n", "b", "B", "a\r\nB\nc\r\n", id="mixed: others untouched"),
        pytest.param(
            "a\r\nb\nc\r\n", "a\nb\nc", "A\nb\nC", "A\r\nb\nC\r\n", id="mixed: each keeps its"
        ),
        pytest.param(
            "a\r\nb\nc\n", "a\nb\n", "a\nx\nb\n", "a\r\nx\r\nb\nc\n", id="mixed: as the line before"
        ),
        pytest.param("a\nb\r\nc", "b", "b\nx", "a\nb\r\nx\r\nc", id="as its line"),
        pytest.param("a\r\nb\nc", "b", "b\nx", "a\r\nb\nx\nc", id="as its line, lf"),
        pytest.param("a\r\nb", "b", "b\nx", "a\r\nb\r\nx", id="last line: as the one before"),
        pytest.param("a\r\n", "a\n", "b", "b", id="break removed whole"),
        pytest.param("x\r\na\r\ny", "\na", "\nb\nc", "x\r\nb\r\nc\r\ny", id="from the break on"),
        pytest.param("a\r\r\nb", "b", "c", "a\r\r\nc", id="lone cr stays"),
        pytest.param("a\r\nb\r\n", "\r\n", "\n", None, id="two crlf are ambiguous"),
        pytest.param("a\r\nb", "\r\n", "\n", "a\nb", id="line end itself changed"),
        pytest.param("a\n", "a", "b  \t", "b  \t\n", id="white space at line ends stays"),
        pytest.param("a\n", "a", "$& \\1 \\n", "$& \\1 \\n\n", id="nothing is special"),
        pytest.param("aaa", "aa", "b", "ba", id="matches do not overlap"),
    ],
)
async def test_line_ends(
    tmp_path: Path, before: str, old: str, new: str, after: str | None
) -> None:
    if after is None:
        await refused(tmp_path, before.encode(), old, new)
    else:
        assert (await edited(tmp_path, before.encode(), old, new)).decode() == after


async def test_crlf_is_changed_to_lf_on_request(tmp_path: Path) -> None:
    assert await edited(tmp_path, b"a\r\nb\r\n", "\r\n", "\n", replace_all=True) == b"a\nb\n"


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("say “hi” now", 'say "hi" now', 'say "ho" now', "say “ho” now"),
        ("it’s", "it's", "it's not", "it’s not"),
        ("“a”", '"a"', '"a" and "b"', "“a” and “b”"),
        ("‘a’", "'a'", "('b')", "(‘b’)"),
        ("“a” is 5' long", '"a" is 5\' long', '"a" is 6\' long', "“a” is 6' long"),
        ('“a” x = "b"', '"a" x = "b"', '"a" x = "c"', '“a” x = "c"'),
        ("“a”\r\nb\r\n", '"a"\nb', '"c"\nb', "“c”\r\nb\r\n"),
        ("a 'b' “c”", "a 'b'", "a 'd'", "a 'd' “c”"),
    ],
)
async def test_straight_quotes_match_curly_ones_and_stay_curly(
    tmp_path: Path, before: str, old: str, new: str, after: str
) -> None:
    assert (await edited(tmp_path, before.encode(), old, new)).decode() == after


async def test_the_nearest_text_is_shown_when_nothing_matches(tmp_path: Path) -> None:
    before = b"import os\n\n\ndef first(a):\n    return a\n\n\ndef second(b):\n    return b + 1\n"
    text = await refused(tmp_path, before, "def second(b):\n    return b + 2\n", "x")
    assert "8\tdef second(b):\n9\t    return b + 1" in text
    assert "old_string: def second(b):" in text


async def test_a_difference_in_white_space_is_named(tmp_path: Path) -> None:
    text = await refused(tmp_path, b"if a:\n\treturn 1\n", "if a:\n    return 1", "x")
    assert "only in white space" in text


async def test_a_misspelt_line_is_found_by_likeness(tmp_path: Path) -> None:
    text = await refused(
        tmp_path, b"alpha\nresult = compute_total(x)\n", "result = compute_totals(x)", "y"
    )
    assert "2\tresult = compute_total(x)" in text


async def test_line_numbers_in_old_string_are_recognised_but_not_stripped(tmp_path: Path) -> None:
    text = await refused(tmp_path, b"a\nb\n", "1\ta\n2\tb", "x")
    assert "line numbers" in text


async def test_nothing_is_shown_when_nothing_is_near(tmp_path: Path) -> None:
    text = await refused(tmp_path, b"alpha\nbeta\n", "something else entirely", "x")
    assert "nearest" not in text
    assert "Read the file again" in text


async def test_a_long_old_string_is_not_repeated_whole(tmp_path: Path) -> None:
    text = await refused(tmp_path, b"alpha\n", "q" * 5000, "x")
    assert len(text) < 1000


async def test_looking_for_the_nearest_text_is_bounded(tmp_path: Path) -> None:
    """A large file of lines that are all a little alike is the worst case."""
    line = b"    value_%06d = compute(value_%06d, factor=%d)  # a comment that goes on and on\n"
    before = b"".join(line % (n, n, n) for n in range(150_000))
    path = tmp_path / "big.py"
    path.write_bytes(before)
    tools = FileTools(tmp_path)
    await tools.read(path, offset=1, limit=10)
    begin = time.process_time()
    error = await tools.refusal(tools.edit(path, "    valve = compute(valve)  # comment " * 3, "x"))
    assert "was not found" in str(error)
    assert time.process_time() - begin < 10


async def test_a_changed_file_is_edited_where_the_text_is_still_unique(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n")
    tools = FileTools(tmp_path)
    await tools.read(path)
    path.write_bytes(b"zero\none\ntwo\n")
    result = await tools.edit(path, "two", "2")
    assert path.read_bytes() == b"zero\none\n2\n"
    assert result.data["staleRecovered"] is True
    assert "had been modified since you read it" in result.content
    again = await tools.edit(path, "one", "1")
    assert "had been modified" in again.content, "it still has not been read"
    await tools.read(path)
    assert "modified" not in (await tools.edit(path, "zero", "0")).content


async def test_a_changed_file_without_the_text_is_refused_as_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n")
    tools = FileTools(tmp_path)
    await tools.read(path)
    path.write_bytes(b"three\n")
    error = await tools.refusal(tools.edit(path, "two", "2"))
    assert error.invalid
    assert "has been modified since it was read" in str(error)


async def test_after_a_partial_read_the_rest_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\nthree\n")
    tools = FileTools(tmp_path)
    await tools.read("a.txt", offset=1, limit=1)
    result = await tools.edit("a.txt", "three", "3")
    assert result.data["contentNotInModelContext"] is True


async def test_edits_of_a_resumed_session_need_no_new_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n")
    (tmp_path / "b.txt").write_bytes(b"two")
    (tmp_path / "link.txt").symlink_to("b.txt")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    await tools.edit("a.txt", "one", "1")
    await tools.read("link.txt")
    again = tools.resumed()
    await again.edit("a.txt", "1", "uno")
    await again.edit("b.txt", "two", "2")
    await again.write("a.txt", "whole")


async def test_a_change_between_sessions_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    (tmp_path / "a.txt").write_bytes(b"one\nmore\n")
    again = tools.resumed()
    assert (await again.refusal(again.write("a.txt", "x"))).invalid
    assert "had been modified" in (await again.edit("a.txt", "one", "1")).content


async def test_a_stale_edit_is_stale_after_resume_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    (tmp_path / "a.txt").write_bytes(b"one\nmore\n")
    await tools.edit("a.txt", "one", "1")
    again = tools.resumed()
    assert (await again.refusal(again.write("a.txt", "x"))).invalid


# Printable text, line ends of both kinds, quotes and characters beyond the first plane.
_PIECES = st.lists(
    st.sampled_from(
        ["a", "b", "ab", "\n", "\r\n", "\r", " ", "\t", "é", "😀", "$&", "\\1", "\u2028"]
    ),
    max_size=12,
).map("".join)


@given(
    before=_PIECES,
    old=_PIECES.filter(bool),
    after=_PIECES,
    new=_PIECES,
    encoding=st.sampled_from(sorted(BOMS)),
)
@settings(max_examples=150, derandomize=True, deadline=None, database=None)
def test_a_literal_edit_is_a_replacement_of_bytes(
    before: str, old: str, after: str, new: str, encoding: str
) -> None:
    """Where the file has the text as given, CR and all, exactly those bytes are exchanged."""
    text = before + old + after
    assume(old != new)
    assume("\r" in old or "\r\n" not in text)
    codec = encoding.removesuffix("-bom")
    replaced = text.replace(old, new)
    assert _run(text, old, new, encoding) == BOMS[encoding] + replaced.encode(codec)


@given(
    before=_PIECES,
    old=_PIECES.filter(bool),
    after=_PIECES,
    new=_PIECES,
    encoding=st.sampled_from(sorted(BOMS)),
)
@settings(max_examples=150, derandomize=True, deadline=None, database=None)
def test_an_edit_in_lf_of_a_crlf_file_is_a_replacement_in_crlf(
    before: str, old: str, after: str, new: str, encoding: str
) -> None:
    text, old, new = (part.replace("\r", "") for part in (before + old + after, old, new))
    assume(old and old != new and "\n" in text)
    codec = encoding.removesuffix("-bom")
    replaced = text.replace(old, new).replace("\n", "\r\n")
    found = _run(text.replace("\n", "\r\n"), old, new, encoding)
    assert found == BOMS[encoding] + replaced.encode(codec)


@given(
    lines=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["\n", "\r\n"])), min_size=2),
    at=st.integers(0, 100),
    new=st.sampled_from(["X", "X\nY", ""]),
)
@settings(max_examples=150, derandomize=True, deadline=None, database=None)
def test_an_edit_of_a_mixed_file_keeps_every_other_byte(
    lines: list[tuple[str, str]], at: int, new: str
) -> None:
    at %= len(lines)
    before = "".join(map("".join, lines[:at]))
    after = lines[at][1] + "".join(map("".join, lines[at + 1 :]))
    found = _run(before + "!" + after, "!", new, "utf-8").decode()
    assert found.startswith(before)
    assert found.endswith(after)
    inserted = found[len(before) : len(found) - len(after)]
    assert inserted == new.replace("\n", lines[at][1])


def _run(text: str, old: str, new: str, encoding: str) -> bytes:
    import asyncio

    data = BOMS[encoding] + text.encode(encoding.removesuffix("-bom"))
    with TemporaryDirectory() as folder:
        return asyncio.run(edited(Path(folder), data, old, new, replace_all=True))
