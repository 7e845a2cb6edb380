"""`@path` in a prompt: what stands there is given to the model with it.

    @src/app.py   @docs/   @src/app.py#L3-9   @"a name with blanks.txt"

A mention is a Read call that the user makes: deny rules hold for it, what is outside the workspace is asked
about, and the model may edit the file afterwards. What is not there is left alone, so `@pytest.fixture`
means nothing; neither do addresses (`me@example.org`) and code in backticks.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hames.agent.calls.toolbox import validated
from hames.agent.prompts.inbox import Prompt
from hames.blocks import Block, from_value
from hames.context.reminders import reminder
from hames.errors import ToolError

if TYPE_CHECKING:
    from hames.agent.agent import Agent

MOST = 20
"""Mentions of one prompt that are looked at."""
MOST_CHARACTERS = 400_000
"""Of all that is attached to one prompt."""
PATIENCE = 30.0
"""Seconds for reading one."""

_written = re.compile(
    r"""(?<![^\s(\[{,;])@(?:"(?P<quoted>[^"\n]+)"|(?P<bare>[^\s"`'<>|*?@][^\s"`<>|*?]*))(?P<part>\#L\d+(?:-L?\d+)?)?""",
    re.VERBOSE,
)
_part = re.compile(r"#L(\d+)(?:-L?(\d+))?$")
_CLOSING = ".,;:!?)]}'"


class Mention(msgspec.Struct, frozen=True):
    """A path as it was written, and the lines that are meant."""

    path: str
    first: int | None = None
    last: int | None = None

    @property
    def shown(self) -> str:
        """How it is named to the model."""
        lines = "" if self.first is None else f"#L{self.first}"
        return f"@{self.path}{lines}" + (f"-{self.last}" if self.last is not None else "")


def mentions(text: str) -> list[Mention]:
    """What a text mentions, each once, in order."""
    found = []
    for match in _written.finditer(text):
        path, part = match["quoted"] or match["bare"], match["part"] or ""
        if not match["quoted"] and (inside := _part.search(path.rstrip(_CLOSING))):
            path, part = path[: inside.start()], inside[0]
        lines = _part.match(part)
        first = int(lines[1]) if lines else None
        last = int(lines[2]) if lines and lines[2] else None
        if path:
            found.append(Mention(path, first, last))
    return list(dict.fromkeys(found))


async def attached(agent: Agent, prompt: Prompt) -> list[Block]:
    """What the model gets with a prompt because the prompt mentions it. Raises `Interrupted`."""
    if prompt.is_literal or prompt.synthetic:
        return []
    blocks: list[Block] = []
    found = [one for block in prompt.blocks for one in mentions(_text(block))]
    real: dict[tuple[str, int | None, int | None], Mention] = {}
    for one in found:
        if (path := await _existing(agent, one.path)) is not None:
            real.setdefault((path, one.first, one.last), one)
    left = MOST_CHARACTERS
    for number, ((path, _, _), mention) in enumerate(real.items()):
        if number >= MOST or left <= 0:
            blocks.append(_not(mention, "there are too many mentions, or they hold too much"))
            continue
        added = await _read(agent, mention, path)
        left -= sum(len(block.raw) for block in added if block.type == "text")
        blocks += added
    return blocks


async def _existing(agent: Agent, path: str) -> str | None:
    """The absolute path of something that is there; without closing punctuation if need be."""
    for written in dict.fromkeys((path, path.rstrip(_CLOSING))):
        if not written.strip("./~") and written not in (".", "..", "~", "./", "../", "~/"):
            continue
        full = agent.workspace.resolve(written)
        try:
            if await agent.machine.stat(full) is not None:
                return full
        except PermissionError:
            return full  # the gate says why
        except (OSError, ValueError):
            continue
    return None


async def _read(agent: Agent, mention: Mention, path: str) -> list[Block]:
    """What Read gives of it, if it may be read."""
    from hames.tools import load

    tool = agent.toolbox.find("Read") or load("Read")
    input: dict[str, Any] = {"file_path": path, "allow_large": True}
    if mention.first is not None:
        input["offset"] = max(mention.first, 1)
        input["limit"] = max((mention.last or mention.first) - mention.first + 1, 1)
    call = agent.call(agent.ids.short("toolu_"), tool.name)
    try:
        args = validated(tool, input)
        verdict = await agent.gate.judge(
            tool, args, input, call.id, agent.workspace.cwd, agent.interrupt
        )
        if not verdict.allowed:
            agent.obligations.append(
                {"kind": "mention_not_read", "path": path, "text": verdict.decision.reason}
            )
            return [_not(mention, verdict.decision.reason)]
        with agent.interrupt:
            async with asyncio.timeout(PATIENCE):
                result = await tool.run(args, call)
    except ToolError as error:
        return [_not(mention, str(error))]
    except (OSError, TimeoutError) as error:
        return [_not(mention, f"it cannot be read ({error or type(error).__name__})")]
    intro = f"The user's message mentions `{mention.shown}`. Read gives of `{path}`:"
    if isinstance(result.content, str):
        return [reminder(f"{intro}\n{result.content}")]
    return [reminder(intro), *map(from_value, [*result.content, *result.after])]


def _not(mention: Mention, why: str) -> Block:
    return reminder(f"The user's message mentions `{mention.shown}`, which is not attached: {why}")


def _text(block: Block) -> str:
    if block.type != "text" or b"@" not in block.raw:
        return ""
    return str(block.value().get("text", ""))
