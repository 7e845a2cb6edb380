"""Rules as text: their grammar, lists of them, warnings, and which tools they take away."""

from __future__ import annotations

import pytest
from corpus import bash, call, policy

from hames.access import Asks, Reads, Runs
from hames.errors import OptionsError
from hames.permissions.decide import decide
from hames.permissions.rules import is_removed, parse_rule, rule_warnings, split_rules
from hames.permissions.types import Question, Rules, SourcedRule


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Bash", ("Bash", None)),
        ("Bash(*)", ("Bash", None)),
        ("Bash()", ("Bash", None)),
        (" Bash( npm test:* ) ", ("Bash", "npm test:*")),
        ("Bash(echo (a))", ("Bash", "echo (a)")),
        ("mcp__my-server__get_*", ("mcp__my-server__get_*", None)),
        ("WebFetch(domain:*.example.com)", ("WebFetch", "domain:*.example.com")),
    ],
)
def test_rule_is_taken_apart(text: str, parts: tuple[str, str | None]) -> None:
    assert parse_rule(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        *("", "Bash(npm test", "(x)", "Bash(x) y", "a b", "Read([z-a])", "Edit(src/[b-a]*)"),
        "WebFetch(example.com)",
    ],
)
def test_text_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(OptionsError, match=r"permission rule|path pattern|names no host"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("Read,Edit Bash(git log:*)", ["Read", "Edit", "Bash(git log:*)"]),
        ("Bash(a, b) , Bash((x) y)", ["Bash(a, b)", "Bash((x) y)"]),
        ("  ", []),
    ],
)
def test_lists_separate_outside_parentheses_only(text: str, rules: list[str]) -> None:
    assert split_rules(text) == rules


@pytest.mark.parametrize(
    ("deny", "removed"),
    [
        ("Bash", True),
        ("Bash(*)", True),
        ("*", True),
        ("B*", True),
        ("Bash(rm:*)", False),
        ("BashOutput", False),
        ("Shell", True),
    ],
)
def test_bare_deny_takes_the_tool_away(deny: str, removed: bool) -> None:
    assert is_removed(policy(deny=[deny]), "Bash", ("Shell",)) is removed


def test_rules_without_effect_are_warned_about() -> None:
    def sourced(*texts: str) -> tuple[SourcedRule, ...]:
        return tuple(SourcedRule(text, "userSettings") for text in texts)

    rules = Rules(
        allow=sourced("*", "mcp__*", "mcp__a__*", "Write(src/**)", "Unknown"),
        deny=sourced("Bosh", "my_tool", "Bash(command:rm *)", "Glob(x)"),
    )
    warnings = rule_warnings(rules, {"Bash", "Write", "Glob"})
    assert [text.split("`")[1] for text in warnings] == [
        "*",
        "mcp__*",
        "Write(src/**)",
        "Bosh",
        "Bash(command:rm *)",
        "Glob(x)",
    ]


def test_parameter_rules_match_scalars_only_in_deny_and_ask() -> None:
    ask = policy(allow=["Agent"], ask=["Agent(model:op*)"])
    assert decide(ask, call("Agent", model="opus")).behavior == "ask"
    assert decide(ask, call("Agent", model="haiku")).behavior == "allow"
    assert decide(ask, call("Agent", model=["opus"])).behavior == "allow"


def test_a_prefix_rule_is_not_mistaken_for_a_parameter() -> None:
    denied = policy(allow=["Bash"], deny=["Bash(timeout:*)"])
    question = Question("Bash", {"command": "make", "timeout": 5}, (Runs("make"),), "/proj")
    assert decide(denied, question).behavior == "allow"


def test_shell_rules_hold_for_every_tool_that_runs_commands() -> None:
    question = Question("Monitor", {}, (Runs("rm -rf x"),), "/proj")
    assert decide(policy(allow=["Monitor"], deny=["Bash(rm:*)"]), question).behavior == "deny"
    assert decide(policy(allow=["Bash(rm:*)"]), question).behavior == "allow"
    assert decide(policy(allow=["Bash"]), question).behavior == "ask"


def test_file_rules_hold_for_every_tool_that_reads_files() -> None:
    question = Question("MyViewer", {}, (Reads("/proj/.env"),), "/proj")
    assert decide(policy(deny=["Read(.env)"]), question).behavior == "deny"
    assert decide(policy(deny=["MyViewer(.env)"]), question).behavior == "deny"


def test_a_tool_that_touches_nothing_is_allowed_unless_a_rule_says_otherwise() -> None:
    question = Question("add", {"a": 1}, (), "/proj")
    assert decide(policy(), question).behavior == "allow"
    assert decide(policy(ask=["add"]), question).behavior == "ask"
    assert decide(policy(deny=["add"]), question).behavior == "deny"


def test_every_access_of_a_call_needs_approval() -> None:
    question = Question("both", {}, (Reads("/proj/README.md"), Asks("send it")), "/proj")
    assert decide(policy(), question).behavior == "ask"
    assert decide(policy(allow=["both"]), question).behavior == "allow"


def test_calls_that_change_nothing_say_so() -> None:
    assert decide(policy(), bash("ls | wc -l")).readonly
    assert decide(policy("bypassPermissions"), bash("cat README.md")).readonly
    assert decide(policy(), call("Read", file_path="/proj/README.md")).readonly
    assert not decide(policy(allow=["Bash"]), bash("ls; make")).readonly
    assert not decide(policy(allow=["Bash"]), bash("ls > out")).readonly
    assert not decide(policy("acceptEdits"), call("Write", file_path="/proj/x")).readonly


def test_a_question_to_a_person_is_asked_in_every_mode() -> None:
    question = Question("AskUserQuestion", {}, (Asks(),), "/proj")
    assert (
        decide(policy("bypassPermissions", allow=["AskUserQuestion"]), question).behavior == "ask"
    )
    assert decide(policy("dontAsk"), question).behavior == "deny"


def test_the_decision_names_the_rule_and_its_source() -> None:
    decision = decide(policy(deny=["Bash(rm:*)"]), bash("sudo rm x"))
    assert (decision.rule, decision.source, decision.reason_type) == (
        "Bash(rm:*)",
        "projectSettings",
        "rule",
    )


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Read(../secret/**)", "/secret/x"),
        ("Read(./../secret)", "/secret"),
        ("Read(/src/../secret)", "/proj/secret"),
        ("Read(//proj/../secret)", "/secret/x"),
        ("Read(src/./a)", "/proj/src/a"),
        ("Edit(~/../dev/x)", "/home/dev/x"),
    ],
)
def test_a_rule_may_name_a_folder_above_its_own(rule: str, path: str) -> None:
    denied = policy("bypassPermissions", deny=[rule])
    tool = rule.partition("(")[0].replace("Edit", "Write")
    assert decide(denied, call(tool, file_path=path)).behavior == "deny"
    assert decide(denied, call(tool, file_path="/proj/src/b")).behavior == "allow"
