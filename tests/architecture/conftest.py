"""Ends a run of these tests with the files that have grown long: a report, no rule."""

from __future__ import annotations

import pytest
from package_source import REPOSITORY, SOURCE

LONG = 500


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCE.rglob("*.py")
    }
    long = sorted(((size, path) for path, size in sizes.items() if size > LONG), reverse=True)
    terminalreporter.write_line(f"{len(sizes)} files, {sum(sizes.values())} lines")
    for size, path in long:
        terminalreporter.write_line(f"{size:5} lines  {path.relative_to(REPOSITORY)}")
