"""The programs for the official Python client, with one import changed: sessions live in this process.

What the official client does with `hames` as a process, our names do without one, message by message;
the transcripts they leave are read by the official readers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import claude_agent_sdk
import pytest
from compat_place import Place

from hames.testing.fake_api import FakeAPI

OFFICIAL = "from claude_agent_sdk import"


@pytest.fixture
def official(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Place]]:
    """In the place of the fixture of the same name, whose options lead to a process."""
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))

    def against(*plays: Any, **options: Any) -> Place:
        return Place(tmp_path, fake_api(plays, **options))

    yield against
    check_that_official_readers_read(tmp_path / "config")


def check_that_official_readers_read(config: Path) -> None:
    """Every transcript that a test has left behind, message by message."""
    for transcript in config.glob("projects/*/*.jsonl"):
        lines = [json.loads(line) for line in transcript.read_text("utf-8").splitlines()]
        said = {line["uuid"] for line in last_branch(lines) if not line.get("isMeta")}
        read = claude_agent_sdk.get_session_messages(transcript.stem)
        assert {message.uuid for message in read} == said
        listed = [one.session_id for one in claude_agent_sdk.list_sessions()]
        assert not said or transcript.stem in listed


def last_branch(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was said, from the last line back to the first; a session that went back has left others."""
    by_id = {line["uuid"]: line for line in lines if "uuid" in line}
    at = next((line for line in reversed(lines) if line["type"] in ("user", "assistant")), None)
    while at is not None:
        if at["type"] in ("user", "assistant"):
            yield at
        at = by_id.get(at["parentUuid"])


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
