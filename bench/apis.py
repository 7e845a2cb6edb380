"""The fake API as a process, for as long as it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]


class Api:
    """Runs `bench.server`; `url` is where it listens."""

    def __init__(self, account: Path | None = None) -> None:
        self._account = account
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bench.server"]
        if self._account is not None:
            command += ["--account", str(self._account)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
