"""Time and ids as values, so that a run can be repeated exactly."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timestamp(self) -> str:
        """The present moment as transcripts write it: ISO 8601, milliseconds, `Z`."""
        return f"{self.now().isoformat(timespec='milliseconds')[:23]}Z"  # strftime takes 20 times as long


class Ids:
    """New ids that nobody else has, and chance where chance is wanted."""

    @cached_property
    def random(self) -> Random:
        """Where jitter comes from."""
        from random import Random  # most sessions need none

        return Random()

    def uuid(self) -> str:
        """A lower-case uuid, version 4."""
        # By hand: every piece of a streamed text gets one, and `uuid.uuid4` takes four times as long.
        raw = bytearray(os.urandom(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        digits = raw.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def short(self, prefix: str) -> str:
        """A prefix with eight random letters and digits, for tasks and files."""
        return prefix + os.urandom(4).hex()
