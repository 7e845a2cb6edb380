"""The fixture of these tests: `place = here(says("Hello."))`, then `asked("Hi.", place.options())`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compat_place import Place

from hames.testing.fake_api import FakeAPI


@pytest.fixture
def here(
    fake_api: Callable[..., FakeAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"):
        monkeypatch.delenv(name, raising=False)
    # The functions about sessions have no options: they look where the process's environment says.
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))

    def against(*plays: Any, **options: Any) -> Place:
        return Place(tmp_path, fake_api(plays, **options))

    return against
