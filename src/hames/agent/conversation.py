"""The conversation: what is sent to the model, encoded once, and logged before it is relied upon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hames.blocks import Block, Turn
from hames.context.encoded import Encoded
from hames.providers.assemble import Reply
from hames.sessions.log import SessionLog
from hames.sessions.normalise import Repair, normalise_tail

THOUGHTS = frozenset({"thinking", "redacted_thinking"})


class Conversation:
    """The turns of a session and their log. Stored turns are given normalised."""

    def __init__(self, log: SessionLog, turns: Sequence[Turn] = ()) -> None:
        self.log = log
        self.turns: list[Turn] = list(turns)
        self._encoded = Encoded(turn.encode() for turn in self.turns)
        self._known = len(self.turns)
        self.repairs: list[Repair] = []
        """What had to be changed so that the API accepts it."""

    @property
    def size(self) -> int:
        """Bytes of all messages."""
        return self._encoded.size

    async def say(
        self,
        blocks: Sequence[Block],
        *,
        is_meta: bool = False,
        uuid: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> str:
        """Add user content; returns the uuid of its line. `is_meta` is text of the harness."""
        uuid = await self.log.user(
            blocks, uuid=uuid, is_meta=is_meta, prompt=not is_meta, extra=extra
        )
        self._add("user", blocks)
        return uuid

    async def add_reply(self, reply: Reply) -> None:
        """Add what the model said.

        A reply of nothing but thoughts or blanks is not kept: the API would refuse it later.
        """
        if all(block.type in THOUGHTS or is_blank(block) for block in reply.blocks):
            return
        if reply.stop_reason == "tool_use" and not reply.calls:
            return
        blocks = [block for block in reply.blocks if not is_blank(block)]
        await self.log.assistant(
            blocks,
            message_id=reply.message_id,
            model=reply.model,
            usage=reply.usage,
            stop_reason=reply.stop_reason,
            stop_sequence=reply.stop_sequence,
            request_id=reply.request_id,
            uuids=reply.uuids,
        )
        self._add("assistant", blocks)

    async def log_result(self, block: Block, data: Any, extra: dict[str, Any] | None = None) -> str:
        """Log the result of one call as soon as it is there; `add_results` makes it part of the turn.

        `extra` are further fields of its line.
        """
        return await self.log.user([block], tool_use_result=data, extra=extra)

    def add_results(self, blocks: Sequence[Block]) -> None:
        """The logged results of a reply, in the order asked."""
        self._add("user", blocks)

    def replace(self, turns: Sequence[Turn]) -> None:
        """Other turns in place of all there are; `sendable` makes them fit each other."""
        self.turns = list(turns)
        self._encoded = Encoded(turn.encode() for turn in self.turns)
        self._known = 0

    def sendable(self) -> tuple[list[Turn], list[bytes]]:
        """The turns and their bytes (older ones in runs), normalised.

        Only what came since the last request is looked at: turns that were sendable stay so.
        """
        tail = normalise_tail(self.turns, self._known)
        if tail.changed:
            self._encode_from(tail.keep, tail.turns)
            self.repairs += tail.repairs
        self._known = len(self.turns)
        return self.turns, self._encoded.parts

    def _encode_from(self, keep: int, turns: Sequence[Turn]) -> None:
        """Other turns in place of those from `keep` on."""
        begun = self._encoded.cut(len(self.turns) - keep)
        self.turns[keep:] = turns
        if not begun:
            self._encoded, turns = Encoded(), self.turns
        for turn in turns:
            self._encoded.append(turn.encode())

    def _add(self, role: Any, blocks: Sequence[Block]) -> None:
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].blocks.extend(blocks)
            self._encoded.replace_last(self.turns[-1].encode())
        else:
            self.turns.append(Turn(role, list(blocks)))
            self._encoded.append(self.turns[-1].encode())


def is_blank(block: Block) -> bool:
    """A text block without visible text, which the API refuses."""
    return (
        block.type == "text"
        and len(block.raw) < 200
        and not str(block.value().get("text", "")).strip()
    )
