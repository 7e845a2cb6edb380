"""Ways in which a transcript's file is damaged, by crashes, disks, editors, other programs and people.

Each takes the bytes of a sound file and a source of chance, and gives the bytes of a damaged one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Damage = Callable[[bytes, random.Random], bytes]

STRANGER = "deadbeef-dead-4ead-8ead-deaddeaddead"
"""A uuid that no line has."""


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _some(data: bytes, rng: random.Random) -> tuple[list[bytes], int]:
    found = lines(data)
    return found, rng.randrange(len(found))


def _with_values(change: Callable[[list[dict[str, Any]], random.Random], object]) -> Damage:
    """A damage to the parsed lines, written as compact as they were."""

    def damage(data: bytes, rng: random.Random) -> bytes:
        values = [json.loads(line) for line in lines(data)]
        change(values, rng)
        return b"".join(
            json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
            + b"\n"
            for value in values
        )

    damage.__name__ = change.__name__
    return damage


def _chain(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [value for value in values if value.get("uuid")]


def _blocks(values: list[dict[str, Any]], *types: str) -> list[dict[str, Any]]:
    """The blocks of these types in all messages."""
    return [
        block
        for value in values
        if isinstance(value.get("message"), dict)
        for block in value["message"].get("content") or ()
        if isinstance(block, dict) and block.get("type") in types
    ]


# The file as bytes


def torn_at_the_end(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) // 2, len(data))]


def torn_in_the_middle(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = found[i][: rng.randrange(1, len(found[i]))].rstrip(b"\n") + b"\n"
    return b"".join(found)


def torn_and_written_on(data: bytes, rng: random.Random) -> bytes:
    """A program that does not look how the file ends puts its line behind half of another."""
    found, i = _some(data, rng)
    found[i] = found[i][: rng.randrange(1, len(found[i]) - 1)]
    return b"".join(found)


def break_lost(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = found[i].rstrip(b"\n")
    return b"".join(found)


def line_lost(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    del found[i]
    return b"".join(found)


def beginning_lost(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    return b"".join(found[min(i, len(found) // 2) :])


def lines_repeated(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    return b"".join([*found[: i + 1], *found[max(0, i - 3) :]])


def lines_shuffled(data: bytes, rng: random.Random) -> bytes:
    found = lines(data)
    rng.shuffle(found)
    return b"".join(found)


def neighbours_swapped(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i - 1], found[i] = found[i], found[i - 1]
    return b"".join(found)


def whole_file_twice(data: bytes, rng: random.Random) -> bytes:
    return data + data


def zero_bytes_before_a_line(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = b"\0" * rng.randint(1, 5000) + found[i]
    return b"".join(found)


def zero_bytes_for_a_line(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = b"\0" * len(found[i])
    return b"".join(found)


def zero_bytes_at_the_end(data: bytes, rng: random.Random) -> bytes:
    return data + b"\0" * 4096


def byte_order_mark(data: bytes, rng: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + data


def carriage_returns(data: bytes, rng: random.Random) -> bytes:
    return data.replace(b"\n", b"\r\n")


def blank_lines(data: bytes, rng: random.Random) -> bytes:
    return b"\n\n".join(line.rstrip(b"\n") for line in lines(data)) + b"\n \n\t\n"


def garbage_inserted(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found.insert(i, rng.randbytes(300).replace(b"\n", b"") + b"\n")
    return b"".join(found)


def invalid_utf8(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = found[i].replace(b'"text":"', b'"text":"\xff\xfe\xc3', 1)
    return b"".join(found)


def half_a_surrogate(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i] = found[i].replace(b'"text":"', b'"text":"\\ud83d ', 1)
    return b"".join(found)


def nested_too_deep(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found.insert(i, b'{"type":"user","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n")
    found.insert(i, b'{"type":"user","message":{"content":' + b"[" * 100_000 + b"\n")
    return b"".join(found)


def other_json(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    found[i:i] = [b"null\n", b"[]\n", b"17\n", b'"text"\n', b"{}\n", b'{"type":null}\n', b"1e999\n"]
    return b"".join(found)


def foreign_lines(data: bytes, rng: random.Random) -> bytes:
    found, i = _some(data, rng)
    foreign = {"type": "telemetry", "uuid": STRANGER, "parentUuid": None, "payload": [1, 2]}
    found.insert(i, json.dumps(foreign).encode() + b"\n")
    found.insert(i, b'{"type":"x-vendor","message":{"role":"user","content":"not for us"}}\n')
    return b"".join(found)


# The tree


@_with_values
def parents_missing(values: list[dict[str, Any]], rng: random.Random) -> None:
    for value in rng.sample(_chain(values), 2):
        value["parentUuid"] = STRANGER


@_with_values
def all_parents_missing(values: list[dict[str, Any]], rng: random.Random) -> None:
    for n, value in enumerate(_chain(values)):
        value["parentUuid"] = f"{n:08x}{STRANGER[8:]}"


@_with_values
def parents_in_a_circle(values: list[dict[str, Any]], rng: random.Random) -> None:
    chain = _chain(values)
    chain[0]["parentUuid"] = chain[-1]["uuid"]


@_with_values
def small_circle(values: list[dict[str, Any]], rng: random.Random) -> None:
    chain = _chain(values)
    i = rng.randrange(1, len(chain))
    chain[rng.randrange(i)]["parentUuid"] = chain[i]["uuid"]


@_with_values
def own_parent(values: list[dict[str, Any]], rng: random.Random) -> None:
    value = rng.choice(_chain(values))
    value["parentUuid"] = value["uuid"]


@_with_values
def uuid_given_twice(values: list[dict[str, Any]], rng: random.Random) -> None:
    first, second = rng.sample(_chain(values), 2)
    second["uuid"] = first["uuid"]


@_with_values
def uuids_of_wrong_types(values: list[dict[str, Any]], rng: random.Random) -> None:
    chain = _chain(values)
    rng.choice(chain)["uuid"] = 17
    rng.choice(chain)["parentUuid"] = ["x"]
    rng.choice(chain)["isSidechain"] = "no"
    rng.choice(chain)["timestamp"] = 0


# The conversation


@_with_values
def results_lost(values: list[dict[str, Any]], rng: random.Random) -> None:
    values[:] = [v for v in values if not _blocks([v], "tool_result") or rng.random() < 0.5]


@_with_values
def calls_lost(values: list[dict[str, Any]], rng: random.Random) -> None:
    values[:] = [v for v in values if not _blocks([v], "tool_use") or rng.random() < 0.5]


@_with_values
def one_id_for_all_calls(values: list[dict[str, Any]], rng: random.Random) -> None:
    for block in _blocks(values, "tool_use"):
        block["id"] = "call_0"
    for block in _blocks(values, "tool_result"):
        block["tool_use_id"] = "call_0"


@_with_values
def ids_of_another_vendor(values: list[dict[str, Any]], rng: random.Random) -> None:
    for block in _blocks(values, "tool_use"):
        block["id"] = f"functions.{block['name']}:{block['id']}"
    for block in _blocks(values, "tool_result"):
        block["tool_use_id"] = f"functions.x:{block['tool_use_id']}"


@_with_values
def thinking_unsigned(values: list[dict[str, Any]], rng: random.Random) -> None:
    for block in _blocks(values, "thinking"):
        block.pop("signature", None)


@_with_values
def texts_blank(values: list[dict[str, Any]], rng: random.Random) -> None:
    for block in _blocks(values, "text"):
        if rng.random() < 0.3:
            block["text"] = rng.choice(["", " \n"])


@_with_values
def roles_changed(values: list[dict[str, Any]], rng: random.Random) -> None:
    for value in values:
        if isinstance(value.get("message"), dict) and rng.random() < 0.3:
            value["message"]["role"] = rng.choice(["system", "tool", None, 5])


@_with_values
def odd_content(values: list[dict[str, Any]], rng: random.Random) -> None:
    for value in values:
        if isinstance(value.get("message"), dict) and rng.random() < 0.2:
            odd: list[Any] = [None, 5, {}, [None], [{}], [{"type": 7}], [["x"]], [{"type": "new"}]]
            value["message"]["content"] = rng.choice(odd)


@_with_values
def messages_of_wrong_types(values: list[dict[str, Any]], rng: random.Random) -> None:
    for value in values:
        if "message" in value and rng.random() < 0.2:
            value["message"] = rng.choice([None, "text", [], 17])


@_with_values
def fields_of_another_vendor(values: list[dict[str, Any]], rng: random.Random) -> None:
    for block in _blocks(values, "text", "tool_use", "tool_result", "thinking"):
        block["index"] = 3
        block["cache_control"] = {"type": "ephemeral"}


@_with_values
def pictures_broken(values: list[dict[str, Any]], rng: random.Random) -> None:
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
    }
    for block in _blocks(values, "tool_result"):
        block["content"] = [picture, {"type": "text", "text": json.dumps(block.get("content"))}]


DAMAGES: list[Damage] = [
    torn_at_the_end,
    torn_in_the_middle,
    torn_and_written_on,
    break_lost,
    line_lost,
    beginning_lost,
    lines_repeated,
    lines_shuffled,
    neighbours_swapped,
    whole_file_twice,
    zero_bytes_before_a_line,
    zero_bytes_for_a_line,
    zero_bytes_at_the_end,
    byte_order_mark,
    carriage_returns,
    blank_lines,
    garbage_inserted,
    invalid_utf8,
    half_a_surrogate,
    nested_too_deep,
    other_json,
    foreign_lines,
    parents_missing,
    all_parents_missing,
    parents_in_a_circle,
    small_circle,
    own_parent,
    uuid_given_twice,
    uuids_of_wrong_types,
    results_lost,
    calls_lost,
    one_id_for_all_calls,
    ids_of_another_vendor,
    thinking_unsigned,
    texts_blank,
    roles_changed,
    odd_content,
    messages_of_wrong_types,
    fields_of_another_vendor,
    pictures_broken,
]


# Anything anywhere

_ODD: list[Any] = [
    *(None, True, 0, -1, 1e308, 10**30, "", "x" * 50, "\ud83d", "user", "assistant", "tool_result"),
    *(
        [],
        {},
        [None],
        [[]],
        {"type": "text"},
        {"type": "tool_use"},
        [{"type": "text", "text": "q"}],
    ),
]
_FIELDS = (
    *("type", "id", "tool_use_id", "content", "text", "uuid", "parentUuid", "input", "signature"),
    *("isMeta", "isSidechain", "message", "role", "source", "data"),
)


@_with_values
def anything_anywhere(values: list[dict[str, Any]], rng: random.Random) -> None:
    """Values of any type in any place; fields lost, added, given twice."""
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        inside, name = rng.choice(list(_places(rng.choice(values))))
        odd = json.loads(json.dumps(rng.choice(_ODD)))
        match rng.randrange(4):
            case 0 if name in inside or isinstance(inside, list):
                del inside[name]
            case 1 if isinstance(inside, list):
                inside.insert(name, odd)
            case 2 if isinstance(inside, dict):
                inside[rng.choice(_FIELDS)] = odd
            case _:
                inside[name] = odd


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a value, with each of its keys; the value itself with a key it may not have."""
    yield value, "version"
    waiting = [value]
    while waiting:
        inside = waiting.pop()
        names = list(inside) if isinstance(inside, dict) else range(len(inside))
        for name in names:
            yield inside, name
            if isinstance(inside[name], dict | list):
                waiting.append(inside[name])


def any_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, lost and added."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3, 10, 100])):
        place = rng.randrange(len(changed))
        match rng.randrange(3):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                del changed[place : place + rng.choice([1, 5, 300])]
            case _:
                changed[place:place] = rng.randbytes(rng.choice([1, 4]))
    return bytes(changed)
