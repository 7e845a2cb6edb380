"""Who may import whom. The table is the drawing; docs/decisions/0002-layers.md says why."""

from __future__ import annotations

import ast
from pathlib import Path

from package_source import SOURCE, Import, imports, modules, tree

ROWS = (
    {"root"},
    {"providers", "settings", "telemetry", "permissions", "sandbox"},
    {"hooks", "sessions", "tools", "mcp", "context"},
    {"agent"},
    {"sdk", "protocol"},
    {"cli", "demo", "fleet", "viewer"},
    {"compat"},
    {"testing"},
)
"""A row imports the rows above it."""

BESIDE = {("mcp", "tools"), ("cli", "demo")}
"""Packages that import one of their own row."""


def test_packages_import_only_rows_above_them() -> None:
    wrong = [str(found) for found in imports() if not _allowed(found)]
    assert wrong == []


def test_every_package_has_a_row() -> None:
    packages = {name.split(".")[1] for name, path in modules().items() if _is_in_package(path)}
    assert packages <= set().union(*ROWS)


def test_no_import_cycles() -> None:
    """Imports for types alone do not count: they are not there when the program runs."""
    needs: dict[str, set[str]] = {name: set() for name in modules()}
    for found in imports():
        if not found.for_types_only and found.imported in needs:
            needs[found.importer].add(found.imported)
    in_cycles = _without_ends(_turned(_without_ends(needs)))
    assert sorted(in_cycles) == []


def test_own_modules_are_imported_by_their_full_name() -> None:
    relative = [
        f"{name}:{node.lineno}"
        for name in modules()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def _without_ends(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """The modules that need one another; those that need nothing fall away again and again."""
    left = {name: set(wanted) for name, wanted in needs.items()}
    while free := {name for name, wanted in left.items() if not wanted}:
        left = {name: wanted - free for name, wanted in left.items() if name not in free}
    return left


def _turned(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: {other for other in needs if name in needs[other]} for name in needs}


def _allowed(found: Import) -> bool:
    importer, imported = _package(found.importer), _package(found.imported)
    if found.importer == "hames" and found.for_types_only:
        return True  # the public names, for type checkers; at run time they are imported on use
    return importer == imported or _row(imported) < _row(importer) or (importer, imported) in BESIDE


def _is_in_package(path: Path) -> bool:
    return path.parent != SOURCE


def _package(module: str) -> str:
    if module == "hames.__main__":
        return "cli"
    second = [*module.split("."), "root"][1]
    return second if any(second in row for row in ROWS) else "root"


def _row(package: str) -> int:
    return next(number for number, row in enumerate(ROWS) if package in row)
