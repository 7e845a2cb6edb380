"""The agent: the parts of one session, and the few things they do together."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from hames._aio import Interrupt
from hames._clock import Clock, Ids
from hames.agent.background import Background
from hames.agent.calls import planning
from hames.agent.calls.deferral import Deferral
from hames.agent.calls.gate import Gate
from hames.agent.calls.go_on import go_on
from hames.agent.calls.spilled import Spilled
from hames.agent.calls.toolbox import Toolbox
from hames.agent.conversation import Conversation
from hames.agent.estimate import Estimate
from hames.agent.limits import Budget, Limits
from hames.agent.outcome import Ended, Outcome
from hames.agent.prompts import commands
from hames.agent.prompts.inbox import Inbox, Prompt
from hames.agent.prompts.mentions import attached
from hames.agent.stops import Progress
from hames.blocks import Block
from hames.context.reminders import reminder
from hames.context.request import Frame
from hames.errors import Category, Interrupted, SessionError
from hames.events import AssistantSaid, Event, Noted, TurnStarted, UserSaid
from hames.messages import PermissionMode
from hames.models import Model
from hames.providers.clocks import Timeouts
from hames.providers.protocol import Provider
from hames.providers.retry import RetryPolicy
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.tools.tool import Call, Tool
from hames.usage import Ledger

if TYPE_CHECKING:
    from hames.agent.checkpointing import Checkpoints, RewindResult
    from hames.agent.hooks.firing import Hooks
    from hames.agent.memory import AgentMemory
    from hames.agent.start.definitions import AgentDefinition
    from hames.agent.start.framing import Frames
    from hames.agent.start.reloading import Reloading
    from hames.agent.start.settle import Settled

log = logging.getLogger("hames.agent")

SYNTHETIC = "<synthetic>"
"""The official model name of messages that the harness wrote."""


class Settings(msgspec.Struct, frozen=True):
    """What does not change during a session."""

    timeouts: Timeouts
    retry: RetryPolicy
    fallback: Frame | None = None
    """How the fallback model is asked."""
    settled: Settled | None = None
    """Options and settings as they hold."""
    partial_messages: bool = False
    concurrency: int = 10
    """Calls that run side by side."""
    background_grace: float = 5.0
    agents: Mapping[str, AgentDefinition] = msgspec.field(default_factory=dict)
    init: dict[str, Any] = msgspec.field(default_factory=dict)
    """Fields of `system/init` that stay the same."""


class Agent(msgspec.Struct):
    """One session at work. `build` makes it, `run` drives it."""

    settings: Settings
    provider: Provider
    model: Model
    frame: Frame
    conversation: Conversation
    toolbox: Toolbox
    gate: Gate
    machine: Machine
    workspace: Workspace
    states: dict[type, Any]
    spilled: Spilled
    ledger: Ledger
    budget: Budget
    limits: Limits
    background: Background
    listeners: list[Callable[[Event], None]]
    clock: Clock
    ids: Ids
    frames: Frames
    estimate: Estimate = msgspec.field(default_factory=Estimate)
    pending_notes: list[str] = msgspec.field(default_factory=list)
    """What the harness will tell the model with the next results."""
    opening: list[Block] = msgspec.field(default_factory=list)
    """Context that goes before the first prompt of a new session."""
    memory: AgentMemory | None = None
    """Memory files that come to hold on the way."""
    hooks: Hooks | None = None
    """None when none are configured."""
    checkpoints: Checkpoints | None = None
    """None when files are not kept."""
    reloading: Reloading | None = None
    """None when there are no settings files."""
    surroundings: Callable[[], Awaitable[str]] | None = None
    """Describes the place of work, for the beginning of a conversation."""

    inbox: Inbox = msgspec.field(default_factory=Inbox)
    interrupt: Interrupt = msgspec.field(default_factory=Interrupt)
    progress: Progress = msgspec.field(default_factory=Progress)
    denials: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Calls of the present answer that were not allowed."""
    obligations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """What else the present result has to own up to: retries, repairs, cuts."""
    answering: list[str] = msgspec.field(default_factory=list)
    """Ids that callers gave to the prompts of the present answer."""
    deferral: Deferral = msgspec.field(default_factory=Deferral)
    """Calls that wait for a decision."""
    started: set[str] = msgspec.field(default_factory=set)
    """Calls that have begun."""

    @property
    def session_id(self) -> str:
        return self.conversation.log.id

    def emit(self, event: Event) -> None:
        """Tell every listener, in order."""
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:  # whoever only listens must not end the work
                log.exception("A listener failed at %s", type(event).__name__)

    def note(self, subtype: str, **data: Any) -> None:
        """Emit one of the smaller official `system` messages."""
        self.emit(Noted(subtype, data))

    def emit_user(self, blocks: list[Block], uuid: str, **fields: Any) -> None:
        self.emit(UserSaid(blocks, uuid, timestamp=self.clock.timestamp(), **fields))

    async def admit(self, prompt: Prompt) -> None:
        """Take up a prompt: a fresh count of turns, and context before the first one."""
        self.limits.begin()
        self.progress.begin()
        self.denials.clear()
        self.answering.clear()
        prompt.taken()
        # Official 2.1.330 asks the hooks before it tells of the turn.
        try:
            admission = await self.hooks.prompt_came(prompt) if self.hooks else None
        finally:
            self.emit(TurnStarted(self.init()))
        if self.hooks and admission and admission.refusal is not None:
            said = await self.hooks.refuse(admission.refusal)
            raise Ended(Outcome("prompt_blocked", text=said))
        await go_on(self, prompt)
        if self.opening:
            opening, self.opening = self.opening, []
            await self.conversation.say(opening, is_meta=True)
        notes = [reminder(note) for note in planning.news(self)]
        if (no_command := commands.unknown(prompt)) is not None:
            notes.append(reminder(no_command))
        notes += await attached(self, prompt)
        if admission:
            notes += admission.notes
        if notes:
            await self.conversation.say(notes, is_meta=True)
        await self._say(prompt)
        if not prompt.asks:
            raise Ended(Outcome("noted"))

    async def take_inbox(self) -> None:
        """After a round of calls: news of background commands, and prompts that came meanwhile."""
        self.progress.begin()
        if self.reloading is not None:
            await self.reloading.look()
        if self.memory is not None:
            self.pending_notes += await self.memory.news()
            for said in self.memory.warnings():
                self.warn(said)
            if self.hooks is not None:
                await self.hooks.instructions_given()
        news = self.background.news()
        notes = [*news, *self.pending_notes, *planning.news(self)]
        self.pending_notes.clear()
        if notes:
            # Who goes back to an earlier line must not lose news without knowing.
            origin = {"turnOrigin": "task-notification"} if news else None
            await self.conversation.say(
                [reminder(note) for note in notes], is_meta=True, extra=origin
            )
        while (prompt := self.inbox.take()) is not None:
            if commands.called(prompt) is not None:
                self.inbox.put_back(prompt)  # it is for the time after this answer
                return
            await self._take_up(prompt)

    async def _take_up(self, prompt: Prompt) -> None:
        """A prompt that came during the answer."""
        if self.hooks is not None:
            try:
                admission = await self.hooks.prompt_came(prompt)
            except Interrupted:
                self.inbox.put_back(prompt)
                raise
            prompt.taken()
            if admission.refusal is not None:
                await self.hooks.refuse(admission.refusal)
                return
            if admission.notes:
                await self.conversation.say(admission.notes, is_meta=True)
        else:
            prompt.taken()
        if mentioned := await attached(self, prompt):
            await self.conversation.say(mentioned, is_meta=True)
        await self._say(prompt)

    async def _say(self, prompt: Prompt) -> None:
        if not prompt.blocks:
            return
        if prompt.uuid is not None:
            self.answering.append(prompt.uuid)
        uuid = await self.conversation.say(
            prompt.blocks,
            is_meta=prompt.synthetic or prompt.is_meta,
            uuid=prompt.uuid,
            extra=prompt.fields or None,
        )
        if self.checkpoints is not None and not prompt.synthetic:
            await self.checkpoints.prompt(uuid)
        if prompt.synthetic or prompt.replay:
            self.emit_user(
                prompt.blocks, uuid, is_synthetic=prompt.synthetic, is_replay=prompt.replay
            )

    async def say_synthetic(self, block: Block, *, error: Category, status: int | None) -> None:
        """Write and emit an assistant message that the harness made."""
        message_id, uuid = self.ids.short("msg_"), self.ids.uuid()
        usage = {"input_tokens": 0, "output_tokens": 0}
        await self.conversation.log.assistant(
            [block],
            message_id=message_id,
            model=SYNTHETIC,
            usage=usage,
            stop_reason="stop_sequence",
            uuids=[uuid],
            error=error,
            api_error_status=status,
        )
        self.emit(
            AssistantSaid(
                block,
                uuid,
                message_id,
                SYNTHETIC,
                usage,
                stop_reason="stop_sequence",
                timestamp=self.clock.timestamp(),
                error=error,
                api_error_status=status,
            )
        )

    def warn(self, said: str) -> None:
        """Tell a person: something did not go as it should, and the run goes on."""
        log.warning("%s", said)
        self.obligations.append({"kind": "warning", "text": said})

    def call(self, id: str, name: str) -> Call:
        """What a call may use."""
        hidden = self.gate.hidden(self.workspace.cwd)
        return Call(
            id,
            name,
            self.machine,
            self.workspace,
            self.states,
            self.spilled.keep,
            self.clock,
            self.ids,
            hidden,
        )

    def unknown_tool(self, name: str) -> str:
        """What to tell the model that called a tool which is not there."""
        return f"There is no tool `{name}` in this session. Tools: {', '.join(self.toolbox.names) or 'none'}."

    def init(self) -> dict[str, Any]:
        """The fields of `system/init` as they are at this moment."""
        return {
            **self.settings.init,
            "cwd": self.workspace.cwd,
            "session_id": self.session_id,
            "tools": ["Task" if name == "Agent" else name for name in self.toolbox.names],
            "model": self.frame.model,
            "agents": list(self.settings.agents),
            "permissionMode": self.gate.policy.mode,
        }

    def use_model(self, name: str | None) -> None:
        """Ask another model from the next request on. Raises OptionsError for an empty name."""
        self.model, self.frame = self.frames(name)

    def ask_with(self, **options: Any) -> None:
        """Ask with other options (thinking, effort) from the next request on."""
        self.frames = msgspec.structs.replace(
            self.frames, options=replace(self.frames.options, **options)
        )
        self.use_model(self.model.id)

    def offer(self, tools: Iterable[Tool]) -> None:
        """Offer these tools from the next request on, whose prefix is in no cache then."""
        self.toolbox.offer(tools)
        definitions = tuple(self.frame.marks.on_last(self.toolbox.definitions()))
        self.frame = msgspec.structs.replace(self.frame, tools=definitions)

    def use_mode(self, mode: PermissionMode) -> None:
        """Judge calls under another permission mode. Raises OptionsError for an unknown one."""
        self.gate.use_mode(mode)

    def mode_changed(self, mode: PermissionMode) -> None:
        """Another permission mode holds, whoever said so."""
        self.note("status", status=None, permissionMode=mode)

    async def rewind_files(self, id: str, *, dry_run: bool = False) -> RewindResult:
        """Put the files back as they were at a prompt. Raises SessionError when that cannot be done."""
        if self.checkpoints is None:
            raise SessionError(
                "File rewinding is not enabled: start the session with `enable_file_checkpointing`."
            )
        return await self.checkpoints.rewind(id, dry_run=dry_run)

    async def close(self) -> None:
        """End everything the session owns."""
        try:
            if self.hooks is not None:
                await self.hooks.close()
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await self.background.stop()
        finally:
            if self.checkpoints is not None:
                self.checkpoints.close()
            self.conversation.log.release()
            await self.spilled.close()
            await self.provider.aclose()
