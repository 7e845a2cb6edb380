"""The policy of a session that is not there: from settings and flags, to ask what it would decide."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from hames.access import Access
from hames.permissions.cases import usual_accesses
from hames.permissions.rules import split_rules
from hames.permissions.types import Decision, Policy, Rules, SourcedRule


def policy_of(values: dict[str, Any]) -> Policy:
    """The policy of a session with these flags; what its settings have wrong goes to standard error."""
    from hames.agent.options import AgentOptions
    from hames.agent.start.settle import settle

    settled = settle(
        AgentOptions(
            cwd=values.get("cwd"),
            add_dirs=values.get("add-dir", ()),
            settings=values.get("settings"),
            setting_sources=() if "no-settings" in values else ("user", "project", "local"),
            allowed_tools=values.get("allow", ()),
            disallowed_tools=values.get("deny", ()),
            permission_mode=values.get("mode"),
        )
    )
    for said in settled.warnings:
        print(f"Warning: {said}", file=sys.stderr)
    asked = [rule for text in values.get("ask", ()) for rule in split_rules(text)]
    rules = settled.rules
    folders = (os.path.join(settled.root, folder) for folder in settled.options.add_dirs)
    return Policy(
        mode=settled.options.permission_mode or "default",
        rules=Rules(
            rules.allow, (*rules.ask, *(SourcedRule(text, "cliArg") for text in asked)), rules.deny
        ),
        root=settled.root,
        folders=tuple(map(os.path.realpath, folders)),
        home=settled.environ.home or os.path.expanduser("~"),
        config_folder=settled.environ.config_folder,
        readable=(os.path.join(settled.environ.config_folder, "projects"),),
    )


def accesses_of(tool: str, input: dict[str, Any]) -> Sequence[Access]:
    """What a call touches, by the tool's own declaration where it is built in and the input is valid."""
    from hames.tools import CATALOGUE, load

    if tool in CATALOGUE:
        built_in = load(tool)
        try:
            arguments = (
                input
                if isinstance(built_in.input, dict)
                else msgspec.convert(input, built_in.input)
            )
        except msgspec.ValidationError:
            return usual_accesses(tool, input)
        return built_in.access(arguments)
    return usual_accesses(tool, input)


def place_of(policy: Policy, decision: Decision) -> str:
    """Where the rule stands that decided, for a person."""
    rule = rule_of(policy, decision)
    if rule is None:
        return decision.source or "the session"
    line = f", line {rule.line}" if rule.line else ""
    return f"`{rule.file}`{line}" if rule.file else "the command line"


def rule_of(policy: Policy, decision: Decision) -> SourcedRule | None:
    """The rule that decided, with its place; None when none did."""
    for rule in (*policy.rules.deny, *policy.rules.ask, *policy.rules.allow):
        if (rule.text, rule.source) == (decision.rule, decision.source):
            return rule
    return None
