"""The package as text: its modules, and which of them import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "hames"


@dataclass(frozen=True)
class Import:
    """One own module naming another."""

    importer: str
    imported: str
    line: int
    for_types_only: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file, for every module of the package."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """Every import of an own module, those inside functions included."""
    return tuple(found for name in modules() for found in _imports_of(name))


def _imports_of(name: str) -> Iterator[Import]:
    type_only = _guarded_by(name, "TYPE_CHECKING")
    as_a_program = _guarded_by(name, "__main__")  # then nobody imports the module
    for node in ast.walk(tree(name)):
        for target in _targets(node) if id(node) not in as_a_program else ():
            yield Import(name, target, node.lineno, id(node) in type_only)


def _guarded_by(name: str, word: str) -> set[int]:
    """The nodes inside `if` statements whose condition has this word."""
    return {
        id(inner)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.If) and word in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def _targets(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names if alias.name.split(".")[0] == "hames")
        case ast.ImportFrom(module=str() as module, names=names) if module.split(".")[0] == "hames":
            for alias in names:
                submodule = f"{module}.{alias.name}"
                yield submodule if submodule in modules() else module
        case _:
            pass
