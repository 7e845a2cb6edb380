"""Running the calls of a reply: prepare, execute, finish, report.

Preparation is one call after the other, execution side by side where the calls allow, results in the
order asked. Whatever happens, every call gets a result, so that the conversation stays valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from hames.agent.calls.deferral import Waiting
from hames.agent.calls.prepare import Prepared, PutOff, prepare
from hames.agent.calls.results import Report, bounded, failed, interrupted, not_started
from hames.agent.outcome import Ended, Outcome
from hames.blocks import from_value as block_of
from hames.errors import Interrupted, SessionError, ToolError
from hames.providers.assemble import ToolUse
from hames.tools.tool import Result

if TYPE_CHECKING:
    from hames.agent.agent import Agent

log = logging.getLogger("hames.tools")


class Round(msgspec.Struct):
    """The calls of one reply under way."""

    agent: Agent
    reports: dict[str, Report] = msgspec.field(default_factory=dict)
    deferred: list[PutOff] = msgspec.field(default_factory=list)
    is_elsewhere: bool = False
    """Somebody else who goes on with the session runs one of the calls."""

    async def report(self, use: ToolUse, report: Report) -> None:
        """Log and emit the result of a call; the model gets it at the end of the round."""
        self.reports[use.id] = report
        uuid = await self.agent.conversation.log_result(
            report.block(use.id), report.data, report.recorded()
        )
        self.agent.emit_user([report.block(use.id)], uuid, tool_use_result=report.data)


async def run_tools(agent: Agent, calls: Sequence[ToolUse]) -> None:
    """Run the calls and add their results to the conversation.

    Raises `Interrupted` after doing so, `Ended` when calls were put off, which have no result then, and
    SessionError when somebody else runs one of them.
    """
    round = Round(agent)
    cwd = agent.workspace.cwd
    try:
        await _run_all(round, calls)
    except BaseException as error:
        round.deferred.clear()
        round.is_elsewhere = isinstance(error, SessionError)
        if isinstance(error, Interrupted):
            raise Interrupted("tools") from None
        raise
    finally:
        await _conclude(round, calls)
    if round.deferred:
        agent.deferral.put_off(_waiting(round, calls))
        raise Ended(Outcome("deferred", "tool_deferred"))
    if agent.hooks is not None:
        await agent.hooks.after_round(calls, round.reports, cwd)


async def _conclude(round: Round, calls: Sequence[ToolUse]) -> None:
    """Make the reports part of the conversation. What has none was cut off, unless it waits."""
    agent = round.agent
    for use in calls:
        if not (use.id in round.reports or round.deferred or round.is_elsewhere):
            # A session that ends in the middle of a call cannot say what that call has done.
            began = use.id in agent.started
            await round.report(use, interrupted(use.name) if began else not_started(use.name))
    done = [use for use in calls if use.id in round.reports]
    if done:
        agent.conversation.add_results([round.reports[use.id].block(use.id) for use in done])
    after = [block for use in done for block in round.reports[use.id].after]
    if after:
        await agent.conversation.say(after, is_meta=True)


def _waiting(round: Round, calls: Sequence[ToolUse]) -> list[Waiting]:
    """All without a result, those put off with what would run."""
    put_off = {one.use.id: one for one in round.deferred}
    waiting = []
    for use in calls:
        if use.id in put_off:
            one = put_off[use.id]
            waiting.append(Waiting(use, one.input, one.decision.reason))
        elif use.id not in round.reports:
            waiting.append(Waiting(use))
    return waiting


async def answer_unrun(agent: Agent, calls: Sequence[ToolUse]) -> None:
    """Give calls that will never run their results, so that the conversation stays valid."""
    round = Round(agent)
    for use in calls:
        await round.report(use, not_started(use.name))
    if calls:
        agent.conversation.add_results([round.reports[use.id].block(use.id) for use in calls])


async def _run_all(round: Round, calls: Sequence[ToolUse]) -> None:
    """Consecutive parallel calls together, every other call alone, in order.

    What follows a call that is put off waits with it, unless it may run beside others: the model has
    asked for an order. Official 2.1.330 runs it.
    """
    together: list[Prepared] = []
    for use in calls:
        match await prepare(round.agent, use):
            case Report() as report:
                await round.report(use, report)
                if report.interrupts:
                    raise Interrupted
            case PutOff() as waits:
                round.deferred.append(waits)
                by = waits.decision.source or waits.decision.reason_type
                await round.agent.conversation.log.put_off(use.id, use.name, waits.input, by)
            case Prepared(parallel=True) as ready:
                together.append(ready)
            case Prepared() if round.deferred:
                continue
            case ready:
                await _execute_all(round, together)
                together = []
                await _execute_all(round, [ready])
    await _execute_all(round, together)


async def _execute_all(round: Round, ready: Sequence[Prepared]) -> None:
    if len(ready) == 1:
        await _execute_one(round, ready[0])
    elif ready:
        slots = asyncio.Semaphore(round.agent.settings.concurrency)

        async def one(prepared: Prepared) -> None:
            async with slots:
                await _execute_one(round, prepared)

        outcomes = await asyncio.gather(*map(one, ready), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def _execute_one(round: Round, ready: Prepared) -> None:
    began = round.agent.clock.monotonic()
    try:
        with round.agent.interrupt:
            report = await execute(round.agent, ready)
    except Interrupted:
        started = ready.use.id in round.agent.started
        so_far = ready.call.so_far() if ready.call.so_far else ""
        stopped = interrupted(ready.tool.name, so_far) if started else not_started(ready.use.name)
        await round.report(ready.use, stopped)
        raise
    if round.agent.hooks is not None:
        milliseconds = int((round.agent.clock.monotonic() - began) * 1000)
        await round.agent.hooks.after_call(ready, report, milliseconds)
    if ready.decision.reason_type in ("hook", "callback"):
        report.decision = ready.decision
    await round.report(ready.use, report)


async def execute(agent: Agent, ready: Prepared) -> Report:
    """Run the call: logged first, bounded in time, its result bounded in size."""
    await agent.conversation.log.call_started(ready.use.id, ready.tool.name)
    if ready.use.id in agent.conversation.log.begun_elsewhere:
        raise SessionError(
            f"The call `{ready.use.id}` of {ready.tool.name} is run by somebody else who has resumed this"
            " session; it was not run twice."
        )
    agent.started.add(ready.use.id)
    if agent.checkpoints is not None:
        await agent.checkpoints.before(ready.tool.access(ready.args), ready.use.id)
    try:
        async with asyncio.timeout(ready.tool.timeout):
            result = await ready.tool.run(ready.args, ready.call)
    except TimeoutError:
        return failed(
            ToolError(
                f"{ready.tool.name} did not finish within {ready.tool.timeout:g} s and was stopped."
            )
        )
    except ToolError as error:
        return failed(error)
    except Interrupted:
        raise
    except Exception as error:  # the border of a tool: its failure is the model's to handle
        log.exception("Tool %s failed", ready.tool.name)
        return failed(ToolError(f"{ready.tool.name} failed: {type(error).__name__}: {error}"))
    return await finish(ready, result)


async def finish(ready: Prepared, result: Result) -> Report:
    """Bound the result and give it the form in which it is sent."""
    content = result.content
    if isinstance(content, str) and ready.tool.max_chars and not result.keep_whole:
        content = await bounded(content, ready.tool.max_chars, ready.call)
    if content in ("", []):
        content = f"({ready.tool.name} gave no output.)"
    return Report(
        content, result.data, result.is_error, [block_of(block) for block in result.after]
    )
