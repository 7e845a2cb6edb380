"""The requests of any provider, and whether their cached prefix stood still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

from hames.providers.protocol import ModelEvent, Provider, Request
from hames.testing.prefix import first_difference
from hames.testing.recorded import Recorded


class Recorder:
    """A provider that passes everything on to another and keeps the requests."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.name = provider.name
        self.requests: list[Recorded] = []

    def stream(self, request: Request) -> AsyncIterator[ModelEvent]:
        self.requests.append(Recorded(request.body(), headers=request.headers))
        return self.provider.stream(request)

    async def aclose(self) -> None:
        await self.provider.aclose()


def assert_prefix_stable(requests: Sequence[Recorded | bytes]) -> None:
    """Fail unless each request begins with all of the one before, cache marks aside.

    The message names the first block that differs and shows where.
    """
    bodies = [request if isinstance(request, bytes) else request.raw for request in requests]
    for i, (before, after) in enumerate(pairwise(bodies)):
        if difference := first_difference(before, after):
            raise AssertionError(
                f"Request {i + 2} does not begin with request {i + 1}: {difference}"
            )
