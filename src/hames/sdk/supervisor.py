"""The supervisor: the one task that drives a session. Callers only exchange messages with it.

So a caller may stop iterating, close from elsewhere, be cancelled or vanish: the session is ended
here, in order, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hames._aio import Channel
from hames.agent.agent import Agent
from hames.agent.build import build
from hames.agent.options import AgentOptions
from hames.agent.prompts.inbox import Inbox, Prompt
from hames.agent.respond import respond
from hames.events import Event

log = logging.getLogger("hames.session")


class Supervisor:
    """Builds an agent and feeds it prompts until it is told to stop. Lives in one loop.

    What the agent emits goes to `listener`, at once, or else to `events`.
    """

    def __init__(
        self, options: AgentOptions, listener: Callable[[Event], None] | None = None
    ) -> None:
        self._options = options
        self._prompts: Channel[Prompt] = Channel()
        self._urgent = Inbox()
        self.events: Channel[Event] = Channel()
        self._listener = listener or self.events.put
        self.error: Exception | None = None
        """What ended the session, if it did not end as it should."""
        self._ready: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        self._queued = 0
        self._answering = False
        self._interrupt_early = False
        self._cancelled = False
        self._feeder: asyncio.Task[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._drive(), name="hames session")
        self._task.add_done_callback(self._ended)

    async def agent(self) -> Agent:
        """The agent once it is built. Raises what went wrong when it could not be."""
        return await asyncio.shield(self._ready)

    def prompt(self, prompt: Prompt) -> None:
        """Answer this prompt: now, or within the answer under way, at its next round of tools.

        Its priority may say otherwise: the answer under way ends for it, or it waits for the end.
        """
        prompt.is_literal = prompt.is_literal or self._options.verbatim_prompts
        if self._answering and prompt.priority == "now":
            self._urgent.put(prompt)
            self._ready.result().interrupt.request()
        elif self._answering and prompt.priority == "next":
            self._ready.result().inbox.put(prompt)
        else:
            self._queued += 1
            self._prompts.put(prompt)

    def waiting(self) -> int:
        """How many prompts nobody has taken up yet."""
        inbox = self._ready.result().inbox.waiting() if self._answering else ()
        return self._queued + len(self._urgent.waiting()) + len(inbox)

    def drop(self, uuid: str | None = None) -> list[Prompt]:
        """Take back the prompt of that id, or all that nobody has taken up; what was taken back."""
        queued = self._prompts.drop(lambda one: uuid in (None, one.uuid))
        self._queued -= len(queued)
        inbox = self._ready.result().inbox.drop(uuid) if self._answering else []
        return [*self._urgent.drop(uuid), *inbox, *queued]

    def feed(self, following: Callable[[], Awaitable[Prompt]]) -> None:
        """Take prompts from a function until it raises StopAsyncIteration, then finish."""

        async def pull() -> None:
            while True:
                try:
                    self.prompt(await following())
                except StopAsyncIteration:
                    return self.finish()
                except (
                    Exception
                ) as error:  # the caller's iterable may raise anything: it goes back there
                    self.events.close(error)
                    return self.cancel()

        self._feeder = asyncio.get_running_loop().create_task(pull(), name="hames prompts")

    def finish(self) -> None:
        """No more prompts: end when all is answered and background commands had their grace."""
        self._prompts.close()

    def interrupt(self) -> None:
        """Stop the answer under way, or the one about to begin; without one nothing happens."""
        if not (self._answering or self._queued):
            return
        if not self._ready.done():
            self._interrupt_early = True
        elif not (self._ready.cancelled() or self._ready.exception()):
            self._ready.result().interrupt.request()

    def cancel(self) -> None:
        """End at once; `closed` waits for it. Once is enough: what follows is the ending."""
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    async def closed(self) -> None:
        """Wait until everything has ended."""
        await asyncio.wait([self._task])

    async def _drive(self) -> None:
        agent: Agent | None = None
        try:
            agent = await build(self._options, [self._listener])
            self._ready.set_result(agent)
            if self._interrupt_early:
                agent.interrupt.request()
            await self._answer_all(agent)
        except Exception as error:  # the border of a session: the caller gets it, not the loop
            self.error = error
            if not self._fail(error):
                self.events.close(error)
        finally:
            if self._feeder is not None:
                self._feeder.cancel()
            if agent is not None:
                await asyncio.shield(agent.close())

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for what will not come; a task may be cancelled before its first step."""
        if not task.cancelled() and (error := task.exception()):
            log.error("The session did not end well", exc_info=error)
        self._fail(asyncio.CancelledError())
        self.events.close()

    def _fail(self, error: BaseException) -> bool:
        if self._ready.done():
            return False
        if isinstance(error, asyncio.CancelledError):
            self._ready.cancel()
        else:
            self._ready.set_exception(error)
            self._ready.exception()
        return True

    async def _answer_all(self, agent: Agent) -> None:
        while True:
            try:
                prompt = await self._next_prompt(agent)
            except StopAsyncIteration:
                return
            self._answering = True
            try:
                await respond(agent, prompt)
            finally:
                self._answering = False

    async def _next_prompt(self, agent: Agent) -> Prompt:
        """What came during the last answer, then the next prompt or news of a background command."""
        if (urgent := self._urgent.take()) is not None:
            return urgent
        if (waiting := agent.inbox.take()) is not None:
            return waiting
        prompt = await agent.background.prompt_or(self._prompts.get)
        self._queued -= not prompt.synthetic
        return prompt
