"""Other settings for a session that runs: what may change on the way, and what may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from hames.agent.agent import Agent
from hames.agent.settle import Settled
from hames.errors import OptionsError
from hames.permissions.types import Rules, SourcedRule
from hames.settings.schema import Settings

CHANGEABLE = frozenset(
    ["permissions", "model", "fallbackModel", "effortLevel", "alwaysThinkingEnabled"]
)
"""Settings that hold from the next request on. What a session is built of stays as it began."""


def check(keys: Iterable[str]) -> None:
    """Raises OptionsError for a setting that has a meaning and that a running session cannot change.

    Keys without a meaning here may be those of a newer version, and harm nobody.
    """
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    if fixed := [key for key in keys if key in known and key not in CHANGEABLE]:
        named = ", ".join(f"`{key}`" for key in fixed)
        raise OptionsError(
            f"{named} cannot be changed while a session runs; start it with other settings."
        )


def reconfigure(agent: Agent, settled: Settled) -> None:
    """Let other settings hold from the next request on. Raises OptionsError, and then changes nothing.

    What came on the way (a rule that a user gave, a mode, a model) stays, unless the new settings say
    something else than those before.
    """
    before = agent.settings.settled
    assert before is not None, "an agent is built from settings"
    mode = settled.options.permission_mode
    if mode is not None and mode != before.options.permission_mode:
        agent.use_mode(mode)
    if _asked(settled) != _asked(before):
        agent.frames = msgspec.structs.replace(agent.frames, options=settled.options)
        agent.use_model(None)
    fallback = settled.options.fallback_model
    agent.settings = msgspec.structs.replace(
        agent.settings,
        settled=settled,
        fallback=agent.frames(fallback)[1] if fallback else None,
    )
    policy = agent.gate.policy
    rules = _rules(policy.rules, before.rules, settled.rules)
    agent.gate.policy = replace(policy, rules=rules)


def _asked(settled: Settled) -> tuple[Any, ...]:
    """What of the settings makes requests what they are."""
    options = settled.options
    return options.model, options.fallback_model, options.max_thinking_tokens, options.effort


def _rules(present: Rules, before: Rules, after: Rules) -> Rules:
    changed: Mapping[str, tuple[SourcedRule, ...]] = {
        kind: _changed(getattr(present, kind), getattr(before, kind), getattr(after, kind))
        for kind in Rules.__struct_fields__
    }
    return Rules(**changed)


def _changed(
    present: tuple[SourcedRule, ...],
    before: tuple[SourcedRule, ...],
    after: tuple[SourcedRule, ...],
) -> tuple[SourcedRule, ...]:
    kept = [rule for rule in present if rule not in before or rule in after]
    return (*kept, *(rule for rule in after if rule not in kept))
