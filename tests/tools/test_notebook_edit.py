"""Notebooks: read cell by cell, changed one cell at a time, valid afterwards."""

from __future__ import annotations

import binascii
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from file_tools import FileTools
from PIL import Image

from hames.tools.notebooks import MAX_IMAGES, MAX_OUTPUT_CHARS


def code(source: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], **more}
    return {**cell, **({"id": id} if id else {}), "source": source.splitlines(keepends=True)}


def markdown(source: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "markdown", "metadata": {}, **more}
    return {**cell, **({"id": id} if id else {}), "source": source.splitlines(keepends=True)}


def notebook(*cells: dict[str, Any], minor: int = 5, indent: int = 1) -> bytes:
    raw = {
        "cells": list(cells),
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": minor,
    }
    return (json.dumps(raw, indent=indent, ensure_ascii=False) + "\n").encode()


def picture() -> str:
    out = BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return binascii.b2a_base64(out.getvalue()).decode()


async def opened(folder: Path, data: bytes) -> FileTools:
    """A session that has read `a.ipynb`."""
    (folder / "a.ipynb").write_bytes(data)
    tools = FileTools(folder)
    await tools.read("a.ipynb")
    return tools


def cells_of(folder: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads((folder / "a.ipynb").read_bytes())["cells"]
    return cells


async def test_cells_are_shown_with_ids_types_and_outputs(tmp_path: Path) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    value = {"output_type": "execute_result", "data": {"text/plain": "3"}, "metadata": {}}
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "no",
        "traceback": ["\x1b[0;31mValueError\x1b[0m: no"],
    }
    data = notebook(
        markdown("# Title", "m1"),
        code("a\nb", "c1", outputs=[stream, value]),
        code("", outputs=[error]),
    )
    (tmp_path / "a.ipynb").write_bytes(data)
    result = await FileTools(tmp_path).read("a.ipynb", offset=2, limit=1)
    assert result.content == (
        '<cell id="m1"><cell_type>markdown</cell_type># Title</cell>\n'
        '<cell id="c1">a\nb</cell>\n'
        "<output>1\n2\n</output>\n"
        "<output>3</output>\n"
        '<cell id="cell-2"></cell>\n'
        "<output>ValueError: no</output>"
    )
    assert result.data["type"] == "notebook"
    assert result.data["file"]["cells"][1] == {
        "cellType": "code",
        "source": "a\nb",
        "cell_id": "c1",
        "language": "python",
        "execution_count": 1,
        "outputs": [
            {"output_type": "stream", "text": "1\n2\n"},
            {"output_type": "execute_result", "text": "3"},
        ],
    }


async def test_pictures_of_outputs_are_shown_between_the_texts(tmp_path: Path) -> None:
    plot = {"output_type": "display_data", "data": {"image/png": picture()}, "metadata": {}}
    broken = {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}}
    data = notebook(code("plot()", "p", outputs=[plot, broken]), code("after", "q"))
    (tmp_path / "a.ipynb").write_bytes(data)
    result = await FileTools(tmp_path).read("a.ipynb")
    assert [block["type"] for block in result.content] == ["text", "image", "text"]  # type: ignore[index]
    last = result.content[2]
    assert isinstance(last, dict)
    assert last["text"].startswith("[A picture of this output is broken")
    assert last["text"].endswith('<cell id="q">after</cell>')


async def test_too_many_pictures_end_the_read_with_a_note(tmp_path: Path) -> None:
    plot = {"output_type": "display_data", "data": {"image/png": picture()}, "metadata": {}}
    data = notebook(*[code("plot()", f"p{n}", outputs=[plot]) for n in range(MAX_IMAGES + 1)])
    (tmp_path / "a.ipynb").write_bytes(data)
    result = await FileTools(tmp_path).read("a.ipynb")
    last = result.content[-1]
    assert isinstance(last, dict)
    assert last["text"].startswith(f"[Cells 1-{MAX_IMAGES} of {MAX_IMAGES + 1} shown.")


async def test_long_outputs_are_left_out_with_a_hint(tmp_path: Path) -> None:
    def output(length: int) -> dict[str, Any]:
        return {"output_type": "stream", "name": "stdout", "text": "%" * length}

    data = notebook(
        code("a", "a", outputs=[output(MAX_OUTPUT_CHARS)]),
        code("b", "b", outputs=[output(MAX_OUTPUT_CHARS), output(1)]),
    )
    (tmp_path / "a.ipynb").write_bytes(data)
    content = (await FileTools(tmp_path).read("a.ipynb")).content
    assert isinstance(content, str)
    assert content.count("%") == MAX_OUTPUT_CHARS
    assert f"jq '.cells[1].outputs' {tmp_path}/a.ipynb" in content


async def test_a_long_notebook_is_cut_between_cells_and_says_so(tmp_path: Path) -> None:
    data = notebook(*[code("y" * 9_990, f"c{n}") for n in range(12)])
    (tmp_path / "a.ipynb").write_bytes(data)
    result = await FileTools(tmp_path).read("a.ipynb")
    assert isinstance(result.content, str)
    assert "[Cells 1-8 of 12 shown." in result.content
    assert "jq '.cells[8:]'" in result.content
    assert result.data["whole"] is False


async def test_a_notebook_without_cells_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook())
    assert "has no cells" in (await FileTools(tmp_path).read("a.ipynb")).content


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"{", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "is not a notebook of format 4"),
        (b'{"worksheets": [], "nbformat": 3}', "is not a notebook of format 4"),
        (b'{"cells": [1]}', "is not a notebook of format 4"),
    ],
)
async def test_what_is_no_notebook_is_an_error(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    tools = FileTools(tmp_path)
    assert text in str(await tools.refusal(tools.read("a.ipynb")))


async def test_odd_but_parsable_notebooks_are_shown(tmp_path: Path) -> None:
    cells = [
        {},
        {"cell_type": "code", "source": 3, "outputs": "x"},
        {"cell_type": "raw", "source": "r"},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    content = (await FileTools(tmp_path).read("a.ipynb")).content
    assert '<cell id="cell-2"><cell_type>raw</cell_type>r</cell>' in content


async def test_replacing_a_code_cell_clears_its_outputs(tmp_path: Path) -> None:
    out = {"output_type": "stream", "name": "stdout", "text": "1"}
    before = notebook(markdown("m", "m1"), code("old", "c1", outputs=[out]))
    tools = await opened(tmp_path, before)
    result = await tools.notebook_edit("a.ipynb", "new\nlines", cell_id="c1")
    assert cells_of(tmp_path)[1] == {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "id": "c1",
        "source": ["new\n", "lines"],
    }
    assert result.content == "Replaced cell `c1`:\nnew\nlines"
    after = (tmp_path / "a.ipynb").read_text(encoding="utf-8")
    assert {key: result.data[key] for key in result.data if key != "contentHash"} == {
        "new_source": "new\nlines",
        "old_source": "old",
        "cell_id": "c1",
        "cell_type": "code",
        "language": "python",
        "edit_mode": "replace",
        "error": "",
        "notebook_path": f"{tmp_path}/a.ipynb",
        "original_file": before.decode(),
        "updated_file": after,
    }


async def test_a_code_cell_becomes_a_valid_markdown_cell(tmp_path: Path) -> None:
    """The official CLI leaves `outputs` behind, which the format does not allow."""
    tools = await opened(tmp_path, notebook(code("x", "c1")))
    await tools.notebook_edit("a.ipynb", "text", cell_id="c1", cell_type="markdown")
    assert cells_of(tmp_path) == [
        {"cell_type": "markdown", "metadata": {}, "id": "c1", "source": ["text"]}
    ]


async def test_a_markdown_cell_becomes_a_valid_code_cell(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(markdown("x", "m1", attachments={})))
    await tools.notebook_edit("a.ipynb", "y", cell_id="m1", cell_type="code")
    (cell,) = cells_of(tmp_path)
    assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert "attachments" not in cell


async def test_a_cell_is_inserted_first_or_after_another(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(code("a", "a"), code("b", "b")))
    first = await tools.notebook_edit("a.ipynb", "# m", edit_mode="insert", cell_type="markdown")
    await tools.notebook_edit("a.ipynb", "c", edit_mode="insert", cell_type="code", cell_id="a")
    cells = cells_of(tmp_path)
    assert ["".join(cell["source"]) for cell in cells] == ["# m", "a", "c", "b"]
    assert re.fullmatch(r"[0-9a-f]{8}", cells[0]["id"])
    assert first.content == f"Inserted cell `{cells[0]['id']}`:\n# m"
    assert cells[0] == {
        "cell_type": "markdown", "id": cells[0]["id"], "metadata": {}, "source": ["# m"]
    }  # fmt: skip
    assert list(cells[2]) == ["cell_type", "execution_count", "id", "metadata", "outputs", "source"]


async def test_formats_without_ids_get_none(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(code("a"), minor=4))
    result = await tools.notebook_edit(
        "a.ipynb", "b", edit_mode="insert", cell_type="code", cell_id="cell-0"
    )
    assert result.data["cell_id"] == "cell-1"
    assert "id" not in cells_of(tmp_path)[1]


async def test_a_cell_is_deleted(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(code("a", "a"), code("b", "b")))
    result = await tools.notebook_edit("a.ipynb", "", edit_mode="delete", cell_id="a")
    assert result.content == "Deleted cell `a`."
    assert [cell["id"] for cell in cells_of(tmp_path)] == ["b"]


async def test_an_id_goes_before_an_index(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(code("a", "cell-1"), code("b", "b")))
    await tools.notebook_edit("a.ipynb", "x", cell_id="cell-1")
    assert cells_of(tmp_path)[0]["source"] == ["x"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"cell_id": "zz"}, "There is no cell `zz`. The notebook has 2 cells: a, b."),
        ({"cell_id": "cell-2"}, "There is no cell `cell-2`."),
        ({}, "`cell_id` is needed to replace"),
        ({"edit_mode": "delete"}, "`cell_id` is needed to delete"),
        ({"edit_mode": "insert"}, "`cell_type` is needed to insert"),
        ({"edit_mode": "insert", "cell_type": "code", "cell_id": "zz"}, "There is no cell `zz`."),
    ],
)
async def test_calls_that_name_no_cell_are_refused(
    tmp_path: Path, more: dict[str, str], text: str
) -> None:
    before = notebook(code("a", "a"), code("b", "b"))
    tools = await opened(tmp_path, before)
    error = await tools.refusal(tools.notebook_edit("a.ipynb", "x", **more))
    assert error.invalid
    assert text in str(error)
    assert (tmp_path / "a.ipynb").read_bytes() == before


async def test_it_must_be_a_notebook_that_was_read_and_is_unchanged(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    assert "not a notebook" in str(await tools.refusal(tools.notebook_edit("a.py", "x")))
    assert "does not exist" in str(await tools.refusal(tools.notebook_edit("a.ipynb", "x")))
    (tmp_path / "a.ipynb").write_bytes(notebook(code("a", "a")))
    attempt = tools.notebook_edit("a.ipynb", "x", cell_id="a")
    assert "not been read" in str(await tools.refusal(attempt))
    await tools.read("a.ipynb")
    (tmp_path / "a.ipynb").write_bytes(notebook(code("b", "a")))
    attempt = tools.notebook_edit("a.ipynb", "x", cell_id="a")
    assert "modified since" in str(await tools.refusal(attempt))


async def test_several_edits_need_one_read(tmp_path: Path) -> None:
    tools = await opened(tmp_path, notebook(code("a", "a")))
    await tools.notebook_edit("a.ipynb", "b", cell_id="a")
    await tools.notebook_edit("a.ipynb", "c", cell_id="a")
    await tools.resumed().notebook_edit("a.ipynb", "d", cell_id="a")
    assert cells_of(tmp_path)[0]["source"] == ["d"]


@pytest.mark.parametrize("indent", [1, 2, 4])
async def test_what_is_not_changed_is_written_as_it_was(tmp_path: Path, indent: int) -> None:
    before = notebook(markdown("é", "m", x={"z": 1.5, "a": None}), code("a", "a"), indent=indent)
    tools = await opened(tmp_path, before)
    await tools.notebook_edit("a.ipynb", "b", cell_id="a")
    expected = before.replace(b'"a"\n', b'"b"\n').replace(b'count": 1', b'count": null')
    assert (tmp_path / "a.ipynb").read_bytes() == expected


@pytest.mark.parametrize("change", ["crlf", "no final newline", "escapes", "string source", "bom"])
async def test_the_form_of_the_file_is_kept(tmp_path: Path, change: str) -> None:
    before = notebook(markdown("é", "m"), code("", "a"))
    match change:
        case "crlf":
            before = before.replace(b"\n", b"\r\n")
        case "no final newline":
            before = before.rstrip()
        case "escapes":
            before = before.replace("é".encode(), b"\\u00e9")
        case "string source":
            before = before.replace(b'"source": []', b'"source": ""')
        case "bom":
            before = b"\xef\xbb\xbf" + before
    tools = await opened(tmp_path, before)
    await tools.notebook_edit("a.ipynb", "", cell_id="a")
    expected = before.replace(b'"execution_count": 1', b'"execution_count": null')
    assert (tmp_path / "a.ipynb").read_bytes() == expected


@pytest.mark.parametrize("other", ["e", "é"])
async def test_half_characters_of_a_notebook_survive(tmp_path: Path, other: str) -> None:
    before = notebook(markdown("X" + other, "m"), code("", "a")).replace(b"X", b"\\ud83d")
    tools = await opened(tmp_path, before)
    await tools.notebook_edit("a.ipynb", "y", cell_id="a")
    assert b"\\ud83d" in (tmp_path / "a.ipynb").read_bytes()
