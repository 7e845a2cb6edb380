"""Python clients of 2025 drive `hames`: the first with hooks, and one of the first under its present name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hames.testing import calls, says

HERE = Path(__file__).parent
OLDER = HERE.parents[1] / ".venv/older-clients"


@pytest.mark.skipif(not OLDER.is_dir(), reason="they are not installed: `make test` does it")
@pytest.mark.parametrize("module", ["claude_code_sdk", "claude_agent_sdk"])
def test_an_older_client_runs_tools_and_hooks(
    official: Callable[..., Any], tmp_path: Path, module: str
) -> None:
    hames = official(
        calls("Bash", command="echo 1"), says("One."), calls("Bash", command="touch it"), says("Done.")
    )  # fmt: skip
    programs = tmp_path / "bin"  # these clients look for the program by its official name
    programs.mkdir()
    (programs / "claude").symlink_to(Path(sys.executable).with_name("hames"))
    ran = subprocess.run(
        [sys.executable, HERE / "older_program.py", module],
        cwd=hames.cwd,
        env={
            **hames.environment,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(OLDER / module),
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert json.loads(ran.stdout) == {
        "query": [
            "SystemMessage",
            "AssistantMessage",
            "UserMessage",
            "AssistantMessage",
            "ResultMessage",
        ],
        "client": "Done.",
        "hooks": ["Bash"],
        "asked": ["Bash"],
    }
    assert (hames.cwd / "it").exists()
