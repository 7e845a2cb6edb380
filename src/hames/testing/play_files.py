"""Plays as JSON, for the fake API as a process and for clients in other languages.

A file holds a list with one entry per reply; an entry that is a list is one reply of several parts.

    [
      [{"says": "Let me look."}, {"calls": "Bash", "input": {"command": "ls"}}],
      {"fails": 529, "headers": {"retry-after": "1"}, "times": 2},
      {"says": "Two files.", "using": {"output_tokens": 5}},
      {"says": "Never seen.", "cut": {"events": 3}},
      {"fault": "torn", "play": {"says": "Half of it"}, "keep": 0.5}
    ]

Each part has one of `says`, `thinks`, `calls` (with `input`), `gives` (a list of blocks), `fails`,
`serves`, `hangs` or `fault` (a name of `hames.testing.faults`, its arguments beside it). `using`,
`stopping`, `by`, `cut`, `hang`, `broken`, `expecting`, `when`, `times`, `forever` and `paced` do what the
methods of a play do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from hames import _json
from hames.errors import OptionsError
from hames.providers import plays
from hames.providers.plays import Play
from hames.testing import faults

_MAKERS: dict[str, Callable[[dict[str, Any]], Play]] = {
    "says": lambda part: plays.says(part.pop("says")),
    "thinks": lambda part: plays.thinks(part.pop("thinks"), **_some(part, "signature")),
    "calls": lambda part: plays.calls(
        part.pop("calls"), part.pop("input", {}), **_some(part, "call_id")
    ),
    "gives": lambda part: plays.gives(*part.pop("gives")),
    "fails": lambda part: plays.fails(
        part.pop("fails"), **_some(part, "message", "error_type", "headers")
    ),
    "serves": lambda part: plays.serves(part.pop("serves").encode()),
    "hangs": lambda part: plays.hangs() if part.pop("hangs") else Play(),
    "fault": lambda part: _fault(part),
}

_CHANGES: dict[str, Callable[[Play, Any], Play]] = {
    "using": lambda play, value: play.using(**value),
    "stopping": lambda play, value: play.stopping(value),
    "by": lambda play, value: play.by(value),
    "cut": lambda play, value: play.cut(**value),
    "hang": lambda play, value: play.hang(**value),
    "broken": lambda play, value: play.broken(**value),
    "expecting": lambda play, value: play.expecting(*[value] if isinstance(value, str) else value),
    "when": lambda play, value: play.when(value),
    "times": lambda play, value: play.times(value),
    "forever": lambda play, value: play.forever() if value else play,
    "paced": lambda play, value: play.paced(value),
}

_FAULTS = frozenset(
    name
    for name, value in vars(faults).items()
    if inspect.isfunction(value)
    and not name.startswith("_")
    and value.__module__ == faults.__name__
) - {"wire", "answers"}


def load(data: bytes | str) -> list[Play]:
    """The plays of a JSON text. Raises `OptionsError` that names the entry which is wrong."""
    try:
        entries = _json.decode(data)
    except _json.DecodeError as error:
        raise OptionsError(f"The plays are no JSON: {error}") from error
    if not isinstance(entries, list):
        raise OptionsError("The plays are no list: write one entry per reply.")
    found = []
    for i, entry in enumerate(entries):
        try:
            found.append(play(entry))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise OptionsError(f"Play {i + 1} is not valid: {error}") from error
    return found


def play(entry: Any) -> Play:
    """The play of one entry. Raises `ValueError`, `TypeError` or `KeyError`."""
    parts = entry if isinstance(entry, list) else [entry]
    if not parts:
        return Play()
    return reduce(add, [_part(dict(part)) for part in parts])


def _part(part: dict[str, Any]) -> Play:
    kinds = [kind for kind in _MAKERS if kind in part]
    if len(kinds) != 1:
        raise ValueError(f"it needs one of {', '.join(f'`{kind}`' for kind in _MAKERS)}")
    changes = {name: part.pop(name) for name in _CHANGES if name in part}
    made = _MAKERS[kinds[0]](part)
    if part:
        raise ValueError(f"`{next(iter(part))}` is not known")
    for name, value in changes.items():
        made = _CHANGES[name](made, value)
    return made


def _fault(part: dict[str, Any]) -> Play:
    name = part.pop("fault")
    if name not in _FAULTS:
        raise ValueError(f"there is no fault `{name}`: {', '.join(sorted(_FAULTS))}")
    inner = [play(part.pop("play"))] if "play" in part else []
    arguments = dict(part)
    part.clear()
    made: Play = getattr(faults, name)(*inner, **arguments)
    return made


def _some(part: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part.pop(name) for name in names if name in part}
