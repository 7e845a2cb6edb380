"""Whether a stored transcript can be continued, and what would have to be repaired."""

from __future__ import annotations

import msgspec

from hames._clock import Clock, Ids
from hames.sessions import resume
from hames.sessions.log import SessionLog
from hames.sessions.normalise import Repair, normalise
from hames.sessions.resume import Loaded
from hames.sessions.store import Key, Store


class Report(msgspec.Struct, frozen=True):
    """What a check found."""

    session_id: str
    turns: int
    warnings: list[str]
    """Damage of the file."""
    repairs: list[str]
    """What is done to the conversation, each time it is continued, so that the API accepts it."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing has to be mended."""
        return not (self.warnings or self.repairs)


async def check(store: Store, key: Key) -> Report:
    """Look, change nothing. Raises SessionNotFound."""
    loaded, repairs = await _examined(store, key)
    return Report(
        key.session_id, len(loaded.turns), loaded.warnings, [repair.text for repair in repairs]
    )


async def repair(store: Store, key: Key) -> int:
    """Append results for calls that have none, so that every reader can go on; how many.

    Stored lines are never changed; what cannot be mended by appending is mended at every resume.
    """
    loaded, repairs = await _examined(store, key)
    added = [repair for repair in repairs if repair.block is not None]
    log = SessionLog.resume(
        store, loaded, cwd=loaded.cwd or "/", clock=Clock(), ids=Ids(), entrypoint="cli"
    )
    await log.repaired(added)
    return len(added)


async def _examined(store: Store, key: Key) -> tuple[Loaded, list[Repair]]:
    loaded = await resume.load(store, key)
    return loaded, normalise(loaded.turns, fates=loaded.fates).repairs
