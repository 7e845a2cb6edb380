"""Random conversations, and ways in which stored ones are damaged. Everything follows from the seed."""

from __future__ import annotations

import base64
import contextlib
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from hames import blocks
from hames.blocks import Block, Turn

Damage = Callable[[list[Turn], random.Random], None]


def png(width: int = 4, height: int = 4) -> str:
    """The base64 of a small picture whose header tells these sizes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def image(width: int = 4, height: int = 4) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": png(width, height)}
    return {"type": "image", "source": source}


def thinking(n: int) -> Block:
    return blocks.from_value({"type": "thinking", "thinking": f"idea {n}", "signature": f"sig:{n}"})


def signed(block: dict[str, Any]) -> bool:
    """Whether a thinking block is as `thinking` made it."""
    if block["type"] == "redacted_thinking":
        return bool(block["data"].startswith("red:"))
    return bool(block["signature"] == "sig:" + block["thinking"].removeprefix("idea "))


def history(rng: random.Random) -> list[Turn]:
    """A conversation as an agent would have it: prompts, replies, calls, results."""
    turns: list[Turn] = []
    n = 0
    for _ in range(rng.randint(1, 5)):
        turns.append(Turn("user", _prompt(rng)))
        for _ in range(rng.randint(0, 4)):
            calls = range(n, n := n + rng.randint(1, 3))
            turns.append(Turn("assistant", _reply(rng, n) + [_call(i) for i in calls]))
            turns.append(Turn("user", [_result(rng, i) for i in calls] + _after(rng)))
        turns.append(Turn("assistant", [*_reply(rng, n), blocks.text(f"Done {n}.")]))
        n += 1
    return turns


def _prompt(rng: random.Random) -> list[Block]:
    found = [blocks.text("Where is it?\nLook.")]
    if rng.random() < 0.2:
        found.append(blocks.from_value(image()))
    return found


def _reply(rng: random.Random, n: int) -> list[Block]:
    found: list[Block] = []
    if rng.random() < 0.5:
        found += [thinking(n), thinking(n + 1)][: rng.randint(1, 2)]
    if rng.random() < 0.1:
        found.append(blocks.from_value({"type": "redacted_thinking", "data": f"red:{n}"}))
    if rng.random() < 0.2:
        id = f"srvtoolu_{n}_{rng.randint(0, 10**9)}"
        query = {"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "x"}}
        found.append(blocks.from_value(query))
        answer = {"type": "web_search_tool_result", "tool_use_id": id, "content": []}
        found.append(blocks.from_value(answer))
    if rng.random() < 0.6:
        found.append(blocks.text(f"I look {n}."))
    return found


def _call(i: int) -> Block:
    return blocks.tool_use(f"toolu_{i}", "Bash", b'{"command": "ls", "n": 1.0}')


def _result(rng: random.Random, i: int) -> Block:
    match rng.randint(0, 4):
        case 0:
            return blocks.tool_result(f"toolu_{i}", "It failed.", is_error=True)
        case 1:
            return blocks.tool_result(f"toolu_{i}", [{"type": "text", "text": "ok"}, image()])
        case 2:
            return blocks.tool_result(f"toolu_{i}", "")
        case _:
            return blocks.tool_result(f"toolu_{i}", f"output {i}")


def _after(rng: random.Random) -> list[Block]:
    return [blocks.text("A note.")] if rng.random() < 0.2 else []


def _some_block(turns: list[Turn], rng: random.Random, *types: str) -> tuple[Turn, int] | None:
    places = [
        (turn, i)
        for turn in turns
        for i, block in enumerate(turn.blocks)
        if not types or block.type in types
    ]
    return rng.choice(places) if places else None


def _with_value(*types: str) -> Callable[[Callable[[dict[str, Any]], object]], Damage]:
    """A damage that changes the value of some block of these types."""

    def make(change: Callable[[dict[str, Any]], object]) -> Damage:
        def damage(turns: list[Turn], rng: random.Random) -> None:
            if place := _some_block(turns, rng, *types):
                turn, i = place
                with contextlib.suppress(msgspec.DecodeError):
                    value = turn.blocks[i].value()
                    change(value)
                    turn.blocks[i] = blocks.from_value(value)

        damage.__name__ = change.__name__
        return damage

    return make


def drop_a_block(turns: list[Turn], rng: random.Random) -> None:
    if place := _some_block(turns, rng):
        del place[0].blocks[place[1]]


def drop_a_turn(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        del turns[rng.randrange(len(turns))]


def repeat_a_block(turns: list[Turn], rng: random.Random) -> None:
    if place := _some_block(turns, rng):
        turn, i = place
        turn.blocks.insert(i, turn.blocks[i])


def repeat_a_turn(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        i = rng.randrange(len(turns))
        turns.insert(i, Turn(turns[i].role, list(turns[i].blocks)))


def swap_turns(turns: list[Turn], rng: random.Random) -> None:
    if len(turns) > 1:
        i, j = rng.sample(range(len(turns)), 2)
        turns[i], turns[j] = turns[j], turns[i]


def shuffle_blocks(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        rng.shuffle(rng.choice(turns).blocks)


def move_a_block(turns: list[Turn], rng: random.Random) -> None:
    if place := _some_block(turns, rng):
        rng.choice(turns).blocks.append(place[0].blocks.pop(place[1]))


def empty_a_turn(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        rng.choice(turns).blocks.clear()


def change_a_role(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        turn = rng.choice(turns)
        turn.role = "user" if turn.role == "assistant" else "assistant"


def blank_texts(turns: list[Turn], rng: random.Random) -> None:
    for turn in turns:
        for i, block in enumerate(turn.blocks):
            if block.type == "text" and rng.random() < 0.5:
                turn.blocks[i] = blocks.text(rng.choice(["", " \n"]))


def break_json(turns: list[Turn], rng: random.Random) -> None:
    if place := _some_block(turns, rng):
        turn, i = place
        block = turn.blocks[i]
        cut = rng.randrange(len(block.raw))
        turn.blocks[i] = Block(block.type, block.raw[:cut], block.id)


def break_an_input(turns: list[Turn], rng: random.Random) -> None:
    if place := _some_block(turns, rng, "tool_use"):
        turn, i = place
        id = turn.blocks[i].id or ""
        turn.blocks[i] = blocks.tool_use(
            id, "Bash", rng.choice([b'{"command": "l', b"null", b"[1]"])
        )


def make_many_images(turns: list[Turn], rng: random.Random) -> None:
    if turns:
        size = rng.choice([(4, 4), (3000, 20)])
        pictures = [blocks.from_value(image(*size)) for _ in range(rng.choice([25, 120]))]
        turn = rng.choice(turns)
        turn.blocks += pictures


@_with_value("tool_use", "server_tool_use")
def same_id(value: dict[str, Any]) -> None:
    value["id"] = "call_0"


@_with_value("tool_result")
def same_result_id(value: dict[str, Any]) -> None:
    value["tool_use_id"] = "call_0"


@_with_value("tool_use")
def foreign_id(value: dict[str, Any]) -> None:
    value["id"] = "functions.Bash:0"


@_with_value("tool_use")
def foreign_name(value: dict[str, Any]) -> None:
    value["name"] = "my tool!"


@_with_value("thinking")
def lost_signature(value: dict[str, Any]) -> None:
    value.pop("signature", None)


@_with_value("text", "tool_use", "tool_result")
def foreign_field(value: dict[str, Any]) -> None:
    value["index"] = 3


@_with_value("text", "image", "tool_result")
def old_cache_mark(value: dict[str, Any]) -> None:
    value["cache_control"] = {"type": "ephemeral"}


@_with_value("tool_result")
def failed_with_picture(value: dict[str, Any]) -> None:
    value.update(is_error=True, content=[image(), {"type": "text", "text": ""}])


@_with_value("tool_result")
def odd_content(value: dict[str, Any]) -> None:
    value["content"] = [{"type": "strange"}, 5, {"type": "image", "source": {}}]


@_with_value("image")
def broken_picture(value: dict[str, Any]) -> None:
    value["source"]["data"] = "AAAA"


@_with_value()
def unknown_type(value: dict[str, Any]) -> None:
    value["type"] = "hologram"


@_with_value("web_search_tool_result")
def lost_server_result(value: dict[str, Any]) -> None:
    value.clear()
    value.update(type="text", text="gone")


DAMAGES: list[Damage] = [
    drop_a_block,
    drop_a_turn,
    repeat_a_block,
    repeat_a_turn,
    swap_turns,
    shuffle_blocks,
    move_a_block,
    empty_a_turn,
    change_a_role,
    blank_texts,
    break_json,
    break_an_input,
    make_many_images,
    same_id,
    same_result_id,
    foreign_id,
    foreign_name,
    lost_signature,
    foreign_field,
    old_cache_mark,
    failed_with_picture,
    odd_content,
    broken_picture,
    unknown_type,
    lost_server_result,
]
