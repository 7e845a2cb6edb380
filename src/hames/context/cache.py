"""Where the cache marks stand: at most four, and never before something that moves.

1. the last tool, so that another system prompt does not lose the tools;
2. the end of the system prompt;
3. the end of the newest user message, which moves with the conversation;
4. in a turn of more than twenty new blocks, the former place of mark 3 as well, because the API looks
   back only twenty blocks for a prefix that it knows. In all other turns the fourth stands behind the
   memory files that open the conversation, so that the next session here reuses them.

Marks are a function of the turns, so a resumed session sets them in the same places.
"""

from __future__ import annotations

from collections.abc import Sequence

from hames import _json
from hames.blocks import Block, Turn
from hames.context.reminders import INSTRUCTIONS, reminder

LOOK_BACK = 20
"""Blocks before a mark in which the API looks for a cached prefix."""

MARKABLE = frozenset({"text", "tool_result", "image", "document", "tool_use", "server_tool_use"})


_OPENS_WITH_MEMORY = b"".join(
    reminder(INSTRUCTIONS).raw.partition(_json.encode(INSTRUCTIONS)[1:-1])[:2]
)


class Marks:
    """Sets the marks of one session: with which lifetime, or not at all."""

    def __init__(self, *, enabled: bool = True, ttl: str | None = None) -> None:
        control = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
        self._mark = b',"cache_control":%b}' % _json.encode(control) if enabled else b"}"

    def on(self, raw: bytes) -> bytes:
        """The JSON object with a mark as its last key."""
        return raw[:-1] + self._mark

    def on_last(self, parts: Sequence[bytes]) -> list[bytes]:
        """The objects, the last one marked."""
        return [*parts[:-1], self.on(parts[-1])] if parts else []

    def messages(self, turns: Sequence[Turn], encoded: Sequence[bytes]) -> list[bytes]:
        """The encoded turns with the newest user message marked, and the former one when needed.

        Between the first and the newest turns, a part may be a run of several.
        """
        marked = list(encoded)
        places = {index: _newest(turns[index]) for index in self._marked_turns(turns)}
        if len(places) == 1 and _opens_with_memory(turns):
            places[0] = places.get(0, set()) | {0}
        for index, marks in places.items():
            # Counted from the end: there may be fewer parts than turns.
            marked[index - len(turns) if index else 0] = self._encode(turns[index], marks)
        return marked

    def _marked_turns(self, turns: Sequence[Turn]) -> list[int]:
        users = [
            i for i in range(len(turns) - 1, max(len(turns) - 5, -1), -1) if turns[i].role == "user"
        ]
        if not users:
            return []
        newest = users[0]
        if len(users) > 1:
            new_blocks = sum(len(turn.blocks) for turn in turns[users[1] + 1 :])
            if new_blocks >= LOOK_BACK:
                return [users[1], newest]
        return [newest]

    def _encode(self, turn: Turn, places: set[int]) -> bytes:
        raws = [self.on(b.raw) if i in places else b.raw for i, b in enumerate(turn.blocks)]
        return b'{"role":"%b","content":[%b]}' % (turn.role.encode(), b",".join(raws))


def _newest(turn: Turn) -> set[int]:
    """The place of the last block that may be marked."""
    return set(sorted(i for i, block in enumerate(turn.blocks) if _markable(block))[-1:])


def _opens_with_memory(turns: Sequence[Turn]) -> bool:
    return bool(turns and turns[0].blocks) and turns[0].blocks[0].raw.startswith(_OPENS_WITH_MEMORY)


def _markable(block: Block) -> bool:
    return block.type in MARKABLE
