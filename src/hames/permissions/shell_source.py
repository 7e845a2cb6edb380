"""The source of a shell text, by the positions that the grammar gives: its words, each scanned again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hames.permissions.shell_script import Script
from hames.permissions.words import ANY, Word, scan

if TYPE_CHECKING:
    from tree_sitter import Node

WORDS = frozenset(
    [
        "word",
        "number",
        "raw_string",
        "string",
        "ansi_c_string",
        "translated_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "brace_expression",
    ]
)
EXPANSIONS = frozenset(
    [
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "ansi_c_string",
        "translated_string",
        "brace_expression",
    ]
)

PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./^-][A-Za-z0-9_@%+:=,./^-]*")


SETS_HOME = re.compile(r"(?<!\$)(?<!\$\{)\bHOME\b|\b(?:eval|source)\b|[$}`]\w*=")
SETS_PWD = re.compile(r"(?<!\$)(?<!\$\{)\bPWD\b|\b(?:cd|pushd|popd|eval|source)\b|[$}`]\w*=")
"""Find what may give these variables another value than they have at the start."""


class Source:
    """A text that is taken apart, and the script that comes of it."""

    def __init__(self, script: Script, text: str, home: str, cwd: str) -> None:
        self.script = script
        self.text = text
        """A letter for each byte of it."""
        self.home = "" if SETS_HOME.search(text) else home
        self._values = {"HOME": self.home, "PWD": "" if SETS_PWD.search(text) else cwd}

    def text_of(self, node: Node) -> str:
        """What stands in the source for a node."""
        return decoded(self.text[node.start_byte : node.end_byte])

    def word(self, node: Node) -> Word:
        """A node as a word. One that reads differently from what the grammar says is a problem."""
        start, end = node.start_byte, node.end_byte
        raw = self.text[start:end]
        if PLAIN.fullmatch(raw):
            return Word(raw, raw, True)
        scanned = scan(self.text, start, end, self._holes(node))
        if scanned is None:
            self.script.doubt(f"The word `{decoded(raw)[:80]}` is not understood.")
            return Word(decoded(raw), ANY, False)
        marked, static = scanned
        if raw.startswith("~"):
            marked, static = self._tilde(marked, static)
        elif "=~" in raw or ":~" in raw:
            # Bash expands these where the word looks like an assignment.
            marked, static = re.sub("([=:])~[^/:]*", rf"\1{ANY}", marked), False
        return Word(decoded(raw), decoded(marked), static)

    def _holes(self, node: Node) -> dict[int, tuple[int, str]]:
        holes: dict[int, tuple[int, str]] = {}
        stack = [node]
        while stack:
            child = stack.pop()
            if child.type in EXPANSIONS:
                value = ANY
                if child.type in ("simple_expansion", "expansion"):
                    name = self.text[child.start_byte : child.end_byte].strip("${}")
                    value = self._values.get(name) or ANY
                start = child.start_byte
                while self.text[start] in " \t\n":  # the grammar counts blanks in a string to it
                    start += 1
                holes[start] = (child.end_byte, value)
            else:
                stack.extend(child.named_children)
        return holes

    def _tilde(self, marked: str, static: bool) -> tuple[str, bool]:
        prefix, slash, rest = marked.partition("/")
        if prefix == "~" and self.home:
            return self.home + slash + rest, static
        return ANY + slash + rest, False


def decoded(text: str) -> str:
    """Text of the source, whose letters stand for bytes, as what it says."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")
