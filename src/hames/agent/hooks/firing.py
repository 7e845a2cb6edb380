"""Where hooks meet the agent: what is fired when, and what follows from what hooks say.

What hooks decide stands in the transcript: on the line of a call's result (`permissionDecision`), or in a
system line of its own.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hames.agent.calls.askers import Answered
from hames.agent.calls.results import Report, bounded
from hames.agent.hooks.questions import ask_model
from hames.agent.hooks.words import (
    Admission,
    Compaction,
    Heard,
    Subagent,
    decision_of,
    effect_of,
    jsonable,
    named,
    notes_of,
    plain,
    replace_result,
    said_of,
    summary_of,
    text_of,
)
from hames.agent.outcome import Ended, Outcome
from hames.approvals import PermissionResultDeny, ToolPermissionContext, on_wire
from hames.blocks import Block, text
from hames.context.reminders import reminder
from hames.errors import Interrupted
from hames.hooks import events
from hames.hooks.config import HookTable
from hames.hooks.events import Event, SetupTrigger
from hames.hooks.outcome import Answer
from hames.hooks.outcome import Outcome as Said
from hames.hooks.runner import Runner, Surroundings
from hames.permissions.types import Question
from hames.providers.network import Network

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.agent.calls.prepare import Prepared
    from hames.agent.prompts.inbox import Prompt
    from hames.providers.assemble import ToolUse
    from hames.tools.tool import Tool

log = logging.getLogger("hames.hooks")

MAX_STOP_BLOCKS = 8
"""How often in a row hooks may send the model back to work."""
CompactTrigger = Literal["manual", "auto"]
LONGEST_RESULT = 30_000
"""Characters of a result that a hook gives for a tool that bounds its own."""
FAILURES = ("api_error", "max_output_tokens")


class Hooks:
    """The hooks of an agent."""

    def __init__(
        self,
        agent: Agent,
        table: HookTable,
        *,
        source: str,
        network: Network,
        show: bool,
        setup: SetupTrigger | None = None,
        subagent: Subagent | None = None,
    ) -> None:
        self._agent = agent
        self._main = agent
        """Whose session it is."""
        self._setup = setup
        self._subagent = subagent
        self._source = source
        """How the session began: `startup`, `resume` or `fork`."""
        self._began = False
        self._stop_active = False
        self._stop_blocks = 0
        self._stopping: Answer | None = None
        self._notes: list[str] = []
        self._effects: dict[str, list[dict[str, str]]] = {}
        """What hooks made of calls that have not ended."""
        self._prompt_id = ""
        self._around = Surroundings(
            machine=agent.machine,
            workspace=agent.workspace,
            common=self._common,
            note=self._note,
            ask_model=partial(ask_model, agent),
            network=network,
            clock=agent.clock,
            ids=agent.ids,
            show=show,
            late=self._late,
        )
        self.table = table
        self._runner = Runner(table, self._around)
        if table.has(events.PermissionRequest) or table.has(events.Notification):
            agent.gate.request_hooks = self._permission

    def of_subagent(self, agent: Agent, subagent: Subagent) -> Hooks:
        """The same hooks for an agent that works for this one.

        They hear of `SubagentStart` and `SubagentStop` instead of the session's and the prompt's events,
        and are told whose calls they are asked about.
        """
        around = self._around
        hooks = Hooks(
            agent,
            self.table,
            source=self._source,
            network=around.network,
            show=around.show,
            subagent=subagent,
        )
        hooks._main = self._main
        hooks._runner.done_once = self._runner.done_once
        hooks._around.env_file = around.env_file
        return hooks

    async def begin(self) -> list[Block]:
        """The first prompt is at hand: what hooks have for the model. Once only. Raises `Interrupted`."""
        if self._began:
            return []
        if self._subagent is not None:
            begins = events.SubagentStart(
                agent_id=self._subagent.id, agent_type=self._subagent.type
            )
            notes = notes_of(begins, await self._fire(begins))
            self._began = True
            return notes
        if self._around.env_file is None:
            await self._set_env_file()
        notes = []
        if self._setup is not None:
            setup = events.Setup(trigger=self._setup)
            notes += notes_of(setup, await self._fire(setup))
            self._setup = None
        start = events.SessionStart(source=self._source, model=self._agent.frame.model)  # type: ignore[arg-type]  # one of its words
        notes += notes_of(start, await self._fire(start))
        self._began = True
        await self.instructions_given()
        return notes

    async def prompt_came(self, prompt: Prompt) -> Admission:
        """A prompt is to be taken up: hooks may block it, or add to it. Raises `Interrupted`."""
        self._stop_active, self._stop_blocks, self._stopping = False, 0, None
        self._prompt_id = prompt.uuid or self._agent.ids.uuid()
        notes = await self.begin()
        if prompt.blocks and not prompt.synthetic and self._subagent is None:
            event = events.UserPromptSubmit(prompt=text_of(prompt))
            said = await self._fire(event)
            if (stop := said.stop() or said.block()) is not None:
                why = stop.stop if stop.stop is not None else stop.block
                return Admission(refusal=why or stop.reason or "A hook blocked the prompt.")
            notes += notes_of(event, said)
        return Admission(self._take_notes() + notes)

    async def instructions_given(self) -> None:
        """Tell of the memory files that the model was given since the last time."""
        for file in self._agent.memory.given() if self._agent.memory else ():
            await self._fire(
                events.InstructionsLoaded(
                    file_path=file.path,
                    memory_type=file.kind.capitalize(),
                    load_reason=file.why.reason,
                    globs=list(file.why.globs) or None,
                    trigger_file_path=file.why.trigger,
                    parent_file_path=file.why.parent,
                )
            )

    async def config_changed(self, source: str, file: str) -> str | None:
        """A settings file has changed; why a hook is against its taking effect."""
        said = await self._fire(events.ConfigChange(source=source, file_path=file))
        against = said.block() or said.stop()
        return None if against is None else against.block or against.stop or "it gave no reason"

    async def before_compaction(
        self, trigger: CompactTrigger, instructions: str | None
    ) -> Compaction:
        """The conversation is about to be compacted. Raises `Interrupted`."""
        event = events.PreCompact(trigger=trigger, custom_instructions=instructions)
        said = await self._fire(event)
        wishes = [one for one in (instructions, *said.context()) if one]
        against = said.stop() or said.block()
        if against is None:
            return Compaction("\n\n".join(wishes) or None)
        await self._record(event.name(), said, prevented=True)
        why = against.block or against.stop or "A hook does not want it now."
        return Compaction(None, refusal=why)

    async def after_compaction(self, trigger: CompactTrigger, summary: str) -> list[Block]:
        """The conversation was compacted: what hooks have for the model in the new one.

        `AgentMemory.again` comes first, so that hooks hear of memory files that were read anew.
        """
        await self._fire(events.PostCompact(trigger=trigger, compact_summary=summary))
        start = events.SessionStart(source="compact", model=self._agent.frame.model)
        notes = notes_of(start, await self._fire(start))
        await self.instructions_given()
        return notes

    async def refuse(self, why: str) -> str:
        """Tell of a prompt that was blocked; what to say of it."""
        said = f"The prompt was blocked by a hook: {why}"
        fields = {"content": said, "level": "warning"}
        self._agent.note("informational", **fields, prevent_continuation=True)
        await self._agent.conversation.log.system(
            "informational", {**fields, "preventContinuation": True}
        )
        return said

    async def before_call(
        self, tool: Tool, args: Any, input: dict[str, Any], call_id: str
    ) -> Heard:
        """Ask the hooks about a call. Raises `Interrupted`."""
        event = events.PreToolUse(tool_name=tool.name, tool_input=input, tool_use_id=call_id)
        if not self._runner.table.has(events.PreToolUse):
            return Heard()
        agent = self._agent
        question = Question(tool.name, input, tool.access(args), agent.workspace.cwd, tool.aliases)
        with agent.interrupt:
            said = await self._runner.fire(
                event,
                tool_use_id=call_id,
                also=tool.aliases,
                applies=lambda rule: agent.gate.speaks_of(rule, question),
            )
        self._stopping = self._stopping or said.stop()
        heard = Heard(notes=notes_of(event, said))
        changed = said.updated_input()
        if changed is not None and changed.updated_input != input:
            heard.input = changed.updated_input
            self._effects[call_id] = [effect_of(event, "input", changed)]
        if (verdict := said.verdict()) is not None:
            heard.decision, heard.message = decision_of(tool.name, verdict)
            heard.deferred = verdict.verdict == "defer"
        return heard

    async def after_call(self, ready: Prepared, report: Report, milliseconds: int) -> None:
        """Tell hooks how a call ended; what they say becomes part of its result."""
        report.after += ready.notes
        report.hooks += self._effects.pop(ready.use.id, ())
        use, tool, input = ready.use, ready.tool, ready.input
        event: events.PostToolUse | events.PostToolUseFailure
        if report.is_error:
            event = events.PostToolUseFailure(
                tool_name=tool.name,
                tool_input=input,
                tool_use_id=use.id,
                error=plain(report.content),
                duration_ms=milliseconds,
            )
        else:
            event = events.PostToolUse(
                tool_name=tool.name,
                tool_input=input,
                tool_response=jsonable(report),
                tool_use_id=use.id,
                duration_ms=milliseconds,
            )
        try:
            said = await self._fire(event, tool_use_id=use.id, also=tool.aliases)
        except Interrupted:
            return  # the call has ended: its result stands, and the interrupt is met at the next step
        self._stopping = self._stopping or said.stop()
        if (replaced := said.updated_output()) is not None:
            replace_result(report, replaced.updated_output)
            report.hooks.append(effect_of(event, "output", replaced))
            if isinstance(report.content, str):
                limit = tool.max_chars or LONGEST_RESULT
                report.content = await bounded(report.content, limit, ready.call)
        blocking = [answer for answer in said.answers if answer.block is not None]
        report.hooks += [effect_of(event, "block", answer) for answer in blocking]
        for note in said_of(event, said):
            report.add_text(f"<system-reminder>\n{note}\n</system-reminder>")

    async def call_denied(self, use: ToolUse, input: dict[str, Any], reason: str) -> list[Block]:
        """Tell hooks of a refused call; what the model is to know besides."""
        event = events.PermissionDenied(
            tool_name=use.name, tool_input=input, tool_use_id=use.id, reason=reason
        )
        said = await self._fire(event, tool_use_id=use.id)
        notes = notes_of(event, said)
        if said.retry():
            notes.append(reminder(f"A hook allows that you try the call of {use.name} once more."))
        return notes

    async def after_round(
        self, calls: Sequence[ToolUse], reports: Mapping[str, Report], cwd: str
    ) -> None:
        """After all calls of a reply. Raises `Ended` when a hook ends the turn, and `Interrupted`."""
        agent = self._agent
        batch = events.PostToolBatch(
            tool_calls=[
                {
                    "tool_name": use.name,
                    "tool_input": use.input,
                    "tool_use_id": use.id,
                    "tool_response": jsonable(reports[use.id]),
                }
                for use in calls
            ]
        )
        try:
            said = await self._fire(batch)
            notes = said_of(batch, said)
            self._stopping = self._stopping or said.stop()
            if agent.workspace.cwd != cwd:
                moved = events.CwdChanged(old_cwd=cwd, new_cwd=agent.workspace.cwd)
                notes += said_of(moved, await self._fire(moved))
        except Interrupted:
            raise Interrupted("tools") from None
        blocks = self._take_notes() + [reminder(note) for note in notes]
        if blocks:
            await agent.conversation.say(blocks, is_meta=True)
        if self._stopping is not None:
            await self._record("PostToolUse", Said([self._stopping]), prevented=True)
            why = self._stopping.stop or "A hook ended the turn."
            agent.obligations.append({"kind": "hook_stopped", "text": why})
            raise Ended(Outcome("hook_stopped", "tool_use", text=why))

    async def may_stop(self, stop_reason: str | None) -> Outcome | None:
        """The answer seems complete; None when a hook sends the model back to work."""
        agent = self._agent
        event = self._stop_event()
        said = await self._fire(event)
        finished = Outcome("finished", stop_reason)
        if not said.answers:
            return finished
        stop, block = said.stop(), said.block()
        await self._record(event.name(), said, prevented=stop is not None)
        self._notes += [named(event, context) for context in said.context()]
        if stop is not None:
            return Outcome("stop_prevented", stop_reason)
        if block is None:
            return finished
        if self._stop_blocks >= MAX_STOP_BLOCKS:
            agent.warn(
                f"Hooks have sent the model back to work {MAX_STOP_BLOCKS} times in a row; the answer"
                f" ends although `{block.hook:.80}` wants more: {block.block}"
            )
            return finished
        self._stop_active, self._stop_blocks = True, self._stop_blocks + 1
        blocks = [text(f"{event.label()} hook feedback:\n{block.block}"), *self._take_notes()]
        uuid = await agent.conversation.say(blocks, is_meta=True)
        agent.emit_user(blocks, uuid, is_synthetic=True)
        agent.progress.begin()
        return None

    async def answer_ended(self, outcome: Outcome) -> None:
        """The result is about to be told. Failed answers have an event of their own."""
        if outcome.kind not in FAILURES:
            return
        category = outcome.error.category if outcome.error else outcome.kind
        event = events.StopFailure(
            error=category,
            error_details=outcome.text or None,
            last_assistant_message="".join(self._agent.progress.parts) or None,
        )
        try:
            await self._fire(event)
        except Interrupted:
            self._agent.interrupt.clear()  # the answer has ended

    async def cleared(self) -> None:
        """The session ends, and another begins with the next prompt."""
        if self._began:
            await self._runner.fire(events.SessionEnd(reason="clear"))
        self._began, self._source = False, "clear"
        self._notes.clear()

    async def close(self) -> None:
        """The session ends."""
        try:
            if self._began and self._subagent is None:
                await self._runner.fire(events.SessionEnd(reason="other"))
        finally:
            await self._runner.close()
            if self._around.env_file is not None and self._subagent is None:
                await self._agent.machine.remove(self._around.env_file)

    def _stop_event(self) -> events.Stop | events.SubagentStop:
        fields: dict[str, Any] = {
            "stop_hook_active": self._stop_active,
            "last_assistant_message": "".join(self._agent.progress.parts),
            "background_tasks": self._agent.background.obligations(),
            "session_crons": [],
        }
        if (who := self._subagent) is None:
            return events.Stop(**fields)
        return events.SubagentStop(
            **fields,
            agent_id=who.id,
            agent_type=who.type,
            agent_transcript_path=who.transcript_path,
        )

    async def _fire(
        self, event: Event, *, tool_use_id: str | None = None, also: Sequence[str] = ()
    ) -> Said:
        if not self._runner.table.has(type(event)):
            return Said()
        with self._agent.interrupt:
            return await self._runner.fire(event, tool_use_id=tool_use_id, also=also)

    async def _permission(
        self, question: Question, context: ToolPermissionContext
    ) -> Answered | None:
        """The hooks' answer to a question, None when they have none."""
        tool, input = question.tool, dict(question.input)
        await self._runner.fire(
            events.Notification(
                message=f"Permission is needed to use {tool}.",
                notification_type="permission_prompt",
            )
        )
        event = events.PermissionRequest(
            tool_name=tool,
            tool_input=input,
            permission_suggestions=[on_wire(update) for update in context.suggestions] or None,
        )
        said = await self._runner.fire(
            event,
            tool_use_id=context.tool_use_id,
            also=question.aliases,
            applies=lambda rule: self._agent.gate.speaks_of(rule, question),
        )
        given = said.permission()
        if given is None:
            return None
        answer, by = given
        if isinstance(answer, PermissionResultDeny) and not answer.message:
            answer.message = f"A hook did not allow this call of {tool}."
        return answer, f"hook `{by.hook:.80}` ({by.source})"

    async def _record(self, event: str, said: Said, *, prevented: bool) -> None:
        """A line in the transcript that says which hooks ran and what came of it."""
        fields = summary_of(event, said, prevented=prevented)
        await self._agent.conversation.log.system("stop_hook_summary", fields)

    def _note(self, subtype: str, **data: Any) -> None:
        # Hooks of the beginning are told of before the first `init` names the session.
        self._agent.note(subtype, session_id=self._main.session_id, **data)

    def _common(self) -> dict[str, Any]:
        agent = self._agent
        fields: dict[str, Any] = {
            "session_id": self._main.session_id,
            "transcript_path": self._main.conversation.log.path or "",
            "cwd": agent.workspace.cwd,
            "permission_mode": agent.gate.policy.mode,
        }
        if self._subagent is not None:
            fields |= {"agent_id": self._subagent.id, "agent_type": self._subagent.type}
        if self._prompt_id:
            fields["prompt_id"] = self._prompt_id
        effort = agent.frame.params.get("output_config", {}).get("effort")
        if effort:
            fields["effort"] = {"level": effort}
        return fields

    def _late(self, event: Event, answer: Answer) -> None:
        if answer.context:
            self._notes.append(named(event, answer.context))

    def _take_notes(self) -> list[Block]:
        notes, self._notes = self._notes, []
        return [reminder(note) for note in notes]

    async def _set_env_file(self) -> None:
        """Give hooks a file for variables, which the session's commands read before they run."""
        agent, table = self._agent, self._runner.table
        if not any(kind.sets_variables and table.has(kind) for kind in events.EVENTS.values()):
            return
        path = f"{await agent.machine.scratch()}/{agent.session_id}.env"
        earlier = agent.workspace.env.get("CLAUDE_ENV_FILE")
        start = f". {shlex.quote(earlier)}\n" if earlier else ""
        await agent.machine.write(path, start.encode(), mode=0o600)
        self._around.env_file = path
        agent.workspace.env = {**agent.workspace.env, "CLAUDE_ENV_FILE": path}
