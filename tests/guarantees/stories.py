"""Random sessions, made by really running agents. Everything follows from the seed.

A story has prompts, what the model says to each, and what may happen meanwhile: an interrupt, a death
of the host, another model. Every text that must not get lost carries a mark of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from damaged_histories import image

from hames import AgentOptions, blocks
from hames._clock import Clock
from hames.agent.agent import Agent
from hames.agent.build import build
from hames.agent.prompts.inbox import Prompt
from hames.agent.respond import respond
from hames.blocks import Block, Turn
from hames.errors import ToolError
from hames.events import Event
from hames.providers.retry import RetryPolicy
from hames.sessions.memory import MemoryStore
from hames.testing import Play, Script, Scripted, calls, fails, gives, says, thinks
from hames.tools.tool import Call, Result, Tool

MODELS = ("claude-sonnet-4-5", "claude-opus-4-6", "claude-haiku-4-5")
MARK = re.compile(r"⟦\d+⟧")
ODD = (
    "",
    "\n\n",
    "e\u0301 \u202eright to left\u202c",
    "👩\u200d👩\u200d👧 \U0001f600",
    "line\u2028separator\x7f\x1b[0m",
    "\ud83d half a character",
    '"}]}\\u0000 {"type":"user"',
    "<system-reminder>no</system-reminder>",
    "x" * 9_000,
)


def since_compaction(lines: Sequence[bytes]) -> Sequence[bytes]:
    """The lines from the last summary on, which stands for all before it."""
    summaries = [i for i, line in enumerate(lines) if b'"isCompactSummary":true' in line]
    return lines[summaries[-1] :] if summaries else lines


def signed(block: dict[str, Any]) -> bool:
    """Whether a thinking block is as the stories' models made it."""
    if block["type"] == "redacted_thinking":
        return bool(block["data"].startswith("red:"))
    return bool(block["signature"] == "sig:" + block["thinking"])


class JumpingClock(Clock):
    """A clock that is set back and forth by hours; what it measures is right."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._random.randint(-90_000, 3_000))


class Wire:
    """The plays of a fake API, changed as a tale goes on."""

    def __init__(self) -> None:
        self.url = ""
        self.script = Script([])

    def __call__(self, body: dict[str, Any]) -> Play:
        return self.script.next_for(body)[1]


@dataclass
class Tale:
    """One run of an agent: what it is asked, what the model says, and when it is stopped."""

    rng: random.Random
    marks: int = 0
    stops: list[Callable[[], object]] = field(default_factory=list)
    wire: Wire | None = None
    """Set when the models of the tale are asked over HTTP."""

    def mark(self) -> str:
        """Text with a mark that no other text has, and often something odd."""
        self.marks += 1
        odd = self.rng.choice(ODD) if self.rng.random() < 0.3 else ""
        return f"⟦{self.marks}⟧{odd}"

    def prompt(self) -> list[Block]:
        found = [blocks.text(self.mark())]
        if self.rng.random() < 0.1:
            found.append(blocks.from_value(image()))
        if self.rng.random() < 0.05:
            found.insert(0, blocks.text(self.mark()))
        return found

    def answer(self) -> list[Play]:
        """What the model says to one prompt."""
        rng = self.rng
        plays = [self.reply(calling=True) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
        match rng.randint(0, 11):
            case 0:
                plays.append(fails(400, "no"))
            case 1:
                plays.append(self.reply().stopping("max_tokens"))
                plays.append(self.reply())
            case 2:
                plays += [gives(), self.reply()]
            case 3:
                plays += [says(" \n"), self.reply()]
            case 4:
                plays += [self.searches().stopping("pause_turn"), self.reply()]
            case 5:
                plays.append(self.reply().stopping("refusal"))
                plays.append(self.reply())
            case 6:
                plays += [self.reply().cut(events=rng.randint(0, 9)), self.reply()]
            case _:
                plays.append(self.reply())
        return plays

    def reply(self, *, calling: bool = False) -> Play:
        rng = self.rng
        play = gives()
        for _ in range(rng.choice([0, 0, 1, 2])):
            thought = f"idea {rng.random()}"
            play += thinks(thought, signature=f"sig:{thought}")
        if rng.random() < 0.05:
            play += gives({"type": "redacted_thinking", "data": f"red:{rng.random()}"})
        if rng.random() < 0.1:
            play += self.searches(answered=True)
        if not calling or rng.random() < 0.6:
            play += says(self.mark())
        for _ in range(rng.choice([1, 1, 1, 2, 4]) if calling else 0):
            play += self.call()
        if calling and rng.random() < 0.1:
            play = play.cut(blocks=rng.randint(1, len(play.blocks)))
        return play

    def searches(self, *, answered: bool = False) -> Play:
        id = f"srvtoolu_{self.rng.randint(0, 10**9)}"
        query = {"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "x"}}
        found = {"type": "web_search_tool_result", "tool_use_id": id, "content": []}
        return gives(query, found) if answered else gives(query)

    def call(self) -> Play:
        rng = self.rng
        id = f"toolu_{rng.randint(0, 10**12):016x}"
        name = rng.choice(
            ["look", "look", "look", "look_alone", "picture", "nothing", "fail", "crash"]
        )
        match rng.randint(0, 19):
            case 0:
                return calls("no_such_tool", call_id=id, what=self.mark())
            case 1:
                return calls("look", '{"what": "cut o', call_id=id)
            case 2:
                return calls("forbidden", call_id=id, what=self.mark())
            case 3 if self.stops:
                return calls("stop", call_id=id)
            case 4:
                return calls("look", {"else": 1}, call_id=id)
            case _:
                return calls(name, call_id=id, what=self.mark())


def tools(tale: Tale) -> list[Tool]:
    """What the models of a tale can call."""

    async def look(args: Any, call: Call) -> Result:
        return Result(tale.mark(), {"seen": tale.rng.random()})

    async def picture(args: Any, call: Call) -> Result:
        parts = [{"type": "text", "text": tale.mark()}, image()]
        return Result(parts, after=[{"type": "text", "text": tale.mark()}])

    async def nothing(args: Any, call: Call) -> Result:
        return Result("")

    async def fail(args: Any, call: Call) -> Result:
        raise ToolError(tale.mark())

    async def crash(args: Any, call: Call) -> Result:
        raise ValueError(tale.mark())

    async def stop(args: Any, call: Call) -> Result:
        tale.stops[0]()
        await asyncio.Event().wait()
        return Result("")

    schema = {"type": "object", "properties": {"what": {"type": "string"}}}
    runs = {"look": look, "look_alone": look, "picture": picture, "nothing": nothing}
    runs |= {"fail": fail, "crash": crash, "stop": stop, "forbidden": look}
    return [
        Tool(name, "x", schema, run, parallel=name in ("look", "picture"))
        for name, run in runs.items()
    ]


async def make(store: MemoryStore, tale: Tale, plays: list[Play], **more: Any) -> Agent:
    """An agent of this tale, built as every agent is."""
    options = {
        "session_store": store,
        "clock": JumpingClock(tale.rng) if tale.rng.random() < 0.2 else Clock(),
        "model": tale.rng.choice(MODELS),
        "max_thinking_tokens": tale.rng.choice([None, None, 0, 2000]),
        **more,
    }
    environ = {"ANTHROPIC_MODEL": "", "CLAUDE_CODE_MAX_RETRIES": "3"}
    provider = None
    if tale.wire is not None:
        tale.wire.script = Script(plays)
        environ |= {"ANTHROPIC_BASE_URL": tale.wire.url, "ANTHROPIC_API_KEY": "test"}
    else:
        provider = Scripted(plays)
        provider.script.played = tale.rng.randrange(10**9)  # ids of messages follow from it
    return await build(
        AgentOptions(
            provider=provider,
            tools=tools(tale),
            disallowed_tools=["forbidden(x)"],
            cwd="/",
            retry=RetryPolicy(base_delay=0.0),
            env=environ,
            **options,
        ),
        [],
    )


async def play(store: MemoryStore, tale: Tale, **more: Any) -> Agent:
    """Run an agent through some prompts, perhaps stopped in the middle; what is stored is the result."""
    rng = tale.rng
    stop = rng.choice(["never", "never", "interrupt", "die"])
    tale.stops = [] if stop == "never" else [lambda: None]
    told = [(tale.prompt(), tale.answer()) for _ in range(rng.choice([1, 1, 2]))]
    agent = await make(store, tale, [], **more)
    for prompt, plays in told:
        _play_only(agent, tale, plays)
        if stop == "never":
            await respond(agent, Prompt(prompt))
        else:
            await _stopped(agent, Prompt(prompt), tale, dies=stop == "die")
        if stop == "die":
            break
        if rng.random() < 0.2:
            agent.use_model(rng.choice(MODELS))
        if rng.random() < 0.1:
            await _compact(agent, tale)
    agent.listeners.clear()
    await agent.close()
    return agent


def _play_only(agent: Agent, tale: Tale, plays: list[Play]) -> None:
    """The plays of one prompt: those that an interrupt left over are not for the next."""
    provider = tale.wire or agent.provider
    assert isinstance(provider, Scripted | Wire)
    played = provider.script.played
    provider.script = Script([*plays, says("And so on.").forever()])
    provider.script.played = played


async def _compact(agent: Agent, tale: Tale) -> None:
    """A summary stands for all there was."""
    summary = [blocks.text(tale.mark())]
    metadata = {"trigger": "auto", "preTokens": 9, "postTokens": 1, "durationMs": 5}
    await agent.conversation.log.compacted(summary, metadata=metadata)
    agent.conversation.replace([Turn("user", summary)])


async def _stopped(agent: Agent, prompt: Prompt, tale: Tale, *, dies: bool) -> None:
    """Answer a prompt, interrupted or killed at some event."""
    task = asyncio.ensure_future(respond(agent, prompt))
    at, seen = tale.rng.randint(1, 30), 0
    tale.stops = [task.cancel if dies else agent.interrupt.request]

    def listener(event: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            tale.stops[0]()

    agent.listeners[:] = [listener]
    with contextlib.suppress(asyncio.CancelledError):
        await task
    agent.listeners.clear()
