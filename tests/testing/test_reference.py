"""The reference page: its examples work and its tables are complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hames.testing
from hames.testing import judge
from hames.testing.play_files import load

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "testing.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(4))
def test_examples_of_the_page_pass(number: int, tmp_path: Path) -> None:
    assert len(blocks("python")) == 4
    (tmp_path / "test_example.py").write_text(blocks("python")[number], encoding="utf-8")
    conftest = Path(__file__).parents[1] / "conftest.py"
    (tmp_path / "conftest.py").write_text(conftest.read_text("utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_plays_of_the_page_load() -> None:
    assert len(load(blocks("json")[0])) == 4


def test_the_page_names_everything_public() -> None:
    classes = {"Play", "Script", "Scripted", "Violation", "first_difference"}
    text = PAGE.read_text("utf-8")
    assert [n for n in hames.testing.__all__ if n not in text and n not in classes] == []
    assert judge({})
