"""MultiEdit: several edits in order, all or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_tools import FileTools


def edit(old: str, new: str, **more: bool) -> dict[str, object]:
    return {"old_string": old, "new_string": new, **more}


async def test_edits_are_applied_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\r\nb\r\nb\r\n")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    result = await tools.multi_edit("a.txt", edit("a", "x\ny"), edit("y\nb", "z"), edit("b", "c"))
    assert (tmp_path / "a.txt").read_bytes() == b"x\r\nz\r\nc\r\n"
    assert result.content == f"Made 3 edits (3 replacements) in `{tmp_path}/a.txt`."
    assert result.data["originalFile"] == "a\r\nb\r\nb\r\n"
    assert result.data["structuredPatch"][0]["oldLines"] == 3
    assert tools.stored[-1][2]["edits"][0] == edit("a", "x\ny", replace_all=False)


async def test_one_edit_that_does_not_apply_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a b b")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    for bad in (edit("q", "x"), edit("b", "x"), edit("b", "b"), edit("", "x")):
        error = await tools.refusal(tools.multi_edit("a.txt", edit("a", "A"), bad))
        assert error.invalid
        assert "Edit 2 of 2 does not apply, so none was made." in str(error)
    assert (tmp_path / "a.txt").read_bytes() == b"a b b"


async def test_replace_all_counts_each_place(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a b b")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    result = await tools.multi_edit("a.txt", edit("b", "c", replace_all=True))
    assert "(2 replacements)" in result.content


async def test_an_empty_old_string_first_makes_the_file(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.multi_edit("new/a.txt", edit("", "one two"), edit("two", "three"))
    assert (tmp_path / "new/a.txt").read_bytes() == b"one three"
    assert (await tools.refusal(tools.multi_edit("new/a.txt", edit("", "x")))).invalid


async def test_the_file_must_have_been_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    tools = FileTools(tmp_path)
    assert "not been read" in str(await tools.refusal(tools.multi_edit("a.txt", edit("a", "b"))))
    assert "does not exist" in str(await tools.refusal(tools.multi_edit("b.txt", edit("a", "b"))))


async def test_a_changed_file_is_edited_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    tools = FileTools(tmp_path)
    await tools.read("a.txt")
    (tmp_path / "a.txt").write_bytes(b"a\nmore")
    result = await tools.multi_edit("a.txt", edit("a", "b"))
    assert "had been modified" in result.content
    assert result.data["staleRecovered"] is True


async def test_no_edits_are_invalid_input(tmp_path: Path) -> None:
    import msgspec

    with pytest.raises(msgspec.ValidationError):
        await FileTools(tmp_path).multi_edit("a.txt")
