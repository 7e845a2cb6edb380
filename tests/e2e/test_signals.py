"""Signals to a real run with real children: it ends at once, they are gone, and the session goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Ran
from installed import JSON, STREAM, Installed, ended, interrupted, of_type

from hames.testing import calls, hangs, rate_limited, says

Hames = Callable[..., Installed]


class Children:
    """Processes that write their id into a pipe when they have begun."""

    def __init__(self, folder: Path) -> None:
        self.pipe = folder / "children"
        os.mkfifo(self.pipe)

    def command(self, *forms: str) -> str:
        """A shell command with a child of each form, that ends only when it is ended."""
        begin = f"echo $$ > {self.pipe}; exec sleep 300"
        return "\n".join(form.format(f"sh -c '{begin}'") for form in forms)

    def started(self, count: int) -> list[int]:
        """Their ids, once that many have begun."""
        found: list[int] = []
        descriptor = os.open(self.pipe, os.O_RDWR)  # so that no reader sees an end
        with open(descriptor, encoding="ascii", closefd=True) as lines:
            while len(found) < count:
                found.append(int(lines.readline()))
        return found


@pytest.fixture
def children(tmp_path: Path) -> Children:
    return Children(tmp_path)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that waits for its parent to notice has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def running(hames: Installed, *arguments: str) -> subprocess.Popen[bytes]:
    """A run whose standard input is at its end."""
    process = hames.start("-p", "Go.", "--allowedTools", "Bash", *arguments)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    return process


pytestmark = pytest.mark.timeout(30)
FORMS = ("{} &", "nohup {} > /dev/null 2>&1 &", "setsid {} &", "{}")
"""In the background, without its terminal, in a session of its own, and the one that is waited for."""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "HUP"],
)
def test_a_signal_ends_all_that_a_command_started(
    number: signal.Signals, code: int, installed: Hames, children: Children
) -> None:
    """CLI-47, CLI-48. Observed: SIGINT gives a result and code 0, the others neither."""
    hames = installed(calls("Bash", command=children.command(*FORMS)), says("Gone on."))
    process = running(hames, *STREAM)
    pids = children.started(len(FORMS))
    assert not any(map(is_gone, pids))
    ran = interrupted(process, number)
    assert ran.code == code
    assert [pid for pid in pids if not is_gone(pid)] == []
    results = of_type(ran.lines, "result")
    if number == signal.SIGINT:
        [result] = results
        assert result["terminal_reason"] == "aborted_tools"
    else:
        assert results == []
    assert hames.ask("-c", "And now?")["result"] == "Gone on."
    assert "Go." in hames.last.text
    assert "interrupted" in hames.last.text or "unknown" in hames.last.text


def test_a_background_command_is_ended_too(installed: Hames, children: Children) -> None:
    plays = [
        calls("Bash", command=children.command("{}"), run_in_background=True)
        + calls("Bash", command="sleep 300"),
        says("Gone on."),
    ]
    hames = installed(*plays)
    process = running(hames, *STREAM)
    [pid] = children.started(1)
    assert interrupted(process, signal.SIGTERM).code == 143
    assert is_gone(pid)


def test_a_killed_run_leaves_no_child_and_a_session_that_goes_on(
    installed: Hames, children: Children
) -> None:
    """SIGKILL gives us no time: somebody else has to end the children."""
    hames = installed(calls("Bash", command=children.command(*FORMS[1:])), says("Gone on."))
    process = running(hames, *STREAM)
    pids = children.started(3)
    assert interrupted(process, signal.SIGKILL).code == -signal.SIGKILL
    until(lambda: all(map(is_gone, pids)))
    ran = hames.run("-p", "-c", "And now?")
    assert (ran.code, ran.output) == (0, "Gone on.\n")
    assert ran.errors == "The call `toolu_0001_0` had no result.\n"
    [result] = [b for b in blocks(hames.last.messages) if b["type"] == "tool_result"]
    assert result["is_error"] is True


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for processes that are not ours to wait for."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not so within {seconds:g} s"
        time.sleep(0.01)


def blocks(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for message in messages for block in message["content"]]


def test_interrupt_before_the_first_byte_gives_a_result(installed: Hames) -> None:
    hames = installed(hangs(), says("Gone on."))
    process = running(hames, *JSON)
    hames.api.wait_until(lambda: len(hames.api.requests) == 1)
    ran = interrupted(process)
    assert (ran.code, ran.errors) == (0, "")
    result = json.loads(ran.output)
    assert (result["subtype"], result["terminal_reason"]) == (
        "error_during_execution",
        "aborted_streaming",
    )
    hames.api.wait_until(lambda: hames.api.requests[0].abandoned)
    assert hames.ask("-c", "And now?")["result"] == "Gone on."


def test_interrupt_in_the_middle_of_an_answer_keeps_what_had_come(installed: Hames) -> None:
    long = says("Half of the truth, and the other half.").hang(events=5)
    hames = installed(long, says("Gone on."))
    process = running(hames, *STREAM, "--include-partial-messages")
    assert process.stdout is not None
    for line in process.stdout:
        if b"text_delta" in line:
            break
    ran = interrupted(process)
    assert ran.code == 0
    assert ran.result["terminal_reason"] == "aborted_streaming"
    assert hames.ask("-c", "And now?")["result"] == "Gone on."
    said = [block.get("text", "") for block in blocks(hames.last.messages)]
    assert any(text.startswith("Half of the truth") for text in said)
    assert "[Request interrupted by user]" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_waiting_for_a_retry_is_no_reason_to_stay(number: int, installed: Hames) -> None:
    hames = installed(rate_limited(50).forever())
    process = running(hames, *STREAM)
    assert process.stdout is not None
    for line in process.stdout:
        if b"api_retry" in line:
            break
    ran = interrupted(process, number)
    assert ran.code == (0 if number == signal.SIGINT else 143)
    assert len(hames.api.requests) == 1


def test_a_second_interrupt_ends_what_the_first_cannot(
    installed: Hames, children: Children
) -> None:
    """The first one gives the command time to end; the second takes it."""
    stubborn = f"trap '' TERM INT; echo $$ > {children.pipe}; while :; do sleep 300; done"
    hames = installed(calls("Bash", command=stubborn), says("Never."))
    process = running(hames)
    [pid] = children.started(1)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert ran.code in (0, 130)  # both may be seen as one
    assert ran.output == ""
    assert is_gone(pid)


def test_a_reader_that_leaves_ends_the_run_and_its_children(
    installed: Hames, children: Children
) -> None:
    """CLI-49: no traceback, the code of a closed pipe, and the session is kept."""
    forms = children.command("{} &")
    hames = installed(calls("Bash", command=forms), says("x" * 200_000), says("Gone on."))
    process = running(hames, *STREAM)
    [pid] = children.started(1)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    ran = ended(process)
    assert (ran.code, ran.errors) == (141, "")
    assert is_gone(pid)
    assert hames.ask("-c", "And now?")["result"]


@pytest.mark.parametrize("flags", [(), JSON, STREAM], ids=["text", "json", "stream"])
def test_a_reader_that_is_not_there_gets_nothing(flags: Any, installed: Hames) -> None:
    hames = installed(says("Done."))
    process = running(hames, *flags)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert ended(process) == Ran(141, "", "")


def test_a_slow_reader_can_be_ended(installed: Hames) -> None:
    """The answer is there, and nobody reads it."""
    hames = installed(says("x" * 300_000))
    process = running(hames)
    hames.api.wait_until(lambda: hames.api.requests and hames.api.requests[0].finished)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"x"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert ended(process).errors == ""


def test_a_full_disk_is_named(installed: Hames) -> None:
    hames = installed(says("Done."))
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [*hames.program, "-p", "Go."],
            cwd=hames.cwd, env=hames.environment, stdin=subprocess.DEVNULL, stdout=full,
            stderr=subprocess.PIPE, timeout=30, check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.decode().startswith("Error: Standard output cannot be written to: No space")


def test_timeout_from_outside_ends_it_cleanly(installed: Hames, children: Children) -> None:
    """ERR-26: `timeout 300 hames …`, here with a signal as soon as the command runs."""
    hames = installed(calls("Bash", command=children.command("{}")))
    process = subprocess.Popen(
        ["timeout", "--preserve-status", "60", *hames.program, "-p", "Go.", "--allowedTools", "Bash"],
        cwd=hames.cwd, env=hames.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    [pid] = children.started(1)
    assert interrupted(process, signal.SIGTERM) == Ran(143, "", "")
    assert is_gone(pid)
