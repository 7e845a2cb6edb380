"""The client: a conversation with an agent, from any task, thread or loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hames.agent.options import AgentOptions
from hames.agent.prompts.inbox import Prompt
from hames.blocks import from_content
from hames.errors import ClientError, OptionsError
from hames.events import Answered, Event
from hames.hooks.callback import with_functions
from hames.messages import Message, PermissionMode
from hames.sdk.stream import Messages
from hames.sdk.tool import as_tool
from hames.sdk.world import Home, World

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.agent.checkpointing import RewindResult
    from hames.approvals import AnyPermissionResult
    from hames.sdk.supervisor import Supervisor

AnyPrompt = str | list[dict[str, Any]] | dict[str, Any] | None
"""Text, content blocks, or an official user message. None goes on with the calls that wait."""


class Client:
    """A session that takes prompts until it is closed.

        async with Client(AgentOptions(cwd="app")) as client:
            await client.query("Which test fails?")
            async for message in client.receive_response():
                print(message)

    Every method may be called from any task; those of asyncio also from other loops and threads, and
    from Trio. Closing, or just dropping the client, ends the session and everything it started.
    """

    def __init__(self, options: AgentOptions | None = None) -> None:
        self.options = options or AgentOptions()
        self._home: Home | None = None
        self._supervisor: Supervisor | None = None
        self._messages: Messages | None = None
        self._world: World | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self, prompt: AnyPrompt | AsyncIterable[AnyPrompt] | None = None) -> None:
        """Start the session, with a first prompt if one is given.

        Raises `OptionsError`, `SessionNotFound` and their like when it cannot be started.
        """
        if self._supervisor is not None:
            raise ClientError("The client is connected already.")
        self._home = Home.here()
        self._world = World()
        options = _in_world(self.options, self._world)
        agent = await self._home.run(self._start(options))
        self._messages = Messages(agent.session_id, agent.ids.uuid)
        if prompt is not None:
            await self.query(prompt)

    async def _start(self, options: AgentOptions) -> Agent:
        # Not at import: a program that imports us may never start a session, and this is most of us.
        from hames.sdk.supervisor import Supervisor

        supervisor = self._supervisor = Supervisor(options)
        try:
            return await supervisor.agent()
        except BaseException as error:
            supervisor.cancel()
            closed = self._supervisor is not supervisor
            if not closed:
                self._supervisor = None
            elif isinstance(error, asyncio.CancelledError) and not _is_cancelled():
                raise ClientError("The client was closed while it connected.") from None
            raise

    @property
    def session_id(self) -> str:
        """The id under which the session is stored and can be resumed."""
        if self._messages is None:
            raise ClientError("The client is not connected; call `connect()` first.")
        return self._messages.session_id

    async def query(
        self, prompt: AnyPrompt | AsyncIterable[AnyPrompt], session_id: str = "default"
    ) -> None:
        """Send a prompt, or each of a stream of prompts.

        A prompt that arrives while another is being answered is taken up at the next round of tools,
        or answered after it. `session_id` is accepted for compatibility and ignored.
        """
        home, supervisor = self._live()
        if isinstance(prompt, AsyncIterable):
            async for one in prompt:
                home.soon(_calling(supervisor.prompt, as_prompt(one)))
        else:
            home.soon(_calling(supervisor.prompt, as_prompt(prompt)))

    async def feed(self, prompts: AsyncIterable[AnyPrompt]) -> None:
        """Send each prompt as it comes, then finish; returns at once.

        What the iterable raises ends the session and is raised where its messages are received.
        """
        home, supervisor = self._live()
        assert self._world is not None
        world, source = self._world, aiter(prompts)

        async def following() -> Prompt:
            return as_prompt(await world.call(source.__anext__))

        home.soon(lambda: supervisor.feed(following))

    async def finish(self) -> None:
        """Say that no prompt will follow: the streams end when all is answered."""
        home, supervisor = self._live()
        home.soon(supervisor.finish)

    async def events(self) -> AsyncIterator[Event]:
        """What the agent emits, as it is; for programs that write it on a wire."""
        home, supervisor = self._live()
        while (event := await _next(home, supervisor)) is not None:
            yield event

    # These do not iterate over `events`: a generator within one is not closed when that is left.
    async def receive_messages(self) -> AsyncIterator[Message]:
        """All messages until the session ends."""
        (home, supervisor), messages = self._live(), self._messages
        assert messages is not None
        while (event := await _next(home, supervisor)) is not None:
            yield messages.of(event)

    async def receive_response(self) -> AsyncIterator[Message]:
        """The messages up to the next result, that included."""
        (home, supervisor), messages = self._live(), self._messages
        assert messages is not None
        while (event := await _next(home, supervisor)) is not None:
            yield messages.of(event)
            if isinstance(event, Answered):
                return

    async def interrupt(self) -> None:
        """Stop the answer under way: its result follows at once. Without one nothing happens."""
        home, supervisor = self._live()
        home.soon(supervisor.interrupt)

    async def decide(self, decisions: Mapping[str, AnyPermissionResult]) -> None:
        """Say about calls that wait whether they may run, by their ids; `query(None)` goes on with them.

        Raises `OptionsError` for a decision that cannot be read, or is about no call.
        """

        def take(agent: Agent) -> None:
            for said in agent.deferral.decide(decisions):
                agent.warn(said)

        await self._change(take)

    async def set_model(self, model: str | None = None) -> None:
        """Use another model from the next request on; None goes back to the default."""
        await self._change(lambda agent: agent.use_model(model))

    async def set_permission_mode(self, mode: PermissionMode) -> None:
        """Work under another permission mode from the next call on."""
        await self._change(lambda agent: agent.use_mode(mode))

    async def rewind_files(self, user_message_id: str, *, dry_run: bool = False) -> RewindResult:
        """Put the files back as they were when a prompt was taken up; see the guide to checkpoints.

        The id is that of the user message, or the `undo` of an earlier rewind. `dry_run` only tells.
        Raises SessionError when there is no such checkpoint, or none are kept.
        """
        home, supervisor = self._live()

        async def act() -> RewindResult:
            agent = await supervisor.agent()
            return await agent.rewind_files(user_message_id, dry_run=dry_run)

        return await home.run(act())

    async def close(self) -> None:
        """End the session: what runs is stopped, what was said is stored. Safe to call twice."""
        supervisor, home = self._supervisor, self._home
        if supervisor is None or home is None:
            return
        self._supervisor = None
        if not home.loop.is_closed():
            await home.run(_ended(supervisor))

    disconnect = close

    async def _change(self, change: Callable[[Agent], None]) -> None:
        home, supervisor = self._live()

        async def act() -> None:
            change(await supervisor.agent())

        await home.run(act())

    def _live(self) -> tuple[Home, Supervisor]:
        if self._supervisor is None or self._home is None:
            raise ClientError("The client is not connected; call `connect()` first.")
        return self._home, self._supervisor

    def __del__(self) -> None:
        if self._supervisor is not None and self._home is not None:
            self._home.soon(self._supervisor.cancel)


def as_prompt(given: AnyPrompt) -> Prompt:
    """The prompt in the forms callers use. Raises OptionsError for others."""
    match given:
        case None:
            return Prompt([])
        case str():
            return Prompt(from_content(given))
        case list():
            return Prompt(from_content(given))
        case {"message": {"role": "user", "content": str() | list() as content}}:
            return Prompt(from_content(content), uuid=given.get("uuid"))
        case {"role": "user", "content": str() | list() as content}:
            return Prompt(from_content(content))
    raise OptionsError(
        f"A prompt is text, a list of content blocks or a user message, not `{given!r:.80}`."
    )


async def _next(home: Home, supervisor: Supervisor) -> Event | None:
    """The next event; None when the session has ended."""
    try:
        return await home.run(supervisor.events.get())
    except StopAsyncIteration:
        return None


def _is_cancelled() -> bool:
    """Whether it is us who is cancelled, not only what we waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _ended(supervisor: Supervisor) -> None:
    supervisor.cancel()
    await supervisor.closed()


def _calling(function: Callable[[Prompt], None], prompt: Prompt) -> Callable[[], None]:
    return lambda: function(prompt)


def _in_world(options: AgentOptions, world: World) -> AgentOptions:
    """The options with the caller's functions called where the caller lives."""
    callback = options.can_use_tool

    async def ask(*arguments: Any) -> Any:
        return await world.call(callback, *arguments)  # type: ignore[arg-type]  # only used when there is one

    def hook_in_world(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def called(*arguments: Any) -> Any:
            return await world.call(function, *arguments)

        return called

    tools = (
        None
        if options.tools is None
        else [t if isinstance(t, str) else as_tool(t, world) for t in options.tools]
    )
    hooks = with_functions(options.hooks, hook_in_world) if options.hooks else {}
    cwd = os.fspath(options.cwd) if options.cwd is not None else None
    return replace(
        options, tools=tools, can_use_tool=ask if callback else None, cwd=cwd, hooks=hooks
    )
