"""The provider of a session that has none: every request fails, and says why."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hames.errors import CredentialsError, ProviderError
from hames.providers.protocol import ModelEvent, Request


class Absent:
    """Stands in where credentials are missing, and a session is to begin and to fail like others."""

    name = "none"

    def __init__(self, why: CredentialsError) -> None:
        self._why = str(why)

    def stream(self, request: Request) -> AsyncIterator[ModelEvent]:
        """No events: the first step raises `ProviderError`."""
        return _Refusal(self._why)

    async def aclose(self) -> None:
        """There is nothing to close."""


class _Refusal(AsyncIterator[ModelEvent]):
    def __init__(self, why: str) -> None:
        self._why = why

    async def __anext__(self) -> ModelEvent:
        raise ProviderError(self._why, category="authentication_failed")
