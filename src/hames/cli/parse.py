"""Arguments read by a table of flags.

Not argparse: official clients pass texts that begin with a dash (`--system-prompt "---\\nname: x"`), lists
that end at the next flag, and values that may be left out, and argparse takes a fifth of the time in
which `hames` is ready to send.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from hames.errors import OptionsError

Kind = Literal["switch", "one", "maybe", "many"]
"""How many values: none, one, one that may be left out, all up to the next flag."""


class Flag(NamedTuple):
    """One option of a command."""

    names: tuple[str, ...]
    """The first one is shown in messages."""
    help: str
    kind: Kind = "switch"
    value: str = ""
    """What the value is called in the help."""
    read: Callable[[str], Any] = str
    """Turns the text into a value; ValueError tells what was expected."""
    choices: tuple[str, ...] = ()
    group: str = "Options"
    env: str | None = None
    """The variable that stands in for a flag that is not given."""
    hidden: bool = False

    @property
    def key(self) -> str:
        """Under which its value is found: the first long name."""
        long = next((name for name in self.names if name.startswith("--")), self.names[0])
        return long.lstrip("-")


class Parsed(NamedTuple):
    """What was given. Flags that were not are missing from `values`."""

    values: dict[str, Any]
    """By key: True, a value, None for a value left out, or a list."""
    rest: list[str]
    """What is no flag and no value of one."""
    last_list: str | None
    """The flag whose list ended the arguments: it may have taken what was meant to be the prompt."""


def parse(
    flags: Sequence[Flag], arguments: Iterable[str], *, absent: Container[str] = ()
) -> Parsed:
    """The values of the arguments. Raises OptionsError, which names the argument.

    `absent` are options that are known elsewhere, so that their names are no mistakes in writing.
    """
    by_name = {name: flag for flag in flags for name in flag.names}
    values: dict[str, Any] = {}
    rest: list[str] = []
    list_flag: Flag | None = None
    waiting = list(arguments)[::-1]
    while waiting:
        argument = waiting.pop()
        if argument == "--":
            rest += waiting[::-1]
            list_flag = None
            break
        if not _looks_like_a_flag(argument):
            if list_flag is None:
                rest.append(argument)
            else:
                values[list_flag.key].append(_value(list_flag, list_flag.names[0], argument))
            continue
        name, value = _named(argument, by_name, waiting)
        flag = by_name.get(name)
        if flag is None:
            if name in absent:
                raise OptionsError(
                    f"Hames does not have the official option `{name}`; leave it out."
                )
            raise OptionsError(f"Unknown option `{name}`.{nearest(name, by_name)}")
        _take(flag, name, value, values, waiting, by_name)
        list_flag = flag if flag.kind == "many" and value is None else None
    for flag in flags:
        if values.get(flag.key) == []:
            raise OptionsError(f"`{flag.names[0]}` needs a value: {flag.value}.")
    return Parsed(values, rest, list_flag.names[0] if list_flag else None)


def nearest(word: str, words: Iterable[str]) -> str:
    """` Did you mean …?`, or nothing when no word is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(words), n=1)
    return f" Did you mean `{found[0]}`?" if found else ""


def _looks_like_a_flag(argument: str) -> bool:
    return len(argument) > 1 and argument.startswith("-")


def _named(argument: str, by_name: dict[str, Flag], waiting: list[str]) -> tuple[str, str | None]:
    """Name and attached value of `--flag=value`, `-fvalue`; `-ab` leaves `-b` waiting."""
    if argument in by_name:
        return argument, None
    if argument.startswith("--"):
        name, equals, value = argument.partition("=")
        return name, value if equals else None
    short, attached = argument[:2], argument[2:]
    if short not in by_name or not attached:
        return argument, None
    if by_name[short].kind != "switch":
        return short, attached.removeprefix("=")
    waiting.append("-" + attached)
    return short, None


def _take(
    flag: Flag,
    name: str,
    value: str | None,
    values: dict[str, Any],
    waiting: list[str],
    by_name: dict[str, Flag],
) -> None:
    match flag.kind:
        case "switch":
            if value is not None:
                raise OptionsError(f"`{name}` takes no value, got `{value}`.")
            values[flag.key] = True
        case "one":
            if value is None:
                if not waiting or waiting[-1] in by_name:
                    raise OptionsError(f"`{name}` needs a value: {flag.value}.")
                value = waiting.pop()
            values[flag.key] = _value(flag, name, value)
        case "maybe":
            if value is None and waiting and not _looks_like_a_flag(waiting[-1]):
                value = waiting.pop()
            values[flag.key] = None if value is None else _value(flag, name, value)
        case "many":
            values.setdefault(flag.key, [])
            if value is not None:
                values[flag.key].append(_value(flag, name, value))


def _value(flag: Flag, name: str, text: str) -> Any:
    if flag.choices and text not in flag.choices:
        choices = ", ".join(flag.choices)
        raise OptionsError(
            f"`{name}` cannot be `{text}`; it is one of: {choices}.{nearest(text, flag.choices)}"
        )
    try:
        return flag.read(text)
    except ValueError as error:
        raise OptionsError(f"`{name}` cannot be `{text}`: {error}.") from None
