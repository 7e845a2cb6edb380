"""Flags about how the model works, as the requests show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hames.testing import says


@pytest.mark.parametrize(
    ("flags", "sent"),
    [
        (["--effort", "low"], {"effort": "low"}),
        (["--task-budget", "50000"], {"task_budget": {"type": "tokens", "total": 50000}}),
    ],
)
def test_a_flag_reaches_the_request(
    fake_api: Callable[..., Any],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    sent: dict[str, Any],
) -> None:
    from hames.cli.main import main

    api = fake_api([says("Hello.")])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    assert main(["-p", "Hi.", "--model", "claude-opus-4-8", *flags]) == 0
    output = api.requests[0].body["output_config"]
    assert {name: output[name] for name in sent} == sent
