"""What only a process of its own shows: standard input, signals, readers that leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine, Ran

from hames.providers.plays import Play, calls, fails, says
from hames.testing.fake_api import FakeAPI

Start = Callable[..., FakeAPI]
STREAM = ("--output-format", "stream-json", "--verbose")


@pytest.mark.parametrize(
    ("arguments", "input", "prompt"),
    [
        (["Ask."], "", "Ask."),
        ([], "From a pipe.", "From a pipe."),
        (["Ask."], "diff --git\n", "Ask.\ndiff --git\n"),
    ],
    ids=["argument", "pipe", "both"],
)
def test_the_prompt_is_the_argument_and_what_is_piped_in(
    arguments: list[str], input: str, prompt: str, fake_api: Start, tmp_path: Path
) -> None:
    """Observed: joined by a line break."""
    api = fake_api([says("Done.")])
    ran = CommandLine(tmp_path, api).run("-p", *arguments, input=input)
    assert ran == Ran(0, "Done.\n", "")
    assert api.requests[0].body["messages"][0]["content"][-1]["text"] == prompt


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("", "There is no prompt"),
        (" \n\t ", "only blanks"),
        (b"x" * 10_000_001, "more than 10 MB"),
    ],
    ids=["nothing", "blanks", "too much"],
)
def test_a_prompt_that_cannot_be_used_is_refused(
    input: str | bytes, message: str, fake_api: Start, tmp_path: Path
) -> None:
    ran = CommandLine(tmp_path, fake_api()).run("-p", input=input)
    assert (ran.code, ran.output) == (1, "")
    assert message in ran.errors


def test_a_list_that_took_the_prompt_is_named(fake_api: Start, tmp_path: Path) -> None:
    ran = CommandLine(tmp_path, fake_api()).run("-p", "--allowedTools", "Read", "fix it")
    assert (ran.code, ran.output) == (1, "")
    assert "`--allowedTools` took everything" in ran.errors


@pytest.mark.slow
def test_a_silent_pipe_does_not_hold_a_prompt_up(fake_api: Start, tmp_path: Path) -> None:
    process = CommandLine(tmp_path, fake_api([says("Done.")])).start("-p", "Ask.")
    assert process.stdout is not None
    assert process.stdout.read() == b"Done.\n"
    _, errors = process.communicate()
    assert (process.returncode, b"silent for 3 s" in errors) == (0, True)


def test_without_standard_input_a_prompt_is_enough(fake_api: Start, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, fake_api([says("Done.")]))
    command = 'exec "$0" -m hames -p Ask. <&-'
    run = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=line.cwd, env=line.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "Done.\n", "")


def test_interrupt_in_a_tool_gives_a_result_and_exit_code_0(
    fake_api: Start, tmp_path: Path
) -> None:
    """Observed of 2.1.330."""
    _, process, child = in_a_command(fake_api, tmp_path, *STREAM)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert ran.code == 0
    told = {k: ran.result[k] for k in ("subtype", "is_error", "terminal_reason")}
    assert told == {
        "subtype": "error_during_execution",
        "is_error": True,
        "terminal_reason": "aborted_tools",
    }
    assert "[Request interrupted by user for tool use]" in ran.output
    assert is_gone(child)


def test_an_interrupted_text_run_prints_no_answer(fake_api: Start, tmp_path: Path) -> None:
    _, process, child = in_a_command(fake_api, tmp_path)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert (ran.code, ran.output) == (0, "")
    assert ran.errors.startswith("Interrupted;")
    assert is_gone(child)


def test_interrupt_while_the_model_is_silent_gives_a_result(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([Play().hang(events=1)])
    line = CommandLine(tmp_path, api)
    process = line.start("-p", "Go.", *STREAM, "--include-partial-messages")
    wait_for_line(process, b"message_start")
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert ran.code == 0
    assert ran.result["terminal_reason"] == "aborted_streaming"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["TERM", "HUP"]
)
def test_a_signal_ends_the_run_with_everything_it_started(
    number: signal.Signals, code: int, fake_api: Start, tmp_path: Path
) -> None:
    """Observed: no result line, and the session can be resumed."""
    line, process, child = in_a_command(fake_api, tmp_path, *STREAM)
    process.send_signal(number)
    ran = ended(process)
    assert ran.code == code
    assert [each["type"] for each in ran.lines if each["type"] == "result"] == []
    assert is_gone(child)
    resumed = line.run("-p", "-c", "Go on.", "--output-format", "json")
    assert (resumed.code, resumed.result["result"]) == (0, "Done.")


def test_a_reader_that_leaves_ends_the_run_quietly(fake_api: Start, tmp_path: Path) -> None:
    _, process, child = in_a_command(fake_api, tmp_path, *STREAM, then="sleep 0.2")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    ran = ended(process)
    assert (ran.code, ran.errors) == (141, "")
    assert is_gone(child)


def test_a_slow_reader_gets_everything(fake_api: Start, tmp_path: Path) -> None:
    text = "x" * 300_000
    process = CommandLine(tmp_path, fake_api([says(text)])).start("-p", "Go.", *STREAM)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    wait_for_line(process, b'"init"')  # more than a pipe holds is still to be read
    assert text in ended(process).output


@pytest.mark.parametrize(
    ("parts", "shown"), [("", True), ("=events", True), ("=tools", False), ("=!events", False)]
)
def test_debug_logs_the_parts_asked_for_on_standard_error(
    parts: str, shown: bool, fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([fails(529, headers={"retry-after": "0"}), says("Done.")])
    ran = CommandLine(tmp_path, api).run("-p", "Go.", f"--debug{parts}")
    assert (ran.code, ran.output) == (0, "Done.\n")
    assert ("hames.events" in ran.errors and "api_retry" in ran.errors) == shown


def in_a_command(
    fake_api: Start, tmp_path: Path, *flags: str, then: str = "sleep 60"
) -> tuple[CommandLine, subprocess.Popen[bytes], int]:
    """A run that is inside a shell command, and the process id of that."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    command = f"echo $$ > {ready}; {then}"
    plays = [says("I begin.") + calls("Bash", command=command), says("Done.")]
    line = CommandLine(tmp_path, fake_api(plays))
    process = line.start("-p", "Go.", "--allowedTools", "Bash", *flags)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    return line, process, int(ready.read_text(encoding="utf-8"))


def ended(process: subprocess.Popen[bytes]) -> Ran:
    output, errors = process.communicate(timeout=30)
    return Ran(process.returncode, (output or b"").decode(), errors.decode())


def wait_for_line(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the output ended without {text!r}")


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that waits for its parent to notice has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
