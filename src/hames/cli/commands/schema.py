"""`hames schema`: the JSON Schema of the stream protocol."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hames.errors import OptionsError

USAGE = "Usage: hames schema\n\nPrints the JSON Schema of the stream protocol, both ways."


def main(arguments: Sequence[str]) -> int:
    """Print it."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if arguments:
        raise OptionsError(f"`hames schema` takes no arguments, got `{arguments[0]}`.")
    import hames.protocol

    file = Path(hames.protocol.__file__).with_name("schema.json")
    sys.stdout.write(file.read_text(encoding="utf-8"))
    return 0
