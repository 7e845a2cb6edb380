"""Jupyter notebooks as data: parsed, shown to the model cell by cell, and written back.

What is not changed is written as it was read: key order, indentation, the form of `source`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hames._json import clean_text
from hames.errors import ToolError
from hames.tools.text_files import Text

MAX_OUTPUT_CHARS = 10_000
"""Text outputs of one cell that are shown; of more, the model is told how to get at them."""

MAX_SHOWN_BYTES = 85_000
"""Text of a notebook that is shown in one Read, about 25,000 tokens."""

MAX_IMAGES = 20
"""Pictures of a notebook that are shown in one Read."""

_INDENT = re.compile(r"\A\{\r?\n([ \t]+)")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_INDEX = re.compile(r"cell-(\d{1,6})")


class Notebook(msgspec.Struct):
    """A parsed notebook."""

    raw: dict[str, Any]
    cells: list[dict[str, Any]]
    """The list inside `raw`: changing it changes the notebook."""

    @property
    def language(self) -> str:
        """What code cells are written in."""
        metadata = self.raw.get("metadata")
        info = metadata.get("language_info") if isinstance(metadata, dict) else None
        name = info.get("name") if isinstance(info, dict) else None
        return name if isinstance(name, str) else "python"

    @property
    def has_ids(self) -> bool:
        """Whether the format gives cells ids: from 4.5 on."""
        minor = self.raw.get("nbformat_minor")
        return self.raw.get("nbformat") == 4 and isinstance(minor, int) and minor >= 5

    def find(self, cell_id: str) -> int | None:
        """The index of the cell with this id, or of `cell-N`."""
        for i, cell in enumerate(self.cells):
            if cell.get("id") == cell_id:
                return i
        match = _INDEX.fullmatch(cell_id)
        if match and int(match[1]) < len(self.cells):
            return int(match[1])
        return None

    def id_of(self, index: int) -> str:
        """How the model names a cell."""
        return str(self.cells[index].get("id") or f"cell-{index}")


class Shown(msgspec.Struct):
    """A notebook as the model sees it."""

    parts: list[str | tuple[str, str]]
    """Texts, and pictures as media type and base64, in order."""
    cells: list[dict[str, Any]]
    """The cells for programs."""
    whole: bool


def parse(text: str, name: str) -> Notebook:
    """The notebook in this text. Raises ToolError when it is none."""
    import json

    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"`{name}` is not valid JSON, so not a notebook: {error}.") from error
    cells = raw.get("cells") if isinstance(raw, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ToolError(
            f"`{name}` is not a notebook of format 4: it has no list of `cells`. Convert it with "
            "`jupyter nbconvert --to notebook`."
        )
    return Notebook(raw, cells)


def dump(notebook: Notebook, before: Text) -> str:
    """The notebook as text, formed as the file was before."""
    import json

    indent = _INDENT.match(before.text)
    width = indent[1] if indent else 1
    escaped = before.text.isascii() and "\\u" in before.text
    text = json.dumps(notebook.raw, ensure_ascii=escaped, indent=width)
    if text != clean_text(text):
        # Half characters can only be written as escapes.
        text = json.dumps(notebook.raw, indent=width)
    if before.text.endswith("\n"):
        text += "\n"
    return text.replace("\n", "\r\n") if "\r\n" in before.text else text


def joined(value: Any) -> str:
    """Multi-line text of a notebook, which may be a list of lines."""
    if isinstance(value, list):
        return "".join(str(item) for item in value)
    return value if isinstance(value, str) else ""


def as_source(text: str, like: Any) -> str | list[str]:
    """Text in the form that `source` has elsewhere: a list of lines, or one string."""
    return text if isinstance(like, str) else text.splitlines(keepends=True)


def show(notebook: Notebook, path: str) -> Shown:
    """The notebook for the model, as many whole cells as there is room for."""
    shown = Shown([], [], True)
    room = MAX_SHOWN_BYTES
    images = 0
    for i, cell in enumerate(notebook.cells):
        parts, data = _show_cell(notebook, i, cell, path)
        room -= sum(len(part.encode(errors="replace")) for part in parts if isinstance(part, str))
        images += sum(not isinstance(part, str) for part in parts)
        if (room < 0 or images > MAX_IMAGES) and i > 0:
            total = len(notebook.cells)
            shown.parts.append(
                f"[Cells 1-{i} of {total} shown. See the others with a shell command, for example "
                f"`jq '.cells[{i}:]' {path}`.]"
            )
            shown.whole = False
            break
        shown.parts += parts
        shown.cells.append(data)
    return shown


def _show_cell(
    notebook: Notebook, index: int, cell: dict[str, Any], path: str
) -> tuple[list[str | tuple[str, str]], dict[str, Any]]:
    kind = str(cell.get("cell_type"))
    id = notebook.id_of(index)
    source = joined(cell.get("source"))
    data: dict[str, Any] = {"cellType": kind, "source": source, "cell_id": id}
    mark = "" if kind == "code" else f"<cell_type>{kind}</cell_type>"
    shown = source
    if len(source) > MAX_SHOWN_BYTES:
        shown = f"{source[:MAX_SHOWN_BYTES]}\n[Cut; the cell has {len(source)} characters.]"
    text = f'<cell id="{id}">{mark}{shown}</cell>'
    if kind != "code":
        return [text], data
    data["language"] = notebook.language
    if cell.get("execution_count") is not None:
        data["execution_count"] = cell["execution_count"]
    raw = cell.get("outputs")
    outputs = (
        [_output(item) for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []
    )
    data["outputs"] = [data for _, _, data in outputs]
    parts: list[str | tuple[str, str]] = [text]
    if sum(len(text) for text, _, _ in outputs) > MAX_OUTPUT_CHARS:
        parts.append(
            f"[The outputs of this cell are long. See them with a shell command, for example "
            f"`jq '.cells[{index}].outputs' {path}`.]"
        )
        data["outputs"] = []
        return parts, data
    for output, image, _ in outputs:
        if output:
            parts.append(f"<output>{output}</output>")
        if image:
            parts.append(image)
    return parts, data


def _output(output: dict[str, Any]) -> tuple[str, tuple[str, str] | None, dict[str, Any]]:
    """Text, picture and data of one output."""
    kind = str(output.get("output_type"))
    image = None
    match kind:
        case "stream":
            text = joined(output.get("text"))
        case "error":
            trace = output.get("traceback")
            lines = [str(line) for line in trace] if isinstance(trace, list) else []
            name = f"{output.get('ename', '')}: {output.get('evalue', '')}"
            text = "\n".join(lines) if lines else name
        case _:
            bundle = output.get("data")
            bundle = bundle if isinstance(bundle, dict) else {}
            text = joined(bundle.get("text/plain"))
            for media_type in ("image/png", "image/jpeg", "image/gif", "image/webp"):
                if coded := joined(bundle.get(media_type)):
                    image = (media_type, "".join(coded.split()))
                    break
    text = _ANSI.sub("", text)
    data: dict[str, Any] = {"output_type": kind, "text": text}
    if image:
        data["image"] = {"image_data": image[1], "media_type": image[0]}
    return text, image, data
