"""`hames` without a prompt: version, help, and what it says to mistakes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hames._version import COMPATIBLE_VERSION, __version__
from hames.cli import help
from hames.cli.commands import COMMANDS
from hames.cli.flags import FLAGS
from hames.cli.main import main

VERSION = f"{COMPATIBLE_VERSION} (Hames {__version__})\n"


@pytest.mark.parametrize("arguments", [["--version"], ["-v"], ["-p", "hi", "--version"]])
def test_version_line_starts_with_the_compatible_version(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Official clients read the first three numbers of the line."""
    assert main(arguments) == 0
    assert capsys.readouterr() == (VERSION, "")


def test_python_m_hames_is_hames() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hames", "--version"], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, VERSION, "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command_and_flag(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    shown = [name for flag in FLAGS if not flag.hidden for name in flag.names]
    assert [name for name in [*shown, *COMMANDS] if name not in output] == []
    assert [
        name for flag in FLAGS if flag.hidden for name in flag.names if name + " " in output
    ] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_names_mistakes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    output, errors = capsys.readouterr()
    assert (output.startswith(f"Usage: hames {command}"), errors) == (True, "")
    assert main([command, "--hepl"]) == 1
    output, errors = capsys.readouterr()
    assert (output, errors) == ("", "Error: Unknown option `--hepl`. Did you mean `--help`?\n")


def test_help_keeps_to_the_width() -> None:
    shown = help.text("hames", "An intro of several words.", FLAGS, width=72)
    assert max(len(line) for line in shown.splitlines()) <= 72


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fix it"], 'There is no full-screen mode: add `-p`, as in `hames -p "PROMPT"`.'),
        (["-c"], 'There is no full-screen mode: add `-p`, as in `hames -p "PROMPT"`.'),
        (["sesion", "list"], "There is no command `sesion`. Did you mean `session`?"),
        (["--nope"], "Unknown option `--nope`."),
        (["-p", "hi", "--output-format", "stream-json"], "needs `--verbose`"),
        (["-p", "hi", "--include-partial-messages"], "needs `--output-format stream-json`"),
        (["-p", "--input-format", "stream-json"], "needs `--output-format stream-json`"),
        (["-p", "hi", "--input-format", "stream-json"], "not as arguments such as `hi`"),
        (["-p", "hi", "--mcp-config", "{}"], "needs `--input-format stream-json`"),
        (["-p", "hi", "--resume"], "`--resume` needs the id or the title"),
        (["-p", "hi", "-c", "--resume", "x"], "exclude each other"),
        (["-p", "hi", "--fork-session"], "there is nothing to copy"),
        (
            ["-p", "hi", "-c", "--session-id", "5f000000-0000-4000-8000-000000000000"],
            "also needs `--fork-session`",
        ),
        (["-p", "hi", "--system-prompt", "a", "--system-prompt-file", "b"], "exclude each other"),
        (["-p", "hi", "--system-prompt-file", "no-such-file"], "cannot read `no-such-file`"),
        (["-p", "two", "words"], "2 were given: `two`, `words`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_on_standard_error_and_exit_code_1(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    assert message in errors


@pytest.mark.parametrize("arguments", [["--help"], ["session", "--help"], ["--version"]])
def test_a_reader_that_left_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as pipe:
        run = subprocess.run(
            [sys.executable, "-m", "hames", *arguments],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (run.returncode, run.stderr) == (141, "")
