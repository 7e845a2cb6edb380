"""Images and documents within what one request may hold: the oldest are left out, some at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hames import blocks
from hames.blocks import Block
from hames.sessions.mend import media_note
from hames.sessions.rules import image_size
from hames.sessions.rules.media import HEADER_CHARS, MANY_IMAGES, MOST_IMAGES, MOST_PIXELS_OF_MANY
from hames.sessions.sift import MEDIA, has_media

MOST_BYTES = 24 * 1024 * 1024
"""Base64 in one request; the API takes requests of 32 MB."""

_IMAGES_AT_ONCE = 20
_LARGE_AT_ONCE = 5
"""As many images leave together, so that the cached beginning changes seldom."""


class Place(msgspec.Struct, frozen=True):
    """Where an image or document stands, and what counts about it."""

    message: int
    block: int
    part: int | None
    """Index inside a tool result."""
    kind: str
    size: int
    large: bool
    """Too many pixels for a request with many images."""


def surplus(messages: Sequence[Sequence[Block]]) -> list[Place]:
    """What has to go so that the rest can be sent, oldest first."""
    places = [
        place
        for i, message in enumerate(messages)
        for j, block in enumerate(message)
        if has_media(block)
        for place in _places(block, i, j)
    ]
    gone = _over_count([place for place in places if place.kind == "image"])
    return gone + _over_size([place for place in places if place not in gone])


def without(block: Block, places: Sequence[Place]) -> Block:
    """The block with a note in each of these places."""
    why = "the conversation holds more than one request may."
    if places[0].part is None:
        return blocks.from_value(media_note(places[0].kind, why))
    value = block.value()
    parts = list(value["content"])
    for place in places:
        assert place.part is not None
        parts[place.part] = media_note(place.kind, why)
    return blocks.from_value({**value, "content": parts})


def _places(block: Block, i: int, j: int) -> Iterator[Place]:
    value = block.value()
    if block.type in MEDIA:
        yield _place(value, i, j, None)
    elif isinstance(content := value.get("content"), list):
        for k, part in enumerate(content):
            if part["type"] in MEDIA:
                yield _place(part, i, j, k)


def _place(value: dict[str, Any], i: int, j: int, k: int | None) -> Place:
    source = value["source"]
    data = source.get("data")
    size = len(data) if isinstance(data, str) else 0
    large = value["type"] == "image" and source.get("type") == "base64" and _is_large(data)
    return Place(i, j, k, value["type"], size, large)


def _is_large(data: str) -> bool:
    try:
        found = image_size.of(base64.b64decode(data[:HEADER_CHARS]))
    except (binascii.Error, ValueError):
        return False
    return found is not None and max(found.width, found.height) > MOST_PIXELS_OF_MANY


def _over_count(images: list[Place]) -> list[Place]:
    """The oldest that have to go because of the number. A large image may stand among few only."""
    excess = _in_steps(len(images) - MOST_IMAGES, _IMAGES_AT_ONCE)
    while len(images) - excess > MANY_IMAGES and any(image.large for image in images[excess:]):
        excess += _LARGE_AT_ONCE
    return images[:excess]


def _over_size(places: list[Place]) -> list[Place]:
    """The beginning that has to go because of its weight."""
    total = sum(place.size for place in places)
    if total <= MOST_BYTES:
        return []
    gone = []
    for place in places:
        if total <= MOST_BYTES * 3 // 4:
            break
        gone.append(place)
        total -= place.size
    return gone


def _in_steps(excess: int, step: int) -> int:
    return -(-excess // step) * step if excess > 0 else 0
