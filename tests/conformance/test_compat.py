"""The programs for the official Python client, with one import changed: sessions live in this process.

What the official client does with `hames` as a process, our names do without one, message by message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compat_place import Place

from hames.testing.fake_api import FakeAPI

OFFICIAL = "from claude_agent_sdk import"


@pytest.fixture
def official(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    """In the place of the fixture of the same name, whose options lead to a process."""
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)

    def against(*plays: Any, **options: Any) -> Place:
        return Place(tmp_path, fake_api(plays, **options))

    return against


def programs() -> Iterator[Path]:
    for path in sorted(Path(__file__).parent.glob("test_python_*.py")):
        assert OFFICIAL in path.read_text("utf-8")
        yield path


def with_our_names(path: Path) -> dict[str, Any]:
    """The tests of a module, as they are when it imports our names."""
    program = path.read_text("utf-8").replace(OFFICIAL, "from hames.compat.claude_agent_sdk import")
    names: dict[str, Any] = {"__name__": path.stem}
    exec(compile(program, str(path), "exec"), names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


for module in programs():
    globals().update(with_our_names(module))
