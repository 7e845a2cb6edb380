"""Options that a session in this process does not have: refused by name, never passed over.

Most need no row here. A flag that the command line does not have, and a field of `initialize` that the
server does not know, are refused where they are read, and no longer when they are there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from hames.compat.errors import CLIConnectionError
from hames.compat.options import ClaudeAgentOptions


def _no_checkpoints(options: ClaudeAgentOptions) -> bool:
    from hames.protocol.requests import subtypes

    return options.enable_file_checkpointing and "rewind_files" not in subtypes()


_ABSENT: Mapping[str, tuple[Callable[[ClaudeAgentOptions], bool], str]] = {
    "user": (
        lambda options: options.user is not None,
        "a session in this process runs as its user; set `cli_path` to run it as another",
    ),
    "sandbox": (
        lambda options: bool(options.sandbox and options.sandbox.get("enabled")) and _no_sandbox(),
        "commands are not kept apart in this version; leave it out, or run in a container",
    ),
    "enable_file_checkpointing": (_no_checkpoints, "there are no checkpoints in this version"),
}


def refuse_absent(options: ClaudeAgentOptions) -> None:
    """Raises CLIConnectionError for an option that would be without effect."""
    for name, (is_wanted, why) in _ABSENT.items():
        if is_wanted(options):
            raise CLIConnectionError(f"`{name}` cannot be used: {why}.")


def refuse_unknown(request: Mapping[str, Any]) -> None:
    """Raises CLIConnectionError for a part of `initialize` that our server would pass over.

    What only saves tokens is warned about instead: the program does the same without it.
    """
    from hames.protocol.requests import Initialize

    known = Initialize.__struct_encode_fields__
    unknown = [name for name in request if name not in (*known, "subtype")]
    for name in unknown:
        if (option := _SAVES_TOKENS.get(name)) is not None:
            warnings.warn(
                f"`{option}` is without effect: this version has no such thing.", stacklevel=2
            )
    if lacking := [name for name in unknown if name not in _SAVES_TOKENS]:
        named = ", ".join(f"`{_OPTIONS.get(name, name)}`" for name in lacking)
        raise CLIConnectionError(f"{named} cannot be used: this version has no such thing.")


_SAVES_TOKENS = {
    "excludeDynamicSections": "system_prompt.exclude_dynamic_sections",
    "systemPromptSnapshot": "system_prompt.snapshot",
}
_OPTIONS = {"forwardSubagentText": "forward_subagent_text"}


def _no_sandbox() -> bool:
    from importlib.util import find_spec

    return find_spec("hames.sandbox.bubblewrap") is None
