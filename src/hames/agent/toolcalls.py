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
from hames.agent.results import Report, bounded, failed, interrupted, not_started, refused
from hames.agent.toolbox import validated
from hames.blocks import Block
from hames.blocks import from_value as block_of
from hames.errors import Interrupted, ToolError
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


class Round(msgspec.Struct):
    """The calls of one reply under way."""

    agent: Agent
    reports: dict[str, Report] = msgspec.field(default_factory=dict)

    async def report(self, use: ToolUse, report: Report) -> None:
        """Log and emit the result of a call; the model gets it at the end of the round."""
        self.reports[use.id] = report
        uuid = await self.agent.conversation.log_result(
            report.block(use.id), report.data, report.recorded()
        )
        self.agent.emit_user([report.block(use.id)], uuid, tool_use_result=report.data)


async def run_tools(agent: Agent, calls: Sequence[ToolUse]) -> None:
    """Run the calls and add their results to the conversation. Raises `Interrupted` after doing so."""
    round = Round(agent)
    cwd = agent.workspace.cwd
    try:
        await _run_all(round, calls)
    except Interrupted:
        raise Interrupted("tools") from None
    finally:
        for use in calls:
            if use.id not in round.reports:
                # A session that ends in the middle of a call cannot say what that call has done.
                began = use.id in agent.started
                await round.report(use, interrupted(use.name) if began else not_started(use.name))
        agent.conversation.add_results([round.reports[use.id].block(use.id) for use in calls])
        after = [block for use in calls for block in round.reports[use.id].after]
        if after:
            await agent.conversation.say(after, is_meta=True)
    if agent.hooks is not None:
        await agent.hooks.after_round(calls, round.reports, cwd)


async def answer_unrun(agent: Agent, calls: Sequence[ToolUse]) -> None:
    """Give calls that will never run their results, so that the conversation stays valid."""
    round = Round(agent)
    for use in calls:
        await round.report(use, not_started(use.name))
    if calls:
        agent.conversation.add_results([round.reports[use.id].block(use.id) for use in calls])


async def _run_all(round: Round, calls: Sequence[ToolUse]) -> None:
    """Consecutive parallel calls together, every other call alone, in order."""
    together: list[Prepared] = []
    for use in calls:
        match await prepare(round.agent, use):
            case Report() as report:
                await round.report(use, report)
                if report.interrupts:
                    raise Interrupted
            case Prepared(parallel=True) as ready:
                together.append(ready)
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


async def prepare(agent: Agent, use: ToolUse) -> Prepared | Report:
    """Find the tool, validate the input, ask hooks, pass the gate. A report is the refusal."""
    tool = agent.toolbox.find(use.name)
    if tool is None:
        return failed(ToolError(agent.unknown_tool(use.name), invalid=True))
    if agent.reloading is not None:
        await agent.reloading.look()
    notes: list[Block] = []
    said: Decision | None = None
    try:
        input = _parsed(use)
        args = validated(tool, input)
        if tool.check is not None:
            tool.check(args, agent.call(use.id, tool.name))
        answers = False
        if agent.hooks is not None:
            heard = await agent.hooks.before_call(tool, args, input, use.id)
            notes, said = heard.notes, heard.decision
            if said is not None and said.behavior == "deny":
                return await _deny(agent, use, input, said, heard.message, notes=notes)
            if heard.input is not None:
                input, answers = heard.input, True
                args = validated(tool, input)
        verdict = await agent.gate.judge(
            tool,
            args,
            input,
            use.id,
            agent.workspace.cwd,
            agent.interrupt,
            hook=said,
            answers=answers and said is not None and said.behavior == "allow",
        )
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
