"""Before a call runs: find the tool, validate the input, ask hooks, pass the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hames import _json
from hames.agent.calls.gate import Verdict
from hames.agent.calls.results import Report, failed, refused
from hames.agent.calls.toolbox import validated
from hames.blocks import Block
from hames.errors import ToolError
from hames.permissions.types import Decision
from hames.providers.assemble import ToolUse
from hames.tools.tool import Call, Tool

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.agent.hooks.words import Heard

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


class _Draft(msgspec.Struct):
    """A call on its way."""

    use: ToolUse
    tool: Tool
    input: dict[str, Any]
    args: Any
    notes: list[Block] = msgspec.field(default_factory=list)


async def prepare(agent: Agent, use: ToolUse) -> Prepared | Report | PutOff:
    """The call, ready to run; a report is the refusal. Raises `Interrupted`."""
    tool = agent.toolbox.find(use.name)
    if tool is None:
        return failed(ToolError(agent.unknown_tool(use.name), invalid=True))
    if agent.reloading is not None:
        await agent.reloading.look()
    try:
        input = agent.deferral.shown.get(use.id) or _parsed(use)
        draft = _Draft(use, tool, input, validated(tool, input))
        if tool.check is not None:
            tool.check(draft.args, agent.call(use.id, tool.name))
        return await _judged(agent, draft)
    except ToolError as error:
        return failed(error)


async def _judged(agent: Agent, draft: _Draft) -> Prepared | Report | PutOff:
    heard = await _hear(agent, draft)
    said = heard.decision if heard is not None else None
    if heard is not None and said is not None and said.behavior == "deny":
        return await _deny(agent, draft, said, heard.message)
    decided = agent.deferral.decided(draft.use.id, draft.input)
    waits = heard is not None and heard.deferred and decided is None
    if waits and said is not None and not _ruled_out(agent, draft):
        return await _put_off(agent, draft, said)
    allows = said is not None and said.behavior == "allow"
    verdict = await agent.gate.judge(
        draft.tool,
        draft.args,
        draft.input,
        draft.use.id,
        agent.workspace.cwd,
        agent.interrupt,
        hook=said,
        answers=allows and heard is not None and heard.input is not None,
        decided=decided,
    )
    if verdict.deferred:
        return await _put_off(agent, draft, verdict.decision)
    if not verdict.allowed:
        return await _deny(agent, draft, verdict.decision, verdict.message, verdict.interrupt)
    return await _allowed(agent, draft, verdict)


async def _hear(agent: Agent, draft: _Draft) -> Heard | None:
    """What hooks say; the input is what they make of it."""
    if agent.hooks is None:
        return None
    heard = await agent.hooks.before_call(draft.tool, draft.args, draft.input, draft.use.id)
    draft.notes = heard.notes
    refused = heard.decision is not None and heard.decision.behavior == "deny"
    if heard.input is not None and not refused:
        draft.input, draft.args = heard.input, validated(draft.tool, heard.input)
    return heard


async def _put_off(agent: Agent, draft: _Draft, decision: Decision) -> PutOff | Report:
    """A subagent's call cannot wait: its Agent call would have to wait with all that it has done."""
    if agent.conversation.log.key.subpath is None:
        return PutOff(draft.use, draft.input, decision)
    said = f"{decision.reason} A call of a subagent cannot be put off, so it was not run."
    return await _deny(agent, draft, msgspec.structs.replace(decision, behavior="deny"), said)


def _ruled_out(agent: Agent, draft: _Draft) -> bool:
    gate, cwd = agent.gate, agent.workspace.cwd
    return gate.rules_out(draft.tool, draft.args, draft.input, cwd) is not None


async def _allowed(agent: Agent, draft: _Draft, verdict: Verdict) -> Prepared | Report:
    """Deny rules hold for an input that was changed as well."""
    if verdict.changed:
        args = validated(draft.tool, verdict.input)
        again = agent.gate.recheck(draft.tool, args, verdict.input, agent.workspace.cwd)
        if again.behavior == "deny":
            return await _deny(agent, draft, again, f"The changed input is denied. {again.reason}")
        draft.args = args
    tool, use = draft.tool, draft.use
    parallel = tool.parallel or verdict.decision.readonly
    call = agent.call(use.id, tool.name)
    return Prepared(
        use, tool, draft.args, call, parallel, verdict.input, verdict.decision, draft.notes
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
    agent: Agent, draft: _Draft, decision: Decision, message: str, interrupts: bool = False
) -> Report:
    use, input = draft.use, draft.input
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
    report.after += draft.notes
    if agent.hooks is not None:
        report.after += await agent.hooks.call_denied(use, input, message)
    return report
