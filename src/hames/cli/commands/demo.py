"""`hames demo`: watch an agent find and mend a fault. See `hames.demo`."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from hames.cli import help
from hames.cli.parse import Flag, parse
from hames.errors import OptionsError

INTRO = "Watch an agent find, mend and commit a fault, in a scratch folder, without a key."

FLAGS = (
    Flag(("--live",), "Ask the real model; needs credentials, and costs a few cents."),
    Flag(("--model",), "With `--live`: the model to ask.", "one", "MODEL"),
    Flag(("--keep",), "Leave folder and session behind, to look at and to go on with."),
    Flag(("--folder",), "The same in this folder, which must be empty or new.", "one", "FOLDER"),
    Flag(("-h", "--help"), "This text."),
)


def main(arguments: list[str]) -> int:
    """Run the demo; 0 when the fault is mended."""
    parsed = parse(FLAGS, arguments)
    values = parsed.values
    if parsed.rest:
        raise OptionsError(f"`hames demo` takes options only, not `{parsed.rest[0]}`.")
    if "help" in values:
        print(help.text("hames demo [options]", INTRO, FLAGS), end="", flush=True)
        return 0
    if "model" in values and "live" not in values:
        raise OptionsError("`--model` needs `--live`: there is one recorded model.")
    from hames.demo.run import demo

    with _folder(values) as folder:
        kept = "keep" in values or "folder" in values
        return asyncio.run(
            demo(
                Path(folder).resolve(), live="live" in values, model=values.get("model"), kept=kept
            )
        )


def _folder(values: dict[str, Any]) -> AbstractContextManager[str]:
    if "folder" in values:
        return nullcontext(values["folder"])
    if "keep" in values:
        return nullcontext(tempfile.mkdtemp(prefix="hames-demo-"))
    return tempfile.TemporaryDirectory(prefix="hames-demo-", ignore_cleanup_errors=True)
