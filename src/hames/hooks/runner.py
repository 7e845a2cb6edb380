"""Running the hooks of an event: all that match, side by side, each in its bounds.

Whatever a hook does, this returns: one that crashes, hangs or prints garbage is ended, reported, and
stands for what its event says (permission hooks that give no answer in time refuse).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, assert_never

import msgspec

from hames import _json
from hames._clock import Clock, Ids
from hames.errors import HamesError
from hames.hooks import callback, command
from hames.hooks.config import (
    AnyHook,
    CallbackHook,
    CommandHook,
    HookTable,
    HttpHook,
    PromptHook,
)
from hames.hooks.events import Event
from hames.hooks.outcome import Answer, Outcome, from_exit, from_json, refusal
from hames.hooks.prompt import AskModel
from hames.providers.http import Pooled, Transport
from hames.providers.network import Network
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace

log = logging.getLogger("hames.hooks")

_HTTP_SECONDS = 600.0
_PROMPT_SECONDS = 30.0
_ASYNC_SECONDS = 15.0
"""How long a hook goes on that has announced that nobody should wait for it."""


_GRACE = 1.0
"""Seconds that the hooks nobody waits for have left when the session ends."""


class Note(Protocol):
    """Tells the outside: `agent.note`."""

    def __call__(self, subtype: str, **data: Any) -> None: ...


@dataclass(slots=True)
class Surroundings:
    """What hooks are run with."""

    machine: Machine
    workspace: Workspace
    common: Callable[[], Mapping[str, Any]]
    """The fields of the JSON that every event has."""
    note: Note
    ask_model: AskModel
    network: Network = field(default_factory=Network)
    clock: Clock = field(default_factory=Clock)
    ids: Ids = field(default_factory=Ids)
    show: bool = False
    """Tell of every hook that starts and ends; those of SessionStart are always told of."""
    env_file: str | None = None
    """Where commands may set variables for later ones, for the events that allow it."""
    late: Callable[[Event, Answer], None] = lambda event, answer: None
    """Gets what hooks say that nobody waited for."""


@dataclass(slots=True)
class _Shown:
    """What a hook has printed, for those who watch."""

    stdout: str = ""
    stderr: str = ""
    code: int | None = None


class Runner:
    """Runs the hooks of one table."""

    def __init__(self, table: HookTable, around: Surroundings) -> None:
        self.table = table
        self._around = around
        self._unwatched: set[asyncio.Task[None]] = set()
        self.done_once: set[int] = set()
        """Hooks that run only once, and have."""
        self._transport: Transport | None = None

    async def fire(
        self,
        event: Event,
        *,
        tool_use_id: str | None = None,
        also: Sequence[str] = (),
        applies: Callable[[str], bool] | None = None,
    ) -> Outcome:
        """Run the hooks that the event concerns and say what they said, in the order configured.

        `also` are other names for the event's matcher, `applies` says whether a permission rule speaks
        of the call. For events that nobody waits for the outcome is empty.
        """
        hooks = [
            found for found in self.table.matching(event, also) if self._wanted(found[0], applies)
        ]
        if not hooks:
            return Outcome()
        payload = _json.encode({**self._around.common(), **_fields(event)})
        if event.background:
            for hook, source in hooks:
                self._unwatch(
                    self._late(event, self._one(event, hook, source, payload, tool_use_id))
                )
            return Outcome()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._one(event, hook, source, payload, tool_use_id))
                for hook, source in hooks
            ]
        return Outcome([task.result() for task in tasks])

    async def close(self) -> None:
        """End the hooks that nobody waits for; those that are nearly done may finish."""
        tasks = list(self._unwatched)
        if tasks:
            _, tasks = map(list, await asyncio.wait(tasks, timeout=_GRACE))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    def _wanted(self, hook: AnyHook, applies: Callable[[str], bool] | None) -> bool:
        if hook.applies_if is not None and applies is not None and not applies(hook.applies_if):
            return False
        if hook.once:
            if id(hook) in self.done_once:
                return False
            self.done_once.add(id(hook))
        return True

    async def _one(
        self, event: Event, hook: AnyHook, source: str, payload: bytes, tool_use_id: str | None
    ) -> Answer:
        """One hook, told of, timed, and never raising."""
        around, shown = self._around, _Shown()
        wanted = event.told and (around.show or event.name() == "SessionStart")
        told = wanted and not isinstance(hook, CallbackHook)
        named = {
            "hook_id": around.ids.uuid(),
            "hook_name": event.label(),
            "hook_event": event.name(),
        }
        if told:
            around.note("hook_started", **named)
        began = around.clock.monotonic()
        result = "cancelled"
        answer = Answer()
        try:
            answer = await self._asked(event, hook, source, payload, tool_use_id, shown)
            result = "error" if answer.failure or shown.code == 2 else "success"
        finally:
            answer.milliseconds = round((around.clock.monotonic() - began) * 1000)
            if told:
                around.note("hook_response", **named, **_told(answer, shown), outcome=result)
        answer.hook, answer.source = hook.label(), source
        self._tell(event, answer)
        return answer

    async def _asked(
        self,
        event: Event,
        hook: AnyHook,
        source: str,
        payload: bytes,
        tool_use_id: str | None,
        shown: _Shown,
    ) -> Answer:
        seconds = hook.timeout or _seconds(event, hook)
        try:
            match hook:
                case CommandHook():
                    return await self._command(event, hook, source, payload, seconds, shown)
                case CallbackHook():
                    async with asyncio.timeout(seconds):
                        return await _callback(event, hook, payload, tool_use_id)
                case HttpHook():
                    async with asyncio.timeout(seconds):
                        return await self._http(event, hook, payload, shown)
                case PromptHook():
                    from hames.hooks import prompt

                    async with asyncio.timeout(seconds):
                        answer, shown.stdout = await prompt.ask(
                            hook, event, payload, self._around.ask_model
                        )
                    return _failing(event, hook, answer)
                case other:
                    assert_never(other)
        except TimeoutError:
            return _too_slow(event, hook, seconds)
        except Exception as error:  # the border of a hook: it may raise anything
            log.debug("The hook `%s` failed", hook.label(), exc_info=True)
            tag = "hook_callback_failed" if isinstance(hook, CallbackHook) else None
            said = f"it raised {type(error).__name__}: {error}"
            if isinstance(error, OSError | HamesError):
                said = str(error)
            return _failing(event, hook, Answer(failure=said, tag=tag))

    async def _command(
        self,
        event: Event,
        hook: CommandHook,
        source: str,
        payload: bytes,
        seconds: float,
        shown: _Shown,
    ) -> Answer:
        """Run the command, and wait for it unless it says otherwise."""
        around = self._around
        announcement = command.Announcement()
        variables = around.env_file if event.sets_variables else None
        task = asyncio.ensure_future(
            command.run(
                hook,
                payload,
                machine=around.machine,
                workspace=around.workspace,
                extra={"CLAUDE_ENV_FILE": variables} if variables else {},
                seconds=seconds,
                announcement=announcement,
            )
        )

        async def ended() -> Answer:
            done = await task
            shown.stdout = done.stdout.decode("utf-8", "replace")
            shown.stderr = done.stderr.decode("utf-8", "replace")
            shown.code = done.code
            text = shown.stdout
            if announcement.made.done():
                text = text.lstrip().partition("\n")[2]
            answer = from_exit(event, done.code, text, shown.stderr, cut=done.cut)
            return _failing(event, hook, answer)

        async def told() -> Answer:
            answer = await ended()
            answer.hook, answer.source = hook.label(), source
            self._tell(event, answer)
            return answer

        try:
            if hook.is_async:
                self._unwatch(self._late(event, told()))
                return Answer(is_async=True)
            either: list[asyncio.Future[Any]] = [task, announcement.made]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done() or not announcement.made.done():
                return await ended()
            limit = min(announcement.made.result() or _ASYNC_SECONDS, seconds)
            self._unwatch(self._late(event, told(), limit))
            return Answer(is_async=True)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise

    async def _http(self, event: Event, hook: HttpHook, payload: bytes, shown: _Shown) -> Answer:
        from hames.hooks import http

        if self._transport is None:
            self._transport = Pooled(self._around.network)
        answer, shown.stdout = await http.ask(
            hook, event, payload, transport=self._transport, env=self._around.workspace.env
        )
        return _failing(event, hook, answer)

    def _unwatch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._unwatched.add(task)
        task.add_done_callback(self._unwatched.discard)

    async def _late(
        self, event: Event, work: Coroutine[Any, Any, Answer], seconds: float | None = None
    ) -> None:
        try:
            async with asyncio.timeout(seconds):
                self._around.late(event, await work)
        except Exception as error:  # the border of a hook that nobody waits for
            log.warning("A hook of %s in the background failed: %s", event.label(), error)

    def _tell(self, event: Event, answer: Answer) -> None:
        """What a hook says to the person, and what went wrong with it."""
        note = self._around.note if event.told else _logged
        if answer.message:
            said = f"{event.label()} says: {answer.message}"
            note("informational", content=said, level="notice")
        if answer.failure:
            said = f"The hook `{answer.hook:.80}` of {event.label()} ({answer.source}): {answer.failure}"
            tag = {"tag": answer.tag} if answer.tag else {}
            note("informational", content=said, level="warning", **tag)


def _logged(subtype: str, **data: Any) -> None:
    log.warning("%s", data["content"])


async def _callback(
    event: Event, hook: CallbackHook, payload: bytes, tool_use_id: str | None
) -> Answer:
    # Each callback gets a copy of its own, so that one cannot change what another sees.
    given = await callback.call(hook.function, _json.decode(payload), tool_use_id)
    return _failing(event, hook, from_json(event, given))


def _failing(event: Event, hook: AnyHook, answer: Answer) -> Answer:
    """The answer, or a refusal in its place when the hook has failed and its failures are to block."""
    if not answer.failure or hook.on_failure != "block":
        return answer
    refused = refusal(event, f"The hook `{hook.label():.80}` failed: {answer.failure}")
    return replace(refused, failure=answer.failure, tag=answer.tag)


def _too_slow(event: Event, hook: AnyHook, seconds: float) -> Answer:
    said = f"it gave no answer within {seconds:g} s and was ended"
    tag = "hook_callback_failed" if isinstance(hook, CallbackHook) else None
    if event.guards and hook.on_failure is None:
        refused = refusal(
            event, f"The hook `{hook.label():.80}` gave no answer within {seconds:g} s."
        )
        return replace(refused, failure=said, tag=tag)
    return _failing(event, hook, Answer(failure=said, tag=tag))


def _seconds(event: Event, hook: AnyHook) -> float:
    if isinstance(hook, HttpHook):
        return min(event.seconds, _HTTP_SECONDS)
    if isinstance(hook, PromptHook):
        return min(event.seconds, _PROMPT_SECONDS)
    return event.seconds


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {"hook_event_name": event.name(), **fields}


def _told(answer: Answer, shown: _Shown) -> dict[str, Any]:
    stdout, stderr = ("", "") if answer.quiet else (shown.stdout, shown.stderr)
    code = {} if shown.code is None else {"exit_code": shown.code}
    return {"output": stdout + stderr, "stdout": stdout, "stderr": stderr, **code}
