"""Rules about the text of the package that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

from package_source import REPOSITORY, SOURCE, modules, tree

TO_DISK_OR_PROCESSES = {
    "open",
    "io.open",
    "os.open",
    "os.chdir",
    "os.system",
    "os.popen",
    "os.fork",
}

HOSTS_AND_PATHS = re.compile(
    r"(?<![\w.])/(?:work|farm)/"  # paths of the machines this was built on
    r"|pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|--index-url"  # registries
)


def test_tools_reach_disk_and_processes_through_the_machine_only() -> None:
    wrong = [
        f"{name}:{line} uses {what}"
        for name in modules()
        if name.startswith("hames.tools.")
        for line, what in _reaching_around_the_machine(tree(name))
    ]
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    silent = [name for name in modules() if not ast.get_docstring(tree(name))]
    assert silent == []


def test_shared_parts_of_tests_have_names_of_their_own() -> None:
    """They are imported by name, from wherever `pythonpath` finds them first."""
    names = [
        path.name
        for path in (REPOSITORY / "tests").rglob("*.py")
        if not path.name.startswith("test_") and path.name != "conftest.py"
    ]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_every_tool_description_lies_beside_its_tool() -> None:
    stray = [
        path.name
        for path in (SOURCE / "tools").glob("*.md")
        if not path.with_suffix(".py").exists()
        and not any(path.name in file.read_text("utf-8") for file in path.parent.glob("*.py"))
    ]
    assert stray == []


def test_nothing_names_a_registry_or_a_path_of_one_machine() -> None:
    wrong = [
        f"{name}:{number}: {line.strip()}"
        for name in _tracked_files()
        if name != "tests/architecture/test_source.py"
        for number, line in enumerate(_lines(name), 1)
        if HOSTS_AND_PATHS.search(line)
    ]
    assert wrong == []


def _reaching_around_the_machine(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        match node:
            case ast.Call(func=func) if ast.unparse(func) in TO_DISK_OR_PROCESSES:
                yield node.lineno, ast.unparse(func)
            case ast.Call(
                func=ast.Attribute(attr="read_text" | "write_text" | "read_bytes" as name)
            ):
                yield node.lineno, name
            case ast.Import(names=names):
                yield from (
                    (node.lineno, alias.name) for alias in names if alias.name == "subprocess"
                )
            case ast.ImportFrom(module="subprocess"):
                yield node.lineno, "subprocess"
            case _:
                pass


def _tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    )
    return [name for name in listed.stdout.decode().split("\0") if name]


def _lines(name: str) -> list[str]:
    path = REPOSITORY / name
    if not path.is_file():
        return []
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
