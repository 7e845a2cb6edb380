"""Fixtures for tests of agents; there in every pytest run once Hames is installed.

    fake_api        starts a strict Messages API on loopback with the plays you give
    scratch_repo    a small git repository of its own
    harness         runs a prompt through the public SDK with a scripted model

This module loads with pytest, so it imports nothing; the fixtures do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hames.testing.fake_api import FakeAPI
    from hames.testing.harness import Harness
    from hames.testing.scratch_repo import ScratchRepo


@pytest.fixture
def fake_api() -> Iterator[Callable[..., FakeAPI]]:
    """Start a fake Messages API: `api = fake_api([says("Hello.")], account=False)`.

    It runs in a thread of its own, so sync and async tests can use it, and ends with the test.
    """
    from contextlib import ExitStack

    from hames.testing.fake_api import FakeAPI

    with ExitStack() as running:

        def start(plays: Any = (), **options: Any) -> FakeAPI:
            return running.enter_context(FakeAPI(plays, **options))

        yield start


@pytest.fixture
def scratch_repo(tmp_path: Path) -> ScratchRepo:
    """A git repository with one commit, apart from your git configuration."""
    from hames.testing.scratch_repo import ScratchRepo

    return ScratchRepo(tmp_path / "repo")


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """Run a prompt through the public SDK: `run = await harness(plays=[says("Hello.")])`."""
    from hames.testing.harness import Harness

    return Harness(tmp_path)
