"""One prompt, or a stream of prompts, answered: `query` for async programs, `run` for scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable

from hames.agent.options import AgentOptions
from hames.errors import ResultError
from hames.messages import Message, ResultMessage
from hames.sdk.client import AnyPrompt, Client
from hames.sdk.world import Home, private_loop


def query(
    *, prompt: AnyPrompt | AsyncIterable[AnyPrompt], options: AgentOptions | None = None
) -> Answer:
    """The messages of an agent that answers the prompt, its result last.

    The session starts with the first iteration. Leaving the loop early ends it, with everything that
    it started. An error result is a message like others, not an exception; what prevents the start
    (a wrong option, a session that is not there) is raised.
    """
    return Answer(prompt, options)


class Answer(AsyncIterator[Message]):
    """An async iterator of messages that cleans up when it is dropped."""

    def __init__(
        self, prompt: AnyPrompt | AsyncIterable[AnyPrompt], options: AgentOptions | None
    ) -> None:
        self._prompt = prompt
        self._client = Client(options)
        self._received: AsyncIterator[Message] | None = None

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self) -> Message:
        if self._received is None:
            await self._client.connect()
            self._received = self._client.receive_messages()
            await self._feed()
        try:
            return await anext(self._received)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the session now."""
        await self._client.close()

    async def _feed(self) -> None:
        if isinstance(self._prompt, AsyncIterable):
            await self._client.feed(self._prompt)
        else:
            await self._client.query(self._prompt)
            await self._client.finish()


def run(
    prompt: AnyPrompt,
    options: AgentOptions | None = None,
    *,
    on_message: Callable[[Message], object] | None = None,
    check: bool = True,
) -> ResultMessage:
    """Answer a prompt and return the result; blocks. Works with and without a running loop.

    `on_message` sees every message as it comes. With `check`, an error result raises `ResultError`.
    Ctrl-C ends the session before it is raised.
    """

    async def answered() -> ResultMessage:
        result: ResultMessage | None = None
        answer = query(prompt=prompt, options=options)
        try:
            async for message in answer:
                if on_message is not None:
                    on_message(message)
                if isinstance(message, ResultMessage):
                    result = message
        finally:
            await asyncio.shield(answer.aclose())
        assert result is not None, "a session ends with a result"
        return result

    result = Home(private_loop()).run_sync(answered())
    if check and result.is_error:
        raise ResultError("; ".join(result.errors or []) or result.result or result.subtype, result)
    return result
