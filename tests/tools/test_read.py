"""Read on text files and folders. Formats and limits are those observed in the official 2.1.330."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from file_tools import FileTools

from hames.sandbox.machine import Entry
from hames.tools.file_kinds import MAX_BYTES
from hames.tools.read import MAX_FOLDER_ENTRIES
from hames.tools.suggestions import MAX_FOLDERS
from hames.tools.text_pages import MAX_SHOWN_BYTES


async def test_lines_are_numbered_and_a_final_newline_counts_as_an_empty_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n")
    result = await FileTools(tmp_path).read(path)
    assert result.content == "1\tone\n2\ttwo\n3\t"
    assert result.data["type"] == "text"
    assert result.data["file"] == {
        "filePath": str(path),
        "content": "one\ntwo\n",
        "numLines": 3,
        "startLine": 1,
        "totalLines": 3,
    }


@pytest.mark.parametrize("given", ["sub/a.txt", "~/sub/a.txt", "{}/sub/../sub/a.txt"])
async def test_relative_and_home_paths_are_resolved(tmp_path: Path, given: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").write_text("x", encoding="utf-8")
    result = await FileTools(tmp_path).read(given.format(tmp_path))
    assert result.data["file"]["filePath"] == str(tmp_path / "sub/a.txt")


@pytest.mark.parametrize(
    ("offset", "limit", "shown", "note"),
    [
        (2, 2, "2\tb\n3\tc", "\n[Lines 2-3 of 5.]"),
        (4, None, "4\td\n5\te", "\n[Lines 4-5 of 5.]"),
        (None, 1, "1\ta", "\n[Lines 1-1 of 5.]"),
        (5, 100, "5\te", "\n[Lines 5-5 of 5.]"),
        (1, 5, "1\ta\n2\tb\n3\tc\n4\td\n5\te", ""),
        (0, 0, "1\ta\n2\tb\n3\tc\n4\td\n5\te", ""),
        (-3, -1, "1\ta\n2\tb\n3\tc\n4\td\n5\te", ""),
    ],
)
async def test_a_range_is_shown_and_named_in_the_last_line(
    tmp_path: Path, offset: int | None, limit: int | None, shown: str, note: str
) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\nb\nc\nd\ne")
    result = await FileTools(tmp_path).read("a.txt", offset=offset, limit=limit)
    assert result.content == shown + note


async def test_an_offset_past_the_end_is_answered_with_the_line_count(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\nb")
    result = await FileTools(tmp_path).read("a.txt", offset=3)
    assert "has 2 lines" in result.content
    assert result.content.startswith("<system-reminder>")


@pytest.mark.parametrize("path", ["empty.txt", "/dev/null"])
async def test_an_empty_file_is_called_empty(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty.txt").touch()
    result = await FileTools(tmp_path).read(path)
    assert result.content.startswith("<system-reminder>")
    assert "is empty" in result.content
    assert result.data["file"]["numLines"] == 1


async def test_many_and_long_lines_come_whole(tmp_path: Path) -> None:
    """Official 2.1.330 has no limit of 2,000 lines or 2,000 characters a line any more."""
    (tmp_path / "many.txt").write_text("\n".join(["x"] * 2500), encoding="utf-8")
    (tmp_path / "long.txt").write_text("y" * 5000, encoding="utf-8")
    tools = FileTools(tmp_path)
    assert (await tools.read("many.txt")).content.endswith("2500\tx")
    assert (await tools.read("long.txt")).content == "1\t" + "y" * 5000


async def test_the_whole_file_limit_is_a_size(tmp_path: Path) -> None:
    at, over = tmp_path / "at.txt", tmp_path / "over.txt"
    at.write_bytes((b"x" * 63 + b"\n") * (MAX_BYTES["text"] // 64))
    over.write_bytes(at.read_bytes() + b"y")
    tools = FileTools(tmp_path)
    assert (await tools.read(at)).data["file"]["truncatedByTokenCap"] is True
    error = await tools.refusal(tools.read(over))
    assert "262,145 bytes" in str(error)
    assert not error.invalid
    part = await tools.read(over, offset=4097, limit=5)
    assert part.content == "4097\ty\n[Lines 4097-4097 of 4097.]"


async def test_a_cut_read_says_which_lines_were_shown_and_how_to_go_on(tmp_path: Path) -> None:
    lines = [f"line {number:05} {'x' * 40}" for number in range(1, 3001)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    tools = FileTools(tmp_path)
    first = await tools.read("a.txt")
    count = first.data["file"]["numLines"]
    assert first.content.endswith(
        f"\n[Lines 1-{count} of 3000. The limit of one result is reached."
        f" Continue with offset {count + 1}.]"
    )
    assert len(first.content) - 100 <= MAX_SHOWN_BYTES
    assert first.data["file"]["content"] == "\n".join(lines[:count])
    rest = await tools.read("a.txt", offset=count + 1)
    assert rest.content.endswith(f"3000\t{lines[-1]}\n[Lines {count + 1}-3000 of 3000.]")


async def test_one_line_over_the_limit_is_cut_between_characters_and_says_so(
    tmp_path: Path,
) -> None:
    """The official CLI cuts such a line without a word."""
    (tmp_path / "a.txt").write_text("é" * 100_000, encoding="utf-8")
    result = await FileTools(tmp_path).read("a.txt")
    shown = len(result.data["file"]["content"])
    assert 42_000 < shown < 42_500
    assert result.content.endswith(
        f"é\n[Lines 1-1 of 1. Of line 1, {shown} of 100000 characters are shown.]"
    )


async def test_a_range_over_the_token_limit_is_refused_with_what_fits(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["x" * 99] * 2000), encoding="utf-8")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("a.txt", offset=1001))
    assert "at most 25,000" in str(error)
    fits = int(str(error).rpartition("a limit of ")[2].split()[0])
    assert (await tools.read("a.txt", offset=1001, limit=fits)).data["file"]["numLines"] == fits
    await tools.refusal(tools.read("a.txt", offset=1001, limit=fits + 1))


async def test_allow_large_pages_what_is_over_the_limits(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["x" * 99] * 20_000), encoding="utf-8")
    tools = FileTools(tmp_path)
    first = await tools.read("a.txt", allow_large=True)
    second = await tools.read("a.txt", allow_large=True, offset=5000)
    assert "of 20000. The limit of one result is reached." in first.content
    assert second.content.startswith("5000\tx")
    assert second.data["file"]["truncatedByTokenCap"] is True


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a\r\nb\r\n", "1\ta\n2\tb\n3\t"),
        (b"a\rb\n", "1\ta\rb\n2\t"),
        (b"\xef\xbb\xbfa", "1\ta"),
        ("ä€\n".encode("utf-16"), "1\tä€\n2\t"),
        (b"\xfe\xff" + "ä".encode("utf-16-be"), "1\tä"),
        ("a\u2028b\x0cc".encode(), "1\ta\u2028b\x0cc"),
    ],
    ids=["crlf", "cr", "utf8-bom", "utf16-le", "utf16-be", "other-separators"],
)
async def test_encodings_and_line_ends_are_decoded(tmp_path: Path, data: bytes, shown: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert (await FileTools(tmp_path).read("a.txt")).content == shown


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"caf\xe9\n", "is not valid UTF-8"),
        (b"plain text with a \0 inside", "holds NUL bytes"),
        (b"\xff\xfea\0b", "is not valid UTF-16"),
        (b"\xff\xfe\0\0a\0\0\0", "is UTF-32"),
    ],
)
async def test_what_is_not_quite_text_is_shown_with_a_note(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    content = (await FileTools(tmp_path).read("a.txt")).content
    assert problem in content
    assert "Edit and Write refuse" in content


async def test_binary_content_is_refused_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8)
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("tool"))
    assert error.invalid
    assert "7f 45 4c 46" in str(error)


async def test_binary_suffixes_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.ZIP").write_bytes(b"text")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("a.ZIP"))
    assert error.invalid
    assert "`.zip`" in str(error)


async def test_svg_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg/>", encoding="utf-8")
    assert (await FileTools(tmp_path).read("a.svg")).content == "1\t<svg/>"


async def test_a_folder_is_answered_with_its_entries(tmp_path: Path) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "d/a.txt").touch()
    result = await FileTools(tmp_path).read("d")
    assert result.content == f"`{tmp_path}/d` is a folder of 2 entries:\na.txt\nsub/"


async def test_a_long_folder_is_listed_in_part_and_says_so(tmp_path: Path) -> None:
    for number in range(MAX_FOLDER_ENTRIES + 1):
        (tmp_path / f"{number:04}").touch()
    result = await FileTools(tmp_path).read(tmp_path)
    assert f"{MAX_FOLDER_ENTRIES + 1} entries, the first {MAX_FOLDER_ENTRIES}" in result.content
    assert result.content.endswith(f"{MAX_FOLDER_ENTRIES - 1:04}")


@pytest.mark.parametrize(
    ("there", "asked", "meant"),
    [
        ("src/App.tsx", "src/app.tsx", "src/App.tsx"),
        ("src/foo.ts", "src/foo.tsx", "src/foo.ts"),
        ("src/settings.py", "src/setings.py", "src/settings.py"),
        ("src/deep/er/tool.py", "lib/tool.py", "src/deep/er/tool.py"),
        ("src/deep/er/Tool.py", "tool.py", "src/deep/er/Tool.py"),
    ],
)
async def test_a_missing_file_is_answered_with_what_may_be_meant(
    tmp_path: Path, there: str, asked: str, meant: str
) -> None:
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).touch()
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read(asked))
    assert not error.invalid
    assert f"The working directory is `{tmp_path}`." in str(error)
    assert f"Did you mean `{tmp_path}/{meant}`?" in str(error)


async def test_the_search_for_a_missing_file_is_bounded(tmp_path: Path) -> None:
    class Endless:
        """A project of folders without end."""

        listed = 0

        async def real_path(self, path: str) -> str:
            return path

        async def stat(self, path: str, *, follow: bool = True) -> None:
            return None

        async def list(self, path: str) -> list[Entry]:
            self.listed += 1
            return [Entry(name, "folder") for name in ("a", "b", ".git", "node_modules")]

    machine = Endless()
    tools = FileTools(tmp_path, machine)  # type: ignore[arg-type]
    error = await tools.refusal(tools.read("nowhere.txt"))
    assert "Did you mean" not in str(error)
    assert machine.listed == MAX_FOLDERS + 1


@pytest.mark.parametrize("path", ["/proc/self/environ", "/sys/kernel", "/dev/zero", "/dev/fd/0"])
async def test_system_paths_are_refused(tmp_path: Path, path: str) -> None:
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read(path))
    assert error.invalid


async def test_system_paths_are_refused_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    (tmp_path / "folder").symlink_to("/proc")
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.read("link"))).invalid
    assert (await tools.refusal(tools.read("folder/1/environ"))).invalid


async def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("pipe"))
    assert error.invalid
    assert "pipe" in str(error)


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "a\ud83d"])
async def test_what_is_no_path_is_refused(tmp_path: Path, path: str) -> None:
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.read(path))).invalid


async def test_links_in_a_circle_and_too_long_names_are_plain_errors(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    tools = FileTools(tmp_path)
    assert "symbolic link" in str(await tools.refusal(tools.read("loop")))
    assert "too long" in str(await tools.refusal(tools.read("x" * 300)))


async def test_a_path_through_a_file_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    tools = FileTools(tmp_path)
    assert "does not exist" in str(await tools.refusal(tools.read("a/b")))


async def test_a_link_is_followed_and_known_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to("real.txt")
    tools = FileTools(tmp_path)
    result = await tools.read("link.txt")
    assert result.data["file"]["filePath"] == str(tmp_path / "link.txt")
    assert result.data["realPath"] == str(tmp_path / "real.txt")
    await tools.edit("real.txt", "old", "new")


async def test_an_unchanged_file_is_not_shown_twice_in_one_context(tmp_path: Path) -> None:
    """Our choice: the official CLI shows it again."""
    path = tmp_path / "a.txt"
    path.write_text("line\n" * 500, encoding="utf-8")
    tools = FileTools(tmp_path)
    first = await tools.read(path)
    again = await tools.read(path)
    assert "unchanged" in again.content
    assert again.data == {"type": "file_unchanged", "file": {"filePath": str(path)}}
    assert (await tools.read(path)).content == first.content, "who asks a third time needs it"


async def test_another_part_or_a_changed_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("line\n" * 500, encoding="utf-8")
    tools = FileTools(tmp_path)
    await tools.read(path)
    assert (await tools.read(path, offset=2, limit=1)).content.startswith("2\tline")
    path.write_text("LINE\n" * 500, encoding="utf-8")
    assert (await tools.read(path)).content.startswith("1\tLINE")


async def test_after_compaction_an_unchanged_file_is_shown_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("line\n" * 500, encoding="utf-8")
    tools = FileTools(tmp_path)
    first = await tools.read(path)
    tools.seen.forget_context()
    assert (await tools.read(path)).content == first.content
    assert (await tools.resumed().read(path)).content == first.content


async def test_a_small_unchanged_file_is_shown_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    assert (await tools.read("a.txt")).content == "1\tx"


async def test_a_large_file_is_read_in_a_thread_with_the_same_result(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 20_000)
    result = await FileTools(tmp_path).read("a.log", offset=1, limit=1)
    assert result.content == "1\t" + "x" * 99 + "\n[Lines 1-1 of 20002.]"


async def test_a_file_without_permission_is_a_plain_error(tmp_path: Path) -> None:
    class Forbidding:
        async def real_path(self, path: str) -> str:
            return path

        async def stat(self, path: str, *, follow: bool = True) -> None:
            raise PermissionError(13, "Permission denied", path)

    tools = FileTools(tmp_path, Forbidding())  # type: ignore[arg-type]
    error = await tools.refusal(tools.read("a.txt"))
    assert str(error) == f"No permission for `{tmp_path}/a.txt`."
    assert not error.invalid
