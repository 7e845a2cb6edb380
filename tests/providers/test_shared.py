"""What every provider has to do, run over the table of providers.

A provider is made for a play by `MAKERS`; one that is in the table but not here fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module

import pytest
from raw_server import RawServer, cuts, sse, streams

from hames.providers import PROVIDERS
from hames.providers.anthropic import Anthropic
from hames.providers.ask import ask
from hames.providers.plays import Play, calls, gives, says, thinks
from hames.providers.protocol import Provider, Request
from hames.providers.scripted import Scripted

REQUEST = Request("claude-sonnet-5-5", [b'{"role":"user","content":"hello"}'], 100)
PLAY = (
    thinks("Hm.")
    + says("Hello ä😀 " * 20)
    + calls("Bash", command="ls")
    + gives({"type": "hologram", "shape": [1, 2]})
    + calls("Broken", '{"a": ')
)


@asynccontextmanager
async def anthropic(play: Play) -> AsyncIterator[Provider]:
    answer = cuts(sse(play)) if play.ending else streams(play)
    async with RawServer(answer) as server:
        provider = Anthropic(api_key="k", base_url=server.url)
        yield provider
        await provider.aclose()


@asynccontextmanager
async def scripted(play: Play) -> AsyncIterator[Provider]:
    provider = Scripted([play])
    yield provider
    await provider.aclose()


MAKERS: dict[str, Callable[[Play], AbstractAsyncContextManager[Provider]]] = {
    "anthropic": anthropic,
    "scripted": scripted,
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_reply_has_the_same_blocks_from_every_provider(name: str):
    async with scripted(PLAY) as model:
        expected = await ask(model, REQUEST)
    async with MAKERS[name](PLAY) as provider:
        reply = await ask(provider, REQUEST)
    assert reply.blocks == expected.blocks
    assert (reply.stop_reason, reply.complete) == ("tool_use", True)
    assert reply.usage == expected.usage


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_cut_reply_is_the_same_from_every_provider(name: str):
    async with MAKERS[name](PLAY.cut(blocks=2)) as provider:
        reply = await ask(provider, REQUEST)
    assert [block.type for block in reply.blocks] == ["thinking", "text"]
    assert not reply.complete


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_stream_that_is_left_early_can_be_closed(name: str):
    async with MAKERS[name](PLAY) as provider:
        events = provider.stream(REQUEST)
        event = await anext(events)
        assert event.type == "message_start"
        await events.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PROVIDERS.values())
def test_the_table_names_classes(path: str):
    module, name = path.split(":")
    assert isinstance(getattr(import_module(module), name).name, str)
