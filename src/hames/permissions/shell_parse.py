"""Shell text taken apart by bash's grammar: every simple command, wherever it stands, and every redirect.

The grammar decides the structure. What it says is then checked against the source: each node must be
of a known kind, nothing but blanks may lie between nodes, each word must read as one word. The first
thing that does not fit is the script's `problem`, and a script with a problem is never approved by
its parts. Commands are collected all the same, for deny rules.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from hames.permissions.words import ANY, Word, plain, scan

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 10_000
"""A longer command is asked about; it is parsed for deny rules only."""

_MOST_NODES = 200_000


class Redirect(msgspec.Struct):
    """A redirect to or from a file. Copies of descriptors and here-documents are none."""

    target: Word
    writes: bool
    reads: bool


class Command(msgspec.Struct):
    """A simple command."""

    words: list[Word]
    """Its name and arguments."""
    assignments: list[tuple[str, Word]] = msgspec.field(default_factory=list)
    start: int = 0
    repeated: bool = False
    """It stands in a loop."""

    @property
    def name(self) -> str:
        """The command's name; "" when it is known only at run time."""
        return self.words[0].marked if self.words and self.words[0].static else ""


class Script(msgspec.Struct):
    """What a shell text runs."""

    text: str
    commands: list[Command] = msgspec.field(default_factory=list)
    redirects: list[Redirect] = msgspec.field(default_factory=list)
    variables: list[str] = msgspec.field(default_factory=list)
    """Names that loops set."""
    problem: str | None = None
    """Why it cannot be checked completely."""

    def doubt(self, problem: str) -> None:
        """Note the first problem."""
        self.problem = self.problem or problem


def parse(text: str, *, home: str = "", cwd: str = "") -> Script:
    """Take a shell text apart. Never fails: what is not understood is a problem of the result."""
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
    _Reader(script, data.decode("latin-1"), home, cwd).read(tree.root_node)
    return script


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

_WORDS = frozenset(
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
_EXPANSIONS = frozenset(
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
_ASSIGNING = frozenset(("command", "declaration_command"))
"""Nodes that take in their assignments themselves."""
_LOOPS = frozenset(("for_statement", "while_statement", "c_style_for_statement"))

_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./^-][A-Za-z0-9_@%+:=,./^-]*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_GAP = re.compile(r"(?:[ \t\n]|(?<=[ \t\n])\\\n)*")
_WORD_GAP = re.compile(r"[ \t](?:[ \t]|(?<=[ \t\n])\\\n)*")
_HIDDEN = re.compile(r"(?<!\\)(?:\\\\)*(?:`|\$[({\[])")
_SAFE_EXPANSION = re.compile(
    r"\$\{(?:#?(?:[A-Za-z_]\w*|\d+|[@*#?])|(?:[A-Za-z_]\w*|\d+|[@*])(?::?[-+?]|[#%/^,]).*)\}",
    re.DOTALL,
)
_SAFE_ARITHMETIC = re.compile(r"\$(?:\(\([\d\s+*/%()<>=&|^~!?:-]*\)\)|\[[\d\s+*/%()-]*\])")
_INTEGER = re.compile(r"-?\d+|\"?\$[?#]\"?|\"?\$\{#\w+\}\"?")
_HEREDOC = re.compile(r"(\\?)(['\"]?)([A-Za-z_]\w*)\2")
_CASE_PATTERN = re.compile(r"[\w.*?/-]+")
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

    def __init__(self, script: Script, source: str, home: str, cwd: str) -> None:
        self.script = script
        self.source = source
        self.values = {"HOME": home, "PWD": cwd}
        self.home = home
        self.expands = "$" in source or "`" in source
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
            children = node.children
            kind = node.type
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
                self._heredoc(node)
            children.reverse()
            stack.extend([(child, node, loop, inner, loose) for child in children])
        if not _GAP.fullmatch(self.source, self.last):
            self.script.doubt("Part of it is not understood.")
        self.script.commands.sort(key=lambda command: command.start)

    def _leaf(self, node: Node, kind: str, inner: bool, loose: bool) -> None:
        start, end = node.start_byte, node.end_byte
        if loose:
            self.last = max(self.last, end)
            return
        if start > self.last and not (
            (start == self.last + 1 and self.source[self.last] == " ")
            or _GAP.fullmatch(self.source, self.last, start)
        ):
            self.script.doubt("Part of it is not understood.")
        self.last = max(self.last, end)
        if not node.is_named:
            if kind not in _TOKENS:
                self.script.doubt(f"`{kind}` is not checked.")
        elif kind in ("ansi_c_string", "heredoc_body") or kind == "string":
            pass
        elif kind == "comment":
            if inner or (start and self.source[start - 1] not in " \t\n;&|()"):
                self.script.doubt("It has a comment in an unusual place.")
        elif kind not in _LEAVES:
            self.script.doubt(f"A {kind.replace('_', ' ')} is not checked.")
        elif self.expands and kind != "raw_string" and _HIDDEN.search(self.source, start, end):
            self.script.doubt("Part of it is not understood.")

    def _group(self, node: Node, above: Node, kind: str, loop: bool) -> bool:
        """Take in a node that means something; True when its leaves need no further check."""
        match kind:
            case "command":
                self._command(node, above, loop)
            case "declaration_command" | "unset_command":
                self._declaration(node, loop)
            case "file_redirect":
                self._redirect(node)
            case "herestring_redirect" | "process_substitution" | "simple_expansion":
                pass
            case "command_substitution":
                text = self.source[node.start_byte : node.end_byte].lstrip()
                if text.startswith("`") and "\\" in text:
                    # Bash takes backslashes away before it reads what is inside.
                    self.script.doubt("It has a backslash between backquotes.")
            case "expansion":
                if not _SAFE_EXPANSION.fullmatch(self.source, node.start_byte, node.end_byte):
                    self.script.doubt("It expands a variable in an unusual way.")
            case "arithmetic_expansion":
                if not _SAFE_ARITHMETIC.fullmatch(self.source, node.start_byte, node.end_byte):
                    self.script.doubt(
                        "It calculates with variables, whose values may run commands."
                    )
                return True
            case "brace_expression":
                return True
            case "for_statement":
                self._for(node)
            case "test_command":
                self._test(node, loop)
            case "unary_expression" | "binary_expression" | "parenthesized_expression":
                if above.type != "test_command" and not _is_test(above):
                    self.script.doubt("It calculates, which may run commands.")
            case "heredoc_body":
                return True
            case _:
                self.script.doubt(f"A {kind.replace('_', ' ')} is not checked.")
        return False

    # Commands

    def _command(self, node: Node, above: Node, loop: bool) -> None:
        command = Command([], start=node.start_byte, repeated=loop)
        extra = _extra_destinations(above) if above.type == "redirected_statement" else []
        later = {word.start_byte for word in extra}
        previous: Node | None = None
        for child in sorted([*node.children, *extra], key=lambda child: child.start_byte):
            kind = child.type
            if kind == "command_name":
                child = child.children[0] if child.child_count else child
                kind = child.type
            if kind == "variable_assignment":
                self._assignment(child, command)
            elif kind in _WORDS:
                if previous and child.start_byte not in later and not self._apart(previous, child):
                    self.script.doubt("Two words stand together.")
                command.words.append(self._word(child))
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
        return bool(_WORD_GAP.fullmatch(self.source, first.end_byte, second.start_byte))

    def _check_redirect_gaps(self, statement: Node) -> None:
        for redirect in statement.children_by_field_name("redirect"):
            words = redirect.children_by_field_name("destination")
            for first, second in pairwise(words):
                if not self._apart(first, second):
                    self.script.doubt("Two words stand together.")

    def _assignment(self, node: Node, command: Command) -> None:
        name = self._text(node.children[0])
        value = node.child_by_field_name("value")
        if not _NAME.fullmatch(name) or (value is not None and value.type == "array"):
            self.script.doubt("It assigns in an unusual way.")
        if value is None or value.type == "array":
            command.assignments.append((name, plain("")))
        else:
            command.assignments.append((name, self._word(value)))

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
                word = None if value.type == "array" else self._word(value)
                name = self._text(child.children[0])
                raw = self._text(child)
                if word is None or not _NAME.fullmatch(name):
                    self.script.doubt("It assigns in an unusual way.")
                    word = Word(raw, ANY, False)
                command.words.append(Word(raw, f"{name}={word.marked}", word.static))
            elif kind in _WORDS:
                command.words.append(self._word(child))
            else:
                raw = self._text(child)
                command.words.append(Word(raw, raw, bool(_PLAIN.fullmatch(raw))))
        self._add(command)

    def _for(self, node: Node) -> None:
        name = node.child_by_field_name("variable")
        if node.children[0].type != "for" or name is None:
            self.script.doubt("A `select` is not checked.")
        elif not re.fullmatch(r"[a-z_][a-z0-9_]*", self._text(name)):
            self.script.doubt(f"A loop sets the variable `{self._text(name)}`.")
        else:
            self.script.variables.append(self._text(name))

    def _test(self, node: Node, loop: bool) -> None:
        """`[ ... ]` and `[[ ... ]]`, as a command of that name."""
        double = node.children[0].type == "[["
        if node.children[0].type not in ("[", "[["):
            self.script.doubt("It calculates, which may run commands.")
        command = Command([plain("[[" if double else "[")], start=node.start_byte, repeated=loop)
        stack = list(reversed(node.children[1:-1]))
        while stack:
            child = stack.pop()
            kind = child.type
            if kind in _WORDS:
                command.words.append(self._word(child))
            elif kind in ("unary_expression", "binary_expression"):
                if not self._test_is_safe(child, double):
                    self.script.doubt("It has a test that may run commands.")
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
                command.words.append(plain(self._text(child)))
            else:
                self.script.doubt("It has a test that is not understood.")
        self.script.commands.append(command)

    def _test_is_safe(self, node: Node, double: bool) -> bool:
        operators = [
            child for child in node.children if child.type not in _WORDS and not _is_test(child)
        ]
        operands = [child for child in node.children if child.type in _WORDS]
        for operator in operators:
            text = self._text(operator)
            if text in ("-v", "-R"):
                return False
            if double and text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                if not all(_INTEGER.fullmatch(self._text(operand)) for operand in operands):
                    return False
            elif (not double and text in ("&&", "||", "<", ">", "=~")) or not re.fullmatch(
                r"-[a-zA-Z]{1,2}|==?|!=?|=~|&&|\|\||[<>]", text
            ):
                return False
        return True

    # Redirects

    def _redirected(self, node: Node) -> None:
        if _extra_destinations(node) and not _has_command_body(node):
            self.script.doubt("Words after a redirect belong to no command.")

    def _redirect(self, node: Node) -> None:
        operator = next((child.type for child in node.children if not child.is_named), "")
        destination = node.child_by_field_name("destination")
        descriptor = node.child_by_field_name("descriptor")
        if descriptor is not None and not self._text(descriptor).isdigit():
            self.script.doubt("It redirects in an unusual way.")
        if destination is None:
            if operator not in ("<&-", ">&-"):
                self.script.doubt("It redirects in an unusual way.")
            return
        word = self._word(destination)
        if operator in (">&", "<&") and re.fullmatch(r"\d+-?", word.marked):
            return
        if operator == "<":
            self.script.redirects.append(Redirect(word, writes=False, reads=True))
        elif operator in (">", ">>", "&>", "&>>", ">|", ">&"):
            self.script.redirects.append(Redirect(word, writes=True, reads=False))
        else:
            self.script.doubt("It redirects in an unusual way.")
            self.script.redirects.append(Redirect(word, writes=True, reads=True))

    def _heredoc(self, node: Node) -> None:
        """Check that the grammar ends a here-document where bash does."""
        parts = {child.type: child for child in node.children}
        start, body, end = (parts.get(f"heredoc_{part}") for part in ("start", "body", "end"))
        if any(child.type in _WORDS for child in node.children):
            self.script.doubt("Words after a here-document belong to no command.")
        if start is None or body is None or end is None or start.start_point[0] <= self.heredoc_row:
            self.script.doubt("It has a here-document that is not understood.")
            return
        self.heredoc_row = end.end_point[0]
        written = _HEREDOC.fullmatch(self._text(start))
        text = self._text(body)
        first, last = body.start_byte, end.end_byte
        newline = self.source.find("\n", start.end_byte)
        if (
            written is None
            or self._text(end).strip("\t") != written[3]
            or any(line.strip() == written[3] for line in text.split("\n"))
            or first != newline + 1
            or self.source[last : last + 1] not in ("", "\n")
            or self.source[self.source.rfind("\n", 0, end.start_byte) + 1 : end.start_byte].strip(
                "\t"
            )
        ):
            self.script.doubt("It has a here-document that is not understood.")
        elif not (written[1] or written[2]) and _HIDDEN.search(text):
            self.script.doubt("It has a here-document that runs commands.")

    # Words

    def _text(self, node: Node) -> str:
        return _decoded(self.source[node.start_byte : node.end_byte])

    def _word(self, node: Node) -> Word:
        start, end = node.start_byte, node.end_byte
        raw = self.source[start:end]
        if _PLAIN.fullmatch(raw):
            return Word(raw, raw, True)
        scanned = scan(self.source, start, end, self._holes(node))
        if scanned is None:
            self.script.doubt(f"The word `{_decoded(raw)[:80]}` is not understood.")
            return Word(_decoded(raw), ANY, False)
        marked, static = scanned
        if raw.startswith("~"):
            marked, static = self._tilde(marked, static)
        elif "=~" in raw or ":~" in raw:
            # Bash expands these where the word looks like an assignment.
            marked, static = re.sub("([=:])~[^/:]*", rf"\1{ANY}", marked), False
        return Word(_decoded(raw), _decoded(marked), static)

    def _holes(self, node: Node) -> dict[int, tuple[int, str]]:
        holes: dict[int, tuple[int, str]] = {}
        stack = [node]
        while stack:
            child = stack.pop()
            if child.type in _EXPANSIONS:
                value = ANY
                if child.type in ("simple_expansion", "expansion"):
                    name = self.source[child.start_byte : child.end_byte].strip("${}")
                    value = self.values.get(name) or ANY
                start = child.start_byte
                while self.source[start] in " \t\n":  # the grammar counts blanks in a string to it
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


def _decoded(text: str) -> str:
    """Text of the source, whose letters stand for bytes, as what it says."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def _is_test(node: Node) -> bool:
    return node.type in ("unary_expression", "binary_expression", "parenthesized_expression")


def _has_command_body(node: Node) -> bool:
    body = node.child_by_field_name("body")
    return body is not None and body.type == "command"


def _extra_destinations(statement: Node) -> list[Node]:
    """Words that the grammar counts to a redirect although they are arguments: `a > out b`."""
    return [
        word
        for redirect in statement.children_by_field_name("redirect")
        if redirect.type == "file_redirect"
        for word in redirect.children_by_field_name("destination")[1:]
    ]
