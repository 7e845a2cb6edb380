"""Every event against every fault: what comes of a hook that fails follows from its event alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hook_parts import is_running, service

from hames.hooks.config import HookTable, parse_hooks
from hames.hooks.events import EVENTS, Event
from hames.hooks.outcome import Outcome
from hames.hooks.runner import Runner, Surroundings
from hames.sandbox.local import LocalMachine
from hames.sandbox.workspace import Workspace

FLOOD = "head -c 100000000 /dev/zero | tr '\\0' 'x'"
MANY = 100_000_000
QUICK = 0.3
"""Seconds that hooks get here."""


def example(kind: type[Event]) -> Event:
    """An event with something in every field that has no default."""
    hints = get_type_hints(kind)
    needed = [f for f in kind.__struct_fields__ if f not in kind.__struct_defaults__]
    fields: dict[str, Any] = {}
    for name in needed:
        hint = hints[name]
        words = get_args(hint)
        if words and all(isinstance(word, str) for word in words):
            fields[name] = words[0]
        else:
            origin = get_origin(hint) or hint
            fields[name] = {dict: {}, list: [], bool: False, int: 1}.get(origin, "x")
    found: Event = kind(**fields)
    return found


class Ran:
    """The hooks of one event, run; what was told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[dict[str, Any]] = []
        self.late: asyncio.Queue[Any] = asyncio.Queue()
        self._folder = folder

    async def fire(self, event: Event, hook: Any, **group: Any) -> Outcome:
        table: HookTable = parse_hooks({event.name(): [{"hooks": [hook], **group}]}, "here")
        root = str(self._folder)
        around = Surroundings(
            machine=LocalMachine(),
            workspace=Workspace(root, root, (), root, {"PATH": "/usr/bin:/bin"}),
            common=dict,
            note=lambda subtype, **data: self.told.append({"subtype": subtype, **data}),
            ask_model=_nobody,
            late=lambda event, answer: self.late.put_nowait(answer),
        )
        runner = Runner(table, around)
        try:
            outcome = await runner.fire(event)
            if event.background:
                outcome = Outcome([await asyncio.wait_for(self.late.get(), 20)])
            return outcome
        finally:
            await runner.close()


async def _nobody(*_: Any) -> str:
    raise AssertionError("no model is asked here")


def refuses(outcome: Outcome) -> bool:
    """Whether the outcome keeps anything from happening."""
    verdict, permission = outcome.verdict(), outcome.permission()
    return (
        (verdict is not None and verdict.verdict == "deny")
        or (permission is not None and permission[0].behavior == "deny")
        or outcome.block() is not None
    )


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    return Ran(tmp_path)


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize(
    "fault",
    ["kill -9 $$", "exit 1", "exit 127", "echo '{\"decision\":'", "echo '{\"decision\":3}'"],
)
async def test_a_command_that_fails_stands_for_nothing(
    ran: Ran, kind: type[Event], fault: str
) -> None:
    outcome = await ran.fire(example(kind), {"type": "command", "command": fault})
    assert not refuses(outcome)
    assert outcome.context() == []
    assert outcome.answers[0].failure


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
async def test_exit_code_2_blocks_what_can_be_blocked(ran: Ran, kind: type[Event]) -> None:
    hook = {"type": "command", "command": "echo because >&2; exit 2"}
    outcome = await ran.fire(example(kind), hook)
    assert refuses(outcome) is kind.blocks
    assert "because" in json.dumps([a.reason + a.failure for a in outcome.answers])


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
async def test_a_command_that_hangs_is_ended_with_all_it_started(
    ran: Ran, tmp_path: Path, kind: type[Event]
) -> None:
    hook = {"type": "command", "command": "sleep 60 & echo $$ $! > pids; wait", "timeout": QUICK}
    outcome = await ran.fire(example(kind), hook)
    assert refuses(outcome) is kind.guards
    assert "within 0.3 s" in outcome.answers[0].failure
    for pid in (tmp_path / "pids").read_text().split():
        assert not is_running(pid)


async def _hangs(*_: Any) -> Any:
    await asyncio.Event().wait()


def _raises(*_: Any) -> Any:
    raise RuntimeError("Oops")


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize(
    ("fault", "hangs"),
    [(_raises, False), (_hangs, True), (lambda *_: [1], False), (lambda *_: "deny", False)],
    ids=["raises", "hangs", "a list", "a text"],
)
async def test_a_function_that_fails(
    ran: Ran, kind: type[Event], fault: Callable[..., Any], hangs: bool
) -> None:
    event = example(kind)
    outcome = await ran.fire(event, fault, timeout=QUICK)
    assert refuses(outcome) is (hangs and kind.guards)
    assert outcome.answers[0].failure
    outcome = await ran.fire(event, fault, timeout=QUICK, onFailure="block")
    assert refuses(outcome) is kind.blocks


@pytest.mark.parametrize(
    "kind", [EVENTS["PreToolUse"], EVENTS["SessionStart"], EVENTS["Notification"]]
)
async def test_a_flood_of_a_command_is_cut(ran: Ran, kind: type[Event]) -> None:
    outcome = await ran.fire(example(kind), {"type": "command", "command": FLOOD})
    assert sum(map(len, outcome.context())) < 11_000
    assert bool(outcome.context()) is kind.adds_output
    outcome = await ran.fire(
        example(kind), {"type": "command", "command": f"({FLOOD}) >&2; exit 2"}
    )
    assert len(outcome.answers[0].reason) < 11_000


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
async def test_a_flood_of_a_function_is_cut(ran: Ran, kind: type[Event]) -> None:
    much = "x" * MANY
    answer = {
        "reason": much,
        "decision": "block",
        "systemMessage": much,
        "stopReason": much,
        "continue": False,
        "hookSpecificOutput": {"hookEventName": kind.name(), "additionalContext": much},
    }
    outcome = await ran.fire(example(kind), lambda *_: answer)
    (said,) = outcome.answers
    texts = [said.reason, said.message, said.context, said.stop or "", said.block or ""]
    assert max(map(len, texts)) < 11_000
    assert all(len(json.dumps(one)) < 12_000 for one in ran.told)


async def test_a_flood_of_a_service_is_no_answer(ran: Ran) -> None:
    async with service(b'{"systemMessage": "' + b"x" * 3_000_000) as (url, _):
        outcome = await ran.fire(example(EVENTS["Stop"]), {"type": "http", "url": url})
    assert not refuses(outcome)
    assert outcome.answers[0].failure


def test_how_long_hooks_may_take() -> None:
    """Documented: ten minutes, half a minute for prompts. The end of a session waits for nobody long."""
    others = {"UserPromptSubmit": 30.0, "SessionEnd": 5.0, "Notification": 60.0}
    assert {name: kind.seconds for name, kind in EVENTS.items()} == {
        name: others.get(name, 600.0) for name in EVENTS
    }


def test_only_permissions_fail_closed() -> None:
    guards = {name for name, kind in EVENTS.items() if kind.guards}
    assert guards == {"PreToolUse", "PermissionRequest"}
