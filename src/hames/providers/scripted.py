"""A model that plays a script: for tests, examples and the demo.

    provider = Scripted([calls("Bash", command="ls"), says("Two files.")])

It records every request, streams realistic events, and raises `ScriptError` when it is asked something
the script does not expect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from hames import _json
from hames.errors import ProviderError, ScriptError
from hames.providers.failures import failure, not_a_reply
from hames.providers.plays import Play, Script, Source, events
from hames.providers.protocol import ModelEvent, Request
from hames.providers.sse import decode
from hames.providers.unstreamed import events_of

URL = "scripted:"


class Scripted:
    """A provider that answers with plays."""

    name: ClassVar[str] = "scripted"

    def __init__(self, plays: Sequence[Source]) -> None:
        self.script = Script(plays)
        self.requests: list[Request] = []
        """Every request, those that failed included."""
        self.errors: list[ScriptError] = []
        self.open = 0
        """Streams that are being read."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests, parsed."""
        return [_json.decode(request.body()) for request in self.requests]

    def finish(self) -> None:
        """Raise `ScriptError` when the run left the script or ended before it."""
        if self.errors:
            raise self.errors[0]
        if self.script.left:
            raise ScriptError(f"{self.script.left} plays were not asked for.")

    async def stream(self, request: Request) -> AsyncIterator[ModelEvent]:
        """Events of the next play."""
        self.requests.append(request)
        try:
            number, play = self.script.next_for(_json.decode(request.body()))
        except ScriptError as error:
            self.errors.append(error)
            raise
        self.open += 1
        try:
            async for event in _act(play, number, request.model):
                yield event
        finally:
            self.open -= 1

    async def aclose(self) -> None:
        """Nothing is shared between requests."""


async def _act(play: Play, number: int, model: str) -> AsyncIterator[ModelEvent]:
    if play.failure:
        headers = {"content-type": "application/json", **play.failure.headers}
        raise failure(play.failure.status, headers, play.failure.payload(), url=URL)
    if play.page is not None:
        whole = events_of(play.page)
        if whole is None:
            raise not_a_reply({"content-type": "text/html"}, play.page, URL)
        for event in whole:
            yield event
        return
    if play.ending is None or play.ending.after is not None:
        for value in events(play, number=number, model=model):
            # Like a socket, let others run.
            await asyncio.sleep(play.pace)
            decoded = decode(_json.encode(value))
            assert decoded is not None
            if decoded.type == "message_start":
                decoded.request_id = f"req_{number:04d}"
            yield decoded
    if play.ending is not None:
        await _end(play.ending.kind)


async def _end(kind: str) -> None:
    if kind == "hang":
        await asyncio.Event().wait()
    raise ProviderError(
        "The connection to the model was lost.",
        category="server_error",
        error_type="cut",
        retryable=True,
    )
