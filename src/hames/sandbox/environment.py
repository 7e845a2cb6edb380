"""The environment that child processes get: the session's, without what is not theirs.

Commands, hooks and servers all start from `for_children`. Credentials of the harness itself are left
out, because anything the model runs could print them. `CLAUDE_CODE_SUBPROCESS_ENV_SCRUB=0` keeps them
(programs under development need the key); `=1` leaves out those of cloud providers as well.
"""

from __future__ import annotations

from collections.abc import Mapping

_SWITCH = "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB"

OWN_CREDENTIALS = frozenset(
    {
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_FOUNDRY_API_KEY",
        "AWS_BEARER_TOKEN_BEDROCK",
        "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
        "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    }
)
"""What the harness uses to reach a model, and commands have no need of."""

CLOUD_CREDENTIALS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
"""What commands may well need: a deployment, a bucket. Left out on request."""

_CHANGES_THE_SHELL = frozenset(
    {"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "CDPATH", "GLOBIGNORE", "PS4", "PROMPT_COMMAND"}
)
"""Variables that make a shell run or mean something else than the text that was judged."""


def for_children(env: Mapping[str, str]) -> dict[str, str]:
    """The session's environment as its child processes get it.

    Also left out: what changes the meaning of shell text, exported shell functions included.
    """
    switch = env.get(_SWITCH, "").lower()
    hidden = _CHANGES_THE_SHELL
    if switch not in ("0", "false", "no", "off"):
        hidden = hidden | OWN_CREDENTIALS
    if switch in ("1", "true", "yes", "on"):
        hidden = hidden | CLOUD_CREDENTIALS
    return {
        name: value
        for name, value in env.items()
        if name not in hidden and not name.startswith("BASH_FUNC_")
    }
