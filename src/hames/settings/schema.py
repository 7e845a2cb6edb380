"""What settings files may say: every key that has a meaning here, with its type.

A new setting is one field here. Keys that are not fields are kept, and `hames doctor` names those that
nobody knows. A value of a wrong type is left out alone; the rest of its file counts.
"""

# Annotations are read at run time, so they are not postponed here.

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from hames.messages import PermissionMode

Whole = Any
"""JSON that is handed on as it is, to what knows it (hooks, plugins, sandbox)."""


class Permissions(Struct, rename="camel", kw_only=True, frozen=True):
    """The key `permissions`."""

    allow: list[str] = []
    ask: list[str] = []
    deny: list[str] = []
    additional_directories: list[str] = []
    default_mode: PermissionMode | Literal["manual"] | None = None
    disable_bypass_permissions_mode: Literal["disable"] | None = None


class Settings(Struct, rename="camel", kw_only=True, frozen=True):
    """All settings, merged. None is: not set."""

    permissions: Permissions = Permissions()
    allow_managed_permission_rules_only: bool = False
    """In managed settings: allow rules of others do not count."""
    env: dict[str, str | int | float | bool] = {}
    """Variables of the session and of its child processes."""

    model: str | None = None
    fallback_model: str | list[str] | None = None
    model_overrides: dict[str, str] = {}
    model_pricing: dict[str, Whole] = {}
    effort_level: str | None = None
    always_thinking_enabled: bool | None = None
    prompt_cache_ttl: str | int | None = None
    api_key_helper: str | None = None
    """A shell command that prints the credential."""
    aws_auth_refresh: str | None = None
    aws_credential_export: str | None = None
    gcp_auth_refresh: str | None = None
    otel_headers_helper: str | None = None

    hooks: dict[str, Whole] = {}
    disable_all_hooks: bool = False
    allow_managed_hooks_only: bool = False
    sandbox: dict[str, Whole] = {}
    enable_all_project_mcp_servers: bool | None = None
    enabled_mcpjson_servers: list[str] = []
    disabled_mcpjson_servers: list[str] = []
    allowed_mcp_servers: list[Whole] | None = None
    denied_mcp_servers: list[Whole] = []
    enabled_plugins: dict[str, Whole] = {}
    extra_known_marketplaces: dict[str, Whole] = {}

    agent: str | None = None
    output_style: str | None = None
    language: str | None = None
    attribution: dict[str, Whole] | None = None
    include_co_authored_by: bool | None = None
    skill_overrides: dict[str, Whole] = {}
    claude_md_excludes: list[str] = []
    """Patterns of memory files that are not loaded."""
    auto_memory_enabled: bool | None = None
    auto_memory_directory: str | None = None
    auto_compact_enabled: bool | None = None
    auto_compact_window: int | None = None
    file_checkpointing_enabled: bool | None = None
    bash_output_max_chars: int | None = None
    worktree: dict[str, Whole] = {}
    plans_directory: str | None = None
    cleanup_period_days: Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1)] | None = None
    """Days after which sessions that nobody has used are removed; 30 when nothing is said."""

    status_line: Whole = None
    force_login_method: str | None = None
    force_login_org: str | list[str] | None = field(default=None, name="forceLoginOrgUUID")


LATER = frozenset(
    [
        "agent",
        "allowedMcpServers",
        "autoCompactEnabled",
        "autoCompactWindow",
        "autoMemoryDirectory",
        "autoMemoryEnabled",
        "awsAuthRefresh",
        "awsCredentialExport",
        "deniedMcpServers",
        "disabledMcpjsonServers",
        "enableAllProjectMcpServers",
        "enabledMcpjsonServers",
        "enabledPlugins",
        "extraKnownMarketplaces",
        "gcpAuthRefresh",
        "otelHeadersHelper",
        "plansDirectory",
        "sandbox",
        "skillOverrides",
        "worktree",
    ]
)
"""Keys whose feature is not there yet: read and checked, and `hames doctor` says so.

Who builds the feature takes its key out.
"""

NOTHING_HERE = frozenset(["forceLoginMethod", "forceLoginOrgUUID", "statusLine"])
"""Keys that speak of what Hames does not have at all: a screen, and logins at Anthropic."""

WITHOUT_EFFECT = frozenset(
    [
        "$schema",
        "additionalDirectoriesForClaudeMd",
        "advisorModel",
        "alwaysShowFullDiff",
        "apiKeyHelperTtlMs",
        "autoConnectIde",
        "autoInstallIdeExtension",
        "autoScrollEnabled",
        "autoUpdates",
        "autoUpdatesChannel",
        "awaySummaryEnabled",
        "channelsEnabled",
        "classifierPermissionsEnabled",
        "companyAnnouncements",
        "copyFullResponse",
        "defaultShell",
        "defaultView",
        "diffTool",
        "editorMode",
        "fastMode",
        "feedbackSurveyRate",
        "fileSuggestion",
        "footer",
        "forceRemoteSettingsRefresh",
        "hasCompletedOnboarding",
        "ideConnectionEnabled",
        "includeGitInstructions",
        "inputNeededNotifEnabled",
        "keybindings",
        "messageIdleNotifThresholdMs",
        "minimumVersion",
        "minimumVersionStrict",
        "notifChannel",
        "outputStyleDescription",
        "parentSettingsBehavior",
        "pluginConfigs",
        "preferredNotifChannel",
        "prefersReducedMotion",
        "promptSuggestionEnabled",
        "respectGitignore",
        "showClearContextOnPlanAccept",
        "showMessageTimestamps",
        "showThinkingSummaries",
        "showTurnDuration",
        "skipAutoPermissionPrompt",
        "skipDangerousModePermissionPrompt",
        "skipWebFetchPreflight",
        "skipWorkflowUsageWarning",
        "spinnerTipsEnabled",
        "spinnerTipsOverride",
        "spinnerVerbs",
        "strictKnownMarketplaces",
        "subagentStatusLine",
        "syntaxHighlightingDisabled",
        "taskCompleteNotifEnabled",
        "teammateMode",
        "terminalProgressBarEnabled",
        "terminalTitleFromRename",
        "theme",
        "todoFeatureEnabled",
        "tui",
        "useAutoModeDuringPlan",
        "vimMode",
        "voice",
        "voiceEnabled",
        "verbose",
        "viewMode",
        "wheelScrollLines",
    ]
)
"""Official keys of the terminal program: accepted, and without effect here."""

Step = str | int


class Wrong(Struct, frozen=True):
    """A value that cannot be used, and why."""

    path: tuple[Step, ...]
    text: str


def checked(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Wrong], list[tuple[str, ...]]]:
    """The values that can be used, those that cannot, and the keys that nobody knows (kept)."""
    wrong: list[Wrong] = []
    unknown: list[tuple[str, ...]] = []
    return _checked(raw, Settings, (), wrong, unknown), wrong, unknown


def typed(raw: dict[str, Any]) -> Settings:
    """The settings of checked and merged values."""
    return msgspec.convert(raw, Settings)


def keys() -> Iterator[str]:
    """The names of all settings, as they stand in files; those of `permissions` with a dot."""
    yield from (name for name in fields(Settings) if name != "permissions")
    yield from (f"permissions.{name}" for name in fields(Permissions))


@cache
def fields(kind: type[Struct]) -> dict[str, Any]:
    """The types of a Struct's fields, by their names in JSON."""
    return {one.encode_name: one.type for one in msgspec.structs.fields(kind)}


def _checked(
    raw: dict[str, Any],
    kind: type[Struct],
    above: tuple[Step, ...],
    wrong: list[Wrong],
    unknown: list[tuple[str, ...]],
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in raw.items():
        path = (*above, name)
        type_ = fields(kind).get(name)
        if type_ is None:
            kept[name] = value
            if name not in WITHOUT_EFFECT:
                unknown.append(tuple(map(str, path)))
        elif value is None:
            continue  # null is the same as no value
        elif isinstance(type_, type) and issubclass(type_, Struct) and isinstance(value, dict):
            kept[name] = _checked(value, type_, path, wrong, unknown)
        elif (fit := _fitting(value, type_, path, wrong)) is not None:
            kept[name] = fit
    return kept


def _fitting(value: Any, type_: Any, path: tuple[Step, ...], wrong: list[Wrong]) -> Any:
    """The value, or of a list or an object the parts that can be used; None when nothing can."""
    try:
        msgspec.convert(value, type_)
        return value
    except msgspec.ValidationError as error:
        if isinstance(value, list) and type_ == list[str]:
            kept = [item for item in value if isinstance(item, str)]
            bad = [i for i, item in enumerate(value) if not isinstance(item, str)]
            wrong += (Wrong((*path, i), "has to be a text") for i in bad)
            return kept
        if isinstance(value, str) and type_ == list[str]:
            wrong.append(Wrong(path, "has to be a list of texts; it is taken as a list of one"))
            return [value]
        if isinstance(value, dict) and "env" in path:
            bad_keys = [key for key, one in value.items() if isinstance(one, dict | list)]
            wrong += (Wrong((*path, key), "has to be a text") for key in bad_keys)
            return {
                key: one for key, one in value.items() if key not in bad_keys and one is not None
            }
        wrong.append(Wrong(path, _reason(error)))
        return None


def _reason(error: msgspec.ValidationError) -> str:
    said = str(error).split(" - at ")[0]
    for ours, theirs in (("object", "`object`"), ("a list", "`array`"), ("a text", "`str`")):
        said = said.replace(theirs, ours)
    return said[:1].lower() + said[1:]
