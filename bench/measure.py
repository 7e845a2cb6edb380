"""CPU and memory of a process and everything it starts; several runs, and their median."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

WATCH = Path(__file__).with_name("watch.py")
LONGEST = 300.0
"""Seconds that one run may take."""


class BenchError(Exception):
    """A run did not do what it should; the text says which and shows what it printed."""


class Used(NamedTuple):
    """What one run used."""

    cpu: float
    """Seconds, user and system, of the process and all that it started."""
    peak: int
    """Bytes: the largest resident size of the process itself."""
    wall: float
    """Seconds."""
    said: str
    """Its standard output."""

    def told(self) -> Any:
        """The JSON value that it printed as its last line."""
        try:
            return json.loads(self.said.strip().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise BenchError(f"No figures were printed, but:\n{self.said[-2000:]}") from error


def run(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, input: str | None = None
) -> Used:
    """Run a command to its end. Raises BenchError when it fails or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "used.json")
        # Standard error goes to a file: a pipe that nobody reads could fill.
        with Path(folder, "stderr").open("w+b") as errors:
            try:
                done = subprocess.run(
                    [sys.executable, "-I", "-S", str(WATCH), str(report), *command],
                    env=dict(env),
                    cwd=cwd,
                    input=None if input is None else input.encode(),
                    stdin=subprocess.DEVNULL if input is None else None,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    timeout=LONGEST,
                )
            except subprocess.TimeoutExpired as error:
                raise BenchError(
                    f"`{' '.join(command)[:200]}` took more than {LONGEST:g} s."
                ) from error
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace")
        out = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            what = f"`{' '.join(command)[:300]}` ended with code {done.returncode}"
            raise BenchError(f"{what}:\n{out[-1500:]}\n{said[-3000:]}")
        used = json.loads(report.read_text(encoding="utf-8"))
        return Used(used["cpu"], used["peak"], used["wall"], out)


class Figures(NamedTuple):
    """The figures of several runs."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def spread(self) -> float:
        """How far the runs lie apart, as a share of the median."""
        return (max(self.runs) - min(self.runs)) / self.median if self.median else 0.0
