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


@runtime_checkable
class Renews(Protocol):
    """A provider that can get other credentials."""

    async def renew(self) -> bool:
        """Get other credentials after the present ones were refused; False when there are none."""


async def ask(
    provider: Provider,
    request: Request,
    *,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
    timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
    clock: Clock | None = None,
    random: Random | None = None,
    assembler: Assembler | None = None,
    on_event: Callable[[ModelEvent], object] | None = None,
    on_block: Callable[[int, Block], object] | None = None,
    on_retry: Callable[[Retry], object] | None = None,
    on_lost: Callable[[Reply], object] | None = None,
    fallback: Callable[[], Request] | None = None,
    on_fallback: Callable[[Fallback], object] | None = None,
) -> Reply:
    """The model's reply, asked for until it comes or there is no hope. Raises `ProviderError`.

    When the connection is lost after a complete block, the reply is what was complete, with `complete`
    false and `error` set; nothing that was handed to `on_block` is ever asked for again. Before that the
    same request is sent once more. After a cancellation `assembler.partial()` has what had arrived.

    `on_event` gets every event, those of failed tries included; `on_retry` is called before the wait;
    `on_lost` gets what a failed try had begun, for its usage was paid for. `fallback` makes the request
    for another model, which is asked when the first one stays overloaded.
    """
    clock = clock or Clock()
    assembler = assembler or Assembler()
    tally = Tally()
    while True:
        assembler.clear()
        try:
            await _receive(provider, request, timeouts, assembler, on_event, on_block)
            return assembler.reply()
        except ProviderError as failed:
            error = failed
        if assembler.blocks:
            return assembler.reply(error)
        if on_lost and assembler.started:
            on_lost(assembler.reply(error))
        if changed := changed_request(request, tally, error):
            request = changed
        elif await _renewed(provider, tally, error):
            pass
        elif wants_fallback(policy, tally, error) and fallback:
            first, request = request, fallback()
            fallback, tally = None, Tally()
            if on_fallback:
                on_fallback(Fallback(first.model, request.model, error))
        else:
            await _wait(policy, tally, error, clock, random or _new_random(), on_retry)


async def _receive(
    provider: Provider,
    request: Request,
    timeouts: Timeouts,
    assembler: Assembler,
    on_event: Callable[[ModelEvent], object] | None,
    on_block: Callable[[int, Block], object] | None,
) -> None:
    add = assembler.add
    async with aclosing(with_clocks(provider.stream(request), timeouts)) as events:
        async for event in events:
            done = add(event)
            if on_event is not None:
                on_event(event)
            if done is not None and on_block is not None:
                on_block(*done)
    if not assembler.complete:
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


async def _wait(
    policy: RetryPolicy,
    tally: Tally,
    error: ProviderError,
    clock: Clock,
    random: Random,
    on_retry: Callable[[Retry], object] | None,
) -> None:
    delay = delay_before_retry(policy, tally, error, random)
    if delay is None:
        raise error
    if on_retry:
        on_retry(
            Retry(tally.retries, policy.max_retries, delay, error.status, error.category, error)
        )
    await clock.sleep(delay)


def _new_random() -> Random:
    import random  # its import costs more than all of this module, and most requests need none

    return random.Random()
