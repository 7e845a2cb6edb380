"""Write: what may be overwritten, and what the file then holds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from file_tools import FileTools

from hames.tools.write import MAX_ORIGINAL_CHARS


async def test_a_new_file_and_its_folders_are_made(tmp_path: Path) -> None:
    result = await FileTools(tmp_path).write("a/b/c.txt", "x\ny")
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"x\ny"
    assert result.content == f"Created `{tmp_path}/a/b/c.txt`."
    assert {key: result.data[key] for key in result.data if key != "contentHash"} == {
        "type": "create",
        "filePath": str(tmp_path / "a/b/c.txt"),
        "content": "x\ny",
        "structuredPatch": [],
        "originalFile": None,
        "userModified": False,
    }


async def test_overwriting_tells_the_patch_and_the_original(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1\n2\n3\n4\n5\n6\n7\n8\n")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    result = await tools.write("a.txt", "1\n2\n3\n4\nfive\n6\n7\n8\n")
    assert result.data["type"] == "update"
    assert result.data["originalFile"] == "1\n2\n3\n4\n5\n6\n7\n8\n"
    assert result.data["structuredPatch"] == [
        {
            "oldStart": 2,
            "oldLines": 7,
            "newStart": 2,
            "newLines": 7,
            "lines": [" 2", " 3", " 4", "-5", "+five", " 6", " 7", " 8"],
        }
    ]


async def test_an_existing_file_must_have_been_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.write("a.txt", "new"))
    assert error.invalid
    assert "not been read" in str(error)
    assert (tmp_path / "a.txt").read_bytes() == b"old"


async def test_a_partial_read_suffices(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1\n2\n3")
    tools = FileTools(tmp_path)
    await tools.read("a.txt", offset=2, limit=1)
    await tools.write("a.txt", "new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"


async def test_any_unseen_change_blocks(tmp_path: Path) -> None:
    """Also one of the same size within the same tick of the clock."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    tools = FileTools(tmp_path)
    await tools.read(path)
    times = path.stat()
    path.write_bytes(b"odd")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    error = await tools.refusal(tools.write(path, "new"))
    assert error.invalid
    assert "modified since it was read" in str(error)
    await tools.read(path)
    await tools.write(path, "new")
    assert path.read_bytes() == b"new"


async def test_a_touch_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    os.utime(tmp_path / "a.txt", (1, 1))
    await tools.write("a.txt", "new")


async def test_what_we_wrote_need_not_be_read(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.write("a.txt", "one")
    await tools.write("a.txt", "two")
    await tools.edit("a.txt", "two", "three")
    await tools.write("a.txt", "four")
    assert (tmp_path / "a.txt").read_bytes() == b"four"


async def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.write("a.txt", "one")
    (tmp_path / "a.txt").unlink()
    assert (await tools.write("a.txt", "two")).data["type"] == "create"


async def test_an_edit_over_an_unseen_change_does_not_unblock_write(tmp_path: Path) -> None:
    """The edit was sure of its place; of the rest of the file the model knows nothing."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\nb\n")
    tools = FileTools(tmp_path)
    await tools.read(path)
    path.write_bytes(b"a\nb\nprecious\n")
    await tools.edit(path, "a", "A")
    assert (await tools.refusal(tools.write(path, "A\nb\n"))).invalid
    assert path.read_bytes() == b"A\nb\nprecious\n"


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (b"a\r\nb", "x\ny\n", b"x\ny\n"),
        (b"a\nb", "x\r\ny", b"x\r\ny"),
        (b"\xef\xbb\xbfa", "x", b"\xef\xbb\xbfx"),
        (b"\xef\xbb\xbfa", "\ufeffx", b"\xef\xbb\xbfx"),
        (b"a", "\ufeffx", b"\xef\xbb\xbfx"),
        (b"\xff\xfea\0", "é", b"\xff\xfe\xe9\0"),
        (b"\xfe\xff\0a", "é", b"\xfe\xff\0\xe9"),
        (b"a", "", b""),
        (b"a", "no newline  ", b"no newline  "),
    ],
)
async def test_content_is_written_as_given_in_the_encoding_of_the_file(
    tmp_path: Path, before: bytes, content: str, after: bytes
) -> None:
    (tmp_path / "a.txt").write_bytes(before)
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    await tools.write("a.txt", content)
    assert (tmp_path / "a.txt").read_bytes() == after


async def test_the_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"old")
    path.chmod(0o751)
    tools = FileTools(tmp_path)
    await tools.read(path)
    await tools.write(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o751


@pytest.mark.parametrize("data", [b"caf\xe9", b"a text with a \0 in it", b"\xff\xfea"])
async def test_what_is_not_text_is_not_overwritten(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    error = await tools.refusal(tools.write("a.txt", "new"))
    assert error.invalid
    assert (tmp_path / "a.txt").read_bytes() == data


async def test_notebook_files_may_be_written(tmp_path: Path) -> None:
    await FileTools(tmp_path).write("a.ipynb", "{}")
    assert (tmp_path / "a.ipynb").read_bytes() == b"{}"


async def test_a_link_is_refused_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    (tmp_path / "broken.txt").symlink_to("nowhere.txt")
    (tmp_path / "loop").symlink_to("loop")
    tools = FileTools(tmp_path)
    await tools.read("link.txt")
    error = await tools.refusal(tools.write("link.txt", "new"))
    assert error.invalid
    assert str(tmp_path / "real.txt") in str(error)
    error = await tools.refusal(tools.write("broken.txt", "new"))
    assert str(tmp_path / "nowhere.txt") in str(error)
    await tools.refusal(tools.write("loop", "new"))
    assert sorted(os.listdir(tmp_path)) == ["broken.txt", "link.txt", "loop", "real.txt"]
    assert (tmp_path / "real.txt").read_bytes() == b"old"


async def test_a_linked_folder_is_written_at_its_real_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    tools = FileTools(tmp_path)
    result = await tools.write("link/a.txt", "x")
    assert result.data["realPath"] == str(tmp_path / "real/a.txt")
    await tools.write("real/a.txt", "y")
    assert (tmp_path / "real/a.txt").read_bytes() == b"y"


@pytest.mark.parametrize("path", ["/proc/self/comm", "/sys/x", "/dev/shm/x", "to-proc/self/comm"])
async def test_system_paths_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "to-proc").symlink_to("/proc")
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.write(path, "x"))).invalid


async def test_dev_null_is_no_file_to_write(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.write("/dev/null", "x"))).invalid


async def test_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    tools = FileTools(tmp_path)
    assert "is a folder" in str(await tools.refusal(tools.write(tmp_path, "x")))
    assert "pipe" in str(await tools.refusal(tools.write("pipe", "x")))


async def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.write("a/b", "x"))
    assert "is a file, not a folder" in str(error)
    assert not error.invalid


async def test_half_a_character_is_refused(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.write("a.txt", "x\ud83d"))
    assert error.invalid
    assert not (tmp_path / "a.txt").exists()


async def test_a_link_put_in_the_way_while_writing_stops_it(tmp_path: Path) -> None:
    from hames.sandbox.local import LocalMachine

    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()

    class Switching(LocalMachine):
        """Someone exchanges the folder for a link after the path was looked at."""

        asked = 0

        async def real_path(self, path: str) -> str:
            self.asked += 1
            if self.asked == 2:
                (tmp_path / "inside").rmdir()
                (tmp_path / "inside").symlink_to("outside")
            return await super().real_path(path)

    tools = FileTools(tmp_path, Switching())
    error = await tools.refusal(tools.write("inside/a.txt", "x"))
    assert "nothing was written" in str(error)
    assert os.listdir(tmp_path / "outside") == []


async def test_a_very_long_original_is_left_out_of_the_data(tmp_path: Path) -> None:
    at, over = "x" * MAX_ORIGINAL_CHARS, "x" * (MAX_ORIGINAL_CHARS + 1)
    tools = FileTools(tmp_path)
    await tools.write("a.txt", at)
    assert (await tools.write("a.txt", over)).data["originalFile"] == at
    assert (await tools.write("a.txt", "y")).data["originalFile"] is None
