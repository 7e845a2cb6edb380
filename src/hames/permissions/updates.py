"""Changes of a policy while it is used: permission updates, and which to suggest to a person."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from hames.access import Asks, Fetches, Reads, Runs, Writes
from hames.approvals import PermissionRuleValue, PermissionUpdate
from hames.errors import OptionsError
from hames.permissions.hosts import host_of
from hames.permissions.paths import files_of, place
from hames.permissions.rules import parse_rule
from hames.permissions.types import Behavior, Decision, Policy, Question, Rules, SourcedRule


def apply_updates(policy: Policy, updates: Sequence[PermissionUpdate]) -> Policy:
    """The policy with the updates applied, one after the other. Storing them is the caller's task.

    Raises OptionsError for an update that lacks what its type needs.
    """
    for update in updates:
        policy = _apply(policy, update)
    return policy


def suggestions(policy: Policy, question: Question, decision: Decision) -> list[PermissionUpdate]:
    """Updates that would have answered the question, to offer to a person. The narrowest first.

    None for what a rule or a safety check asks about: no allow rule would change that.
    """
    if decision.behavior != "ask" or decision.reason_type in ("rule", "safetyCheck"):
        return []
    rules: list[PermissionRuleValue] = []
    edits = False
    for access in question.accesses:
        match access:
            case Reads(path):
                pattern = _folder_pattern(policy, question.cwd, path)
                rules.append(PermissionRuleValue("Read", pattern))
            case Writes():
                edits = True
            case Fetches(url):
                if host := host_of(url):
                    rules.append(PermissionRuleValue("WebFetch", f"domain:{host}"))
            case Runs(command):
                from hames.permissions.shell_suggestions import command_rules

                found = command_rules(policy, question, command)
                rules += (PermissionRuleValue("Bash", text) for text in found)
            case Asks():
                rules.append(PermissionRuleValue(question.tool))
    offered: list[PermissionUpdate] = []
    if rules:
        offered.append(_allowing(rules))
    if edits:
        offered.append(PermissionUpdate("setMode", mode="acceptEdits", destination="session"))
    return offered


def _allowing(rules: list[PermissionRuleValue]) -> PermissionUpdate:
    return PermissionUpdate("addRules", rules=rules, behavior="allow", destination="localSettings")


def _apply(policy: Policy, update: PermissionUpdate) -> Policy:
    match update.type:
        case "addRules" | "replaceRules" | "removeRules":
            return replace(policy, rules=_with_rules(policy.rules, update))
        case "setMode":
            if update.mode is None:
                raise OptionsError("A `setMode` permission update needs a `mode`.")
            return replace(policy, mode=update.mode)
        case "addDirectories" | "removeDirectories":
            named = [_real(policy, folder) for folder in update.directories or ()]
            kept = [folder for folder in policy.folders if folder not in named]
            if update.type == "addDirectories":
                kept += dict.fromkeys(named)
            return replace(policy, folders=tuple(kept))


def _with_rules(rules: Rules, update: PermissionUpdate) -> Rules:
    behavior: Behavior | None = update.behavior
    if behavior is None:
        raise OptionsError(f"A `{update.type}` permission update needs a `behavior`.")
    source = update.destination or "session"
    named = [_text(value) for value in update.rules or ()]
    present: tuple[SourcedRule, ...] = getattr(rules, behavior)
    added = tuple(SourcedRule(text, source) for text in named)
    match update.type:
        case "addRules":
            known = {(rule.text, rule.source) for rule in present}
            present += tuple(rule for rule in added if (rule.text, source) not in known)
        case "replaceRules":
            present = (*(rule for rule in present if rule.source != source), *added)
        case _:
            named_rules = {parse_rule(text) for text in named}
            present = tuple(
                rule
                for rule in present
                if rule.source != source or parse_rule(rule.text) not in named_rules
            )
    match behavior:
        case "allow":
            return msgspec.structs.replace(rules, allow=present)
        case "ask":
            return msgspec.structs.replace(rules, ask=present)
        case "deny":
            return msgspec.structs.replace(rules, deny=present)


def _text(value: PermissionRuleValue) -> str:
    text = f"{value.tool_name}({value.rule_content})" if value.rule_content else value.tool_name
    parse_rule(text)
    return text


def _real(policy: Policy, folder: str) -> str:
    return files_of(policy).real_path(place(policy, "", folder).given)


def _folder_pattern(policy: Policy, cwd: str, path: str) -> str:
    where = place(policy, cwd, path).given
    folder = where if files_of(policy).is_dir(where) else os.path.dirname(where)
    return f"/{folder.rstrip('/')}/**"
