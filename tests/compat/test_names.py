"""The names are the official ones: compared with the official package as it is installed.

Fields, keys, defaults and parameters may not differ. What is not compared: the parameters of
`ToolAnnotations`, which are those of the `mcp` package, and the texts of docstrings.
"""

from __future__ import annotations

import ast
import inspect
import io
import typing
from dataclasses import MISSING, fields, is_dataclass
from types import ModuleType
from typing import Any, get_type_hints, is_typeddict

import claude_agent_sdk as official
import claude_agent_sdk.types as official_types
import pytest
from claude_agent_sdk import testing as official_testing

from hames.compat import claude_agent_sdk as ours
from hames.compat.claude_agent_sdk import testing as our_testing
from hames.compat.claude_agent_sdk import types as our_types

EXCEPTIONS = [
    "ClaudeSDKError",
    "CLIConnectionError",
    "CLINotFoundError",
    "ProcessError",
    "ResultError",
    "CLIJSONDecodeError",
]


def public(module: ModuleType) -> list[str]:
    """The classes and types that a module defines for others."""
    found = []
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.ClassDef(name=name):
                found.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.append(name)
    return sorted(name for name in found if not name.startswith("_"))


def shape(value: Any) -> Any:
    """What a program can rely on: fields and defaults, keys, literals, parameters, bases."""
    if is_typeddict(value):
        return {
            "required": sorted(value.__required_keys__),
            "optional": sorted(value.__optional_keys__),
        }
    if is_dataclass(value):
        return [(one.name, default_of(one), one.kw_only) for one in fields(value)]
    if inspect.isclass(value):
        return {name: parameters(member) for name, member in methods(value).items()}
    if inspect.isfunction(value):
        return parameters(value)
    if words := literals(value):
        return words
    return value if isinstance(value, frozenset) else type(value).__name__


def literals(value: Any) -> list[Any]:
    """The words of a literal, or of several joined."""
    parts = typing.get_args(value)
    if typing.get_origin(value) is typing.Literal:
        return list(parts)
    return [word for part in parts for word in literals(part)]


def default_of(field: Any) -> Any:
    if isinstance(field.default, io.TextIOBase):  # standard error, as it was at the import
        return "a stream"
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory is MISSING else field.default_factory()


def methods(kind: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") or name == "__init__"
    }


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default) for one in found]


def test_all_official_names_are_there() -> None:
    assert sorted(ours.__all__) == sorted(official.__all__)
    assert [name for name in official.__all__ if not hasattr(ours, name)] == []
    assert [name for name in public(official_types) if not hasattr(our_types, name)] == []
    assert our_testing.__all__ == official_testing.__all__


@pytest.mark.parametrize("name", sorted(set(official.__all__) - {"ToolAnnotations"}))
def test_a_name_has_the_official_shape(name: str) -> None:
    assert shape(getattr(ours, name)) == shape(getattr(official, name))


@pytest.mark.parametrize("name", public(official_types))
def test_a_type_has_the_official_shape(name: str) -> None:
    assert shape(getattr(our_types, name)) == shape(getattr(official_types, name))


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_has_the_official_bases_and_text(name: str) -> None:
    def bases(package: Any) -> list[str]:
        kinds = getattr(package, name).__mro__
        return [kind.__name__ for kind in kinds if kind.__name__ in (*EXCEPTIONS, "Exception")]

    assert bases(ours) == bases(official)


def test_errors_say_the_same() -> None:
    def said(package: Any) -> list[str]:
        data = {
            "subtype": "error_max_turns",
            "errors": [" a ", 1],
            "result": "r",
            "session_id": "s",
        }
        return [
            str(package.CLINotFoundError("No such program", "/x")),
            str(package.ProcessError("It failed", 3, "because")),
            str(package.ResultError("It failed", data, 1)),
            str(package.ResultError("It failed", data, 1).errors),
            str(package.CLIJSONDecodeError("{" * 200, ValueError("no"))),
        ]

    assert said(ours) == said(official)


@pytest.mark.parametrize("package", [ours, our_types])
def test_annotations_can_be_read_at_run_time(package: ModuleType) -> None:
    """Frameworks that check data by type, such as pydantic, do that."""
    for value in vars(package).values():
        if inspect.isclass(value) and (is_dataclass(value) or is_typeddict(value)):
            assert get_type_hints(value)


def test_tool_annotations_take_either_spelling() -> None:
    def made(package: Any) -> list[Any]:
        notes = [
            package.ToolAnnotations(readOnlyHint=True, maxResultSizeChars=5, other="kept"),
            package.ToolAnnotations(read_only_hint=True, max_result_size_chars=5, other="kept"),
        ]
        return [one.model_dump(by_alias=True, exclude_none=True) for one in notes]

    assert made(ours) == made(official)
