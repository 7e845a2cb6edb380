"""The fixture of these tests: `hames`, installed, in front of a fake API with the plays you give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import Installed

from hames.testing.fake_api import FakeAPI


@pytest.fixture
def installed(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Callable[..., Installed]:
    """`hames = installed(says("Hello."))`, then `hames.run("-p", "Hi.")`."""

    def against(*plays: Any, **options: Any) -> Installed:
        return Installed(tmp_path, fake_api(plays, **options))

    return against
