"""Redirects in shell text, here-documents included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hames.permissions.shell_script import Redirect
from hames.permissions.shell_source import WORDS, Source

if TYPE_CHECKING:
    from tree_sitter import Node

HIDDEN = re.compile(r"(?<!\\)(?:\\\\)*(?:`|\$[({\[])")
"""Finds what expands in text that should not."""

_HEREDOC = re.compile(r"(\\?)(['\"]?)([A-Za-z_]\w*)\2")


def read_redirect(source: Source, node: Node) -> None:
    """Note a redirect to or from a file."""
    operator = next((child.type for child in node.children if not child.is_named), "")
    destination = node.child_by_field_name("destination")
    descriptor = node.child_by_field_name("descriptor")
    if descriptor is not None and not source.text_of(descriptor).isdigit():
        source.script.doubt("It redirects in an unusual way.")
    if destination is None:
        if operator not in ("<&-", ">&-"):
            source.script.doubt("It redirects in an unusual way.")
        return
    word = source.word(destination)
    if operator in (">&", "<&") and re.fullmatch(r"\d+-?", word.marked):
        return
    if operator == "<":
        source.script.redirects.append(Redirect(word, writes=False, reads=True))
    elif operator in (">", ">>", "&>", "&>>", ">|", ">&"):
        source.script.redirects.append(Redirect(word, writes=True, reads=False))
    else:
        source.script.doubt("It redirects in an unusual way.")
        source.script.redirects.append(Redirect(word, writes=True, reads=True))


def check_heredoc(source: Source, node: Node, above: int) -> int:
    """Check that the grammar ends a here-document where bash does, and that it stands below a row.

    The row of its end is returned.
    """
    parts = {child.type: child for child in node.children}
    start, body, end = (parts.get(f"heredoc_{part}") for part in ("start", "body", "end"))
    if any(child.type in WORDS for child in node.children):
        source.script.doubt("Words after a here-document belong to no command.")
    if start is None or body is None or end is None or start.start_point[0] <= above:
        source.script.doubt("It has a here-document that is not understood.")
        return above
    row = end.end_point[0]
    written = _HEREDOC.fullmatch(source.text_of(start))
    text = source.text_of(body)
    first, last = body.start_byte, end.end_byte
    newline = source.text.find("\n", start.end_byte)
    if (
        written is None
        or source.text_of(end).strip("\t") != written[3]
        or any(line.strip() == written[3] for line in text.split("\n"))
        or first != newline + 1
        or source.text[last : last + 1] not in ("", "\n")
        or source.text[source.text.rfind("\n", 0, end.start_byte) + 1 : end.start_byte].strip("\t")
    ):
        source.script.doubt("It has a here-document that is not understood.")
    elif not (written[1] or written[2]) and HIDDEN.search(text):
        source.script.doubt("It has a here-document that runs commands.")
    return row


def has_command_body(node: Node) -> bool:
    body = node.child_by_field_name("body")
    return body is not None and body.type == "command"


def extra_destinations(statement: Node) -> list[Node]:
    """Words that the grammar counts to a redirect although they are arguments: `a > out b`."""
    return [
        word
        for redirect in statement.children_by_field_name("redirect")
        if redirect.type == "file_redirect"
        for word in redirect.children_by_field_name("destination")[1:]
    ]
