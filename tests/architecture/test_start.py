"""What a bare start loads: nothing that somebody who does not use it would have to wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "pydantic",
    "mcp",
    "anthropic",
    "opentelemetry",
    "httpx",
    "httpx2",
    "PIL",
    "pypdfium2",
    "markdownify",
    "bs4",
    "tree_sitter",
    "tree_sitter_bash",
    "botocore",
    "google",
    "rich",
    "prompt_toolkit",
    "pytest",
}

NOT_FOR_A_VERSION = {"asyncio", "msgspec", "argparse", "dataclasses", "logging", "inspect"}


@pytest.mark.parametrize(
    "start",
    [
        "import hames",
        "import hames.cli.print_mode",
        "import sys; sys.argv = ['hames', '--version']; from hames.cli.main import main; main()",
        "import sys; sys.argv = ['hames', '--help']; from hames.cli.main import main; main()",
    ],
    ids=["import", "print mode", "version", "help"],
)
def test_a_bare_start_loads_nothing_heavy(start: str) -> None:
    loaded = _loaded_by(start)
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    assert {
        name for name in loaded if name.startswith("hames.tools.") and name != "hames.tools.tool"
    } == set()


def test_the_version_needs_no_event_loop() -> None:
    loaded = _loaded_by(
        "import sys; sys.argv = ['hames', '--version']; from hames.cli.main import main; main()"
    )
    assert loaded & NOT_FOR_A_VERSION == set()


def _loaded_by(start: str) -> set[str]:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n" + start
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(run.stderr.split())
