"""Running the calls of a reply: prepare, execute, finish, report.

Preparation is one call after the other, execution side by side where the calls allow, results in the
order asked. Whatever happens, every call gets a result, so that the conversation stays valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hames import _json
from hames.agent.deferral import Waiting
from hames.agent.outcome import Ended, Outcome
from hames.agent.results import Report, bounded, failed, interrupted, not_started, refused
from hames.agent.toolbox import validated
from hames.blocks import Block
from hames.blocks import from_value as block_of
from hames.errors import Interrupted, SessionError, ToolError
from hames.permissions.types import Decision
from hames.providers.assemble import ToolUse
from hames.tools.tool import Call, Result, Tool

if TYPE_CHECKING:
    from hames.agent.agent import Agent

log = logging.getLogger("hames.tools")

UNPARSED = "__unparsedToolInput"


class Prepared(msgspec.Struct):
    """A call that may run."""

    use: ToolUse
    tool: Tool
    args: Any
    call: Call
    parallel: bool
    input: dict[str, Any]
    """What `args` were made of."""
    decision: Decision
    notes: list[Block] = msgspec.field(default_factory=list)
    """What hooks want the model to know besides the result."""


class PutOff(msgspec.Struct, frozen=True):
    """A call that waits until somebody has decided."""

    use: ToolUse
    input: dict[str, Any]
    """What would run."""
    decision: Decision


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


async def prepare(agent: Agent, use: ToolUse) -> Prepared | Report | PutOff:
    """Find the tool, validate the input, ask hooks, pass the gate. A report is the refusal."""
    tool = agent.toolbox.find(use.name)
    if tool is None:
        return failed(ToolError(agent.unknown_tool(use.name), invalid=True))
    if agent.reloading is not None:
        await agent.reloading.look()
    notes: list[Block] = []
    said: Decision | None = None
    try:
        input = agent.deferral.shown.get(use.id) or _parsed(use)
        args = validated(tool, input)
        if tool.check is not None:
            tool.check(args, agent.call(use.id, tool.name))
        answers = deferred = False
        if agent.hooks is not None:
            heard = await agent.hooks.before_call(tool, args, input, use.id)
            notes, said, deferred = heard.notes, heard.decision, heard.deferred
            if said is not None and said.behavior == "deny":
                return await _deny(agent, use, input, said, heard.message, notes=notes)
            if heard.input is not None:
                input, answers = heard.input, True
                args = validated(tool, input)
        decided = agent.deferral.decided(use.id, input)
        if deferred and said is not None and decided is None:
            if agent.gate.rules_out(tool, args, input, agent.workspace.cwd) is None:
                return PutOff(use, input, said)
        verdict = await agent.gate.judge(
            tool,
            args,
            input,
            use.id,
            agent.workspace.cwd,
            agent.interrupt,
            hook=said,
            answers=answers and said is not None and said.behavior == "allow",
            decided=decided,
        )
        if verdict.deferred:
            return PutOff(use, verdict.input, verdict.decision)
        if verdict.allowed and verdict.changed:
            args = validated(tool, verdict.input)
            again = agent.gate.recheck(tool, args, verdict.input, agent.workspace.cwd)
            if again.behavior == "deny":
                why = f"The changed input is denied. {again.reason}"
                return await _deny(agent, use, input, again, why, notes=notes)
    except ToolError as error:
        return failed(error)
    if not verdict.allowed:
        return await _deny(
            agent, use, input, verdict.decision, verdict.message, verdict.interrupt, notes
        )
    parallel = tool.parallel or verdict.decision.readonly
    call = agent.call(use.id, tool.name)
    return Prepared(use, tool, args, call, parallel, verdict.input, verdict.decision, notes)


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


def _parsed(use: ToolUse) -> Any:
    if isinstance(use.input, dict) and UNPARSED in use.input:
        raw = use.input[UNPARSED]
        start = raw.get("raw", "") if isinstance(raw, dict) else ""
        raise ToolError(
            f"InputValidationError: the arguments of {use.name} are not valid JSON. They begin with"
            f" {_json.encode(start[:200]).decode()} ({len(start)} characters). Send the call again.",
            invalid=True,
        )
    return use.input


async def _deny(
    agent: Agent,
    use: ToolUse,
    input: dict[str, Any],
    decision: Decision,
    message: str,
    interrupts: bool = False,
    notes: Sequence[Block] = (),
) -> Report:
    agent.denials.append({"tool_name": use.name, "tool_use_id": use.id, "tool_input": input})
    if decision.reason_type != "callback":
        agent.note(
            "permission_denied",
            tool_name=use.name,
            tool_use_id=use.id,
            message=message,
            decision_reason_type=decision.reason_type,
            decision_reason=decision.reason,
        )
    report = refused(message, interrupts=interrupts)
    report.decision = decision
    report.after += notes
    if agent.hooks is not None:
        report.after += await agent.hooks.call_denied(use, input, message)
    return report
