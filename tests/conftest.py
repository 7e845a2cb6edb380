"""Runs `async def` tests, each in an event loop of its own that must be left clean."""

from __future__ import annotations

import asyncio
import inspect
import signal

import pytest


def pytest_configure() -> None:
    """Begun in the background of a script, tests and all they start would be deaf to Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(_leaving_no_task(pyfuncitem.obj(**arguments)))
    return True


async def _leaving_no_task(test: object) -> None:
    await test  # type: ignore[misc]
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=1)
    assert not [task for task in left if not task.done()], "the test left tasks running"
