"""The settings in effect for a session: all sources read, judged for trust, and merged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hames.errors import OptionsError
from hames.settings import sources
from hames.settings.environ import Environ
from hames.settings.merge import Path, Place, merge
from hames.settings.schema import Settings, typed
from hames.settings.sources import Flag, Loaded, Local, Managed, Problem, Project, Sdk, Source, User
from hames.settings.trust import NEVER_FROM_SETTINGS, Trust, admitted, needs_trust, trust_in

SettingSource = Literal["user", "project", "local"]
"""Files that are read on request."""

ORDER: tuple[sources.Name, ...] = (
    "userSettings",
    "projectSettings",
    "localSettings",
    "flagSettings",
    "sdkSettings",
    "policySettings",
)
"""From the weakest to the strongest."""


class Rule(msgspec.Struct, frozen=True):
    """A permission rule and where it stands."""

    text: str
    place: Place


class Effective(msgspec.Struct, frozen=True):
    """What holds, and why."""

    values: Settings
    raw: dict[str, Any]
    """The same as JSON, unknown keys included."""
    places: Mapping[Path, Place]
    loaded: tuple[Loaded, ...]
    """What was read, the weakest first."""
    trust: Trust

    @property
    def problems(self) -> list[Problem]:
        """What could not be used, file by file."""
        return [problem for one in self.loaded for problem in one.problems]

    def place(self, *path: str | int) -> Place | None:
        """Where a value comes from; of a list, each item has its own place."""
        return self.places.get(path)

    def rules(self, behavior: Literal["allow", "ask", "deny"]) -> list[Rule]:
        """The permission rules of one kind, each with its place; the same text may stand in several."""
        only_managed = behavior == "allow" and self.only_managed_rules
        return [
            Rule(text, Place(one, ("permissions", behavior, index)))
            for one in self.loaded
            if one.source == "policySettings" or not only_managed
            for index, text in enumerate((one.values.get("permissions") or {}).get(behavior) or ())
        ]

    def saying(self, source: sources.Name, values: Mapping[str, Any]) -> Effective:
        """The same with other values in one source; nothing is read again.

        Raises OptionsError for a value of a wrong type.
        """
        [fresh] = Sdk(values).load()
        if fresh.problems:
            raise OptionsError(" ".join(problem.text for problem in fresh.problems))
        old = next((one for one in self.loaded if one.source == source), None)
        fresh.source = source
        if old is not None:
            fresh.file, fresh.base = old.file, old.base
        others = [one for one in self.loaded if one is not old]
        place = ORDER.index(source)
        weaker = sum(ORDER.index(one.source) <= place for one in others)
        loaded = (*others[:weaker], fresh, *others[weaker:])
        raw, places = merge(loaded)
        return Effective(typed(raw), raw, places, loaded, self.trust)

    @property
    def only_managed_rules(self) -> bool:
        """Allow rules count from managed settings only. Those that deny or ask hold from everywhere."""
        return any(
            one.source == "policySettings" and one.values.get("allowManagedPermissionRulesOnly")
            for one in self.loaded
        )

    @property
    def bypass_disabled(self) -> bool:
        """`disableBypassPermissionsMode`, which holds from every source."""
        return self.values.permissions.disable_bypass_permissions_mode == "disable"

    def over(self, env: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
        """An environment with the settings' variables; the caller's own ones are stronger.

        Those of managed settings are the strongest.
        """
        merged = dict(env)
        for path, place in self.places.items():
            if len(path) != 2 or path[0] != "env" or path[1] in NEVER_FROM_SETTINGS:
                continue
            name = str(path[1])
            if name not in own or place.source == "policySettings":
                merged[name] = _text(self.raw["env"][name])
        return merged


def effective(
    environ: Environ,
    root: str,
    *,
    settings: str | Mapping[str, Any] | None = None,
    setting_sources: Sequence[SettingSource] = (),
    managed_folder: str | None = None,
) -> Effective:
    """The settings of a session that starts in `root`, a real path.

    Managed settings always hold. Raises OptionsError when `settings` cannot be used, or a source has
    another name.
    """
    chosen = sources_of(
        environ,
        root,
        settings=settings,
        setting_sources=setting_sources,
        managed_folder=managed_folder or sources.MANAGED_FOLDER,
    )
    trust: Trust | None = None
    loaded: list[Loaded] = []
    for source in chosen:
        for one in source.load():
            if needs_trust(one, root):
                trust = trust or trust_in(root, environ)
                one = one if trust.trusted else admitted(one, trust)
            _refuse_variables(one)
            loaded.append(one)
    raw, places = merge(loaded)
    if trust is None:
        trust = trust_in(root, environ) if setting_sources else Trust(False)
    return Effective(typed(raw), raw, places, tuple(loaded), trust)


def sources_of(
    environ: Environ,
    root: str,
    *,
    settings: str | Mapping[str, Any] | None,
    setting_sources: Sequence[SettingSource],
    managed_folder: str,
) -> Iterator[Source]:
    """The sources that are read, the weakest first."""
    for name in setting_sources:
        if name not in ("user", "project", "local"):
            raise OptionsError(
                f"`{name}` is no settings source: use `user`, `project` or `local`, or none."
            )
    user = User(environ.config_folder)
    if "user" in setting_sources:
        yield user
    # In the home folder both are the same file, which is the user's.
    if "project" in setting_sources and not _same(Project(root).file, user.file):
        yield Project(root)
    if "local" in setting_sources:
        yield Local(root)
    if isinstance(settings, str):
        if settings.strip():
            yield Flag(settings, root)
    elif settings is not None:
        yield Sdk(settings)
    yield Managed(managed_folder)


def _same(path: str, other: str) -> bool:
    return path == other or os.path.realpath(path) == os.path.realpath(other)


def _refuse_variables(loaded: Loaded) -> None:
    for name in loaded.values.get("env") or ():
        if name in NEVER_FROM_SETTINGS:
            loaded.problem(
                f"`env.{name}` is ignored: only the real environment can set it.", "env", name
            )


def _text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
