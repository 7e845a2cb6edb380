"""Rules about images and documents."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from hames.sessions.rules import image_size
from hames.sessions.rules.subject import Findings, Part, Subject

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
MOST_IMAGES = 100
MOST_IMAGE_BYTES = 5 * 1024 * 1024
"""Counted on the base64 text, as the API does."""
MOST_PIXELS = 8_000
MANY_IMAGES = 20
MOST_PIXELS_OF_MANY = 2_000
"""The longest side when a request has more than `MANY_IMAGES`."""
HEADER_CHARS = 400_000
"""Base64 that is decoded to find the size; photographs can have large headers."""


def image(subject: Subject) -> Findings:
    """Images are of a known type, really of that type, and neither too heavy nor too large."""
    images = list(_blocks(subject, "image"))
    most = MOST_PIXELS if len(images) <= MANY_IMAGES else MOST_PIXELS_OF_MANY
    for part in images:
        for problem in _image_problems(part.block["source"], most):
            yield f"{part.path}.image.source", problem


def image_count(subject: Subject) -> Findings:
    """A request has at most 100 images."""
    if (count := sum(1 for _ in _blocks(subject, "image"))) > MOST_IMAGES:
        yield "messages", f"There are {count} images; at most {MOST_IMAGES} are allowed."


def document(subject: Subject) -> Findings:
    """Documents are PDF files or texts."""
    for part in _blocks(subject, "document"):
        source = part.block["source"]
        path = f"{part.path}.document.source"
        match source.get("type"):
            case "base64" if source.get("media_type") != "application/pdf":
                yield path, f"`{source.get('media_type')}` is no media type of a document."
            case "base64" if not _decoded(source.get("data"), 8).startswith(b"%PDF"):
                yield path, "The data is no PDF file."
            case "text" if not source.get("data"):
                yield path, "The document is empty."
            case "base64" | "text" | "url" | "file" | "content":
                pass
            case other:
                yield path, f"`{other}` is no kind of source."


def _blocks(subject: Subject, kind: str) -> Iterator[Part]:
    for part in (*subject.parts, *subject.inner_parts):
        if part.block["type"] == kind:
            yield part


def _image_problems(source: dict[str, Any], most_pixels: int) -> Iterator[str]:
    if source.get("type") in ("url", "file"):
        return
    if source.get("type") != "base64":
        yield f"`{source.get('type')}` is no kind of source."
        return
    claimed = source.get("media_type")
    if not isinstance(claimed, str) or claimed not in IMAGE_TYPES:
        yield f"`{claimed}` is no media type of an image."
        return
    data = source.get("data")
    if isinstance(data, str) and len(data) > MOST_IMAGE_BYTES:
        yield f"The image has {len(data)} bytes of base64; at most {MOST_IMAGE_BYTES} are allowed."
    found = image_size.of(_decoded(data, HEADER_CHARS))
    if found is None:
        yield "The data is no image that can be read."
    elif found.media_type != claimed:
        yield f"The image is `{found.media_type}`, not `{claimed}`."
    elif max(found.width, found.height) > most_pixels:
        size = f"{found.width} x {found.height}"
        yield f"The image has {size} pixels; at most {most_pixels} a side are allowed."


def _decoded(data: Any, chars: int) -> bytes:
    """The first bytes of a base64 text; empty when it is none."""
    if not isinstance(data, str):
        return b""
    try:
        return base64.b64decode(data[:chars], validate=True)
    except (binascii.Error, ValueError):
        return b""
