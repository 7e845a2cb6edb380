"""`hames config` and `hames doctor`, on real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hames.cli.main import main
from hames.permissions.shadows import shadowed
from hames.permissions.types import Rules, SourcedRule
from hames.settings import sources


class Here:
    """A project and a home; `hames` runs in this process."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.project = folder / "project"
        self.user = folder / "config" / "settings.json"
        self.shared = self.project / ".claude" / "settings.json"
        self.local = self.project / ".claude" / "settings.local.json"
        self.project.mkdir()
        self._capture = capture

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        return code, *self._capture.readouterr()

    def write(self, file: Path, values: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values, indent=2), encoding="utf-8")

    def findings(self, *arguments: str) -> tuple[int, list[tuple[str, int | None, str]]]:
        """Exit code, and file name, line and text of all that is not in order."""
        code, output, _ = self.run("doctor", "--json", *arguments)
        lines = [json.loads(line) for line in output.splitlines()]
        bad = [line for line in lines if line["level"] != "ok"]
        return code, [
            (Path(line.get("file", "")).name, line.get("line"), line["text"]) for line in bad
        ]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    found = Here(tmp_path, capsys)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sources, "MANAGED_FOLDER", str(tmp_path / "managed"))
    monkeypatch.chdir(found.project)
    return found


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def test_set_and_get_round_through_each_file(here: Here) -> None:
    for flags, file in (("-g",), here.user), (("--project",), here.shared), ((), here.local):
        assert here.run("config", "set", *flags, "model", file.name)[0] == 0
        assert read(file) == {"model": file.name}
    assert here.run("config", "get", "-g", "model")[:2] == (0, "settings.json\n")
    assert here.run("config", "get", "model")[:2] == (0, "settings.local.json\n")
    code, output, errors = here.run("config", "get", "language")
    assert (code, output, errors) == (1, "", "`language` is not set.\n")


def test_add_and_remove_change_lists_and_keep_the_rest(here: Here) -> None:
    here.write(here.user, {"theme": "dark"})
    here.run("config", "add", "-g", "permissions.allow", "Bash(npm test:*)", "Edit", "Edit")
    assert read(here.user) == {
        "theme": "dark",
        "permissions": {"allow": ["Bash(npm test:*)", "Edit"]},
    }
    here.run("config", "remove", "-g", "permissions.allow", "Edit")
    assert read(here.user)["permissions"] == {"allow": ["Bash(npm test:*)"]}
    here.run("config", "remove", "-g", "permissions")
    assert read(here.user) == {"theme": "dark"}
    assert here.run("config", "remove", "-g", "permissions")[0] == 1


def test_values_that_a_setting_cannot_have_are_refused(here: Here) -> None:
    assert here.run("config", "set", "permissions.defaultMode", "wild")[0] == 1
    assert here.run("config", "set", "permissions.allow", "Bash")[0] == 1
    assert not here.local.exists()
    code, _, errors = here.run("config", "set", "modle", "opus")
    assert (code, errors) == (0, "Nobody knows the setting `modle`. Did you mean `model`?\n")
    assert here.run("config", "set", "env.PORT", "80")[0] == 0
    assert read(here.local) == {"modle": "opus", "env": {"PORT": 80}}


def test_list_shows_what_is_in_effect_and_where_it_stands(here: Here) -> None:
    here.write(here.user, {"model": "opus", "permissions": {"deny": ["A"]}})
    here.write(here.local, {"model": "haiku"})
    _, output, _ = here.run("config", "list")
    assert output == f'model = "haiku"  ({here.local}:2)\npermissions.deny = "A"  ({here.user}:5)\n'
    _, output, _ = here.run("config", "list", "--json")
    assert json.loads(output) == {"model": "haiku", "permissions": {"deny": ["A"]}}
    assert here.run("config", "list", "-g")[1] == ('model = "opus"\npermissions = {"deny":["A"]}\n')


def test_a_trusted_folder_is_believed_afterwards(here: Here) -> None:
    here.write(here.shared, {"permissions": {"allow": ["Bash"]}})
    assert here.run("config", "get", "permissions.allow")[0] == 1
    here.run("config", "trust")
    assert here.run("config", "get", "permissions.allow")[:2] == (0, '["Bash"]\n')


def test_the_doctor_is_content_with_a_clean_folder(here: Here) -> None:
    here.write(here.user, {"permissions": {"allow": ["Bash(ls:*)"], "deny": ["Read(.env)"]}})
    code, findings = here.findings("--strict")
    assert (code, findings) == (0, [])


def test_the_doctor_names_file_and_line_of_what_is_broken(here: Here) -> None:
    here.shared.parent.mkdir()
    here.shared.write_text('{\n  "model": "opus",\n}\n', encoding="utf-8")
    here.write(here.user, {"model": 3, "modle": "x", "permissions": {"deny": ["Bash(rm", "Read"]}})
    code, findings = here.findings()
    assert code == 1
    assert [(file, line) for file, line, _ in findings] == [
        ("settings.json", 2),
        ("settings.json", 3),
        ("settings.json", 3),
        ("settings.json", 6),
    ]
    assert "Did you mean `model`?" in findings[1][2]
    assert "`Bash(rm` is not a permission rule" in findings[3][2]


def test_rules_that_never_decide_are_warnings_and_with_strict_errors(here: Here) -> None:
    here.write(here.user, {"permissions": {"allow": ["Bash(git push:*)"], "deny": ["Bash(git:*)"]}})
    code, findings = here.findings()
    assert (code, len(findings)) == (0, 1)
    assert "never decides: the deny rule `Bash(git:*)` comes first" in findings[0][2]
    assert findings[0][1] == 4
    assert here.findings("--strict")[0] == 1


def test_what_an_untrusted_folder_may_not_say_is_a_warning(here: Here) -> None:
    here.write(here.shared, {"permissions": {"allow": ["Bash"]}})
    code, findings = here.findings()
    assert (code, [(file, line) for file, line, _ in findings]) == (0, [("settings.json", 3)])


def test_the_doctor_names_hooks_that_are_wrong_or_will_not_run(here: Here) -> None:
    hook = {"type": "command", "command": "true"}
    hooks = {
        "Stop": [{"hooks": [hook]}],
        "PreToolUse": [{"matcher": "Bash(", "hooks": [hook]}],
        "PreCompact": [{"hooks": [hook]}],
        "NewerEvent": [{"hooks": [hook]}],
    }
    here.write(here.user, {"hooks": hooks})
    code, findings = here.findings()
    assert code == 1
    lines = here.user.read_text("utf-8").splitlines()
    named = [lines[line - 1].strip().split(":")[0] for _, line, _ in findings if line]
    assert named == ['"PreToolUse"', '"PreCompact"', '"NewerEvent"']
    assert "no regular expression" in findings[0][2]
    assert [text.split(") ")[-1] for _, _, text in findings[1:]] == [
        "is not fired; its hooks do not run.",
        "is not known; its hooks do not run.",
    ]


def test_the_doctor_lists_memory_files_with_their_sizes(here: Here) -> None:
    (here.project / "CLAUDE.md").write_text("Be brief. @more.md @../out.md", "utf-8")
    (here.project / "more.md").write_text("12345", "utf-8")
    (here.project.parent / "out.md").write_text("x", "utf-8")
    _, output, _ = here.run("doctor")
    assert f"ok      {here.project}/CLAUDE.md: Memory (project): 29 bytes." in output
    assert f"imported by `{here.project}/CLAUDE.md`): 5 bytes." in output
    _, [(_, _, text)] = here.findings()
    assert "out.md` is not loaded" in text


def rules(texts: list[str]) -> tuple[SourcedRule, ...]:
    return tuple(SourcedRule(text, base="/p") for text in texts)


@pytest.mark.parametrize(
    ("deny", "allow", "dead"),
    [
        (["Bash"], ["Bash(ls)"], ["Bash(ls)"]),
        (
            ["Bash(git:*)"],
            ["Bash(git)", "Bash(git log:*)", "Bash(gitk)"],
            ["Bash(git)", "Bash(git log:*)"],
        ),
        (["Bash(git push:*)"], ["Bash(git:*)"], []),
        (["Bash(npm run *)"], ["Bash(npm run test)", "Bash(npm *)"], ["Bash(npm run test)"]),
        (
            ["Read(/a/**)"],
            ["Read(/a/b)", "Read(/ab)", "Edit(/a/b)", "Read(/a/../b)"],
            ["Read(/a/b)"],
        ),
        (["mcp__s"], ["mcp__s__tool", "mcp__t"], ["mcp__s__tool"]),
        (
            ["WebFetch(domain:a.com)"],
            ["WebFetch(domain:a.com)", "WebFetch"],
            ["WebFetch(domain:a.com)"],
        ),
        ([], ["Bash", "Bash(ls:*)", "Read", "Read"], ["Bash(ls:*)", "Read"]),
        ([], ["Bash(ls:*)", "Bash"], ["Bash(ls:*)"]),
        (["Bash(broken"], ["Bash(ls)"], []),
    ],
)
def test_only_rules_without_any_effect_count_as_dead(
    deny: list[str], allow: list[str], dead: list[str]
) -> None:
    found = shadowed(Rules(allow=rules(allow), deny=rules(deny)))
    assert [one.rule.text for one in found] == dead
