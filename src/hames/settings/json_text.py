"""JSON text with places: the line of every value, and changes that leave the rest of a file as it is.

All functions expect text that has been decoded before, so that it is known to be JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hames import _json
from hames.errors import OptionsError

Path = Sequence[str | int]
"""Keys and indexes from the outermost value to the one that is meant."""

_TOKEN = re.compile(r'\s*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+)', re.DOTALL)
_FIRST_INDENT = re.compile(r'\n([ \t]+)"')


class Node(msgspec.Struct):
    """A value and where it stands in the text."""

    start: int
    end: int = 0
    members: dict[str, tuple[int, Node]] | None = None
    """Of an object: where each key begins, and its value."""
    items: list[Node] | None = None
    """Of an array."""


class Document(msgspec.Struct):
    """Text whose values have places."""

    text: str
    _root: Node | None = None

    @property
    def root(self) -> Node:
        """The outermost value; the text is taken apart at the first use."""
        if self._root is None:
            self._root = _Reader(self.text).value()
        return self._root

    def find(self, path: Path) -> Node | None:
        """The value at a path."""
        node: Node | None = self.root
        for step in path:
            if node is None:
                return None
            node = _child(node, step)
        return node

    def line(self, path: Path) -> int | None:
        """The line, from 1, in which a value (or its key, for a member of an object) begins."""
        *above, last = path or [""]
        owner = self.find(above)
        if owner is None:
            return None
        if owner.members is not None and last in owner.members:
            return line_at(self.text, owner.members[str(last)][0])
        node = _child(owner, last)
        return None if node is None else line_at(self.text, node.start)


def line_at(text: str, offset: int) -> int:
    """The line, from 1, of a place in the text."""
    return text.count("\n", 0, offset) + 1


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with the value at this path, which is made where it is missing.

    Raises OptionsError when something on the way there is no object.
    """
    document = Document(text)
    node, depth = document.root, 0
    for key in path:
        if node.members is None:
            raise OptionsError(f"`{'.'.join(path[:depth])}` is no object, so it has no `{key}`.")
        if key not in node.members:
            break
        node, depth = node.members[key][1], depth + 1
    if depth < len(path):
        for key in reversed(path[depth + 1 :]):
            value = {key: value}
        return _inserted(document, node, path[depth], value, depth)
    flat = node.items is not None and bool(node.items) and "\n" not in text[node.start : node.end]
    return text[: node.start] + _rendered(document, value, depth, flat) + text[node.end :]


def without(text: str, path: Sequence[str]) -> str:
    """The text without the member at this path; unchanged when it is not there."""
    owner = Document(text).find(path[:-1])
    if owner is None or owner.members is None or path[-1] not in owner.members:
        return text
    keys = list(owner.members)
    at = keys.index(path[-1])
    begin, node = owner.members[path[-1]]
    if at:
        return text[: owner.members[keys[at - 1]][1].end] + text[node.end :]
    if len(keys) > 1:
        return text[:begin] + text[owner.members[keys[1]][0] :]
    return text[: owner.start] + "{}" + text[owner.end :]


def _inserted(document: Document, owner: Node, key: str, value: Any, depth: int) -> str:
    text = document.text
    flat = bool(owner.members) and "\n" not in text[owner.start : owner.end]
    member = f"{_json.encode(key).decode()}: {_rendered(document, value, depth + 1, flat)}"
    if not owner.members:
        unit = _unit(text)
        body = f"{{\n{unit * (depth + 1)}{member}\n{unit * depth}}}"
        return text[: owner.start] + body + text[owner.end :]
    first = next(iter(owner.members.values()))[0]
    last = list(owner.members.values())[-1][1].end
    line = text.rfind("\n", 0, first) + 1
    indent = text[line:first]
    gap = " " if flat or indent.strip() else "\n" + indent
    return text[:last] + "," + gap + member + text[last:]


def _rendered(document: Document, value: Any, depth: int, flat: bool) -> str:
    import json  # only who writes needs it: msgspec has no indentation by tabs

    if flat or value in ([], {}):
        return json.dumps(value, ensure_ascii=False)
    unit = _unit(document.text)
    lines = json.dumps(value, ensure_ascii=False, indent=unit).split("\n")
    return ("\n" + unit * depth).join(lines)


def _unit(text: str) -> str:
    """What one level is indented by in this text."""
    found = _FIRST_INDENT.search(text)
    return found[1] if found else "  "


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(step, int):
        items = node.items or []
        return items[step] if step < len(items) else None
    found = (node.members or {}).get(step)
    return found[1] if found else None


class _Reader:
    """Takes text apart; `value` is recursive, as deep as the decoder went before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1 if text.startswith("\ufeff") else 0

    def value(self) -> Node:
        start, token = self._next()
        node = Node(start, self._at)
        if token == "{":
            node.members = {}
            self._members(node.members)
            node.end = self._at
        elif token == "[":
            node.items = []
            self._items(node.items)
            node.end = self._at
        return node

    def _members(self, members: dict[str, tuple[int, Node]]) -> None:
        while True:
            start, token = self._next()
            if token == "}":
                return
            if token != ",":
                self._next()  # the colon
                key = _json.decode(token)
                members.pop(key, None)  # of a key that stands twice, the last counts
                members[key] = (start, self.value())

    def _items(self, items: list[Node]) -> None:
        while True:
            before = self._at
            _, token = self._next()
            if token == "]":
                return
            if token != ",":
                self._at = before
                items.append(self.value())

    def _next(self) -> tuple[int, str]:
        found = _TOKEN.match(self._text, self._at)
        assert found is not None, "the text was decoded before"
        self._at = found.end()
        return found.start(1), found[1]
