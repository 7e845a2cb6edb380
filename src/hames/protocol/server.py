"""The server: official clients drive a session through lines, `user` and `control_request`.

Reading never waits for work: prompts are queued, each control request is served beside the others. The
session is opened by `initialize` or the first prompt, whichever comes first, so that what a client
brings along (its prompt, tools, hooks) is there before anything is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import msgspec

from hames import _json
from hames.agent.agent import Agent
from hames.agent.options import AgentOptions
from hames.agent.prompts.inbox import Prompt
from hames.errors import HamesError, OptionsError
from hames.events import Answered, Event, TurnStarted, UserSaid
from hames.messages import ResultMessage
from hames.protocol import bring, requests
from hames.protocol.asking import AskClient
from hames.protocol.client_tools import ClientTools
from hames.protocol.handlers import Refused, handler
from hames.protocol.mirror import mirror_lines
from hames.protocol.prompts import Prompts, read_prompt
from hames.protocol.questions import Questions
from hames.protocol.shorten import LONGEST, characters
from hames.protocol.wire import Wire

log = logging.getLogger("hames.protocol")

KINDS = requests.subtypes()


class Session(Protocol):
    """What the server drives; `sdk.supervisor.Supervisor` is one."""

    async def agent(self) -> Agent: ...
    def prompt(self, prompt: Prompt) -> None: ...
    def drop(self, uuid: str | None) -> list[Prompt]: ...
    def waiting(self) -> int: ...
    def interrupt(self) -> None: ...
    def finish(self) -> None: ...
    def cancel(self) -> None: ...
    async def closed(self) -> None: ...
    @property
    def error(self) -> Exception | None: ...


Open = Callable[[AgentOptions, Callable[[Event], None]], Awaitable[Session]]
"""Starts a session with these options, whose events go to the function."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the command line says of the conversation with the client."""

    ask_client: bool = False
    """The client answers permission questions."""
    client_servers: Sequence[str] = ()
    """MCP servers that live in the client."""
    replay: bool = False
    """Prompts are echoed as they are taken up."""
    mirror: bool = False
    """What is stored is also sent."""
    states: Literal["hidden", "shown"] | None = None
    """Whether the client wants to know if the session works or waits."""
    may_bypass: bool = False
    await_initialize: bool = False
    """Prompts do not begin the session: what the client brings along must come first."""


class Server:
    """One client and its session."""

    def __init__(
        self, options: AgentOptions, launch: Launch, write: Callable[[bytes], None], open: Open
    ) -> None:
        self.launch = launch
        self.state: str | None = None
        self.result: ResultMessage | None = None
        """Of the last prompt."""
        # The official TypeScript client reads lines of any length.
        longest = None if options.entrypoint == "sdk-ts" else LONGEST
        self.questions = Questions(write, options.ids, longest=longest)
        self.client_tools = ClientTools(self.questions)
        self.options = options
        """What the session is begun with."""
        self.prompts = Prompts(self._tell_fate, self._echo, replay=launch.replay)
        self._began = options.clock.monotonic()
        self._write = write
        self._open = open
        self._wire = Wire(options.resume or options.session_id or "", options.ids)
        self._opening: asyncio.Task[tuple[Session, Agent]] | None = None
        self._session: Session | None = None
        self._begun = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead: set[asyncio.Task[None]] = set()
        """Those of requests and prompts: later prompts wait for them."""

    async def run(self, lines: AsyncIterator[bytes]) -> None:
        """Serve until the input has ended and all is answered.

        Raises OptionsError for input that is not ours, and what kept the session from starting.
        """
        reading = self._reading = asyncio.create_task(self._read(lines))
        failing = asyncio.create_task(self._failed())
        try:
            await asyncio.wait([reading, failing], return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
            if not reading.cancelled():
                reading.result()
            await self._finish()
        finally:
            await _ended([reading, failing, *self._tasks])
            await self.close()

    def stop_reading(self) -> None:
        """Go on as at the end of input."""
        self._reading.cancel()

    async def close(self) -> None:
        """End the session now, if there is one."""
        self.questions.close()
        if self._opening is not None:
            await _ended([self._opening])
        if self._session is not None:
            self._session.cancel()
            await asyncio.shield(self._session.closed())

    @property
    def opened(self) -> bool:
        """Whether a session was begun."""
        return self._opening is not None

    async def agent(self) -> Agent:
        """The agent of the session, which this begins if nothing else has. Raises what prevents it."""
        _, agent = await asyncio.shield(self._begin())
        return agent

    def milliseconds(self) -> int:
        """How long the client has been served."""
        return round((self.options.clock.monotonic() - self._began) * 1000)

    def interrupt(self) -> None:
        """Stop the answer under way; a permission question about it is taken back at once."""
        if self._session is not None:
            self.questions.take_back("can_use_tool")
            self._session.interrupt()

    async def _read(self, lines: AsyncIterator[bytes]) -> None:
        async for line in lines:
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        match _decoded(line):
            case {"type": "user"} as raw:
                self._prompt(read_prompt(raw))
            case {"type": "control_request", "request_id": str() as id} as raw:
                self._request(id, raw.get("request"))
            case {"type": "control_response", "response": response}:
                self.questions.answered(response)
            case {"type": "control_cancel_request", "request_id": str() as id}:
                for task in self._tasks:
                    if task.get_name() == id:
                        task.cancel()
            case _:  # `keep_alive`, and what newer clients may say
                return

    def _prompt(self, prompt: Prompt) -> None:
        """Have a prompt answered, after the requests before it: a new model answers what follows."""
        if not self.launch.await_initialize:
            self._begin()
        if self._ahead:
            self.later(self._prompt_after([*self._ahead], prompt), ahead=True)
        else:
            self.prompts.take(prompt)

    async def _prompt_after(self, ahead: list[asyncio.Task[None]], prompt: Prompt) -> None:
        await asyncio.wait(ahead)
        self.prompts.take(prompt)

    def _request(self, id: str, raw: Any) -> None:
        """Serve a request beside everything else. What it brings along holds for all later lines."""
        subtype = raw.get("subtype") if isinstance(raw, dict) else None
        kind = KINDS.get(subtype) if isinstance(subtype, str) else None
        if kind is None:
            said = f"Unsupported control request subtype: {subtype}"
            return self._refuse(id, said, "unsupported_request")
        try:
            request = msgspec.convert(raw, kind)
            if isinstance(request, requests.Initialize):
                self._bring(request)
        except (msgspec.ValidationError, Refused, OptionsError) as error:
            return self._refuse(id, f"`{subtype}`: {error}", getattr(error, "code", None))
        return self.later(self._serve(id, request), name=id, ahead=True)

    def later(
        self, work: Coroutine[Any, Any, None], *, name: str | None = None, ahead: bool = False
    ) -> None:
        """Do something beside everything else; the end of the session waits for it.

        `ahead`: prompts that come meanwhile wait for it too.
        """
        task = asyncio.create_task(work, name=name)
        for tasks in (self._tasks, self._ahead) if ahead else (self._tasks,):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def _bring(self, request: requests.Initialize) -> None:
        """Take over what a client brings along, and begin the session with it."""
        if self.opened and bring.something(request):
            raise Refused("The session has begun already; what it is to have must come before.")
        self.options = bring.options(self.options, request, self.questions)
        names = dict.fromkeys([*self.launch.client_servers, *bring.servers(request)])
        self.launch = replace(self.launch, client_servers=tuple(names), await_initialize=False)
        self._begin()

    async def _serve(self, id: str, request: requests.Request) -> None:
        try:
            answer = await handler(type(request))(self, request)
        except Refused as error:
            self._refuse(id, str(error), error.code)
        except HamesError as error:
            if self._session is not None:  # else the session cannot begin, which ends all
                self._refuse(id, str(error))
        except Exception as error:  # the border of a handler: the session goes on
            log.exception("The request `%s` failed", request.__struct_config__.tag)
            self._refuse(id, f"{type(error).__name__}: {error}")
        else:
            self._answer(id, answer)

    def _answer(self, id: str, answer: dict[str, Any] | None) -> None:
        response: dict[str, Any] = {"subtype": "success", "request_id": id}
        if answer is not None:
            response["response"] = answer
        line = _json.encode({"type": "control_response", "response": response})
        if characters(line) <= LONGEST:
            self._write(line)
        else:
            self._refuse(id, f"The answer is longer than {LONGEST} characters; ask for less.")

    def _refuse(self, id: str, text: str, code: str | None = None) -> None:
        response = {"subtype": "error", "request_id": id, "error": text}
        if code:
            response["error_code"] = code
        self._line({"type": "control_response", "response": response})

    def _begin(self) -> asyncio.Task[tuple[Session, Agent]]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._start())
            self._begun.set()
        return self._opening

    async def _start(self) -> tuple[Session, Agent]:
        options = self.options
        if self.launch.ask_client:
            ask = AskClient(self.questions, self._tell_state)
            options = replace(options, can_use_tool=ask)
        await self.client_tools.replace(self.launch.client_servers)
        if tools := self.client_tools.tools():
            own = ["default"] if options.tools is None else options.tools
            options = replace(options, tools=[*own, *tools])
        session = self._session = await self._open(options, self._on_event)
        agent = await session.agent()
        self.client_tools.tell(agent)
        self._wire = Wire(agent.session_id, options.ids)
        stored = agent.conversation.log
        if self.launch.mirror:
            stored.on_written = lambda entries: self._mirror(agent.conversation.log.path, entries)
        self.prompts.begin(session, stored.stored)
        if agent.deferral.waiting and not session.waiting():
            # Official 2.1.330 goes on by itself with a call that was put off.
            session.prompt(Prompt([]))
        return session, agent

    async def _failed(self) -> None:
        """Ends when the session has; raises what kept it from starting."""
        await self._begun.wait()
        await _until_ended(await self._opened())

    async def _finish(self) -> None:
        """The input has ended: answer what was asked, let background work end."""
        self.questions.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self.prompts.waiting():  # for an `initialize` that did not come
            self._begin()
        if self._opening is not None:
            session = await self._opened()
            session.finish()
            await _until_ended(session)

    async def _opened(self) -> Session:
        session, _ = await asyncio.shield(self._begin())
        return session

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TurnStarted):
            self._tell_state("running")
        self._write(self._wire.line(event))
        if isinstance(event, Answered):
            self.result = event.result
            self.prompts.answered(interrupted=_was_aborted(event.result))
            if self._session is not None and not self._session.waiting():
                self._tell_state("idle")

    def _tell_state(self, state: str) -> None:
        self.state = state
        if self.launch.states is not None:
            hidden = {"sdk_host_only": True} if self.launch.states == "hidden" else {}
            self._write(self._wire.note("session_state_changed", state=state, **hidden))

    def _tell_fate(self, prompt: str, state: str) -> None:
        self._write(self._wire.lifecycle(prompt, state))

    def _echo(self, prompt: Prompt) -> None:
        said = UserSaid(prompt.blocks, prompt.uuid or self.options.ids.uuid(), is_replay=True)
        self._write(self._wire.line(said))

    def _mirror(self, path: str | None, entries: Sequence[bytes]) -> None:
        for line in mirror_lines(path, entries):
            self._write(line)

    def _line(self, value: dict[str, Any]) -> None:
        self._write(_json.encode(value))


async def _until_ended(session: Session) -> None:
    await session.closed()
    if session.error is not None:
        raise session.error


def _was_aborted(result: ResultMessage) -> bool:
    return (result.terminal_reason or "").startswith("aborted")


def _decoded(line: bytes) -> Any:
    try:
        return _json.decode(line)
    except (_json.DecodeError, UnicodeDecodeError, RecursionError) as error:
        begins = line[:80].decode(errors="replace")
        raise OptionsError(f"A line of standard input is not JSON: `{begins}`.") from error


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()
