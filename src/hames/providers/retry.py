"""What to do about a failed request: ask again, and when; ask differently; or give up.

Pure decisions; `ask` carries them out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec

from hames.errors import Category, ProviderError, ProviderTimeout
from hames.providers.failures import OVER_THE_WINDOW

if TYPE_CHECKING:
    from hames.providers.assemble import Reply
    from hames.providers.protocol import Request

MARGIN = 1000
"""Tokens left free when `max_tokens` is made to fit the window. Official 2.1.330 does the same."""

_OVER_THE_MODEL = re.compile(r"max_tokens: [\d,]+ > ([\d,]+)")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient to be. Times are seconds."""

    max_retries: int = 10
    """`CLAUDE_CODE_MAX_RETRIES` sets it."""
    base_delay: float = 0.5
    """Before the first retry; doubles with each."""
    max_delay: float = 32.0
    jitter: float = 0.25
    """Share of a delay that is added at random."""
    max_retry_after: float = 60.0
    """The longest wait that a server may ask for; when it asks for more, the request fails at once."""
    max_stalls: int = 1
    """Retries after a `first_byte` or `gap` timeout, each of which has taken minutes."""
    fallback_after: int = 3
    """Overloads after which the fallback model is asked; fewer when there are no more retries."""


class Random(Protocol):
    """Where jitter comes from; `random.Random` is one."""

    def random(self) -> float:
        """A number from 0 to 1."""


class Retry(msgspec.Struct, frozen=True):
    """A request failed and is sent again. Fields as the official `api_retry` message has them."""

    attempt: int
    max_retries: int
    delay: float
    """Seconds until then."""
    status: int | None
    category: Category
    error: ProviderError
    lost: Reply | None = None
    """What the failed try had begun; its usage was paid for."""


class Tally(msgspec.Struct):
    """What has gone wrong with one request so far."""

    retries: int = 0
    stalls: int = 0
    overloads: int = 0
    resized: bool = False
    """Whether `max_tokens` was made smaller."""
    dropped: bool = False
    """Whether betas were left out."""
    renewed: bool = False
    """Whether other credentials were got."""


def delay_before_retry(
    policy: RetryPolicy, tally: Tally, error: ProviderError, random: Random
) -> float | None:
    """Seconds to wait before the same request is sent again; None when it is not."""
    if not error.retryable or tally.retries >= policy.max_retries:
        return None
    if isinstance(error, ProviderTimeout) and error.clock != "connect":
        if tally.stalls >= policy.max_stalls:
            return None
        tally.stalls += 1
    if error.retry_after is not None and error.retry_after > policy.max_retry_after:
        return None
    tally.retries += 1
    backoff = min(policy.base_delay * 2.0 ** (tally.retries - 1), policy.max_delay)
    return (error.retry_after or backoff) * (1 + policy.jitter * random.random())


def wants_fallback(policy: RetryPolicy, tally: Tally, error: ProviderError) -> bool:
    """Whether the model has been overloaded so often that another one should be asked."""
    if error.category != "overloaded":
        return False
    tally.overloads += 1
    return tally.overloads >= policy.fallback_after or tally.retries >= policy.max_retries


def changed_request(request: Request, tally: Tally, error: ProviderError) -> Request | None:
    """The request in the form that the server's refusal suggests; None when it suggests none.

    Each kind of change is made once: `max_tokens` that fit window or model, and no betas that the
    server does not know.
    """
    if error.status == 400 and not tally.resized and (tokens := _fitting(str(error))):
        tally.resized = True
        if 0 < tokens < request.max_tokens:
            return msgspec.structs.replace(request, max_tokens=tokens)
    if error.status == 400 and not tally.dropped:
        tally.dropped = True
        kept = tuple(beta for beta in request.betas if beta not in str(error))
        if kept != request.betas:
            return msgspec.structs.replace(request, betas=kept)
    return None


def _fitting(message: str) -> int:
    """The `max_tokens` that a refusal leaves room for; 0 when it is about something else."""
    if sums := OVER_THE_WINDOW.search(message):
        input_tokens, _, window = (int(number.replace(",", "")) for number in sums.groups())
        return max(window - input_tokens - MARGIN, 0)
    if over := _OVER_THE_MODEL.search(message):
        return int(over[1].replace(",", ""))
    return 0
