"""Slash commands that the harness answers itself: no model is asked.

A command is a prompt of nothing but text that begins with `/` and a name. Paths are none (`/usr/bin`), and
an unknown name goes to the model, which is told that nothing was run.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from hames.agent.outcome import Outcome
from hames.agent.prompts.inbox import Prompt
from hames.blocks import text
from hames.events import AssistantSaid, TurnStarted

if TYPE_CHECKING:
    from hames.agent.agent import Agent

SYNTHETIC = "<synthetic>"
"""The official model name of messages that the harness wrote."""


class Failed(Exception):
    """A command could not do what it is for; the text says why."""


class Command(msgspec.Struct, frozen=True):
    """One command."""

    name: str
    summary: str
    run: Callable[[Agent, str], Awaitable[str]]
    """What it says, given what stood behind its name. Raises `Failed`."""
    aliases: tuple[str, ...] = ()
    takes: str = ""
    """What may stand behind its name."""


class Called(msgspec.Struct, frozen=True):
    """A command as a prompt calls it."""

    command: Command
    name: str
    """As it was written."""
    arguments: str


_written = re.compile(r"\s*/([A-Za-z][\w:.-]*)(?:\s+(.*))?\s*", re.DOTALL).fullmatch


def called(prompt: Prompt) -> Called | None:
    """The command that a prompt calls; None when the model is to answer."""
    if (found := _name(prompt)) is None or (command := _by_name().get(found[0])) is None:
        return None
    return Called(command, *found)


def unknown(prompt: Prompt) -> str | None:
    """What the model has to know of a prompt that looks like a command and is none."""
    found = _name(prompt)
    if found is None or found[0] in _by_name():
        return None
    known = ", ".join(f"/{name}" for name in names())
    return (
        f"There is no command `/{found[0]}` in this session (there are {known}), so nothing was run."
        " Take the message as an ordinary request; if it needs that command, say that it is not there."
    )


def names() -> list[str]:
    """The names that callers are told of."""
    return sorted(command.name for command in COMMANDS)


async def run(agent: Agent, call: Called, prompt: Prompt) -> Outcome:
    """Run a command in place of an answer."""
    agent.limits.begin()
    agent.progress.begin()
    agent.denials.clear()
    agent.answering[:] = [prompt.uuid] if prompt.uuid is not None else []
    prompt.taken()
    failed = False
    if call.command.name == "clear":
        from hames.agent.prompts.clearing import clear

        await clear(agent, prompt)
    agent.emit(TurnStarted(agent.init()))
    try:
        said = await call.command.run(agent, call.arguments)
    except Failed as error:
        said, failed = str(error), True
    kind = "stderr" if failed else "stdout"
    await agent.conversation.log.system(
        "local_command",
        {
            "content": f"<local-command-{kind}>{said}</local-command-{kind}>",
            "level": "info",
            "isMeta": False,
            "commandRun": {"command": call.command.name, "args": call.arguments},
        },
    )
    if said:
        _say(agent, said)
    if prompt.replay:
        agent.emit_user([text(_written_out(call))], prompt.uuid or agent.ids.uuid(), is_replay=True)
    return Outcome("command_failed" if failed else "command", text=said)


def _say(agent: Agent, said: str) -> None:
    # Official 2.1.330 shows what a command prints as a message of the assistant.
    usage = {"input_tokens": 0, "output_tokens": 0}
    agent.emit(
        AssistantSaid(
            text(said),
            agent.ids.uuid(),
            agent.ids.short("msg_"),
            SYNTHETIC,
            usage,
            stop_reason="end_turn",
            timestamp=agent.clock.timestamp(),
        )
    )


def _written_out(call: Called) -> str:
    name = call.command.name
    return (
        f"<command-name>/{name}</command-name><command-message>{name}</command-message>"
        f"<command-args>{call.arguments}</command-args>"
    )


def _name(prompt: Prompt) -> tuple[str, str] | None:
    """The name and the rest of what looks like a command."""
    if prompt.is_literal or prompt.synthetic or not prompt.asks or len(prompt.blocks) != 1:
        return None
    block = prompt.blocks[0]
    if block.type != "text" or b'"/' not in block.raw.replace(b'" ', b'"'):
        return None
    found = _written(str(block.value().get("text", "")))
    return (found[1].lower(), (found[2] or "").strip()) if found else None


def _by_name() -> dict[str, Command]:
    return {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


async def _cleared(agent: Agent, arguments: str) -> str:
    return ""


async def _compact(agent: Agent, arguments: str) -> str:
    raise Failed(
        "Conversations cannot be compacted in this version. `/clear` begins a new one; the old one stays"
        " stored and can be resumed."
    )


async def _cost(agent: Agent, arguments: str) -> str:
    ledger = agent.ledger
    lines = [
        f"Cost: ${ledger.total_cost_usd:.4f}",
        f"Time of the API: {ledger.api_milliseconds / 1000:.1f} s",
    ]
    for model, used in ledger.model_usage().items():
        price = used["costUSD"]
        lines.append(
            f"{model}: {used['inputTokens']:,} input, {used['outputTokens']:,} output,"
            f" {used['cacheReadInputTokens']:,} cache read, {used['cacheCreationInputTokens']:,} cache write"
            f" ({'price unknown' if price is None else f'${price:.4f}'})"
        )
    return "\n".join(lines)


async def _context(agent: Agent, arguments: str) -> str:
    from hames.agent.window_use import parts

    window, used = agent.model.context_window, parts(agent)
    total = sum(used.values())
    rows = [*used.items(), ("Free space", max(window - total, 0))]
    counted = "" if agent.estimate.counted else " (estimated)"
    return "\n".join(
        [
            f"Model: {agent.frame.model}",
            f"Tokens: {total:,} of {window:,} ({100 * total / window:.0f} %){counted}",
            "",
            "| Use | Tokens | Share |",
            "|---|---:|---:|",
            *(f"| {name} | {tokens:,} | {100 * tokens / window:.1f} % |" for name, tokens in rows),
        ]
    )


async def _help(agent: Agent, arguments: str) -> str:
    rows = [f"/{one.name} {one.takes}".rstrip() + f": {one.summary}" for one in COMMANDS]
    return "\n".join(sorted(rows))


COMMANDS: tuple[Command, ...] = (
    Command("clear", "Begin a new conversation and session.", _cleared, ("reset", "new")),
    Command("compact", "Make room in the model's window.", _compact, takes="[WHAT TO KEEP]"),
    Command("context", "How full the model's window is.", _context),
    Command("cost", "What the session has cost.", _cost, ("usage",)),
    Command("help", "The commands of this session.", _help),
)
