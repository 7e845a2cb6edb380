"""The same hooks in every way to run Hames: as a library, by `hames -p`, and by a client over lines."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from hook_parts import Ears, commands, heard

from hames import HookMatcher
from hames.hooks.events import EVENTS, FIRED_LATER
from hames.testing import calls, says
from hames.testing.fake_api import FakeAPI

PLAY = (
    calls("Bash", command="echo ran") + calls("Read", file_path="missing"),
    calls("Bash", command="touch asked"),
    says("done"),
)
COUNTS = {
    "SessionStart": 1,
    "UserPromptSubmit": 1,
    "PreToolUse": 3,
    "PostToolUse": 1,
    "PostToolUseFailure": 1,
    "PermissionRequest": 1,
    "Notification": 1,
    "PermissionDenied": 1,
    "PostToolBatch": 2,
    "Stop": 1,
    "SessionEnd": 1,
}
FIRED = [name for name in EVENTS if name not in FIRED_LATER]
STREAMS = ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")

Hames = Callable[..., CommandLine]


@pytest.fixture
def hames(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Hames:
    return lambda *plays: CommandLine(tmp_path, fake_api(plays))


def counted(inputs: list[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(input["hook_event_name"] for input in inputs))


async def test_as_a_library(harness: Any) -> None:
    ears = Ears()
    await harness(list(PLAY), hooks={name: [HookMatcher(None, [ears])] for name in FIRED})
    assert counted(ears.inputs) == COUNTS


def test_by_the_command_line(hames: Hames, tmp_path: Path) -> None:
    log = tmp_path / "heard.jsonl"
    line = hames(*PLAY)
    settings = {"hooks": {name: commands(f"cat >> {log}") for name in FIRED}}
    ran = line.run("-p", "Go.", "--settings", json.dumps(settings), "--setting-sources", "")
    assert (ran.code, ran.output) == (0, "done\n")
    assert counted(heard(log)) == COUNTS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_end_of_a_session_is_told_of_when_a_signal_brings_it(
    hames: Hames, tmp_path: Path, number: int
) -> None:
    log, ready = tmp_path / "heard.jsonl", tmp_path / "ready"
    os.mkfifo(ready)
    line = hames(calls("Bash", command=f"echo > {ready}; sleep 60"), says("never"))
    settings = {
        "hooks": {"SessionEnd": commands(f"cat >> {log}")},
        "permissions": {"allow": ["Bash"]},
    }
    process = line.start("-p", "Go.", "--settings", json.dumps(settings), "--setting-sources", "")
    ready.read_bytes()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert counted(heard(log)) == {"SessionEnd": 1}


class Hooked:
    """A client that registers one callback for every event, and counts what it is asked."""

    def __init__(self, line: CommandLine, events: list[str]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self._process = line.start(*STREAMS)
        groups = [{"matcher": None, "hookCallbackIds": ["hook_0"]}]
        self._send(
            {
                "type": "control_request",
                "request_id": "first",
                "request": {"subtype": "initialize", "hooks": dict.fromkeys(events, groups)},
            }
        )

    def ask(self, prompt: str) -> str:
        """Answer hooks until the result, then end the input; standard error."""
        self._send({"type": "user", "message": {"role": "user", "content": prompt}})
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            said = json.loads(raw)
            self.said.append(said)
            if said["type"] == "control_request":
                assert said["request"]["subtype"] == "hook_callback"
                self.asked.append(said)
                answer = {"subtype": "success", "request_id": said["request_id"], "response": {}}
                self._send({"type": "control_response", "response": answer})
            elif said["type"] == "result":
                break
        errors: bytes = self._process.communicate(timeout=30)[1]
        return errors.decode()

    def _send(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()


def test_by_a_client_over_lines(hames: Hames) -> None:
    """A client that has ended its input is not asked any more, so it hears of no end."""
    client = Hooked(hames(*PLAY), FIRED)
    client.ask("Go.")
    expected = {name: count for name, count in COUNTS.items() if name != "SessionEnd"}
    assert counted([one["request"]["input"] for one in client.asked]) == expected
    assert len({one["request_id"] for one in client.asked}) == len(client.asked)


def test_a_client_may_know_events_that_we_do_not(hames: Hames) -> None:
    """Observed with the official client: the session begins, and those hooks are never asked."""
    client = Hooked(hames(says("ok")), ["NewerEvent", "Stop"])
    errors = client.ask("Go.")
    assert counted([one["request"]["input"] for one in client.asked]) == {"Stop": 1}
    assert client.said[0]["response"]["response"]["hooks_applied"] is True
    assert "NewerEvent" in errors
