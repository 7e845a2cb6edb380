"""What a command means for the files that the model has seen: it can print some, and change others."""

from __future__ import annotations

import re

from hames.sandbox.recording import Recording
from hames.tools.seen import SeenFiles, digest_of
from hames.tools.tool import Call

_PRINTS = re.compile(
    r"\s*(?:(cat)|head(?:\s+-(?:n\s*)?\d+)?)((?:\s+[\w./+@%=,:][\w./+@%=,:-]*)+)\s*"
)
"""`cat FILES` and `head -5 FILE`, without any word that the shell would change."""

_NAMED = 10
"""Changed files that are named; of more, the number is told."""


async def note_shown(command: str, cwd: str, output: Recording, call: Call) -> None:
    """Count files as seen that the command has printed and that are as it printed them.

    Official 2.1.330: after `cat FILE` or `head FILE` the file may be edited.
    """
    found = _PRINTS.fullmatch(command)
    if found is None or not output.is_whole:
        return
    whole = found[1] is not None
    names = found[2].split()
    if not whole and len(names) > 1:
        return  # head writes headings between files
    paths = [await call.machine.real_path(_absolute(name, cwd)) for name in names]
    try:
        contents = [await call.machine.read(path) for path in paths]
    except OSError:
        return
    together = b"".join(contents)
    if (together == output.head) if whole else (output.head and together.startswith(output.head)):
        seen = call.state(SeenFiles)
        for path, content in zip(paths, contents, strict=True):
            seen.saw(path, digest_of(content), whole=whole)


async def note_changed(call: Call) -> str | None:
    """A note on files that the model has seen and that are different now."""
    seen = call.states.get(SeenFiles)
    if seen is None or not seen.files:
        return None
    changes = await seen.changes(call.machine)
    if not changes:
        return None
    names = [
        f"{change.path}{' (removed)' if change.removed else ''}" for change in changes[:_NAMED]
    ]
    if len(changes) > _NAMED:
        names.append(f"{len(changes) - _NAMED} more")
    return (
        f"[Changed since you saw them; read them again before you edit them: {', '.join(names)}.]"
    )


def _absolute(name: str, cwd: str) -> str:
    return name if name.startswith("/") else f"{cwd}/{name}"
