"""Permission updates at session scope, and the suggestions that lead to them."""

from __future__ import annotations

import pytest
from corpus import bash, call, policy

from hames.approvals import PermissionRuleValue, PermissionUpdate
from hames.errors import OptionsError
from hames.permissions.decide import decide
from hames.permissions.types import Question
from hames.permissions.updates import apply_updates, suggestions


def rules(*texts: tuple[str, str | None]) -> list[PermissionRuleValue]:
    return [PermissionRuleValue(tool, content) for tool, content in texts]


def test_added_rule_holds_and_is_added_once() -> None:
    update = PermissionUpdate("addRules", rules=rules(("Bash", "make:*")), behavior="allow")
    updated = apply_updates(policy(), [update, update])
    assert [rule.text for rule in updated.rules.allow] == ["Bash(make:*)"]
    assert decide(updated, bash("make all")).source == "session"


def test_replaced_rules_are_those_of_the_same_destination() -> None:
    added = PermissionUpdate("addRules", rules=rules(("Bash", "a"), ("Bash", "b")), behavior="deny")
    replaced = PermissionUpdate("replaceRules", rules=rules(("Bash", "c")), behavior="deny")
    updated = apply_updates(policy(deny=["Bash(kept)"]), [added, replaced])
    assert [rule.text for rule in updated.rules.deny] == ["Bash(kept)", "Bash(c)"]


def test_removed_rule_no_longer_holds_and_others_stay() -> None:
    added = PermissionUpdate(
        "addRules", rules=rules(("Bash", None), ("Read", "/x")), behavior="ask"
    )
    removed = PermissionUpdate("removeRules", rules=rules(("Bash", "*")), behavior="ask")
    updated = apply_updates(policy(ask=["Bash"]), [added, removed])
    assert [rule.text for rule in updated.rules.ask] == ["Bash", "Read(/x)"]


def test_mode_and_directories_change() -> None:
    updated = apply_updates(
        policy(),
        [
            PermissionUpdate("setMode", mode="acceptEdits"),
            PermissionUpdate("addDirectories", directories=["/extra", "/proj/link-dir"]),
        ],
    )
    assert decide(updated, call("Write", file_path="/extra/x")).behavior == "allow"
    assert updated.folders == ("/extra", "/outside")
    removed = PermissionUpdate("removeDirectories", directories=["/extra"])
    assert apply_updates(updated, [removed]).folders == ("/outside",)


@pytest.mark.parametrize(
    "update",
    [
        PermissionUpdate("addRules", rules=rules(("Bash", None))),
        PermissionUpdate("setMode"),
        PermissionUpdate("addRules", rules=rules(("no tool(", None)), behavior="deny"),
    ],
)
def test_update_that_lacks_something_is_refused(update: PermissionUpdate) -> None:
    with pytest.raises(OptionsError):
        apply_updates(policy(), [update])


@pytest.mark.parametrize(
    ("command", "specifiers"),
    [
        ("npm run build -- --fast && ls", ["npm run build:*"]),
        ("cargo test; git push origin main", ["cargo test:*", "git push:*"]),
        ("pytest -q", ["pytest:*"]),
        ("rm -rf build", ["rm -rf build"]),
        ("python3 x.py", ["python3 x.py"]),
        ("sudo make install", ["sudo make install"]),
        ("cat /etc/hosts", ["cat /etc/hosts"]),
        ("make > log.txt", ["make > log.txt"]),
        ("x=1", ["x=1"]),
        ("f() { make; }; f", ["f() { make; }; f"]),
    ],
)
def test_suggested_rules_would_have_allowed_the_command(
    command: str, specifiers: list[str]
) -> None:
    """Our choice: by prefix only where that is no blank cheque."""
    asked = bash(command)
    offered = suggestions(policy(), asked, decide(policy(), asked))
    assert [rule.rule_content for rule in offered[0].rules or ()] == specifiers
    assert decide(apply_updates(policy(), offered[:1]), asked).behavior == "allow"


@pytest.mark.parametrize(
    "question",
    [
        call("Read", file_path="/etc/passwd"),
        call("Write", file_path="/proj/x"),
        call("WebFetch", url="https://example.com/a"),
        call("mcp__github__get_issue"),
        call("Grep", path="/etc"),
    ],
)
def test_suggestions_for_other_tools_would_have_allowed_the_call(question: Question) -> None:
    offered = suggestions(policy(), question, decide(policy(), question))
    assert decide(apply_updates(policy(), offered), question).behavior == "allow"


def test_nothing_is_suggested_that_would_not_help() -> None:
    asked = bash("rm -rf ~")
    assert suggestions(policy(), asked, decide(policy(), asked)) == []
    ruled = policy(ask=["Bash(make:*)"])
    assert suggestions(ruled, bash("make"), decide(ruled, bash("make"))) == []
