"""Asking about a call that nobody has decided: hooks and the callback at once, the first answer counts."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from hames._aio import Interrupt, patiently
from hames.approvals import (
    CanUseTool,
    Classifier,
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDefer,
    PermissionResultDeny,
    ToolPermissionContext,
)
from hames.errors import Interrupted
from hames.permissions.types import Question

log = logging.getLogger("hames.permissions")

HESITATION = 0.01
"""Seconds that a refusal has to overtake a permission."""

Answered = tuple[PermissionResult, str]
"""An answer, and whose: `callback`, `classifier`, `decision`, or a hook."""

Asker = Callable[[Question, ToolPermissionContext], Coroutine[Any, Any, Answered | None]]
"""Gives an answer, or None when it has none."""


async def ask(
    askers: Sequence[Asker],
    question: Question,
    context: ToolPermissionContext,
    interrupt: Interrupt,
) -> Answered | None:
    """The first answer; None when nobody has one. Who is slower is cancelled. Raises `Interrupted`."""
    if not askers:
        return None
    with interrupt:
        if len(askers) == 1:
            return await askers[0](question, context)
        return await _first([asker(question, context) for asker in askers])


def callback_asker(
    callback: CanUseTool | Classifier,
    timeout: float | None,
    warn: Callable[[str], None],
    name: Literal["callback", "classifier"] = "callback",
) -> Asker:
    """Asks a callback or a classifier. Whatever is wrong with it is a refusal, and a person is told."""

    async def asked(question: Question, context: ToolPermissionContext) -> Answered | None:
        clock = asyncio.timeout(timeout)
        try:
            async with clock:
                answer = callback(question.tool, dict(question.input), context)
                if inspect.isawaitable(answer):
                    answer = await patiently(answer)
        except Interrupted:
            raise
        except TimeoutError as error:
            why = str(error) or f"gave no answer within {timeout:g} s" if timeout else "timed out"
            return _no(question, why, warn, name)
        except (
            Exception
        ) as error:  # a caller's callback may raise anything; a failure is no permission
            return _no(question, f"failed ({type(error).__name__}: {error})", warn, name)
        if isinstance(answer, PermissionResultAllow | PermissionResultDeny | PermissionResultDefer):
            return answer, name
        if answer is None and name == "classifier":
            return None
        kind = type(answer).__name__  # what an untyped callback may give
        return _no(question, f"returned `{kind}` instead of a PermissionResult", warn, name)

    return asked


def _no(question: Question, why: str, warn: Callable[[str], None], name: str) -> Answered:
    said = f"The permission {name} {why}, so `{question.tool}` was not run."
    warn(said)
    return PermissionResultDeny(message=said), name


async def _first(askers: Sequence[Coroutine[Any, Any, Answered | None]]) -> Answered | None:
    """The first answer, a refusal before a permission that comes at the same time; None: no answer.

    Official 2.1.330 takes the first answer whatever it is.
    """
    tasks = [asyncio.ensure_future(asker) for asker in askers]
    try:
        waiting = set(tasks)
        while waiting:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            given = [task.result() for task in tasks if task.done()]
            answers = [answered for answered in given if answered is not None]
            refusals = [one for one in answers if not isinstance(one[0], PermissionResultAllow)]
            if answers and not refusals and waiting:
                await asyncio.wait(waiting, timeout=HESITATION)
                late = [task.result() for task in tasks if task.done()]
                refusals = [
                    one for one in late if one and not isinstance(one[0], PermissionResultAllow)
                ]
            if answers:
                return (refusals or answers)[0]
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
