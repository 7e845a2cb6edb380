"""What settings files make of the options: they fill in what the caller left open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from hames.agent.options import AgentOptions
from hames.approvals import PermissionUpdate
from hames.errors import OptionsError
from hames.models import EFFORTS, Effort
from hames.permissions.modes import AUTO_REFUSAL, bypass_refusal, parse_mode
from hames.permissions.rules import parse_rule, split_rules
from hames.permissions.types import Behavior, Rules, SourcedRule
from hames.settings.effective import Effective, effective
from hames.settings.environ import Environ
from hames.settings.merge import Place
from hames.usage import Ledger

STORED = frozenset({"userSettings", "projectSettings", "localSettings"})
"""Destinations of permission updates that are files."""

OPTIONS = "options"
"""The source of hooks that stand in no settings."""


class Settled(msgspec.Struct, frozen=True):
    """Options in which the settings have had their say."""

    options: AgentOptions
    environ: Environ
    root: str
    settings: Effective
    rules: Rules
    """Of all settings and of the options, each with its place."""
    warnings: tuple[str, ...]

    def hooks(self) -> list[tuple[Mapping[str, Any], str]]:
        """The hooks of all settings and of the options, each with its source, those of the options last.

        `disableAllHooks` switches off those of settings; managed hooks, and the functions of the
        program that we are part of, only when managed settings say so.
        """
        managed = [one for one in self.settings.loaded if one.source == "policySettings"]
        if any(one.values.get("disableAllHooks") is True for one in managed):
            return []
        only_managed = self.settings.values.disable_all_hooks or any(
            one.values.get("allowManagedHooksOnly") is True for one in managed
        )
        read = managed if only_managed else self.settings.loaded
        found = [
            (one.values["hooks"], one.file or one.source) for one in read if one.values.get("hooks")
        ]
        return [*found, (self.options.hooks, OPTIONS)] if self.options.hooks else found

    def bypass_refusal(self) -> str | None:
        """Why nobody may switch the rules off in this session; None when somebody may."""
        return _bypass_refusal(self.environ, self.settings)

    async def store_updates(self, updates: Sequence[PermissionUpdate]) -> None:
        """Write permission updates to the settings files that they name. Raises OptionsError."""
        if any(update.destination in STORED for update in updates):
            from hames.settings.writing import store_updates

            await asyncio.to_thread(store_updates, updates, self.environ, self.root)


def settle(options: AgentOptions) -> Settled:
    """Read the settings that the options ask for, and fill in what the options leave open.

    Raises OptionsError when the options' own settings cannot be used.
    """
    environ = Environ.read({**os.environ, **options.env})
    root = os.path.realpath(os.path.expanduser(options.cwd or os.getcwd()))
    found = effective(
        environ,
        root,
        settings=options.settings,
        setting_sources=options.setting_sources or (),
    )
    environ = Environ.read(found.over(environ.raw, options.env))
    return settle_with(options, found, environ, root)


def settle_with(options: AgentOptions, found: Effective, environ: Environ, root: str) -> Settled:
    """Fill in from these settings what the options leave open.

    Raises OptionsError when the options ask for what the settings forbid.
    """
    warnings = [*environ.warnings, *map(str, found.problems)]
    mode = _mode(options, environ, found, warnings)
    values = found.values
    filled = replace(
        options,
        permission_mode=mode,
        model=options.model if options.model is not None else environ.model or values.model,
        fallback_model=options.fallback_model or _first(values.fallback_model),
        add_dirs=[*options.add_dirs, *_folders(found, environ, root, warnings)],
        effort=_effort(options, values.effort_level, warnings),
        max_thinking_tokens=_thinking(options, environ, values.always_thinking_enabled),
        prices={**_prices(values.model_pricing, warnings), **(options.prices or {})},
    )
    rules = _rules(options, found, warnings)
    return Settled(filled, _with_defaults(environ, found), root, found, rules, tuple(warnings))


def _mode(
    options: AgentOptions, environ: Environ, found: Effective, warnings: list[str]
) -> Any:  # PermissionMode; `parse_mode` says so
    """The caller's mode, else that of the settings. What the caller asked for and cannot have raises."""
    asked = options.permission_mode
    mode = parse_mode(asked or found.values.permissions.default_mode or "default")
    if mode == "bypassPermissions":
        refusal = _bypass_refusal(environ, found)
        if refusal and asked:
            raise OptionsError(refusal)
        if refusal:
            warnings.append(f"{refusal} The mode is `default`.")
            return "default"
    if mode == "auto" and options.classifier is None:
        if asked:
            raise OptionsError(AUTO_REFUSAL)
        warnings.append(f"{AUTO_REFUSAL} The mode is `default`.")
        return "default"
    return mode


def _bypass_refusal(environ: Environ, found: Effective) -> str | None:
    is_root = os.name == "posix" and os.geteuid() == 0
    return bypass_refusal(is_root=is_root, env=environ.raw, disabled=found.bypass_disabled)


def _rules(options: AgentOptions, found: Effective, warnings: list[str]) -> Rules:
    """All rules. One of the settings that cannot be read allows nothing, and denies its whole tool."""

    def of(behavior: Behavior, given: Iterator[str]) -> tuple[SourcedRule, ...]:
        stored = (
            sourced
            for rule in found.rules(behavior)
            if (sourced := sourced_rule(rule.text, behavior, rule.place, warnings))
        )
        return (*stored, *(SourcedRule(text, "cliArg") for text in given))

    allowed = _split(() if found.only_managed_rules else options.allowed_tools)
    return Rules(
        allow=of("allow", allowed),
        ask=of("ask", iter(())),
        deny=of("deny", _split(options.disallowed_tools)),
    )


def sourced_rule(
    text: str, behavior: Behavior, place: Place, warnings: list[str]
) -> SourcedRule | None:
    """The rule with its place. None, with a warning, for an allow rule that cannot be read."""
    try:
        parse_rule(text)
    except OptionsError as error:
        warnings.append(f"{place}: {error}")
        if behavior == "allow" or not text.strip():
            return None
        name = text.partition("(")[0].strip()
        try:
            parse_rule(name)
        except OptionsError:
            name = "*"
        text = name
    return SourcedRule(text, place.source, place.loaded.base, place.file, place.line)


def _split(texts: Any) -> Iterator[str]:
    return (rule for text in texts for rule in split_rules(text))


def _folders(found: Effective, environ: Environ, root: str, warnings: list[str]) -> Iterator[str]:
    """Additional directories that are there; a setting that has gone stale stops nobody."""
    home = environ.home or os.path.expanduser("~")
    for index, given in enumerate(found.values.permissions.additional_directories):
        path = home + given[1:] if given == "~" or given.startswith("~/") else given
        folder = os.path.join(root, path)
        if os.path.isdir(folder):
            yield folder
        else:
            place = found.place("permissions", "additionalDirectories", index)
            warnings.append(f"{place}: the additional directory `{given}` is not a folder.")


def _first(models: str | list[str] | None) -> str | None:
    if isinstance(models, list):
        return models[0] if models else None
    return models


def _effort(options: AgentOptions, level: str | None, warnings: list[str]) -> Effort | None:
    """The caller's, else that of the settings."""
    if options.effort is not None and options.effort not in EFFORTS:
        raise OptionsError(f"`effort` is one of {', '.join(EFFORTS)}, not `{options.effort}`.")
    if options.effort is None and level is not None and level not in EFFORTS:
        warnings.append(f"The setting `effortLevel` cannot be `{level}`; the model's own holds.")
    return next((one for one in EFFORTS if one == (options.effort or level)), None)


def _prices(given: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    """The prices of the settings that can be read."""
    found = {}
    for model, price in given.items():
        try:
            Ledger(prices={model: price})
        except OptionsError as error:
            warnings.append(f"`modelPricing`: {error}")
        else:
            found[model] = price
    return found


def _thinking(options: AgentOptions, environ: Environ, always: bool | None) -> int | None:
    """Thinking is on where a model can; the setting is there to switch it off."""
    given = options.max_thinking_tokens
    if given is None and environ.max_thinking_tokens is None and always is False:
        return 0
    return given


def _with_defaults(environ: Environ, found: Effective) -> Environ:
    """Settings that are another way to say what a variable says, where the variable is not set."""
    values = found.values
    also: Mapping[str, str | None] = {
        "BASH_MAX_OUTPUT_LENGTH": str(values.bash_output_max_chars or "") or None,
        "ENABLE_PROMPT_CACHING_1H": "1" if values.prompt_cache_ttl in ("1h", 3600) else None,
    }
    missing = {name: text for name, text in also.items() if text and not environ.raw.get(name)}
    return Environ.read({**environ.raw, **missing}) if missing else environ
