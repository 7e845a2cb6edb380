"""Other settings for a session that runs: what may change on the way, and what may not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from hames.agent.agent import Agent
from hames.agent.start.settle import Settled
from hames.errors import OptionsError
from hames.permissions.types import Rules, SourcedRule
from hames.settings.schema import Settings

CHANGEABLE = frozenset(
    ["permissions", "model", "fallbackModel", "effortLevel", "alwaysThinkingEnabled"]
)
"""Settings that hold from the next request on. What a session is built of stays as it began."""

ASKED = ("model", "max_thinking_tokens", "effort")
"""What of the options makes requests what they are."""


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
    """Let other settings hold from the next request on.

    What came on the way (a rule that a user gave, a mode, a model) stays, unless the new settings say
    something else than those before.
    """
    before = agent.settings.settled
    assert before is not None, "an agent is built from settings"
    now, then = settled.options, before.options
    changed = {
        name: getattr(now, name) for name in ASKED if getattr(now, name) != getattr(then, name)
    }
    if changed:
        agent.ask_with(**changed)
    if "model" in changed:
        agent.use_model(None)
    agent.settings = msgspec.structs.replace(
        agent.settings,
        settled=settled,
        fallback=agent.frames(now.fallback_model)[1] if now.fallback_model else None,
    )
    rules = _rules(agent.gate.policy.rules, before.rules, settled.rules)
    agent.gate.use_rules(rules, bypass_refusal=settled.bypass_refusal())
    _move(agent, _folders(before), _folders(settled))
    if now.permission_mode is not None and now.permission_mode != then.permission_mode:
        agent.use_mode(now.permission_mode)


def _folders(settled: Settled) -> list[str]:
    """The additional folders, as real paths."""
    expanded = (os.path.expanduser(folder) for folder in settled.options.add_dirs)
    return [os.path.realpath(os.path.join(settled.root, folder)) for folder in expanded]


def _move(agent: Agent, before: Sequence[str], after: Sequence[str]) -> None:
    """Work in other additional folders; those that came on the way stay."""
    kept = [one for one in agent.workspace.folders if one not in before or one in after]
    folders = tuple(dict.fromkeys([*kept, *after]))
    agent.workspace.folders = folders
    agent.gate.policy = replace(agent.gate.policy, folders=folders)


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
    return (*kept, *(rule for rule in after if rule not in before and rule not in kept))
