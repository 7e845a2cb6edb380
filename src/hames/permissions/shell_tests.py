"""Tests in shell text: `[ ... ]` and `[[ ... ]]`, whose operands may run commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hames.permissions.shell_script import Command
from hames.permissions.shell_source import WORDS, Source
from hames.permissions.words import plain

if TYPE_CHECKING:
    from tree_sitter import Node

_INTEGER = re.compile(r"-?\d+|\"?\$[?#]\"?|\"?\$\{#\w+\}\"?")


def read_test(source: Source, node: Node, loop: bool) -> Command:
    """`[ ... ]` and `[[ ... ]]`, as a command of that name."""
    double = node.children[0].type == "[["
    if node.children[0].type not in ("[", "[["):
        source.script.doubt("It calculates, which may run commands.")
    command = Command([plain("[[" if double else "[")], start=node.start_byte, repeated=loop)
    stack = list(reversed(node.children[1:-1]))
    while stack:
        child = stack.pop()
        kind = child.type
        if kind in WORDS:
            command.words.append(source.word(child))
        elif kind in ("unary_expression", "binary_expression"):
            if not _is_safe(source, child, double):
                source.script.doubt("It has a test that may run commands.")
            stack.extend(reversed(child.children))
        elif kind in (
            "test_operator",
            "==",
            "!=",
            "=",
            "=~",
            "!",
            "&&",
            "||",
            "-a",
            "-o",
            "<",
            ">",
        ):
            command.words.append(plain(source.text_of(child)))
        else:
            source.script.doubt("It has a test that is not understood.")
    return command


def _is_safe(source: Source, node: Node, double: bool) -> bool:
    operators = [child for child in node.children if child.type not in WORDS and not is_test(child)]
    operands = [child for child in node.children if child.type in WORDS]
    for operator in operators:
        text = source.text_of(operator)
        if text in ("-v", "-R"):
            return False
        if double and text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
            if not all(_INTEGER.fullmatch(source.text_of(operand)) for operand in operands):
                return False
        elif (not double and text in ("&&", "||", "<", ">", "=~")) or not re.fullmatch(
            r"-[a-zA-Z]{1,2}|==?|!=?|=~|&&|\|\||[<>]", text
        ):
            return False
    return True


def is_test(node: Node) -> bool:
    """Whether the node is a part of a test."""
    return node.type in ("unary_expression", "binary_expression", "parenthesized_expression")
