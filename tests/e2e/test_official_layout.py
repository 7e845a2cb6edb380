"""A project as the official client leaves it, with everything in its place, run by `hames -p`.

Official 2.1.330 does the same on this tree but for three things: it refuses `echo $NODE_ENV`, does not ask
hooks about a file that a rule hides, and tells none of them of denied calls. The variable for the server's
address it believes; here that needs trust.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import STREAM, Installed, of_type

from hames.testing import calls, says

EVENTS = (
    "SessionStart", "InstructionsLoaded", "UserPromptSubmit", "PreToolUse", "PostToolUse",
    "PostToolBatch", "PermissionDenied", "ConfigChange", "Stop", "SessionEnd",
)  # fmt: skip


class Project:
    """The tree, and what its hooks have heard."""

    def __init__(self, hames: Installed) -> None:
        self.hames = hames
        self.root = hames.cwd
        self.heard_file = self.root.parent / "heard.jsonl"
        note = {"type": "command", "command": f"cat >> {self.heard_file}"}
        greet = {"type": "command", "command": "echo 'The build is green.'"}
        guard = "grep -q secret && { echo 'Not that one.' >&2; exit 2; } || true"
        self.write(
            self.root / ".claude/settings.json",
            {
                "$schema": "https://json.schemastore.org/claude-code-settings.json",
                "permissions": {
                    "deny": ["Read(./.env)", "Bash(curl:*)"],
                    "allow": ["Bash(touch:*)"],
                },
                "env": {"NODE_ENV": "test", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"},
                "hooks": {
                    **{event: [{"hooks": [note]}] for event in EVENTS},
                    "SessionStart": [{"matcher": "startup", "hooks": [note, greet]}],
                    "PreToolUse": [
                        {"hooks": [note]},
                        {"matcher": "Bash", "hooks": [{"type": "command", "command": guard}]},
                    ],
                },
                "someNewerKey": {"kept": True},
            },
        )
        self.write(
            self.root / ".claude/settings.local.json",
            {"permissions": {"allow": ["Bash(cat:*)", "Bash(echo:*)"]}},
        )
        self.write(
            hames.config / "settings.json",
            {
                "permissions": {"allow": ["Bash(ls:*)"]},
                "includeCoAuthoredBy": False,
                "model": "haiku",
            },
        )
        self.write(self.root / ".mcp.json", {"mcpServers": {}})
        memory = {
            hames.config / "CLAUDE.md": "USER-MEMORY",
            self.root / "CLAUDE.md": "PROJECT-MEMORY @docs/style.md @~/outside.md `@docs/code.md`",
            self.root / "docs/style.md": "STYLE-MEMORY",
            self.root / "docs/code.md": "CODE-SPAN",
            self.root.parent / "outside.md": "OUTSIDE",
            self.root / "CLAUDE.local.md": "LOCAL-MEMORY",
            self.root / ".claude/rules/always.md": "ALWAYS-RULE",
            self.root / ".claude/rules/py.md": "---\npaths: '**/*.py'\n---\nPYTHON-RULE",
            self.root / "sub/CLAUDE.md": "SUB-MEMORY",
            self.root / "sub/a.py": "x = 1",
            self.root / ".env": "SECRET=1",
        }
        for path, text in memory.items():
            self.write(path, text)

    def write(self, path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        path.write_text(text, encoding="utf-8")

    def heard(self) -> list[dict[str, Any]]:
        lines = self.heard_file.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def sent(self, request: int) -> str:
        return json.dumps(self.hames.api.requests[request].body["messages"])


@pytest.fixture
def project(installed: Callable[..., Installed]) -> Callable[..., Project]:
    return lambda *plays: Project(installed(*plays))


def test_everything_in_its_place_has_its_effect(project: Callable[..., Project]) -> None:
    here = project(
        calls("Read", file_path="sub/a.py") + calls("Read", file_path=".env"),
        calls("Bash", command="echo $NODE_ENV") + calls("Bash", command="touch made"),
        calls("Bash", command="echo secret") + calls("Bash", command="curl x"),
        says("Done."),
    )
    lines = here.hames.run("-p", "Go.", *STREAM, CI="").lines
    result = lines[-1]
    assert (result["type"], result["result"]) == ("result", "Done.")

    first = here.sent(0)
    order = ["USER-MEMORY", "PROJECT-MEMORY", "STYLE-MEMORY", "ALWAYS-RULE", "LOCAL-MEMORY"]
    assert sorted(order, key=first.index) == order
    assert [word for word in ("OUTSIDE", "CODE-SPAN", "PYTHON-RULE", "SUB-MEMORY") if word in first] == []  # fmt: skip
    assert "The build is green." in first
    assert "Co-Authored-By" not in first
    assert "haiku" in here.hames.api.requests[0].model

    second = here.sent(1)
    assert second.index("SUB-MEMORY") < second.index("PYTHON-RULE")
    assert "SECRET=1" not in second

    results = [block["content"] for block in here.hames.api.requests[2].tool_results]
    assert results[0].strip() == "test"
    # Nobody has trusted the folder: its deny rules hold, what it allows does not.
    assert not (here.root / "made").exists()
    denied = [denial["tool_input"] for denial in result["permission_denials"]]
    assert [one.get("command") or one.get("file_path") for one in denied] == [
        ".env", "touch made", "echo secret", "curl x",
    ]  # fmt: skip
    assert "Not that one." in here.sent(3)

    count = Counter(one["hook_event_name"] for one in here.heard())
    assert count == {
        "SessionStart": 1, "UserPromptSubmit": 1, "PreToolUse": 6, "PostToolUse": 2,
        "PostToolBatch": 3, "PermissionDenied": 4, "Stop": 1, "SessionEnd": 1,
        "InstructionsLoaded": 7,
    }  # fmt: skip
    assert {one["cwd"] for one in here.heard()} == {str(here.root)}
    assert len(of_type(lines, "hook_response")) == 2  # of SessionStart, which always come


def test_rules_written_while_it_runs_hold_for_the_next_call(
    project: Callable[..., Project],
) -> None:
    """Observed: the file of the folder is watched, and `ConfigChange` names it."""
    here = project(
        calls("Bash", command="cp ../new.json .claude/settings.local.json && echo written"),
        calls("Bash", command="ls"),
        says("Done."),
    )
    new = {"permissions": {"deny": ["Bash(ls:*)"], "allow": ["Bash(touch:*)"]}}
    here.write(here.root.parent / "new.json", new)
    # The official client asks about writes to settings too; a person says yes here.
    arguments = ("--permission-mode", "bypassPermissions", *STREAM)
    result = here.hames.run("-p", "Go.", *arguments, IS_SANDBOX="1", CI="").result
    assert [one["tool_input"]["command"] for one in result["permission_denials"]] == ["ls"]
    changes = [one for one in here.heard() if one["hook_event_name"] == "ConfigChange"]
    assert [(one["source"], Path(one["file_path"]).name) for one in changes] == [
        ("local_settings", "settings.local.json")
    ]


def test_where_nobody_watches_a_strange_folder_runs_nothing(
    project: Callable[..., Project],
) -> None:
    """Our choice: with `CI` set, hooks and variables of a folder nobody trusts do nothing."""
    here = project(calls("Bash", command="echo x$NODE_ENV"), says("Done."))
    ran = here.hames.run("-p", "Go.", CI="1")
    assert (ran.code, ran.output) == (0, "Done.\n")
    assert not here.heard_file.exists()
    assert here.hames.api.requests[1].tool_results[0]["content"].strip() == "x"
    assert "PROJECT-MEMORY" in here.sent(0)


def test_the_doctor_finds_nothing_broken_in_it(project: Callable[..., Project]) -> None:
    here = project()
    ran = here.hames.run("doctor", "--json", CI="")
    found = [json.loads(line) for line in ran.output.splitlines()]
    assert ran.code == 0
    warnings = [one for one in found if one["level"] == "warning"]
    assert [Path(one.get("file", "")).name for one in warnings] == [
        "settings.json",
        "settings.json",
        "",
    ]
    assert "ANTHROPIC_BASE_URL" in warnings[0]["text"]
    assert "`permissions.allow`" in warnings[0]["text"]
    assert "someNewerKey" in warnings[1]["text"]
    assert "outside.md" in warnings[2]["text"]
    sizes = {Path(one["file"]).name: one["text"] for one in found if "Memory (" in one["text"]}
    assert sizes.keys() == {"CLAUDE.md", "style.md", "CLAUDE.local.md", "always.md"}
