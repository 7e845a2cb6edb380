"""What README, guides and examples show runs as it stands. The model is a fake API."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from hames.providers.plays import says
from hames.testing.fake_api import FakeAPI

Start = Callable[..., FakeAPI]

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs/guides").glob("*.md"))]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def programs() -> Iterator[object]:
    for page in PAGES:
        for number, found in enumerate(PYTHON.finditer(page.read_text(encoding="utf-8")), 1):
            yield pytest.param(found[1], id=f"{page.stem}-{number}")
    for example in sorted((REPOSITORY / "examples").glob("*.py")):
        yield pytest.param(example.read_text(encoding="utf-8"), id=example.stem)


@pytest.mark.parametrize("program", list(programs()))
def test_program_runs(program: str, fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([says("Done. OK").forever()])
    line = CommandLine(tmp_path, api)
    (line.cwd / "one.py").write_text("print(1)\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=line.cwd,
        env=line.environment,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert api.requests
    assert api.problems == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_option_that_a_page_shows_exists(page: Path) -> None:
    from hames.cli.flags import FLAGS

    known = {name for flag in FLAGS for name in flag.names}
    shown = {
        option
        for block in SHELL.finditer(page.read_text(encoding="utf-8"))
        for line in block[1].splitlines()
        if "hames -p" in line
        for option in re.findall(
            r"(?<=\s)--?[A-Za-z][\w-]*", line.partition("hames")[2].partition("|")[0]
        )
    }
    assert shown - known == set()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    broken = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
