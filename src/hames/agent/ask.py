"""Asking the model: one request, paid for before it is sent, its reply told as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.agent.calls.toolcalls import answer_unrun
from hames.blocks import Block
from hames.errors import Interrupted, ProviderError
from hames.events import AssistantSaid, Noted, Streamed
from hames.providers.ask import Asking, Fallback, ask
from hames.providers.assemble import Assembler, Reply
from hames.providers.protocol import ModelEvent, Request
from hames.providers.retry import Retry
from hames.sessions.normalise import may_think

if TYPE_CHECKING:
    from hames.agent.agent import Agent


async def ask_model(agent: Agent) -> Reply:
    """The model's reply to the conversation as it stands.

    What the API refuses of the conversation is left out, and the model asked again. Raises
    `ProviderError`, `BudgetExhausted`, and `Interrupted` after keeping what had arrived.
    """
    if not agent.progress.tries:
        agent.limits.turns += 1
    while True:
        try:
            return await _ask_once(agent)
        except ProviderError as error:
            if error.status not in (400, 413):
                raise
            from hames.agent.bisect import leave_out_refused

            if not await leave_out_refused(agent, error):
                raise


async def _ask_once(agent: Agent) -> Reply:
    turns, encoded = agent.conversation.sendable()
    while agent.conversation.repairs:
        agent.obligations.append({"kind": "repair", "text": agent.conversation.repairs.pop(0).text})
    max_tokens, reserved = agent.budget.reserve(
        agent.model, agent.estimate.tokens(agent), agent.frame.max_tokens
    )
    # `may_think` goes back to where the calls began, which may be thousands of turns ago.
    thinks = not agent.frame.has_budget or may_think(turns)
    request = agent.frame.request(turns, encoded, max_tokens=max_tokens, may_think=thinks)
    telling = Telling(agent)
    if agent.settings.partial_messages:  # Official 2.1.330 tells it with these only.
        agent.note("status", status="requesting")
    began = agent.clock.monotonic()
    try:
        with agent.interrupt:
            reply = await ask(agent.provider, request, telling.asking(request))
    except Interrupted:
        await telling.keep_partial(began)
        raise Interrupted("streaming") from None
    except ProviderError:
        telling.record_lost()
        raise
    finally:
        agent.budget.settle(reserved)
    telling.record(reply, began)
    reply.uuids = telling.uuids_of(reply)
    agent.estimate.learn(agent, reply)
    return reply


class Telling:
    """Emits what happens while a request is under way, and keeps its books."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._assembler = Assembler()
        self._message: dict[str, Any] = {}
        self._request_id: str | None = None
        self._uuids: dict[int, str] = {}
        self._order: list[str] = []

    def asking(self, request: Request) -> Asking:
        """How to ask, with this as the listener."""
        agent = self._agent
        fallback = agent.settings.fallback
        return Asking(
            policy=agent.settings.retry,
            timeouts=agent.settings.timeouts,
            clock=agent.clock,
            random=lambda: agent.ids.random,
            assembler=self._assembler,
            on_event=self._on_event,
            on_block=self._on_block,
            on_retry=self._on_retry,
            fallback=None if fallback is None else lambda: fallback.instead_of(request),
            on_fallback=self._on_fallback,
        )

    def uuids_of(self, reply: Reply) -> list[str]:
        """The ids under which the reply's blocks were emitted."""
        return [*self._order, *(self._agent.ids.uuid() for _ in reply.blocks[len(self._order) :])]

    def record(self, reply: Reply, began: float) -> None:
        """Enter the response into the ledger."""
        agent = self._agent
        milliseconds = round((agent.clock.monotonic() - began) * 1000)
        agent.ledger.record(
            reply.request_id or reply.message_id,
            reply.model,
            reply.usage,
            milliseconds=milliseconds,
        )
        if not reply.complete and reply.error:
            agent.obligations.append(
                {"kind": "cut_reply", "message_id": reply.message_id, "error": str(reply.error)}
            )

    def record_lost(self) -> None:
        """A reply that had begun when the request failed for good: it was paid for."""
        if self._assembler.started:
            self._record(self._assembler.reply())

    def _record(self, lost: Reply | None) -> None:
        if lost is not None:
            self._agent.ledger.record(lost.request_id or lost.message_id, lost.model, lost.usage)

    async def keep_partial(self, began: float) -> None:
        """After an interrupt: what had arrived becomes part of the conversation, and is paid for."""
        partial = self._assembler.partial()
        if not self._message:
            return
        self.record(partial, began)
        partial.uuids = self.uuids_of(partial)
        for index, block in enumerate(partial.blocks):
            if index >= len(self._order):
                self._emit(block, partial.uuids[index])
        await self._agent.conversation.add_reply(partial)
        await answer_unrun(self._agent, partial.calls)

    def _on_event(self, event: ModelEvent) -> None:
        if event.type == "message_start":
            self._message, self._request_id = event.message or {}, event.request_id
        if self._agent.settings.partial_messages and event.type != "ping":
            self._agent.emit(Streamed(event.raw))

    def _on_block(self, index: int, block: Block) -> None:
        uuid = self._agent.ids.uuid()
        self._order.append(uuid)
        self._emit(block, uuid)

    def _emit(self, block: Block, uuid: str) -> None:
        self._agent.emit(
            AssistantSaid(
                block,
                uuid,
                str(self._message.get("id", "")),
                str(self._message.get("model", self._agent.frame.model)),
                self._message.get("usage") or {},
                request_id=self._request_id,
                timestamp=self._agent.clock.timestamp(),
            )
        )

    def _on_retry(self, retry: Retry) -> None:
        agent = self._agent
        self._message = {}
        agent.obligations.append({"kind": "retry", "status": retry.status, "error": retry.category})
        self._record(retry.lost)
        agent.emit(
            Noted(
                "api_retry",
                {
                    "attempt": retry.attempt,
                    "max_retries": retry.max_retries,
                    "retry_delay_ms": round(retry.delay * 1000),
                    "error_status": retry.status,
                    "error": retry.category,
                },
            )
        )

    def _on_fallback(self, fallback: Fallback) -> None:
        self._message = {}
        self._record(fallback.lost)
        self._agent.obligations.append({"kind": "fallback_model", "model": fallback.fallback_model})
        self._agent.note(
            "model_fallback",
            model=fallback.model,
            fallback_model=fallback.fallback_model,
            error=str(fallback.error),
        )
