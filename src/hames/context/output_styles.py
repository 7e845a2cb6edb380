"""Output styles: how the model works with its person and writes, in place of what we say about that.

Two are built in; others are markdown files of the user and of the project, by their `name` or their file
name. To add one of ours: a file in `styles/` and a row in `BUILT_IN`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hames.settings.sources import read_bounded

DEFAULT = "default"
BUILT_IN = {"Explanatory": "explanatory.md", "Learning": "learning.md"}
MOST_BYTES = 100_000
CODING = ("Working", "Answers")
"""Sections of our prompt that a style replaces unless it keeps them."""
_HERE = Path(__file__).parent / "styles"


class Style(msgspec.Struct, frozen=True):
    """A way to work and to write."""

    name: str
    text: str
    keeps_coding: bool = False
    """What we say about engineering work holds besides."""


def find_style(
    name: str, *, config_folder: str, root: str, sources: Sequence[str], trusted: bool
) -> Style | None:
    """The style of a name, the nearest first: the project's, the user's, ours; None when there is none."""
    folders = []
    if "project" in sources:
        folders.append((os.path.join(root, ".claude", "output-styles"), "" if trusted else root))
    if "user" in sources:
        folders.append((os.path.join(config_folder, "output-styles"), ""))
    for folder, within in folders:
        for style in _read(folder, within):
            if style.name == name:
                return style
    if name in BUILT_IN:
        return Style(name, (_HERE / BUILT_IN[name]).read_text("utf-8").strip(), keeps_coding=True)
    return None


def styled(base: str, style: Style) -> str:
    """Our prompt in a style."""
    if not style.keeps_coding:
        opening = (_HERE / "opening.md").read_text("utf-8").strip()
        sections = base.split("\n# ")[1:]
        kept = [one for one in sections if not one.startswith(CODING)]
        base = "\n# ".join([f"{opening}\n", *kept]).rstrip()
    return f"{base}\n\n# Output style: {style.name}\n{style.text}"


def _read(folder: str, within: str) -> Iterator[Style]:
    """The styles of a folder. Those that lie outside of `within`, by a link, are left out."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".md"))
    except OSError:
        return
    for name in names:
        file = os.path.join(folder, name)
        if within and not os.path.realpath(file).startswith(os.path.join(within, "")):
            continue
        try:
            text = read_bounded(file)[:MOST_BYTES].decode("utf-8-sig", "replace")
        except OSError:
            continue
        yield _style(text, name.removesuffix(".md"))


def _style(text: str, name: str) -> Style:
    front: dict[str, str] = {}
    lines = text.split("\n")
    if lines[0].strip() == "---" and "---" in (rest := [line.strip() for line in lines[1:]]):
        end = rest.index("---")
        for line in rest[:end]:
            key, colon, value = line.partition(":")
            if colon:
                front[key.strip()] = value.strip().strip("\"'")
        text = "\n".join(lines[end + 2 :])
    return Style(
        front.get("name") or name,
        text.strip(),
        keeps_coding=front.get("keep-coding-instructions", "").lower() == "true",
    )
