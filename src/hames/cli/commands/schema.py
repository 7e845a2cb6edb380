"""`hames schema`: the JSON Schema of the stream protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import hames.protocol
from hames.cli import help
from hames.cli.parse import Flag, parse
from hames.errors import OptionsError

INTRO = (
    "Print the JSON Schema of the lines that programs and `hames` exchange with `--input-format stream-json`"
    " and `--output-format stream-json`: `$defs` has `Output`, `Input` and every kind of line."
)
USAGE = "hames schema [options]"
FLAGS = (Flag(("-h", "--help"), "This text."),)


def main(arguments: list[str]) -> int:
    """Print it."""
    parsed = parse(FLAGS, arguments)
    if "help" in parsed.values:
        sys.stdout.write(help.text(USAGE, INTRO, FLAGS))
        return 0
    if parsed.rest:
        raise OptionsError(f"`hames schema` takes options only, not `{parsed.rest[0]}`.")
    file = Path(hames.protocol.__file__).with_name("schema.json")
    sys.stdout.write(file.read_text(encoding="utf-8"))
    return 0
