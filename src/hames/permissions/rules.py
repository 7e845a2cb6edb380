"""Rules: their grammar, `Tool` or `Tool(specifier)`, and which of them speak of a call.

What a specifier means follows from the kind of access: a shell pattern for what runs, a path pattern
for what reads or writes, a host for what fetches. `compiled` prepares a policy's rules once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hames.access import Asks
from hames.errors import OptionsError
from hames.permissions.patterns import check_pattern
from hames.permissions.types import Behavior, Policy, Question, Rules, SourcedRule
from hames.permissions.words import wildcard_match

KIND_WORDS = {"Reads": "Read", "Writes": "Edit", "Runs": "Bash", "Fetches": "WebFetch"}
"""The rule name that holds for every tool with an access of the kind."""

UNUSED_PATH_RULES = frozenset(
    {"Write", "NotebookEdit", "MultiEdit", "Glob", "Grep", "NotebookRead"}
)
"""Tools whose path rules are never consulted: `Edit(path)` and `Read(path)` speak for them."""

MAIN_FIELDS = frozenset({"command", "file_path", "path", "notebook_path", "url"})
"""Parameters that `Tool(param:value)` may not name: they have a grammar of their own."""

_NAME = re.compile(r"[A-Za-z_*][\w*.:/-]*")
_PARAMETER = re.compile(r"([A-Za-z_]\w*):(?!\*$)(.+)", re.DOTALL)
_ALLOWED_GLOB = re.compile(r"mcp__[^*]+?__[^*]*\*")


class Rule(msgspec.Struct, frozen=True, eq=False):
    """One rule, taken apart."""

    tool: str
    specifier: str | None
    """None for all uses."""
    origin: SourcedRule
    behavior: Behavior

    @property
    def text(self) -> str:
        return self.origin.text


class Compiled(msgspec.Struct, frozen=True):
    """A policy's rules, by the answer they give."""

    allow: tuple[Rule, ...]
    ask: tuple[Rule, ...]
    deny: tuple[Rule, ...]
    memo: dict[Any, Any]
    """What matchers have derived from rules (patterns), by their own keys."""

    def of(self, behavior: Behavior) -> tuple[Rule, ...]:
        match behavior:
            case "allow":
                return self.allow
            case "ask":
                return self.ask
            case "deny":
                return self.deny

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value made at the first use of the key."""
        if (found := self.memo.get(key)) is None:
            found = self.memo[key] = make()
        return found


def parse_rule(text: str) -> tuple[str, str | None]:
    """A rule's tool and specifier; the specifier is None when the rule covers every use.

    Raises OptionsError for text that is no rule.
    """
    text = text.strip()
    tool, opened, rest = text.partition("(")
    tool = tool.strip()
    if not _NAME.fullmatch(tool) or (opened and not rest.endswith(")")):
        raise OptionsError(
            f"`{text}` is not a permission rule: write `Tool` or `Tool(specifier)`, for example"
            " `Bash(npm test:*)`."
        )
    specifier = rest[:-1].strip() if opened else ""
    if specifier in ("", "*"):
        return tool, None
    if tool in ("Read", "Edit"):
        check_pattern(specifier)
    elif tool == "WebFetch" and ":" not in specifier:
        raise OptionsError(f"`{text}` names no host: write `WebFetch(domain:{specifier})`.")
    return tool, specifier


def split_rules(text: str) -> list[str]:
    """The rules in a list separated by commas or blanks; those inside parentheses do not separate."""
    found: list[str] = []
    depth = 0
    current = ""
    for char in text:
        if depth == 0 and (char == "," or char.isspace()):
            found.append(current)
            current = ""
            continue
        depth += {"(": 1, ")": -1}.get(char, 0) if depth or char == "(" else 0
        current += char
    found.append(current)
    return [rule for rule in found if rule]


def compiled(policy: Policy) -> Compiled:
    """The policy's rules, ready to match. Done once for each policy."""
    if not policy.compiled:
        rules = policy.rules
        allow = tuple(rule for rule in _parsed(rules.allow, "allow") if not _ignored_glob(rule))
        policy.compiled.append(
            Compiled(
                allow, tuple(_parsed(rules.ask, "ask")), tuple(_parsed(rules.deny, "deny")), {}
            )
        )
    ready: Compiled = policy.compiled[0]
    return ready


def is_removed(policy: Policy, tool: str, aliases: Sequence[str] = ()) -> bool:
    """Whether a bare deny rule takes the tool away: the model is not offered it."""
    return any(covers_tool(rule, (tool, *aliases)) for rule in compiled(policy).deny)


def covers_tool(rule: Rule, names: Sequence[str]) -> bool:
    """Whether the rule covers every use of the tool."""
    return rule.specifier is None and any(_names(rule.tool, name) for name in names)


class Speaking(msgspec.Struct, frozen=True):
    """The rules of one answer that may speak of a tool as a whole or of the form of its input."""

    bare: Rule | None
    """Covers every use."""
    parameters: tuple[tuple[Rule, str, str], ...]
    """`Tool(param:value)`, with the two taken apart."""
    named: tuple[tuple[Rule, str], ...]
    """`Agent(name)` and the like, with the name."""

    def first(self, question: Question) -> Rule | None:
        """The first of them that speaks of the call."""
        if self.bare:
            return self.bare
        for rule, key, value in self.parameters:
            if _has_value(question.input, key, value):
                return rule
        return named_rule(self.named, question) if self.named else None


def speaking(rules: Compiled, behavior: Behavior, question: Question) -> Speaking:
    """The rules of this answer that may speak of the call's tool, found once for each policy."""
    names = (question.tool, *question.aliases)

    def build() -> Speaking:
        own = rules.of(behavior)
        parameters = (
            (rule, found[1], found[2])
            for rule in own
            if (found := _PARAMETER.fullmatch(rule.specifier or ""))
            and any(_names(rule.tool, name) for name in names)
        )
        named = (
            (rule, re.sub(r"(:| )\*$", "", text).strip().removeprefix("/"))
            for rule, text in specific(own, question, "Asks")
        )
        bare = next((rule for rule in own if covers_tool(rule, names)), None)
        return Speaking(bare, tuple(parameters), tuple(named))

    found: Speaking = rules.remember(("speaking", behavior, *names), build)
    return found


def specific(rules: Sequence[Rule], question: Question, kind: str) -> Iterator[tuple[Rule, str]]:
    """The rules with a specifier that speak of an access of this kind by the call, and the specifier."""
    # `Bash(...)` says nothing of a file that the same tool reads.
    own = {question.tool, *question.aliases} - UNUSED_PATH_RULES - set(KIND_WORDS.values())
    names = own | {KIND_WORDS.get(kind, "")}
    for rule in rules:
        if rule.specifier is not None and rule.tool in names:
            yield rule, rule.specifier


def named_rule(rules: Sequence[tuple[Rule, str]], question: Question) -> Rule | None:
    """The first rule whose name is what the call asks for."""
    wanted = [access.what for access in question.accesses if isinstance(access, Asks)]
    for key in ("subagent_type", "skill", "command" if question.tool == "Skill" else "skill"):
        if isinstance(value := question.input.get(key), str):
            wanted.append(value)
    wanted = [name.strip().removeprefix("/") for name in wanted if name.strip()]
    for rule, name in rules:
        if any(wildcard_match(name, value.split(" ")[0]) for value in wanted):
            return rule
    return None


def rule_warnings(rules: Rules, tools: Collection[str]) -> list[str]:
    """What a person should know of rules that have no effect or name no tool."""
    said: list[str] = []
    for behavior in ("allow", "ask", "deny"):
        for rule in _parsed(getattr(rules, behavior), behavior):
            if warning := _warning(rule, tools):
                where = f" ({rule.origin.source})" if rule.origin.source else ""
                said.append(f"Permission rule `{rule.text}`{where} {warning}")
    return said


def _warning(rule: Rule, tools: Collection[str]) -> str | None:
    if rule.behavior == "allow" and _ignored_glob(rule):
        return (
            "is ignored: an allow rule may use `*` in the tool's name only after `mcp__server__`."
        )
    if rule.specifier is None:
        known = rule.tool in tools or "_" in rule.tool or "*" in rule.tool
        return None if known or rule.behavior == "allow" else "names no known tool."
    if rule.tool in UNUSED_PATH_RULES:
        word = "Read" if rule.tool in ("Glob", "Grep", "NotebookRead") else "Edit"
        return f"is never consulted; write `{word}({rule.specifier})`."
    if (found := _PARAMETER.fullmatch(rule.specifier)) and found[1] in MAIN_FIELDS:
        return f"is ignored: `{found[1]}` cannot be matched as a parameter."
    return None


def _parsed(rules: Sequence[SourcedRule], behavior: Behavior) -> Iterator[Rule]:
    for origin in rules:
        tool, specifier = parse_rule(origin.text)
        yield Rule(tool, specifier, origin, behavior)


def _ignored_glob(rule: Rule) -> bool:
    return "*" in rule.tool and not _ALLOWED_GLOB.fullmatch(rule.tool)


def _names(pattern: str, tool: str) -> bool:
    if pattern == tool:
        return True
    if "*" in pattern:
        return wildcard_match(pattern, tool)
    # `mcp__server` is every tool of that server; a server's name may itself contain `__`.
    return pattern.startswith("mcp__") and tool.startswith(pattern + "__")


def _has_value(input: Mapping[str, Any], key: str, pattern: str) -> bool:
    value = input.get(key)
    if key in MAIN_FIELDS or isinstance(value, dict | list) or value is None:
        return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return wildcard_match(pattern.strip(), text)
