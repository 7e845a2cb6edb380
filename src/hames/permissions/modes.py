"""Permission modes: their names, who may use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from hames.errors import OptionsError
from hames.messages import PermissionMode

ALIASES: Mapping[str, PermissionMode] = {"manual": "default"}

NEEDS_USER = frozenset({"AskUserQuestion", "ExitPlanMode"})
"""Tools that are a question to a person; no rule and no mode answers it."""


def parse_mode(text: str) -> PermissionMode:
    """The mode of a name; raises OptionsError for another word."""
    modes: tuple[PermissionMode, ...] = get_args(PermissionMode)
    for mode in modes:
        if mode == ALIASES.get(text, text):
            return mode
    raise OptionsError(
        f"`{text}` is not a permission mode: use one of {', '.join(modes)} or manual."
    )


def bypass_refusal(*, is_root: bool, env: Mapping[str, str], disabled: bool = False) -> str | None:
    """Why `bypassPermissions` may not be used here, None when it may."""
    if disabled:
        return "`bypassPermissions` is switched off by `disableBypassPermissionsMode`."
    if is_root and env.get("IS_SANDBOX") != "1":
        return (
            "`bypassPermissions` is refused for root: use another user, or set `IS_SANDBOX=1` inside a"
            " container that may be damaged."
        )
    return None


AUTO_REFUSAL = "Mode `auto` needs somebody who judges the calls: a function in the option `classifier`. There is none."
"""Why `auto` may not be used in a session without a classifier."""
