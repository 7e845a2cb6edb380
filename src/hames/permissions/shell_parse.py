"""Shell text taken apart by bash's grammar: every simple command, wherever it stands, and every redirect.

The grammar decides the structure. What it says is then checked against the source: each node must be
of a known kind, nothing but blanks may lie between nodes, each word must read as one word. The first
thing that does not fit is the script's `problem`, and a script with a problem is never approved by
its parts. Commands are collected all the same, for deny rules.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from hames.permissions.shell_redirects import (
    HIDDEN,
    check_heredoc,
    extra_destinations,
    has_command_body,
    read_redirect,
)
from hames.permissions.shell_script import Command, Script
from hames.permissions.shell_source import PLAIN, WORDS, Source
from hames.permissions.shell_tests import is_test, read_test
from hames.permissions.words import ANY, Word, plain

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 10_000
"""A longer command is asked about; it is parsed for deny rules only."""

_MOST_NODES = 200_000
_LONGEST_KEPT = 500


def parse(text: str, *, home: str = "", cwd: str = "") -> Script:
    """Take a shell text apart. Never fails: what is not understood is a problem of the result.

    The same text is often judged more than once (by hooks, after a change, from turn to turn), so the
    last results are kept. Nobody changes them.
    """
    if len(text) > _LONGEST_KEPT:
        return _parsed(text, home, cwd)
    return _parsed_before(text, home, cwd)


def _parsed(text: str, home: str, cwd: str) -> Script:
    script = Script(text)
    if not text.replace("\n", "").replace("\t", "").isprintable():
        script.doubt("It contains characters that do not show.")
    if len(text) > LONGEST:
        script.doubt(f"It is longer than {LONGEST:,} characters.")
    if "\\\n" in text and re.search(r"[^ \t\n]\\\n", text):
        script.doubt("It breaks a line inside a word.")
    data = text.encode("utf-8", "replace").replace(b"\0", b"?")
    tree = _parser().parse(data)
    if tree.root_node.has_error:
        script.doubt("It is not complete shell text.")
    _Reader(Source(script, data.decode("latin-1"), home, cwd)).read(tree.root_node)
    return script


_parsed_before = lru_cache(maxsize=256)(_parsed)


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


_GROUPS = frozenset(
    [
        "program",
        "list",
        "pipeline",
        "redirected_statement",
        "subshell",
        "compound_statement",
        "if_statement",
        "elif_clause",
        "else_clause",
        "while_statement",
        "do_group",
        "case_statement",
        "case_item",
        "negated_command",
        "command_name",
        "concatenation",
        "string",
        "variable_assignment",
        "heredoc_redirect",
    ]
)
"""Nodes that only hold others."""

_LEAVES = frozenset(
    [
        "word",
        "number",
        "raw_string",
        "string_content",
        "variable_name",
        "special_variable_name",
        "file_descriptor",
        "heredoc_start",
        "heredoc_content",
        "heredoc_end",
        "test_operator",
        "regex",
    ]
)

_TOKENS = frozenset(
    """
    ; && || | |& & ( ) { } [ ] [[ ]] $( ` <( >( ${ $ " = += == != =~ ! -a -o
    < > >> &> &>> <& >& >| <&- >&- << <<- <<< ;; if then elif else fi for in do done while until case esac
    export declare typeset local readonly unset : :- :+ :? - + ? # ## % %% / // /# /% ^ ^^ , ,, $(( )) * @ .. \n
    """.replace("\\n", "").split()
) | {"\n"}

_ASSIGNING = frozenset(("command", "declaration_command"))
"""Nodes that take in their assignments themselves."""
_LOOPS = frozenset(("for_statement", "while_statement", "c_style_for_statement"))

_NAME = re.compile(r"[A-Za-z_]\w*")
_PLAIN_COMMAND = re.compile(rf"[A-Za-z0-9_@%+:,./^-]+(?:[ \t]+{PLAIN.pattern})*")
_GAP = re.compile(r"(?:[ \t\n]|(?<=[ \t\n])\\\n)*")
_WORD_GAP = re.compile(r"[ \t](?:[ \t]|(?<=[ \t\n])\\\n)*")
_SAFE_EXPANSION = re.compile(
    r"\$\{(?:#?(?:[A-Za-z_]\w*|\d+|[@*#?])|(?:[A-Za-z_]\w*|\d+|[@*])(?::?[-+?]|[#%/^,]).*)\}",
    re.DOTALL,
)
_SAFE_ARITHMETIC = re.compile(r"\$(?:\(\([\d\s+*/%()<>=&|^~!?:-]*\)\)|\[[\d\s+*/%()-]*\])")
_RESERVED = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "in",
        "do",
        "done",
        "while",
        "until",
        "case",
        "esac",
        "select",
        "function",
        "coproc",
        "{",
        "}",
        "[[",
        "]]",
        "!",
    ]
)


class _Reader:
    """Walks a tree once, in the order of the source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.script = source.script
        self.text = source.text
        self.expands = "$" in self.text or "`" in self.text
        self.last = 0
        self.heredoc_row = -1

    def read(self, root: Node) -> None:
        # Node, the node above it, in a loop, in a substitution, its text is checked elsewhere. (Asking
        # a node for its parent walks down from the root, which deep nesting makes slow.)
        stack: list[tuple[Node, Node, bool, bool, bool]] = [(root, root, False, False, False)]
        seen = 0
        while stack:
            node, above, loop, inner, loose = stack.pop()
            if (seen := seen + 1) > _MOST_NODES:
                self.script.doubt("It is too large to check.")
                return
            kind = node.type
            if kind == "command" and self._plain_command(node, above, loop):
                continue
            children = node.children
            if not children:
                self._leaf(node, kind, inner, loose)
                continue
            loop = loop or kind in _LOOPS
            inner = inner or kind in ("command_substitution", "process_substitution")
            if kind not in _GROUPS:
                loose = self._group(node, above, kind, loop) or loose
            elif kind == "redirected_statement":
                self._redirected(node)
            elif kind == "variable_assignment" and above.type not in _ASSIGNING:
                self._bare_assignment(node)
            elif kind == "heredoc_redirect":
                self.heredoc_row = check_heredoc(self.source, node, self.heredoc_row)
            children.reverse()
            stack.extend([(child, node, loop, inner, loose) for child in children])
        if not _GAP.fullmatch(self.text, self.last):
            self.script.doubt("Part of it is not understood.")
        self.script.commands.sort(key=lambda command: command.start)

    def _leaf(self, node: Node, kind: str, inner: bool, loose: bool) -> None:
        start, end = node.start_byte, node.end_byte
        if loose:
            self.last = max(self.last, end)
            return
        self._check_gap(start, end)
        if not node.is_named:
            if kind not in _TOKENS:
                self.script.doubt(f"`{kind}` is not checked.")
        elif kind in ("ansi_c_string", "heredoc_body") or kind == "string":
            pass
        elif kind == "comment":
            if inner or (start and self.text[start - 1] not in " \t\n;&|()"):
                self.script.doubt("It has a comment in an unusual place.")
        elif kind not in _LEAVES:
            self.script.doubt(f"A {kind.replace('_', ' ')} is not checked.")
        elif self.expands and kind != "raw_string" and HIDDEN.search(self.text, start, end):
            self.script.doubt("Part of it is not understood.")

    def _check_gap(self, start: int, end: int) -> None:
        """Nothing but blanks may lie between what was taken in last and what comes next."""
        if start > self.last and not (
            (start == self.last + 1 and self.text[self.last] == " ")
            or _GAP.fullmatch(self.text, self.last, start)
        ):
            self.script.doubt("Part of it is not understood.")
        self.last = max(self.last, end)

    def _group(self, node: Node, above: Node, kind: str, loop: bool) -> bool:
        """Take in a node that means something; True when its leaves need no further check."""
        match kind:
            case "command":
                self._command(node, above, loop)
            case "declaration_command" | "unset_command":
                self._declaration(node, loop)
            case "file_redirect":
                read_redirect(self.source, node)
            case "herestring_redirect" | "process_substitution" | "simple_expansion":
                pass
            case "command_substitution":
                text = self.text[node.start_byte : node.end_byte].lstrip()
                if text.startswith("`") and "\\" in text:
                    # Bash takes backslashes away before it reads what is inside.
                    self.script.doubt("It has a backslash between backquotes.")
            case "expansion":
                if not _SAFE_EXPANSION.fullmatch(self.text, node.start_byte, node.end_byte):
                    self.script.doubt("It expands a variable in an unusual way.")
            case "arithmetic_expansion":
                if not _SAFE_ARITHMETIC.fullmatch(self.text, node.start_byte, node.end_byte):
                    self.script.doubt(
                        "It calculates with variables, whose values may run commands."
                    )
                return True
            case "brace_expression":
                return True
            case "for_statement":
                self._for(node)
            case "test_command":
                self.script.commands.append(read_test(self.source, node, loop))
            case "unary_expression" | "binary_expression" | "parenthesized_expression":
                if above.type != "test_command" and not is_test(above):
                    self.script.doubt("It calculates, which may run commands.")
            case "heredoc_body":
                return True
            case _:
                self.script.doubt(f"A {kind.replace('_', ' ')} is not checked.")
        return False

    # Commands

    def _plain_command(self, node: Node, above: Node, loop: bool) -> bool:
        """Take in a command of letters that mean themselves. Most are, and their words need no tree."""
        start, end = node.start_byte, node.end_byte
        if not _PLAIN_COMMAND.fullmatch(self.text, start, end) or (
            above.type == "redirected_statement" and extra_destinations(above)
        ):
            return False
        self._check_gap(start, end)
        words = [Word(text, text, True) for text in self.text[start:end].split()]
        self._add(Command(words, start=start, repeated=loop))
        return True

    def _command(self, node: Node, above: Node, loop: bool) -> None:
        command = Command([], start=node.start_byte, repeated=loop)
        extra = extra_destinations(above) if above.type == "redirected_statement" else []
        later = {word.start_byte for word in extra}
        previous: Node | None = None
        for child in sorted([*node.children, *extra], key=lambda child: child.start_byte):
            kind = child.type
            if kind == "command_name":
                child = child.children[0] if child.child_count else child
                kind = child.type
            if kind == "variable_assignment":
                self._assignment(child, command)
            elif kind in WORDS:
                if previous and child.start_byte not in later and not self._apart(previous, child):
                    self.script.doubt("Two words stand together.")
                command.words.append(self.source.word(child))
            elif kind not in ("file_redirect", "herestring_redirect", "heredoc_redirect"):
                self.script.doubt("A command is not built as usual.")
            previous = child
        if extra:
            self._check_redirect_gaps(above)
        self._add(command)

    def _add(self, command: Command) -> None:
        if command.name in _RESERVED:
            self.script.doubt(f"`{command.name}` is not checked here.")
        self.script.commands.append(command)

    def _apart(self, first: Node, second: Node) -> bool:
        if second.type.endswith("_redirect"):
            return True
        return bool(_WORD_GAP.fullmatch(self.text, first.end_byte, second.start_byte))

    def _check_redirect_gaps(self, statement: Node) -> None:
        for redirect in statement.children_by_field_name("redirect"):
            words = redirect.children_by_field_name("destination")
            for first, second in pairwise(words):
                if not self._apart(first, second):
                    self.script.doubt("Two words stand together.")

    def _assignment(self, node: Node, command: Command) -> None:
        name = self.source.text_of(node.children[0])
        value = node.child_by_field_name("value")
        if not _NAME.fullmatch(name) or (value is not None and value.type == "array"):
            self.script.doubt("It assigns in an unusual way.")
        if value is None or value.type == "array":
            command.assignments.append((name, plain("")))
        else:
            command.assignments.append((name, self.source.word(value)))

    def _bare_assignment(self, node: Node) -> None:
        command = Command([], start=node.start_byte)
        self._assignment(node, command)
        self.script.commands.append(command)

    def _declaration(self, node: Node, loop: bool) -> None:
        command = Command([], start=node.start_byte, repeated=loop)
        for child in node.children:
            kind = child.type
            if (
                kind == "variable_assignment"
                and (value := child.child_by_field_name("value")) is not None
            ):
                word = None if value.type == "array" else self.source.word(value)
                name = self.source.text_of(child.children[0])
                raw = self.source.text_of(child)
                if word is None or not _NAME.fullmatch(name):
                    self.script.doubt("It assigns in an unusual way.")
                    word = Word(raw, ANY, False)
                command.words.append(Word(raw, f"{name}={word.marked}", word.static))
            elif kind in WORDS:
                command.words.append(self.source.word(child))
            else:
                raw = self.source.text_of(child)
                command.words.append(Word(raw, raw, bool(PLAIN.fullmatch(raw))))
        self._add(command)

    def _for(self, node: Node) -> None:
        name = node.child_by_field_name("variable")
        if node.children[0].type != "for" or name is None:
            self.script.doubt("A `select` is not checked.")
        elif not re.fullmatch(r"[a-z_][a-z0-9_]*", self.source.text_of(name)):
            self.script.doubt(f"A loop sets the variable `{self.source.text_of(name)}`.")
        else:
            self.script.variables.append(self.source.text_of(name))

    def _redirected(self, node: Node) -> None:
        if extra_destinations(node) and not has_command_body(node):
            self.script.doubt("Words after a redirect belong to no command.")
