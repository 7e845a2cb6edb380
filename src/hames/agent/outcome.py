"""How an answer can end, and what the official result says of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from hames.errors import ProviderError

Kind = Literal[
    "finished",
    "refused",
    "max_turns",
    "budget",
    "max_output_tokens",
    "malformed_calls",
    "api_error",
    "interrupted_streaming",
    "interrupted_tools",
    "hook_stopped",
    "stop_prevented",
    "prompt_blocked",
    "noted",
    "command",
    "command_failed",
    "deferred",
    "deferred_unavailable",
    "failed",
]


class Outcome(msgspec.Struct, frozen=True):
    """The end of an answer."""

    kind: Kind
    stop_reason: str | None = None
    error: ProviderError | None = None
    """The failed request, for `api_error`."""
    text: str = ""
    """What to say besides, for kinds that need it."""


class Ended(Exception):
    """The answer is over, from wherever this is raised."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.kind)
        self.outcome = outcome


class Ending(msgspec.Struct, frozen=True):
    """What the result message says of a kind."""

    subtype: str
    is_error: bool
    terminal_reason: str | None


# Official 2.1.330: a failed request is a `success` with `is_error`; the text stands in `result`.
ENDINGS: dict[Kind, Ending] = {
    "finished": Ending("success", False, "completed"),
    "refused": Ending("success", True, "model_error"),
    "max_turns": Ending("error_max_turns", True, "max_turns"),
    "budget": Ending("error_max_budget_usd", True, "budget_exhausted"),
    "max_output_tokens": Ending("success", True, "api_error"),
    "malformed_calls": Ending("error_during_execution", True, "malformed_tool_use_exhausted"),
    "api_error": Ending("success", True, "api_error"),
    "interrupted_streaming": Ending("error_during_execution", True, "aborted_streaming"),
    "interrupted_tools": Ending("error_during_execution", True, "aborted_tools"),
    "hook_stopped": Ending("success", False, "hook_stopped"),
    "stop_prevented": Ending("success", False, "stop_hook_prevented"),
    "prompt_blocked": Ending("success", False, None),
    "command": Ending("success", False, None),
    "command_failed": Ending("error_during_execution", True, None),
    "noted": Ending("success", False, None),
    "deferred": Ending("success", False, "tool_deferred"),
    "deferred_unavailable": Ending("success", True, "tool_deferred_unavailable"),
    "failed": Ending("error_during_execution", True, "turn_setup_failed"),
}
