"""The official `query`: one prompt, or a stream of them, answered."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from hames.compat.client import to_the_end
from hames.compat.exchange import Exchange
from hames.compat.messages import Message
from hames.compat.options import ClaudeAgentOptions
from hames.compat.parse import parse_message
from hames.compat.transport import Transport
from hames.sdk.world import Home, World


async def query(
    *,
    prompt: str | AsyncIterable[dict[str, Any]],
    options: ClaudeAgentOptions | None = None,
    transport: Transport | None = None,
) -> AsyncIterator[Message]:
    """The messages of a session that answers the prompt.

    After an error result `ResultError` is raised, as officially. Without `cli_path` and `transport`
    the session lives in this process. Leaving the loop early ends it.
    """
    home, world = Home.here(), World()

    async def opened() -> Exchange:
        exchange = Exchange(options or ClaudeAgentOptions(), transport, world)
        await exchange.open(prompt, last=True)
        return exchange

    exchange = await home.run(opened())
    try:
        while (data := await home.run(exchange.next())) is not None:
            if (message := parse_message(data)) is not None:
                yield message
    finally:
        await to_the_end(home, exchange)
