"""Test agents without a model: plays, a fake Messages API, recorded requests, pytest fixtures.

    plays        what the model says: `says`, `calls`, `thinks`, `fails` … (from `hames.providers`)
    faults       what goes wrong on the wire
    fake_api     `FakeAPI`: a strict Messages API on loopback
    recorded     `Recorded`: a request and what a test asks about it
    recorder     `Recorder`: keeps the requests of any provider; `assert_prefix_stable`
    caching      prompt caching as the API documents it
    prefix       the cached prefix block by block
    play_files   plays as JSON, for the server as a process
    expect       `denied` and other results to compare with
    pytest_plugin   the fixtures `fake_api`, `scratch_repo` and `harness`, there once Hames is installed

Names load when first used. Nothing in Hames imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hames.providers.plays import (
        Play as Play,
    )
    from hames.providers.plays import (
        Script as Script,
    )
    from hames.providers.plays import (
        calls as calls,
    )
    from hames.providers.plays import (
        fails as fails,
    )
    from hames.providers.plays import (
        gives as gives,
    )
    from hames.providers.plays import (
        hangs as hangs,
    )
    from hames.providers.plays import (
        says as says,
    )
    from hames.providers.plays import (
        serves as serves,
    )
    from hames.providers.plays import (
        thinks as thinks,
    )
    from hames.providers.scripted import Scripted as Scripted
    from hames.sessions.rules import Violation as Violation
    from hames.sessions.rules import judge as judge
    from hames.testing.expect import denied as denied
    from hames.testing.expect import failed as failed
    from hames.testing.expect import succeeded as succeeded
    from hames.testing.fake_api import FakeAPI as FakeAPI
    from hames.testing.faults import (
        closes_after as closes_after,
    )
    from hames.testing.faults import (
        drips as drips,
    )
    from hames.testing.faults import (
        duplicated as duplicated,
    )
    from hames.testing.faults import (
        endless_headers as endless_headers,
    )
    from hames.testing.faults import (
        endless_line as endless_line,
    )
    from hames.testing.faults import (
        garbage as garbage,
    )
    from hames.testing.faults import (
        garbage_stream as garbage_stream,
    )
    from hames.testing.faults import (
        gateway_page as gateway_page,
    )
    from hames.testing.faults import (
        gzip_bomb as gzip_bomb,
    )
    from hames.testing.faults import (
        no_room as no_room,
    )
    from hames.testing.faults import (
        rate_limited as rate_limited,
    )
    from hames.testing.faults import (
        redirects as redirects,
    )
    from hames.testing.faults import (
        refuses as refuses,
    )
    from hames.testing.faults import (
        resets as resets,
    )
    from hames.testing.faults import (
        says_nothing as says_nothing,
    )
    from hames.testing.faults import (
        stalled_headers as stalled_headers,
    )
    from hames.testing.faults import (
        too_long as too_long,
    )
    from hames.testing.faults import (
        torn as torn,
    )
    from hames.testing.faults import (
        typed as typed,
    )
    from hames.testing.faults import (
        wire as wire,
    )
    from hames.testing.faults import (
        with_unknown_events as with_unknown_events,
    )
    from hames.testing.faults import (
        without as without,
    )
    from hames.testing.prefix import first_difference as first_difference
    from hames.testing.recorded import Recorded as Recorded
    from hames.testing.recorder import (
        Recorder as Recorder,
    )
    from hames.testing.recorder import (
        assert_prefix_stable as assert_prefix_stable,
    )

_HOMES = {
    "hames.providers.plays": (
        "Play", "Script", "calls", "fails", "gives", "hangs", "says", "serves", "thinks",
    ),
    "hames.providers.scripted": ("Scripted",),
    "hames.sessions.rules": ("Violation", "judge"),
    "hames.testing.expect": ("denied", "failed", "succeeded"),
    "hames.testing.fake_api": ("FakeAPI",),
    "hames.testing.faults": (
        "closes_after", "drips", "duplicated", "endless_headers", "endless_line", "garbage",
        "garbage_stream", "gateway_page", "gzip_bomb", "no_room", "rate_limited", "redirects",
        "refuses", "resets", "says_nothing", "stalled_headers", "too_long", "torn", "typed", "wire",
        "with_unknown_events", "without",
    ),
    "hames.testing.prefix": ("first_difference",),
    "hames.testing.recorded": ("Recorded",),
    "hames.testing.recorder": ("Recorder", "assert_prefix_stable"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if (home := _HOME_OF.get(name)) is None:
        raise AttributeError(f"module 'hames.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
