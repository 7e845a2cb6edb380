"""Options that a session in this process does not have: refused by name, never passed over.

Most need no row here. A flag that the command line does not have, and a part of `initialize` that the
server cannot do, are refused where they are read, and no longer when they are there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from hames.compat.errors import CLIConnectionError
from hames.compat.options import ClaudeAgentOptions
from hames.errors import OptionsError

_ABSENT: Mapping[str, tuple[Callable[[ClaudeAgentOptions], bool], str]] = {
    "user": (
        lambda options: options.user is not None,
        "a session in this process runs as its user; set `cli_path` to run it as another",
    ),
    "sandbox": (
        lambda options: bool(options.sandbox and options.sandbox.get("enabled")),
        "commands are not kept apart in this version; leave it out, or run in a container",
    ),
}


def refuse_absent(options: ClaudeAgentOptions) -> None:
    """Raises CLIConnectionError for an option that would be without effect."""
    for name, (is_wanted, why) in _ABSENT.items():
        if is_wanted(options):
            raise CLIConnectionError(f"`{name}` cannot be used: {why}.")


def refuse_flags(values: Mapping[str, Any]) -> None:
    """Raises OptionsError for a flag of `extra_args` that means something for a process only."""
    for name, instead in _OF_A_PROCESS.items():
        if name in values:
            raise OptionsError(f"`--{name}` is for a process of its own: {instead}.")


def warn_of_unheard(request: Mapping[str, Any]) -> None:
    """Warns of parts of `initialize` that our server passes over; a program does as well without."""
    from hames.protocol.requests import Initialize

    known = Initialize.__struct_encode_fields__
    for name, option in _HARMLESS.items():
        if name in request and name not in known:
            warnings.warn(
                f"`{option}` is without effect: this version has no such thing.", stacklevel=2
            )


_HARMLESS = {
    "excludeDynamicSections": "system_prompt.exclude_dynamic_sections",
    "systemPromptSnapshot": "system_prompt.snapshot",
    "forwardSubagentText": "forward_subagent_text",
}
"""The first two save tokens, the last one adds messages."""
_OF_A_PROCESS = {
    "debug-file": "give the logger `hames` a handler that writes to a file",
    "rewind-files": "call `rewind_files`",
    "init-only": "run `hames --init-only`",
}
