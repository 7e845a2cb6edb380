"""Arguments, as shells and official clients give them."""

from __future__ import annotations

import pytest

from hames.cli.flags import ELSEWHERE, FLAGS
from hames.cli.parse import Flag, Parsed, parse
from hames.errors import OptionsError


def given(*arguments: str) -> Parsed:
    return parse(FLAGS, arguments, absent=ELSEWHERE)


@pytest.mark.parametrize(
    ("arguments", "values", "rest"),
    [
        (["-p", "hi"], {"print": True}, ["hi"]),
        (["hi", "-p"], {"print": True}, ["hi"]),
        (["--model", "opus", "hi"], {"model": "opus"}, ["hi"]),
        (["--model=opus", "hi"], {"model": "opus"}, ["hi"]),
        (["--model="], {"model": ""}, []),
        (["--system-prompt", ""], {"system-prompt": ""}, []),
        (["--system-prompt", "---\nname: x"], {"system-prompt": "---\nname: x"}, []),
        (["--system-prompt=a=b"], {"system-prompt": "a=b"}, []),
        (["--append-system-prompt", "-v is no flag here"], {"append-system-prompt": "-v is no flag here"}, []),
        (["--tools="], {"tools": [""]}, []),
        (["--tools", ""], {"tools": [""]}, []),
        (["--allowedTools", "A", "B(c d)", "--", "hi"], {"allowedTools": ["A", "B(c d)"]}, ["hi"]),
        (["--allowedTools=A,B", "hi"], {"allowedTools": ["A,B"]}, ["hi"]),
        (["--allowed-tools", "A", "-p", "hi"], {"allowedTools": ["A"], "print": True}, ["hi"]),
        (["--allowedTools=A", "--allowedTools", "B"], {"allowedTools": ["A", "B"]}, []),
        (["-cp", "hi"], {"continue": True, "print": True}, ["hi"]),
        (["-rabc"], {"resume": "abc"}, []),
        (["-r", "abc"], {"resume": "abc"}, []),
        (["--resume=abc"], {"resume": "abc"}, []),
        (["--resume", "--verbose"], {"resume": None, "verbose": True}, []),
        (["--debug=!tools"], {"debug": "!tools"}, []),
        (["-p", "--", "--help"], {"print": True}, ["--help"]),
        (["-p", "-"], {"print": True}, ["-"]),
        (["--max-turns", "3"], {"max-turns": 3}, []),
        (["--max-budget-usd=0.5"], {"max-budget-usd": 0.5}, []),
        (
            ["--session-id", "5F000000-0000-4000-8000-00000000000A"],
            {"session-id": "5f000000-0000-4000-8000-00000000000a"},
            [],
        ),
        (["--dangerously-skip-permissions", "x"], {"dangerously-skip-permissions": True}, ["x"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_arguments_are_read(
    arguments: list[str], values: dict[str, object], rest: list[str]
) -> None:
    parsed = given(*arguments)
    assert (parsed.values, parsed.rest) == (values, rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--modle", "x"], "Unknown option `--modle`. Did you mean `--model`?"),
        (["--xyzzy"], "Unknown option `--xyzzy`."),
        (["-x"], "Unknown option `-x`."),
        (["--json-schema={}"], "Hames does not have the official option `--json-schema`; leave it out."),
        (["--model"], "`--model` needs a value: MODEL."),
        (["--model", "--verbose"], "`--model` needs a value: MODEL."),
        (["--allowedTools", "-p"], "`--allowedTools` needs a value: RULES."),
        (["--verbose=yes"], "`--verbose` takes no value, got `yes`."),
        (["--max-turns", "many"], "`--max-turns` cannot be `many`: it must be a whole number."),
        (["--max-turns", "0"], "`--max-turns` cannot be `0`: it must be 1 or more."),
        (["--max-budget-usd", "-1"], "`--max-budget-usd` cannot be `-1`: it must be greater than 0."),
        (["--max-budget-usd", "nan"], "`--max-budget-usd` cannot be `nan`: it must be greater than 0."),
        (["--session-id", "bad"], "`--session-id` cannot be `bad`: it must be a UUID."),
        (
            ["--output-format", "jsno"],
            "`--output-format` cannot be `jsno`; it is one of: text, json, stream-json. "
            "Did you mean `json`?",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_wrong_arguments_are_named(arguments: list[str], message: str) -> None:
    with pytest.raises(OptionsError) as raised:
        given(*arguments)
    assert str(raised.value) == message


def test_a_list_that_ended_the_arguments_is_known() -> None:
    """It may have taken the prompt."""
    assert given("-p", "--allowedTools", "A", "fix it").last_list == "--allowedTools"
    assert given("-p", "--allowedTools", "A", "--", "fix it").last_list is None
    assert given("-p", "fix it").last_list is None


def test_every_flag_has_its_own_name_and_key() -> None:
    names = [name for flag in FLAGS for name in flag.names]
    assert len(set(names)) == len(names)
    assert len({flag.key for flag in FLAGS}) == len(FLAGS)
    assert not set(names) & ELSEWHERE


def test_a_flag_that_takes_a_value_says_what_it_is() -> None:
    def is_complete(flag: Flag) -> bool:
        return bool(flag.help) and (flag.kind == "switch") == (not flag.value)

    assert [flag.names for flag in FLAGS if not is_complete(flag)] == []
