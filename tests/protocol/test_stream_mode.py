"""`hames --input-format stream-json` as a process: pipes, exit codes and signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from hames.testing import calls, fails, hangs, says
from hames.testing.fake_api import FakeAPI

STREAMS = ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")
HI = b'{"type":"user","message":{"role":"user","content":"Hi."}}\n'
LIMIT = 30

Hames = Callable[..., CommandLine]


@pytest.fixture
def hames(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Hames:
    """`line = hames(says("Hello."))`, then `line.run(*STREAMS, input=HI)`."""
    return lambda *plays: CommandLine(tmp_path, fake_api(plays))


def read_until(process: subprocess.Popen[bytes], **fields: Any) -> dict[str, Any]:
    """The next line with these fields."""
    assert process.stdout is not None
    for raw in process.stdout:
        line: dict[str, Any] = json.loads(raw)
        if fields.items() <= line.items():
            return line
    raise AssertionError(f"the output ended without {fields}")


def test_the_end_of_input_is_no_interrupt(hames: Hames) -> None:
    ran = hames(says("One."), says("Two.")).run(*STREAMS, input=HI + HI)
    assert (ran.code, ran.errors) == (0, "")
    results = [line["result"] for line in ran.lines if line["type"] == "result"]
    assert results == ["One.", "Two."]


def test_a_last_line_may_lack_its_break(hames: Hames) -> None:
    ran = hames(says("One.")).run(*STREAMS, input=HI.rstrip())
    assert (ran.code, ran.result["result"]) == (0, "One.")


def test_input_may_be_a_file(hames: Hames, tmp_path: Path) -> None:
    line = hames(says("One."))
    (tmp_path / "input").write_bytes(HI)
    with (tmp_path / "input").open("rb") as file:
        ran = subprocess.run(
            [sys.executable, "-m", "hames", *STREAMS],
            cwd=line.cwd,
            env=line.environment,
            stdin=file,
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_lines_may_come_in_pieces(hames: Hames) -> None:
    process = hames(says("One.")).start(*STREAMS)
    assert process.stdin is not None
    for byte in HI:
        process.stdin.write(bytes([byte]))
        process.stdin.flush()
    assert read_until(process, type="result")["result"] == "One."
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("plays", "code"),
    [([fails(400), says("Better.")], 0), ([says("Good."), fails(400)], 1)],
    ids=["error then success", "success then error"],
)
def test_the_last_result_decides_the_exit_code(hames: Hames, plays: list[Any], code: int) -> None:
    assert hames(*plays).run(*STREAMS, input=HI + HI).code == code


def test_a_line_that_is_not_json_ends_the_process(hames: Hames) -> None:
    """Official: exit code 1, and a message on standard error."""
    ran = hames(hangs()).run(*STREAMS, input=HI + b"oops\n")
    assert ran.code == 1
    assert ran.errors == "Error: A line of standard input is not JSON: `oops`.\n"


def test_a_session_that_is_not_there_is_a_result_instead_of_an_answer(hames: Hames) -> None:
    """Official: both clients raise the text of this result."""
    missing = "00000000-0000-4000-8000-000000000000"
    begin = b'{"type":"control_request","request_id":"1","request":{"subtype":"initialize"}}\n'
    ran = hames().run(*STREAMS, f"--resume={missing}", input=begin + HI)
    [line] = ran.lines
    assert (ran.code, line["subtype"], line["is_error"]) == (1, "error_during_execution", True)
    assert line["errors"] == [f"No conversation found with session ID: {missing}"]


def test_ctrl_c_stops_the_answer_and_ends_with_0(hames: Hames) -> None:
    line = hames(calls("Bash", command="touch begun; sleep 60"))
    process = line.start(*STREAMS, "--allowedTools", "Bash")
    assert process.stdin is not None
    process.stdin.write(HI)
    process.stdin.flush()
    read_until(process, type="assistant")
    process.send_signal(signal.SIGINT)
    assert read_until(process, type="result")["terminal_reason"] == "aborted_tools"
    assert process.wait(LIMIT) == 0
    process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["TERM", "HUP"]
)
def test_other_signals_end_it_with_their_code(hames: Hames, number: int, code: int) -> None:
    process = hames(says("Hello.")).start(*STREAMS)
    assert process.stdin is not None
    process.stdin.write(HI)
    process.stdin.flush()
    read_until(process, type="result")
    process.send_signal(number)
    process.communicate(timeout=LIMIT)
    assert process.returncode == code


def test_a_reader_that_leaves_ends_it(hames: Hames) -> None:
    process = hames(says("Hello.").forever()).start(*STREAMS)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HI)
    process.stdin.flush()
    read_until(process, type="result")
    process.stdout.close()
    process.stdin.write(HI)
    process.stdin.flush()
    assert process.wait(LIMIT) == 141
    process.stdin.close()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mcp-config", '{"mcpServers":{"db":{"command":"db"}}}'], "the server `db`"),
        (["--mcp-config", "{}"], "needs an object with `mcpServers`"),
        (["--json-schema", "{}"], "does not have the official option `--json-schema`"),
    ],
)
def test_what_there_is_not_is_named(hames: Hames, arguments: list[str], message: str) -> None:
    ran = hames().run(*STREAMS, *arguments)
    assert (ran.code, ran.output) == (1, "")
    assert message in ran.errors


def test_a_permission_tool_that_is_not_there_ends_it(hames: Hames) -> None:
    ran = hames().run(*STREAMS, "--permission-prompt-tool", "mcp__x__y", input=HI)
    assert (ran.code, ran.output) == (1, "")
    assert "There is no tool `mcp__x__y`" in ran.errors


def test_empty_values_of_flags_are_understood(hames: Hames) -> None:
    """Official clients write them so when an option is an empty list."""
    line = hames(says("Hello."))
    ran = line.run(
        *STREAMS, "--system-prompt", "", "--tools=", "--setting-sources=", "--model=haiku", input=HI
    )
    assert (ran.code, ran.errors) == (0, "")
    [request] = line.api.requests
    assert (request.tools, request.system_text) == ({}, "")
