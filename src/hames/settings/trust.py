"""Trust: what files that came with a folder may say before somebody has said that they trust it.

Official 2.1.330 asks once in its dialog and notes the answer in `.claude.json`; without a terminal it
asks nobody. So do we, and read the note. A folder is trusted when it, or a folder above it that is
neither the home folder nor `/`, has one. Rules that deny or ask hold from everywhere.

The strict switch (`HAMES_STRICT_TRUST`, on by itself when `CI` is set) also refuses everything that
would run code of an untrusted folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from hames.settings.environ import Environ
from hames.settings.sources import Loaded, read_bounded
from hames.settings.tracked import is_tracked

STRICTER_MODES = frozenset({"default", "manual", "plan", "dontAsk"})

NEVER = (
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "otelHeadersHelper",
    "cleanupPeriodDays",
    "disableAllHooks",
    "modelPricing",
    "autoMemoryDirectory",
)
"""Settings that an untrusted folder has no say in: credentials, and what is the user's to lose."""

CODE = (
    "hooks",
    "env",
    "statusLine",
    "enableAllProjectMcpServers",
    "enabledMcpjsonServers",
    "enabledPlugins",
    "extraKnownMarketplaces",
)
"""What runs, or decides what runs: refused by the strict switch."""

NEVER_FROM_SETTINGS = frozenset({"CLAUDE_CONFIG_DIR", "HOME", "HAMES_STRICT_TRUST"})
"""Variables that settings cannot set at all: they say where settings are and how they are read."""

_HARMLESS = frozenset(
    {
        "BASH_DEFAULT_TIMEOUT_MS",
        "BASH_MAX_OUTPUT_LENGTH",
        "BASH_MAX_TIMEOUT_MS",
        "NODE_ENV",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
    }
)
_PREFIXES = (
    "ANTHROPIC_",
    "AWS_",
    "AZURE_",
    "BASH_",
    "BUNDLE_",
    "CARGO_",
    "CLAUDE_",
    "CLOUDSDK_",
    "CURL_",
    "DOCKER_",
    "DYLD_",
    "GCLOUD_",
    "GCONV_",
    "GIT_",
    "GOOGLE_",
    "GO",
    "HAMES_",
    "HUSKY",
    "JAVA_",
    "JDK_",
    "KUBE",
    "LD_",
    "LESS",
    "MAVEN_",
    "NODE_",
    "NPM_",
    "OTEL_",
    "PERL",
    "PIP_",
    "PYTHON",
    "RUBY",
    "RUSTC",
    "SSH_",
    "SSL_",
    "UV_",
    "VERTEX_",
    "XDG_",
    "_JAVA_",
)
_SUFFIXES = ("_PROXY", "_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_URL", "_ENDPOINT", "_CA_BUNDLE")
_NAMES = frozenset(
    {
        "BROWSER",
        "CDPATH",
        "CI",
        "COMSPEC",
        "EDITOR",
        "ENV",
        "GLOBIGNORE",
        "IFS",
        "IS_SANDBOX",
        "MAKEFLAGS",
        "MANPAGER",
        "PAGER",
        "PATH",
        "PROMPT_COMMAND",
        "PS4",
        "SHELL",
        "SHELLOPTS",
        "TMPDIR",
        "USER",
        "VISUAL",
        "ZDOTDIR",
    }
)


class Trust(msgspec.Struct, frozen=True):
    """What is known of a folder."""

    trusted: bool
    strict: bool = False


class _Project(msgspec.Struct):
    trusted: bool = msgspec.field(default=False, name="hasTrustDialogAccepted")


class _State(msgspec.Struct):
    projects: dict[str, _Project] = {}


def trust_in(root: str, environ: Environ) -> Trust:
    """Whether somebody has said that they trust the folder. `root` is a real path."""
    strict = environ.ci if environ.strict_trust is None else environ.strict_trust
    try:
        state = msgspec.json.decode(read_bounded(state_file(environ)), type=_State)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Trust(False, strict)
    noted = {folder for folder, project in state.projects.items() if project.trusted}
    home = os.path.realpath(environ.home or os.path.expanduser("~"))
    return Trust(any(folder in noted for folder in _lending(root, home)), strict)


def state_file(environ: Environ) -> str:
    """Where the official client notes what it was told: beside the configuration, or in home."""
    if environ.config_dir:
        return os.path.join(environ.config_folder, ".claude.json")
    return os.path.join(environ.home or os.path.expanduser("~"), ".claude.json")


def needs_trust(loaded: Loaded, root: str) -> bool:
    """Whether the source may have come with the folder."""
    match loaded.source:
        case "projectSettings":
            return True
        case "localSettings":
            # What git brings, or a link leads to, no user wrote for this folder.
            assert loaded.file is not None
            return os.path.realpath(loaded.file) != os.path.join(
                root, ".claude", os.path.basename(loaded.file)
            ) or is_tracked(loaded.file)
        case _:
            return False


def admitted(loaded: Loaded, trust: Trust) -> Loaded:
    """The source without what an untrusted folder may not say; `problems` tell what that was."""
    kept = msgspec.structs.replace(
        loaded, values=dict(loaded.values), problems=list(loaded.problems)
    )
    refused = [*_refused_permissions(kept), *_refused_settings(kept, trust)]
    if trust.strict:
        refused += [(key,) for key in CODE if kept.values.pop(key, None)]
    else:
        refused += _refused_variables(kept)
    if refused:
        names = ", ".join(f"`{'.'.join(path)}`" for path in refused)
        kept.problem(
            f"{names} {'is' if len(refused) == 1 else 'are'} ignored, because this folder is not trusted."
            " `hames config trust` trusts it.",
            *refused[0],
        )
    return kept


def is_restricted(variable: str) -> bool:
    """Whether an untrusted folder may not set the variable: endpoints, credentials, proxies, loaders."""
    name = variable.upper()
    if name in _HARMLESS:
        return False
    return name in _NAMES or name.startswith(_PREFIXES) or name.endswith(_SUFFIXES)


def _lending(root: str, home: str) -> Iterator[str]:
    """The folder and those above it whose trust it shares."""
    yield root
    while (root := os.path.dirname(root)) not in ("/", home):
        yield root


def _refused_permissions(kept: Loaded) -> Iterator[tuple[str, ...]]:
    permissions = dict(kept.values.get("permissions") or {})
    for key in ("allow", "additionalDirectories"):
        if permissions.pop(key, None):
            yield "permissions", key
    if permissions.get("defaultMode", "default") not in STRICTER_MODES:
        del permissions["defaultMode"]
        yield "permissions", "defaultMode"
    if "permissions" in kept.values:
        kept.values["permissions"] = permissions


def _refused_settings(kept: Loaded, trust: Trust) -> Iterator[tuple[str, ...]]:
    for key in NEVER:
        if kept.values.pop(key, None) is not None:
            yield (key,)
    sandbox: dict[str, Any] | None = kept.values.get("sandbox")
    if sandbox:
        stricter = {key for key in ("enabled", "failIfUnavailable") if sandbox.get(key) is True}
        kept.values["sandbox"] = {key: sandbox[key] for key in sandbox if key in stricter}
        yield from (("sandbox", key) for key in sandbox if key not in stricter)


def _refused_variables(kept: Loaded) -> list[tuple[str, ...]]:
    env = kept.values.get("env") or {}
    refused = [name for name in env if is_restricted(name)]
    if refused:
        kept.values["env"] = {name: env[name] for name in env if name not in refused}
    return [("env", name) for name in refused]
