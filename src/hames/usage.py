"""Tokens, prices and cost: one row for every response of a model.

List prices stand in `prices.json` (checked by `scripts/check_prices.py`); callers may give their own.
A model whose price is not known has no cost: totals are those of the known part, and `unpriced` names
the rest. Sums are exact, because they are kept in whole picodollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from hames.errors import OptionsError
from hames.models import canonical, model_of

PICO = 10**12
"""Picodollars of a dollar. A token at $1 per million tokens costs a million of them."""

_ABSURD = 1e15

EARLIER = "(earlier models)"
"""Stands in `unpriced` for models that a stored session did not name."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens, and per thousand searches."""

    input: float
    output: float
    write_5m: float | None = None
    """Writing to the cache for five minutes; default 1.25 times the input price."""
    write_1h: float | None = None
    """Writing to the cache for an hour; default twice the input price."""
    read: float | None = None
    """Reading from the cache; default a tenth of the input price."""
    search: float = 10.0

    def per_token(self) -> tuple[float, float, float, float, float]:
        """Input, output, writing for 5 minutes and for an hour, reading."""
        return (
            self.input,
            self.output,
            1.25 * self.input if self.write_5m is None else self.write_5m,
            2 * self.input if self.write_1h is None else self.write_1h,
            0.1 * self.input if self.read is None else self.read,
        )


class Above(Rates, frozen=True, kw_only=True):
    """Rates of a request whose input passes so many tokens, cache included."""

    tokens: int


class Price(Rates, frozen=True, kw_only=True):
    """What a model costs."""

    above: Above | None = None
    fast: Rates | None = None
    """Rates of the fast mode."""

    @property
    def output_token(self) -> float:
        """The most that a token of output can cost, in USD."""
        return max(self.output, self.above.output if self.above else 0.0) / 1e6

    def worst_input(self, tokens: int) -> float:
        """The most that so many tokens of input can cost, in USD: all written to the hour's cache."""
        rates = self.above if self.above and tokens > self.above.tokens else self
        input, _, write_5m, write_1h, _ = rates.per_token()
        return tokens * max(input, write_5m, write_1h) / 1e6


class Tokens(msgspec.Struct, kw_only=True):
    """Counters of one response, or their sum."""

    input: int = 0
    output: int = 0
    thinking: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0
    searches: int = 0
    fetches: int = 0

    def add(self, other: Tokens) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Row(msgspec.Struct, frozen=True):
    """One response."""

    key: str
    model: str
    tokens: Tokens
    cost: int | None
    """Picodollars; None when the price is not known."""
    milliseconds: int = 0
    main: bool = True
    """False for helpers and subagents."""
    usage: dict[str, Any] = {}
    """As the API gave it."""


class _Sum(msgspec.Struct):
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    cost: int | None = 0


class Ledger:
    """What a session has used. Shared by an agent and all its helpers."""

    def __init__(self, *, prices: Mapping[str, Any] | None = None) -> None:
        self._own = _checked(prices or {})
        self._list = _listed()  # read now: later a thousand sessions may hold every open file
        self._keys: set[str] = set()
        self._sums: dict[str, _Sum] = {}
        self._known = 0
        self.rows: list[Row] = []
        """Responses since this ledger was opened."""
        self.unpriced: set[str] = set()
        """Models whose use is not part of the cost."""
        self.api_milliseconds = 0
        """Time spent waiting for the API, sessions before a resume included."""

    @property
    def total_cost_usd(self) -> float:
        """Cost of all that has a price, sessions before a resume included."""
        return self._known / PICO

    def price(self, model: str) -> Price | None:
        """The price of a model, the caller's own before the list's; None when it is not known."""
        plain = canonical(model)
        return self._own.get(model) or self._own.get(plain) or self._list.get(plain)

    def record(
        self,
        key: str,
        model: str,
        usage: Mapping[str, Any],
        *,
        milliseconds: int = 0,
        main: bool = True,
    ) -> Row | None:
        """Enter a response. A key (request id, else message id) that is there already is ignored."""
        if key and key in self._keys:
            return None
        self._keys.add(key)
        tokens = _tokens(usage)
        cost = _cost(self.price(model), tokens, str(usage.get("speed") or "standard"))
        row = Row(key, model, tokens, cost, milliseconds, main, dict(usage))
        self.rows.append(row)
        self.api_milliseconds += milliseconds
        self._add(model, tokens, cost)
        return row

    def begin_anew(self) -> None:
        """All sums are zero again; responses that were entered are still known."""
        self._sums.clear()
        self._known = 0
        self.rows.clear()
        self.unpriced.clear()
        self.api_milliseconds = 0

    def mark(self) -> int:
        """A point in time, for `usage(since=...)`."""
        return len(self.rows)

    def usage(self, *, since: int = 0, main_only: bool = True) -> dict[str, Any]:
        """Sum since a mark in the shape of the official result message."""
        total = Tokens()
        last: dict[str, Any] = {}
        for row in self.rows[since:]:
            if row.main or not main_only:
                total.add(row.tokens)
                last = row.usage
        return {
            "input_tokens": total.input,
            "cache_creation_input_tokens": total.write_5m + total.write_1h,
            "cache_read_input_tokens": total.read,
            "output_tokens": total.output,
            "output_tokens_details": {"thinking_tokens": total.thinking},
            "server_tool_use": {
                "web_search_requests": total.searches,
                "web_fetch_requests": total.fetches,
            },
            "service_tier": last.get("service_tier") or "standard",
            "cache_creation": {
                "ephemeral_1h_input_tokens": total.write_1h,
                "ephemeral_5m_input_tokens": total.write_5m,
            },
        }

    def model_usage(self) -> dict[str, dict[str, Any]]:
        """Sums by model in the official shape, sessions before a resume included.

        `costUSD` is None for a model without a price.
        """
        return {model: self._model_usage(model, total) for model, total in self._sums.items()}

    def cost_state(self, session_id: str) -> dict[str, Any]:
        """The fields of the `cost-state` line that a resumed session goes on from."""
        return {
            "sessionId": session_id,
            "totalCostUSD": self.total_cost_usd,
            "totalAPIDuration": self.api_milliseconds,
            "modelUsage": self.model_usage(),
            "hasUnknownModelCost": bool(self.unpriced),
        }

    def restore(self, cost_state: Mapping[str, Any] | None) -> None:
        """Go on from a stored `cost-state`; None is a new session."""
        if not cost_state:
            return
        models = cost_state.get("modelUsage")
        for model, figures in (models if isinstance(models, dict) else {}).items():
            if isinstance(figures, dict):
                cost = figures.get("costUSD")
                pico = None if cost is None else round(_amount(cost) * PICO)
                self._add(model, _from_model_usage(figures), pico)
        # The total counts: it may hold more than the models that are listed.
        self._known = max(self._known, round(_amount(cost_state.get("totalCostUSD")) * PICO))
        self.api_milliseconds += round(_amount(cost_state.get("totalAPIDuration")))
        if cost_state.get("hasUnknownModelCost") and not self.unpriced:
            self.unpriced.add(EARLIER)

    def _add(self, model: str, tokens: Tokens, cost: int | None) -> None:
        total = self._sums.setdefault(model, _Sum())
        total.tokens.add(tokens)
        if cost is None:
            self.unpriced.add(model)
            total.cost = None
            return
        self._known += cost
        if total.cost is not None:
            total.cost += cost

    def _model_usage(self, model: str, total: _Sum) -> dict[str, Any]:
        tokens, known = total.tokens, model_of(model)
        own = model in self._own or canonical(model) in self._own
        return {
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "cacheReadInputTokens": tokens.read,
            "cacheCreationInputTokens": tokens.write_5m + tokens.write_1h,
            "webSearchRequests": tokens.searches,
            "costUSD": None if total.cost is None else total.cost / PICO,
            "contextWindow": known.context_window,
            "maxOutputTokens": known.max_output_tokens,
            "thinkingTokens": tokens.thinking,
            "cacheCreationEphemeral5mInputTokens": tokens.write_5m,
            "cacheCreationEphemeral1hInputTokens": tokens.write_1h,
            "canonicalModel": canonical(model),
            "costBasis": "unknown" if total.cost is None else "custom" if own else "list",
        }


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    """The counters of a response; what a gateway leaves out or writes as null is zero."""
    split, server = _part(usage, "cache_creation"), _part(usage, "server_tool_use")
    hour = _count(split, "ephemeral_1h_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    five = _count(split, "ephemeral_5m_input_tokens")
    return Tokens(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        thinking=_count(_part(usage, "output_tokens_details"), "thinking_tokens"),
        write_5m=max(written - hour, five),
        write_1h=hour,
        read=_count(usage, "cache_read_input_tokens"),
        searches=_count(server, "web_search_requests"),
        fetches=_count(server, "web_fetch_requests"),
    )


def _from_model_usage(figures: Mapping[str, Any]) -> Tokens:
    hour = _count(figures, "cacheCreationEphemeral1hInputTokens")
    return Tokens(
        input=_count(figures, "inputTokens"),
        output=_count(figures, "outputTokens"),
        thinking=_count(figures, "thinkingTokens"),
        write_5m=max(_count(figures, "cacheCreationInputTokens") - hour, 0),
        write_1h=hour,
        read=_count(figures, "cacheReadInputTokens"),
        searches=_count(figures, "webSearchRequests"),
    )


def _cost(price: Price | None, tokens: Tokens, speed: str) -> int | None:
    """Picodollars; None when the price is not known."""
    if not any(getattr(tokens, name) for name in tokens.__struct_fields__):
        return 0
    rates: Rates | None = price
    if price is not None and speed == "fast":
        rates = price.fast
    elif price is not None and price.above is not None:
        whole = tokens.input + tokens.read + tokens.write_5m + tokens.write_1h
        rates = price.above if whole > price.above.tokens else price
    if rates is None:
        return None
    counts = (tokens.input, tokens.output, tokens.write_5m, tokens.write_1h, tokens.read)
    paid = sum(n * round(rate * 1e6) for n, rate in zip(counts, rates.per_token(), strict=True))
    return paid + tokens.searches * round(rates.search * 1e9)


def _count(figures: Mapping[str, Any], name: str) -> int:
    value = figures.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _part(figures: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = figures.get(name)
    return value if isinstance(value, dict) else {}


def _amount(value: Any) -> float:
    """A stored amount; what nobody can have spent is none, as it comes from a damaged line."""
    return float(value) if isinstance(value, int | float) and 0 <= value < _ABSURD else 0.0


def _checked(prices: Mapping[str, Any]) -> dict[str, Price]:
    found = {}
    for model, price in prices.items():
        try:
            found[model] = price if isinstance(price, Price) else msgspec.convert(price, Price)
        except msgspec.ValidationError as error:
            raise OptionsError(
                f"The price of `{model}` cannot be used: {error}. It needs `input` and `output` in USD "
                "per million tokens."
            ) from error
    return found


class _Table(msgspec.Struct):
    models: dict[str, Price]


@cache
def _listed() -> dict[str, Price]:
    data = Path(__file__).with_name("prices.json").read_bytes()
    return msgspec.json.decode(data, type=_Table).models
