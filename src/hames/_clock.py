"""Time and ids as values, so that a run can be repeated exactly."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from datetime import UTC, datetime


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
        now = self.now()
        return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


class Ids:
    """New ids that nobody else has, and chance where chance is wanted."""

    def __init__(self) -> None:
        self.random = random.Random()

    def uuid(self) -> str:
        """A lower-case uuid, version 4."""
        return str(uuid.uuid4())

    def short(self, prefix: str) -> str:
        """A prefix with eight random letters and digits, for tasks and files."""
        return prefix + uuid.uuid4().hex[:8]
