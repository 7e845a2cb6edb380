"""Requests about settings, rules and hooks: what holds, where it stands, and to change it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hames.agent.start.reconfigure import check, reconfigure
from hames.agent.start.settle import Settled, settle_with
from hames.hooks.events import EVENTS
from hames.protocol.handlers import Refused, handles
from hames.protocol.handlers.control import check_mode
from hames.protocol.requests import (
    ApplyFlagSettings,
    GetHooksListing,
    GetSettings,
    ListPermissionRules,
    UpdateSettings,
)
from hames.settings.sources import Name
from hames.settings.writing import change_all, file_of

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.hooks.config import AnyHook
    from hames.permissions.types import SourcedRule
    from hames.protocol.server import Server

WRITABLE = frozenset(["model", "effortLevel", "alwaysThinkingEnabled", "outputStyle"])
"""What a client may write to a file: none of it can run anything or permit anything."""
PERSISTENT = frozenset(["userSettings", "projectSettings", "localSettings"])
OF_SESSION = frozenset(["cliArg", "session"])


@handles(GetSettings)
async def get_settings(server: Server, request: GetSettings) -> dict[str, Any]:
    """The settings in effect, source by source as they were read, and what they come to."""
    agent = await server.agent()
    settings = _settled(agent).settings
    output = agent.frame.params.get("output_config", {})
    return {
        "effective": settings.raw,
        "sources": [
            {"source": _official(one.source), "settings": one.values} for one in settings.loaded
        ],
        "applied": {
            "model": agent.frame.model,
            "effort": output.get("effort"),
            "permissionMode": agent.gate.policy.mode,
        },
    }


@handles(ApplyFlagSettings)
async def apply_flag_settings(server: Server, request: ApplyFlagSettings) -> None:
    """Change the settings that `--settings` gave; they hold from the next request to the model on."""
    agent = await server.agent()
    check(request.settings)
    settings = _settled(agent).settings
    source: Name = "flagSettings"
    before: dict[str, Any] = {}
    for one in settings.loaded:
        if one.source in ("flagSettings", "sdkSettings"):
            source, before = one.source, one.values
    _say(server, agent, source, _changed(before, request.settings))
    if "model" in request.settings:  # it was asked for by name, whatever `--model` says
        agent.use_model(request.settings["model"])


@handles(UpdateSettings)
async def update_settings(server: Server, request: UpdateSettings) -> None:
    """Write to a settings file of the user's, and let it hold here as well."""
    agent = await server.agent()
    if barred := [key for key in request.settings if key not in WRITABLE]:
        named = ", ".join(f"`{key}`" for key in barred)
        raise Refused(f"{named} cannot be written by a client; change the settings file itself.")
    settled = _settled(agent)
    chosen = settled.options.setting_sources or ()
    if request.source.removesuffix("Settings") not in chosen:
        raise Refused(f"This session does not read `{request.source}` (`--setting-sources`).")
    before: Mapping[str, Any] = {}
    for one in settled.settings.loaded:
        if one.source == request.source:
            before = one.values
    _say(server, agent, request.source, _changed(before, request.settings))
    file = file_of(request.source, settled.environ, settled.root)
    assert file is not None, "both sources are files"
    changes = [((key,), _setter(value)) for key, value in request.settings.items()]
    follow = request.source == "userSettings"
    await asyncio.to_thread(change_all, file, changes, follow=follow)


@handles(ListPermissionRules)
async def list_permission_rules(server: Server, request: ListPermissionRules) -> dict[str, Any]:
    agent = await server.agent()
    policy = agent.gate.policy
    rows = [
        _rule(behavior, rule)
        for behavior in ("deny", "ask", "allow")
        for rule in getattr(policy.rules, behavior)
    ]
    state = {
        "rules": rows,
        "workspaceDirectories": [{"path": path, "source": "session"} for path in policy.folders],
        "originalCwd": policy.root,
        "managedOnly": _settled(agent).settings.only_managed_rules,
    }
    return {"state": state}


@handles(GetHooksListing)
async def get_hooks_listing(server: Server, request: GetHooksListing) -> dict[str, Any]:
    """All hooks, and all events that there are."""
    agent = await server.agent()
    groups = agent.hooks.table.groups if agent.hooks else {}
    hooks = [
        {
            "event": event,
            "matcher": group.matcher,
            "source": group.source,
            "sourceLabel": group.source,
            "type": _kind(hook),
            "displayText": hook.label(),
            "commandText": hook.label(),
            "contentLabel": _kind(hook).capitalize(),
            **({} if hook.timeout is None else {"timeout": hook.timeout}),
        }
        for event, several in groups.items()
        for group in several
        for hook in group.hooks
    ]
    catalog = [
        {"name": name, "summary": _summary(event), "supportsMatcher": bool(event.matched_by)}
        for name, event in EVENTS.items()
    ]
    used = [
        {**row, "hookCount": count}
        for row in catalog
        if (count := sum(hook["event"] == row["name"] for hook in hooks))
    ]
    settings = _settled(agent).settings
    policy = {
        "disabledByPolicy": False,
        "managedOnly": any(
            one.source == "policySettings" and one.values.get("allowManagedHooksOnly") is True
            for one in settings.loaded
        ),
        "pluginOnly": False,
        "allDisabled": settings.values.disable_all_hooks,
        "policyHookCount": sum(
            len(one.values.get("hooks") or ())
            for one in settings.loaded
            if one.source == "policySettings"
        ),
    }
    return {"events": used, "hooks": hooks, "eventCatalog": catalog, "policy": policy}


def _settled(agent: Agent) -> Settled:
    settled = agent.settings.settled
    assert settled is not None, "an agent is built from settings"
    return settled


def _say(server: Server, agent: Agent, source: Name, values: Mapping[str, Any]) -> None:
    settled = _settled(agent)
    settings = settled.settings.saying(source, values)
    fresh = settle_with(server.options, settings, settled.environ, settled.root)
    if fresh.options.permission_mode != settled.options.permission_mode:
        check_mode(server, fresh.options.permission_mode or "default")
    reconfigure(agent, fresh)


def _changed(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the given ones in their place; null takes one out."""
    return {key: value for key, value in {**before, **given}.items() if value is not None}


def _setter(value: Any) -> Any:
    return lambda _: value


def _official(source: str) -> str:
    return "flagSettings" if source == "sdkSettings" else source


def _rule(behavior: str, rule: SourcedRule) -> dict[str, Any]:
    if rule.source in PERSISTENT:
        kept = "persistent"
    else:
        kept = "session" if rule.source in OF_SESSION else "readonly"
    source = _official(rule.source)
    return {"behavior": behavior, "source": source, "rule": rule.text, "editability": kept}


def _kind(hook: AnyHook) -> str:
    return str(hook.__struct_config__.tag)


def _summary(event: type) -> str:
    return (event.__doc__ or "").partition("\n")[0]
