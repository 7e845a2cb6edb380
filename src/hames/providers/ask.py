"""One request to a model, with clocks, retries and a fallback model, to one reply."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Protocol, runtime_checkable

import msgspec

from hames._clock import Clock
from hames.blocks import Block
from hames.errors import ProviderError
from hames.providers.assemble import Assembler, Reply
from hames.providers.clocks import Timeouts, with_clocks
from hames.providers.protocol import ModelEvent, Provider, Request
from hames.providers.retry import (
    Random,
    Retry,
    RetryPolicy,
    Tally,
    changed_request,
    delay_before_retry,
    wants_fallback,
)


class Fallback(msgspec.Struct, frozen=True):
    """Another model is asked because the first one stays overloaded."""

    model: str
    fallback_model: str
    error: ProviderError
    lost: Reply | None = None
    """What the last try had begun; its usage was paid for."""


@runtime_checkable
class Renews(Protocol):
    """A provider that can get other credentials."""

    async def renew(self) -> bool:
        """Get other credentials after the present ones were refused; False when there are none."""


class Asking(msgspec.Struct, kw_only=True):
    """How to ask, and who is told. Callbacks are called in order and must not block."""

    policy: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    clock: Clock = msgspec.field(default_factory=Clock)
    random: Callable[[], Random] | None = None
    """Gives what jitter comes from, when there is need; None: the machine."""
    assembler: Assembler = msgspec.field(default_factory=Assembler)
    """Where the reply grows; after a cancellation `assembler.partial()` has what had arrived."""
    on_event: Callable[[ModelEvent], object] | None = None
    """Every event of the stream, those of failed tries included."""
    on_block: Callable[[int, Block], object] | None = None
    """A block is complete. It is never taken back."""
    on_retry: Callable[[Retry], object] | None = None
    """Called before the wait."""
    fallback: Callable[[], Request] | None = None
    """Makes the request for another model, which is asked when the first one stays overloaded."""
    on_fallback: Callable[[Fallback], object] | None = None


async def ask(provider: Provider, request: Request, asking: Asking | None = None) -> Reply:
    """The model's reply, asked for until it comes or there is no hope. Raises `ProviderError`.

    When the connection is lost after a complete block, the reply is what was complete, with `complete`
    false and `error` set; nothing that was handed to `on_block` is ever asked for again. Before that the
    same request is sent once more. After an error `assembler` has what the last try had begun: its
    input was paid for.
    """
    asking = asking or Asking()
    assembler, fallback, tally = asking.assembler, asking.fallback, Tally()
    while True:
        assembler.clear(request.model)
        try:
            await _receive(provider, request, asking)
            return assembler.reply()
        except ProviderError as failed:
            error = failed
        if assembler.complete:  # lost after its end
            return assembler.reply()
        if assembler.blocks:
            return assembler.reply(error)
        lost = assembler.reply(error) if assembler.started else None
        if lost is None and (changed := changed_request(request, tally, error)):
            request = changed
        elif await _renewed(provider, tally, error):
            pass
        elif wants_fallback(asking.policy, tally, error) and fallback:
            first, request = request, fallback()
            fallback, tally = None, Tally()
            if asking.on_fallback:
                asking.on_fallback(Fallback(first.model, request.model, error, lost))
        else:
            await _wait(asking, tally, error, lost)


async def _receive(provider: Provider, request: Request, asking: Asking) -> None:
    add, on_event, on_block = asking.assembler.add, asking.on_event, asking.on_block
    async with aclosing(with_clocks(provider.stream(request), asking.timeouts)) as events:
        async for event in events:
            done = add(event)
            if on_event is not None:
                on_event(event)
            if done is not None and on_block is not None:
                on_block(*done)
    if not asking.assembler.complete:
        raise ProviderError(
            "The connection to the model was closed before the reply was complete.",
            category="server_error",
            error_type="cut",
            retryable=True,
        )


async def _renewed(provider: Provider, tally: Tally, error: ProviderError) -> bool:
    """Whether other credentials were got after a 401. Official 2.1.330 retries without them."""
    if error.status != 401 or tally.renewed or not isinstance(provider, Renews):
        return False
    tally.renewed = True
    return await provider.renew()


async def _wait(asking: Asking, tally: Tally, error: ProviderError, lost: Reply | None) -> None:
    policy = asking.policy
    delay = delay_before_retry(policy, tally, error, (asking.random or _new_random)())
    if delay is None:
        raise error
    if asking.on_retry:
        asking.on_retry(
            Retry(
                tally.retries, policy.max_retries, delay, error.status, error.category, error, lost
            )
        )
    await asking.clock.sleep(delay)


def _new_random() -> Random:
    import random  # its import costs more than all of this module, and most requests need none

    return random.Random()
