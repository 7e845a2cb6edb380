"""When the API refuses the conversation: find what it refuses, do without it, and go on.

What to leave out is told by the error itself, else by our own rules, else by asking: requests of one
token with ever fewer turns, until the first block is known that makes a request fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hames.agent.limits import BYTES_PER_TOKEN, BudgetExhausted
from hames.blocks import Block, Turn
from hames.context.reminders import is_reminder
from hames.errors import ProviderError
from hames.providers.ask import Asking, ask
from hames.providers.retry import RetryPolicy
from hames.sessions.normalise import may_think
from hames.sessions.refused import Place, line_fields, replaced, replacements_of
from hames.sessions.rules import judge_messages
from hames.sessions.sift import THINKING, has_media
from hames.sessions.transcript import REPAIR

if TYPE_CHECKING:
    from hames.agent.agent import Agent

MOST_REPAIRS = 2
"""How often one prompt's conversation is repaired."""
HEAVY = 10_000
"""Bytes of a block below which it is not what makes a request too large."""
MOST_PROBES = 14
"""Requests to find the place; 8 are enough for 128 blocks, 14 for 8,000."""

REFUSED = "refused"
"""`cause` of the obligation."""

_PATH = re.compile(r"messages[.\[](\d+)\]?(?:[.\[]content[.\[](\d+))?")
_ELSEWHERE = re.compile(
    r"(?:API error \d+: )?[`'\"]?(?:tools|system|max_tokens|thinking|temperature|top_[pk]|model|metadata"
    r"|tool_choice|stop_sequences|output_config|context_management|anthropic[-_]|betas?|mcp_servers)\b",
    re.IGNORECASE,
)
"""How messages begin that are about other fields of the request."""
_ABOUT_THINKING = re.compile(r"thinking|signature", re.IGNORECASE)
_ABOUT_MEDIA = re.compile(r"image|document|pdf|media", re.IGNORECASE)
_FILTERED = re.compile(r"content filter|usage polic", re.IGNORECASE)


async def leave_out_refused(agent: Agent, error: ProviderError) -> bool:
    """Repair the conversation that the API has refused; whether it is worth asking again.

    The repair is logged, told to the caller, and owned up to in the result. When the prompt itself is
    what the API refuses, it is left out of later requests, and this one has failed.
    """
    if not _is_about_conversation(error) or _repairs(agent) >= MOST_REPAIRS:
        return False
    turns = agent.conversation.turns
    places = _named(turns, error) or _against_rules(agent, turns)
    if not places and error.status == 413:
        places = _older_half_of_media(turns) or _heaviest(turns)
    elif not places:
        places = await _found_by_asking(agent, turns)
    if not places:
        return False
    await _leave_out(agent, places, error)
    return not _asks_nothing(turns, places)


def _is_about_conversation(error: ProviderError) -> bool:
    """Whether something in the messages may be the reason of the error."""
    said = str(error)
    if error.status not in (400, 413) or error.category != "invalid_request":
        return False
    if error.error_type in ("prompt_too_long", "max_tokens_too_large") or _FILTERED.search(said):
        return False
    return _PATH.search(said) is not None or _ELSEWHERE.match(said) is None


def _repairs(agent: Agent) -> int:
    return sum(owed.get("cause") == REFUSED for owed in agent.obligations)


def _named(turns: Sequence[Turn], error: ProviderError) -> set[Place]:
    """The blocks that the error names, or speaks of."""
    said = str(error)
    found = _PATH.search(said)
    if _ABOUT_THINKING.search(said):
        # After a change of model or account all signatures may be wrong; the error names the first.
        return set(_places(turns, lambda block: block.type in THINKING))
    if found is None:
        return set()
    i = int(found[1])
    if i >= len(turns):
        return set()
    if found[2] is not None and int(found[2]) < len(turns[i].blocks):
        return {(i, int(found[2]))}
    inside = [(i, j) for j in range(len(turns[i].blocks))]
    media = [place for place in inside if has_media(turns[i].blocks[place[1]])]
    return set(media if media and _ABOUT_MEDIA.search(said) else inside)


def _against_rules(agent: Agent, turns: Sequence[Turn]) -> set[Place]:
    """The blocks with which our own model of the API's rules finds fault."""
    messages = [{"role": t.role, "content": [b.value() for b in t.blocks]} for t in turns]
    encoded = [turn.encode() for turn in turns]
    sent = agent.frame.request(turns, encoded, may_think=may_think(turns))
    fields = {"model": sent.model, "thinking": sent.params.get("thinking")}
    places: set[Place] = set()
    for violation in judge_messages(messages, signed=None, **fields):
        if (found := _PATH.search(violation.path)) is None:
            continue
        i = int(found[1])
        inside = range(len(turns[i].blocks)) if found[2] is None else [int(found[2])]
        places |= {(i, j) for j in inside}
    return places


def _older_half_of_media(turns: Sequence[Turn]) -> set[Place]:
    """What makes a request lighter at the least cost, when it is too large for the server."""
    media = list(_places(turns, has_media))
    return set(media[: (len(media) + 1) // 2])


def _heaviest(turns: Sequence[Turn]) -> set[Place]:
    """The largest block that is not thinking, if there is a large one."""
    heavy = _places(turns, lambda one: one.type not in THINKING and len(one.raw) >= HEAVY)
    sizes = {(i, j): len(turns[i].blocks[j].raw) for i, j in heavy}
    return {max(sizes, key=sizes.__getitem__)} if sizes else set()


async def _found_by_asking(agent: Agent, turns: Sequence[Turn]) -> set[Place]:
    """The blocks without which the API answers; none when it refuses every conversation, or not again.

    A lone prompt is not tried: there would be nothing left to ask.
    """
    ends = list(_ends(turns))
    if len(ends) < 2 or _is_lone_prompt(turns):
        return set()
    probe = _Probe(agent, turns)
    try:
        good, bad = 0, len(ends) - 1
        if not await probe.accepts(ends[good]):
            first = _between(turns, (0, 0), ends[good])
            return first if await probe.accepts(ends[bad], first) else set()
        if await probe.accepts(ends[bad]):
            return set()
        middle = _before_last_reply(turns, ends)
        while bad - good > 1:
            if not good < middle < bad:
                middle = (good + bad) // 2
            good, bad = (middle, bad) if await probe.accepts(ends[middle]) else (good, middle)
        return await probe.narrowed(_between(turns, ends[good], ends[bad]), ends[bad])
    except (ProviderError, BudgetExhausted):
        return set()


def _is_lone_prompt(turns: Sequence[Turn]) -> bool:
    return len(turns) == 1 and all(map(is_reminder, turns[0].blocks[:-1]))


class _Probe:
    """Asks whether the API takes a part of the conversation."""

    def __init__(self, agent: Agent, turns: Sequence[Turn]) -> None:
        self._agent = agent
        self._turns = turns
        self._left = MOST_PROBES

    async def accepts(self, end: Place, without: set[Place] | None = None) -> bool:
        """Whether it takes what stands before `end`. Raises ProviderError when it does not say."""
        turns = _cut(self._turns, end)
        if without:
            turns = replaced(turns, replacements_of(turns, without))
        try:
            await self._ask(turns)
        except ProviderError as error:
            if error.status != 400:
                raise
            return False
        return True

    async def narrowed(self, places: set[Place], end: Place) -> set[Place]:
        """As few of these as is enough: images and documents, what one side said, or all."""
        media = {(i, j) for i, j in places if has_media(self._turns[i].blocks[j])}
        users = {(i, j) for i, j in places if self._turns[i].role == "user"}
        for fewer in (media, users, places - users):
            if fewer and fewer != places and await self.accepts(end, fewer):
                return fewer
        return places

    async def _ask(self, turns: Sequence[Turn]) -> None:
        if self._left == 0:
            raise ProviderError("The place was not found within the number of requests allowed.")
        self._left -= 1
        agent = self._agent
        encoded = [turn.encode() for turn in turns]
        size = agent.frame.size + sum(map(len, encoded))
        _, reserved = agent.budget.reserve(agent.model, size // BYTES_PER_TOKEN, 1)
        request = agent.frame.request(turns, encoded, max_tokens=1, may_think=False)
        how = Asking(
            policy=RetryPolicy(max_retries=2),
            timeouts=agent.settings.timeouts,
            clock=agent.clock,
            random=lambda: agent.ids.random,
        )
        began = agent.clock.monotonic()
        try:
            with agent.interrupt:
                reply = await ask(agent.provider, request, how)
        finally:
            agent.budget.settle(reserved)
        spent = round((agent.clock.monotonic() - began) * 1000)
        id = reply.request_id or reply.message_id
        agent.ledger.record(id, reply.model, reply.usage, milliseconds=spent)


def _ends(turns: Sequence[Turn]) -> Iterator[Place]:
    """Where the conversation can end so that the API answers: in user turns, all calls answered."""
    for i, turn in enumerate(turns):
        if turn.role == "user":
            results = sum(block.type == "tool_result" for block in turn.blocks)
            for j in range(max(results, 1), len(turn.blocks) + 1):
                yield i, j


def _before_last_reply(turns: Sequence[Turn], ends: Sequence[Place]) -> int:
    """The end that the API has answered last: what it refuses most likely came since."""
    replies = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
    before = [n for n, (i, _) in enumerate(ends) if replies and i < replies[-1]]
    return before[-1] if before else 0


def _cut(turns: Sequence[Turn], end: Place) -> list[Turn]:
    i, j = end
    return [*turns[:i], Turn(turns[i].role, turns[i].blocks[:j])]


def _between(turns: Sequence[Turn], start: Place, end: Place) -> set[Place]:
    return {place for place in _places(turns, lambda _: True) if start <= place < end}


def _places(turns: Sequence[Turn], wanted: Callable[[Block], bool]) -> Iterator[Place]:
    for i, turn in enumerate(turns):
        for j, block in enumerate(turn.blocks):
            if wanted(block):
                yield i, j


def _asks_nothing(turns: Sequence[Turn], places: set[Place]) -> bool:
    """Whether the prompt under way is among what is left out."""
    blocks = turns[-1].blocks
    return (
        (len(turns) - 1, len(blocks) - 1) in places
        and blocks[-1].type == "text"
        and all(block.type != "tool_result" for block in blocks)
    )


async def _leave_out(agent: Agent, places: set[Place], error: ProviderError) -> None:
    """Send other content from here on: logged first, so that a resume does the same."""
    conversation = agent.conversation
    replacements = replacements_of(conversation.turns, places)
    said = (
        f"The API refused the conversation ({error}). Left out of requests from here on: "
        f"{_listed(conversation.turns, places)}."
    )
    fields = {**line_fields(replacements, said), "timestamp": agent.clock.timestamp()}
    await conversation.log.state(REPAIR, fields)
    conversation.replace(replaced(conversation.turns, replacements))
    agent.obligations.append({"kind": "repair", "cause": REFUSED, "text": said})
    agent.note("informational", content=said, level="warning")


def _listed(turns: Sequence[Turn], places: set[Place]) -> str:
    shown = [f"a `{turns[i].blocks[j].type}` of message {i}" for i, j in sorted(places)[:5]]
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return ", ".join(shown) + more
