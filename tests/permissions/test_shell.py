"""Shell text: what is found in it, what is not trusted, and that a decision always ends."""

from __future__ import annotations

import random
import time

import pytest
from corpus import bash, call, policy

from hames.permissions.decide import decide
from hames.permissions.shell_parse import parse
from hames.permissions.words import ANY, could_match


def commands(text: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in parse(text, home="/h").commands]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a > out b 2>&1 c", [["a", "b", "c"]]),
        ("'r'm \"-r\" \\f ~/x", [["rm", "-r", "f", "/h/x"]]),
        ("if a; then b; fi; (c | d) & { e; }", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ('echo "$(a "$(b)")"', [["echo", ANY], ["a", ANY], ["b"]]),
        ("cat <<'E' | grep x && y\n$(z)\nE\nw", [["cat"], ["grep", "x"], ["y"], ["w"]]),
        ("[ -f a ] && b", [["[", "-f", "a"], ["b"]]),
    ],
)
def test_every_simple_command_is_found(text: str, found: list[list[str]]) -> None:
    script = parse(text, home="/h")
    assert (commands(text), script.problem) == (found, None)


@pytest.mark.parametrize(
    "text",
    [
        "[ a && b ]",
        "[ a > b ]",
        "[[ -v a ]]",
        "[[ 'a[$(b)]' -eq 0 ]]",
        "echo `echo \\`a\\``",
        "cat <<-E\n\t$(a)\n\tE\n",
        "cat <<E\n$(a)\nE\n",
        "echo \\ a",
        "ec\\\nho a",
        "echo `ls # `; a`",
        "echo $((x))",
        "echo ${x@P} ${!x} ${x:=1} ${x:a}",
        "f() { a; }",
        "coproc a",
        "{fd}>x a",
        "a[$(b)]=1",
        "select i in a; do b; done",
        "for PATH in a; do b; done",
        "echo 'a",
        "echo \u202e; a",
        "echo a\r",
    ],
)
def test_text_that_is_read_in_two_ways_is_not_trusted(text: str) -> None:
    assert parse(text).problem is not None


@pytest.mark.parametrize(
    ("pattern", "text", "could"),
    [
        ("rm *", f"{ANY} x", True),
        ("git push", f"git {ANY}", True),
        ("git push", f"git c{ANY}", False),
        ("git * main", f"git push {ANY}n", True),
        ("rm", f"r{ANY}m", True),
        ("rm", f"r{ANY}mm", False),
        ("rm x", "rm y", False),
    ],
)
def test_a_text_with_unknown_parts_is_held_against_a_pattern(
    pattern: str, text: str, could: bool
) -> None:
    assert could_match(pattern, text) is could


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "$(" * 3000 + ")" * 3000,
        "find -exec " * 900,
        "bash -c " * 1200,
        "xargs " * 1600 + "$x",
        "eval " * 1900,
        "cat " + "*/" * 4000,
        "cat " + "{a,b}" * 1900,
        "sed '" + "1    p;" * 1100 + "X' f",
        "sed '" + "\n" * 1900 + "X' f",
        "awk '{print " + "$1    " * 1500 + "X}' f",
        "cd a;" * 2000,
        "rm " + "/" * 9900 + "x",
        "watch 'rm x' " * 700,
        "alias " + "a='b;c' " * 1200,
        "cat " + "[a" * 4000,
        "rm " + "[a" * 4000,
        "x=1 " * 2400 + "ls",
        "echo " + "'" * 9001,
    ],
    ids=lambda text: text[:14].strip(),
)
def test_a_decision_about_hostile_text_ends(text: str) -> None:
    """The bound is wide for slow machines; what it catches took minutes, or forever."""
    strict = policy(allow=["Bash"], deny=["Bash(rm:*)", "Bash(*a*b*c*d)", "Read(.env)"])
    began = time.process_time()
    decide(strict, bash(text))
    decide(policy(), bash(text))
    assert time.process_time() - began < 15


def test_every_input_gets_an_answer() -> None:
    chosen = random.Random(5)
    letters = "aé$`'\"\\(){}[];&|<>#*?~ \n\t\0\x1b\ud800\u200b/.-="
    for _ in range(400):
        text = "".join(chosen.choices(letters, k=chosen.randrange(40)))
        for rules in (policy(), policy("acceptEdits", deny=["Bash(rm:*)", "Read(.env)"])):
            for question in (
                bash(text),
                call("Read", file_path=text),
                call("Write", file_path=text),
                call("WebFetch", url="http://" + text),
            ):
                assert decide(rules, question).behavior in ("allow", "ask", "deny")


@pytest.mark.parametrize(
    "text",
    [
        "git status --short && git log --oneline -5",
        "find . -type f -name '*.py' | head -20",
        "awk -F: 'NR>1 {print $1, $2}' file1",
        "sed -n '/hello/,$p' README.md",
        "jq -r '.a | keys[]' data.json",
        "cat nofile 2>/dev/null || echo missing",
        "[ -d src ] && ls src",
        "sort file1 | uniq -c | sort -rn | head",
        "git commit -m \"$(cat <<'EOF'\nWhat `x` (and y) do\n\nWhy\nEOF\n)\"",
    ],
)
def test_everyday_commands_need_no_question(text: str) -> None:
    everyday = policy(allow=["Bash(git commit:*)"], deny=["Bash(rm:*)", "Read(.env)"])
    assert decide(everyday, bash(text)).behavior == "allow", decide(everyday, bash(text)).reason
