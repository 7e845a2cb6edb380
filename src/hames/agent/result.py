"""The result message: what an answer cost, how it ended, and what is owed."""

from __future__ import annotations

from typing import Any

from hames.agent.agent import Agent
from hames.agent.outcome import ENDINGS, Outcome
from hames.agent.prompts.inbox import Prompt
from hames.messages import ResultMessage


class Stopwatch:
    """Where time and usage stood when an answer began."""

    def __init__(self, agent: Agent) -> None:
        self._clock = agent.clock
        self._began = agent.clock.monotonic()
        self.mark = agent.ledger.mark()

    def milliseconds(self) -> int:
        return round((self._clock.monotonic() - self._began) * 1000)


def result_of(agent: Agent, outcome: Outcome, watch: Stopwatch, prompt: Prompt) -> ResultMessage:
    """The official result of an answer, with our `obligations`."""
    ending = ENDINGS[outcome.kind]
    succeeded = ending.subtype == "success"
    return ResultMessage(
        subtype=ending.subtype,
        duration_ms=watch.milliseconds(),
        duration_api_ms=agent.ledger.api_milliseconds,
        is_error=ending.is_error,
        # Official 2.1.330 counts the stop at the limit as a turn.
        num_turns=agent.limits.turns + (outcome.kind == "max_turns"),
        session_id=agent.session_id,
        stop_reason=outcome.stop_reason,
        total_cost_usd=agent.ledger.total_cost_usd,
        usage=agent.ledger.usage(since=watch.mark),
        result=(outcome.text or "".join(agent.progress.parts)) if succeeded else None,
        model_usage=agent.ledger.model_usage(),  # type: ignore[arg-type]  # built in the official shape
        permission_denials=list(agent.denials),
        deferred_tool_use=agent.deferral.first(),
        errors=None if succeeded else [_error_text(agent, outcome)],
        api_error_status=outcome.error.status if outcome.error else None,
        uuid=agent.ids.uuid(),
        terminal_reason=ending.terminal_reason,
        origin=prompt.origin,  # type: ignore[arg-type]  # an official TypedDict, built by the harness
        user_message_uuid=agent.answering[0] if agent.answering else None,
        user_message_uuids=list(agent.answering) or None,
        obligations=_obligations(agent),
    )


def _error_text(agent: Agent, outcome: Outcome) -> str:
    match outcome.kind:
        case "max_turns":
            return f"Reached maximum number of turns ({agent.limits.max_turns})"
        case "interrupted_streaming" | "interrupted_tools":
            return "The request was interrupted by the user."
    return outcome.text or outcome.kind


def _obligations(agent: Agent) -> list[dict[str, Any]]:
    """All that a reader of the result has to know: what was not done, not known or still runs."""
    denied = [
        {"kind": "permission_denied", "tool_name": d["tool_name"], "tool_use_id": d["tool_use_id"]}
        for d in agent.denials
    ]
    unpriced = [
        {"kind": "unpriced_usage", "model": model} for model in sorted(agent.ledger.unpriced)
    ]
    waiting = agent.deferral.obligations()
    return [*agent.obligations, *denied, *waiting, *agent.background.obligations(), *unpriced]
