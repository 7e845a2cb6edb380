"""`hames` as it is installed: a process with a home of its own, and a fake API as its only world."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from command_line import CommandLine, Ran

JSON = ("--output-format", "json")
STREAM = ("--output-format", "stream-json", "--verbose")
TIMEOUT = 30
"""Seconds after which a process that should have ended is a failure."""


class Installed(CommandLine):
    """Runs the console script. Standard input is empty unless a test gives it something."""

    program = (str(Path(sys.executable).with_name("hames")),)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process whose ends are pipes, apart from the variables of whoever runs the tests."""
        return subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.cwd,
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """The result of `hames -p … --output-format json`, which has to succeed."""
        ran = self.run("-p", *JSON, *arguments, **environment)
        assert (ran.code, ran.errors) == (0, ""), ran
        result: dict[str, Any] = json.loads(ran.output)
        return result

    @property
    def last(self) -> Any:
        """The last request that the API got."""
        return self.api.requests[-1]


def interrupted(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> Ran:
    """What came of a process after a signal."""
    process.send_signal(number)
    return ended(process)


def ended(process: subprocess.Popen[bytes]) -> Ran:
    """What came of a process that ends by itself."""
    output, errors = process.communicate(timeout=TIMEOUT)
    return Ran(process.returncode, (output or b"").decode(), (errors or b"").decode())


def refused(ran: Ran) -> str:
    """The one line with which a command was refused: exit code 1, nothing on standard output."""
    assert (ran.code, ran.output) == (1, "")
    assert ran.errors.startswith("Error: "), ran.errors
    assert ran.errors.count("\n") == 1, ran.errors
    assert "Traceback" not in ran.errors
    return ran.errors.removeprefix("Error: ").rstrip("\n")


def of_type(lines: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """The lines of these types or subtypes."""
    return [line for line in lines if line["type"] in kinds or line.get("subtype") in kinds]
