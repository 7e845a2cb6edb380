"""The lines of real sessions: each kind as it was recorded, and all of them as the schema says.

`python tests/protocol/test_golden.py` records anew; look at the difference before you keep it.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import golden
import pytest
from claude_agent_sdk._internal.message_parser import parse_message

from hames.cli.main import main
from hames.protocol import lines, requests, schema

REPOSITORY = Path(__file__).resolve().parents[2]
READ = ("assistant", "user", "system", "result", "stream_event")

RECORDED = {
    golden.kind(line): line
    for line in map(json.loads, golden.FILE.read_text(encoding="utf-8").splitlines())
}


async def test_every_kind_of_line_is_as_it_was_recorded(tmp_path: Path) -> None:
    said = await golden.all_lines(tmp_path)
    output = golden.validator("$defs/Output")
    wrong = [line for line in said if not output.is_valid(line)]
    assert wrong == []
    found = golden.first_of_each(said)
    assert list(found) == list(RECORDED)
    for kind, line in found.items():
        assert line == RECORDED[kind]


def test_the_stored_schema_is_that_of_the_types() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "run scripts/protocol-schema"


def test_the_reference_names_every_line_and_request() -> None:
    kinds = [*lines.written(), *lines.Question.__args__, *requests.subtypes().values()]
    tags = [kind.__struct_config__.tag for kind in kinds]
    page = (REPOSITORY / "docs/reference/protocol.md").read_text(encoding="utf-8")
    assert [tag for tag in tags if f"`{tag}`" not in page] == []


def test_official_clients_read_every_kind_of_line() -> None:
    """What a class of theirs needs and a line has not ends their iteration."""
    messages = [parse_message(line) for line in RECORDED.values() if line["type"] in READ]
    unknown = [message for message in messages if message is None]
    assert (len(messages) > 25, unknown) == (True, [])


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema.schema()


@pytest.mark.parametrize(
    "line",
    [
        {"type": "result", "subtype": "success"},
        {"type": "system", "subtype": "song", "uuid": "u", "session_id": "s"},
        {"type": "assistant", "message": {"content": []}, "uuid": "u", "session_id": "s"},
    ],
)
def test_the_schema_refuses_lines_that_are_not_whole(line: dict[str, Any]) -> None:
    assert not golden.validator("$defs/Output").is_valid(line)


@pytest.mark.parametrize(
    "line",
    [
        {"type": "user", "message": {"role": "user", "content": "Hi."}, "session_id": ""},
        {
            "type": "control_request",
            "request_id": "1",
            "request": {"subtype": "interrupt", "new": 1},
        },
        {"type": "control_response", "response": {"subtype": "success", "request_id": "1"}},
        {"type": "keep_alive"},
    ],
)
def test_the_schema_knows_what_clients_write(line: dict[str, Any]) -> None:
    assert golden.validator("$defs/Input").is_valid(line)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        recorded = golden.first_of_each(asyncio.run(golden.all_lines(Path(scratch))))
    golden.FILE.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in recorded.values()),
        encoding="utf-8",
    )
