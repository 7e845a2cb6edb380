"""NotebookEdit: replace, insert or delete one cell of a notebook."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools import seen
from hames.tools.notebooks import Notebook, as_source, dump, joined, parse
from hames.tools.suggestions import missing
from hames.tools.targets import check_seen, file_facts, find_target, refuse_changed, write
from hames.tools.tool import Call, Result, Tool, Writes
from hames.tools.write import encoded, original

Kind = Literal["code", "markdown"]
Mode = Literal["replace", "insert", "delete"]


class NotebookEditInput(Struct, forbid_unknown_fields=True):
    notebook_path: Annotated[str, Meta(description="Absolute path of the `.ipynb` file.")]
    new_source: Annotated[str, Meta(description="Source of the cell; empty to delete.")]
    cell_id: Annotated[
        str | None,
        Meta(description="Id as Read shows it. Insert: the new cell comes after it, else first."),
    ] = None
    cell_type: Annotated[Kind | None, Meta(description="Needed to insert.")] = None
    edit_mode: Annotated[Mode, Meta(description="What to do.")] = "replace"


async def run(args: NotebookEditInput, call: Call) -> Result:
    """The notebook with one cell changed, still valid for its format version."""
    if not args.notebook_path.strip().lower().endswith(".ipynb"):
        raise ToolError(
            f"`{args.notebook_path}` is not a notebook (`.ipynb`). Change other files with Edit.",
            invalid=True,
        )
    target = await find_target(call, args.notebook_path)
    if not target.exists:
        raise ToolError(str(await missing(call, target.path)), invalid=True)
    if check_seen(call, target) == "changed":
        raise refuse_changed(target)
    before = target.text()
    notebook = parse(before.text, target.path)
    old_source, cell_id, kind = _change(args, notebook, call)
    after = dump(notebook, before)
    digest = await write(call, target, encoded(before, after), whole=True)
    data = {
        "new_source": args.new_source,
        "old_source": old_source,
        "cell_id": cell_id,
        "cell_type": kind,
        "language": notebook.language,
        "edit_mode": args.edit_mode,
        "error": "",
        "notebook_path": target.path,
        "original_file": original(before.text),
        "updated_file": original(after),
        **file_facts(target, digest),
    }
    return Result(_success(args, cell_id), data, is_error=False)


def _change(
    args: NotebookEditInput, notebook: Notebook, call: Call
) -> tuple[str | None, str, str | None]:
    """Change the notebook; the old source, the id of the cell and its type are returned."""
    if args.edit_mode == "insert":
        return _insert(args, notebook, call)
    if args.cell_id is None:
        raise ToolError(f"`cell_id` is needed to {args.edit_mode} a cell.", invalid=True)
    index = _index(args.cell_id, notebook)
    cell = notebook.cells[index]
    old_source, id = joined(cell.get("source")), notebook.id_of(index)
    if args.edit_mode == "delete":
        del notebook.cells[index]
        return old_source, id, cell.get("cell_type")
    kind = args.cell_type or str(cell.get("cell_type"))
    cell["source"] = as_source(args.new_source, cell.get("source"))
    _become(cell, kind)
    return old_source, id, kind


def _become(cell: dict[str, Any], kind: str) -> None:
    """Make the cell a valid one of this type; a code cell has not been run."""
    # Official 2.1.330 leaves `outputs` in a cell that becomes markdown, which is not valid.
    changed = cell.get("cell_type") != kind
    cell["cell_type"] = kind
    if kind == "code":
        cell["outputs"] = []
        cell["execution_count"] = None
        if changed:
            cell.pop("attachments", None)
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _insert(args: NotebookEditInput, notebook: Notebook, call: Call) -> tuple[None, str, str]:
    if args.cell_type is None:
        raise ToolError("`cell_type` is needed to insert a cell.", invalid=True)
    index = 0 if args.cell_id is None else _index(args.cell_id, notebook) + 1
    like = notebook.cells[0].get("source") if notebook.cells else []
    cell: dict[str, Any] = {"cell_type": args.cell_type}
    if args.cell_type == "code":
        cell["execution_count"] = None
    if notebook.has_ids:
        cell["id"] = _new_id(notebook, call)
    cell["metadata"] = {}
    if args.cell_type == "code":
        cell["outputs"] = []
    cell["source"] = as_source(args.new_source, like)
    notebook.cells.insert(index, cell)
    return None, notebook.id_of(index), args.cell_type


def _new_id(notebook: Notebook, call: Call) -> str:
    used = {cell.get("id") for cell in notebook.cells}
    while (id := call.ids.short("")) in used:
        pass
    return id


def _index(cell_id: str, notebook: Notebook) -> int:
    index = notebook.find(cell_id)
    if index is None:
        count = len(notebook.cells)
        known = ", ".join(notebook.id_of(i) for i in range(min(count, 20)))
        raise ToolError(
            f"There is no cell `{cell_id}`. The notebook has {count} cells: "
            f"{known or 'none'}{' …' if count > 20 else ''}.",
            invalid=True,
        )
    return index


def _success(args: NotebookEditInput, cell_id: str) -> str:
    match args.edit_mode:
        case "insert":
            return f"Inserted cell `{cell_id}`:\n{args.new_source}"
        case "delete":
            return f"Deleted cell `{cell_id}`."
        case _:
            return f"Replaced cell `{cell_id}`:\n{args.new_source}"


def recall(states: dict[type, Any], input: Any, data: Any) -> None:
    """Take up a stored NotebookEdit: the notebook counts as seen."""
    if isinstance(data, dict):
        digest, updated = data.get("contentHash"), data.get("updated_file")
        if digest is None and isinstance(updated, str):
            digest = seen.digest_of(updated.encode(errors="replace"))
        seen.recall(states, data.get("realPath") or data.get("notebook_path"), digest, whole=True)


NOTEBOOK_EDIT = Tool(
    "NotebookEdit",
    "notebook_edit.md",
    input=NotebookEditInput,
    run=run,
    access=lambda args: (Writes(args.notebook_path),),
    recall=recall,
    folder=__file__.rpartition("/")[0],
)
