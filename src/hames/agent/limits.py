"""What bounds an answer: turns, and money that is set aside before it is spent."""

from __future__ import annotations

from typing import Literal

import msgspec

from hames.models import Model
from hames.usage import Ledger

LEAST_OUTPUT = 256
"""A request that could not answer with at least this many tokens is not worth its price."""
BYTES_PER_TOKEN = 2
"""A low bound on the bytes of a token, so that an estimate from bytes is high."""


class BudgetExhausted(Exception):
    """The budget does not cover another request."""


class Budget:
    """One ceiling in USD for an agent and all its helpers.

    Before a request its worst case is set aside; afterwards `settle` gives it back and the ledger has
    the true price. So requests side by side cannot pass the ceiling together.
    """

    def __init__(self, ceiling: float | None, ledger: Ledger) -> None:
        self.ceiling = ceiling
        self.ledger = ledger
        self._reserved = 0.0
        self._before = 0.0
        """USD of conversations that were cleared."""

    def left(self) -> float | None:
        """USD that may still be promised; None without a ceiling."""
        if self.ceiling is None:
            return None
        return self.ceiling - self._before - self.ledger.total_cost_usd - self._reserved

    def begin_anew(self) -> None:
        """Empty the ledger for a new conversation; what is spent stays spent."""
        self._before += self.ledger.total_cost_usd
        self.ledger.begin_anew()

    def reserve(self, model: Model, input_tokens: int, max_tokens: int) -> tuple[int, float]:
        """The output tokens that can be paid for, and the sum set aside.

        Raises `BudgetExhausted` when the rest does not pay for a useful reply.
        """
        left = self.left()
        if left is None:
            return max_tokens, 0.0
        price = self.ledger.price(model.id)
        if price is None:
            raise BudgetExhausted(
                f"The price of `{model.id}` is not known, so a budget cannot be kept."
            )
        for_input = price.worst_input(input_tokens)
        affordable = (
            int((left - for_input) / price.output_token) if price.output_token else max_tokens
        )
        tokens = min(max_tokens, affordable)
        if tokens < min(LEAST_OUTPUT, max_tokens):
            raise BudgetExhausted(
                f"Reached maximum budget (${self.ceiling:g}): ${left:.4f} is left."
            )
        worst = for_input + tokens * price.output_token
        self._reserved += worst
        return tokens, worst

    def settle(self, reserved: float) -> None:
        """The request has ended and stands in the ledger."""
        self._reserved = max(self._reserved - reserved, 0.0)


class Limits(msgspec.Struct):
    """How far one answer may go."""

    max_turns: int | None = None
    turns: int = 0
    """Replies of the model to the present prompt, continuations not counted."""

    def begin(self) -> None:
        self.turns = 0

    def reached(self) -> Literal["max_turns"] | None:
        """The limit that ends the answer now, if any."""
        if self.max_turns is not None and self.turns >= self.max_turns:
            return "max_turns"
        return None
