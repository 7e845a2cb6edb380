"""Commands of `hames`: a module each, with `main(arguments) -> exit code`.

To add one: the module and a row here.
"""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "hames.cli.commands.demo",
        "Watch an agent find and fix a fault, in a scratch folder, without a key.",
    ),
    "session": (
        "hames.cli.commands.session",
        "List, read, name, copy, rewind, check and remove stored sessions.",
    ),
    "config": (
        "hames.cli.commands.config",
        "Read and change settings; trust a folder.",
    ),
    "doctor": (
        "hames.cli.commands.doctor",
        "Name what is wrong with settings, rules and installation.",
    ),
    "schema": ("hames.cli.commands.schema", "Print the JSON Schema of the stream protocol."),
    "policy": ("hames.cli.commands.policy", "Explain, test and replay permission rules."),
}
"""Name to module and summary."""
