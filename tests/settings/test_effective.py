"""Settings of all sources: which wins, where each value comes from, and what is wrong with files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hames.errors import OptionsError
from hames.settings.effective import Effective, effective
from hames.settings.environ import Environ


class Place:
    """A home, a project and a folder for managed settings."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.project = folder / "project"
        self.managed = folder / "managed"
        self.user_file = self.home / ".claude" / "settings.json"
        self.project_file = self.project / ".claude" / "settings.json"
        self.local_file = self.project / ".claude" / "settings.local.json"
        self.managed_file = self.managed / "managed-settings.json"
        self.project.mkdir(parents=True)

    def write(self, file: Path, values: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = values if isinstance(values, str) else json.dumps(values, indent=2)
        file.write_text(text, encoding="utf-8")

    def trust(self) -> None:
        state = {"projects": {str(self.project): {"hasTrustDialogAccepted": True}}}
        self.write(self.home / ".claude.json", state)

    def read(self, settings: Any = None, **environment: str) -> Effective:
        return effective(
            Environ.read({"HOME": str(self.home), **environment}),
            str(self.project),
            settings=settings,
            setting_sources=("user", "project", "local"),
            managed_folder=str(self.managed),
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_strongest_source_wins_and_lists_join(place: Place) -> None:
    for number, file in enumerate([place.user_file, place.project_file, place.local_file]):
        rules = {"deny": [f"Rule{number}", "Same"]}
        place.write(file, {"model": f"m{number}", "permissions": rules, "env": {f"V{number}": "x"}})
    place.trust()
    found = place.read(settings={"model": "flag"})
    assert found.values.model == "flag"
    assert found.values.permissions.deny == ["Rule0", "Same", "Rule1", "Rule2"]
    assert found.values.env == {"V0": "x", "V1": "x", "V2": "x"}
    place.write(place.managed_file, {"model": "managed"})
    assert place.read(settings={"model": "flag"}).values.model == "managed"


def test_every_value_knows_its_source_file_and_line(place: Place) -> None:
    place.write(place.user_file, {"model": "opus", "permissions": {"deny": ["A", "B"]}})
    found = place.read()
    assert [
        (rule.text, rule.place.source, rule.place.file, rule.place.line)
        for rule in found.rules("deny")
    ] == [
        ("A", "userSettings", str(place.user_file), 5),
        ("B", "userSettings", str(place.user_file), 6),
    ]
    assert str(found.place("model")) == f"{place.user_file}:2"


def test_managed_parts_are_read_in_the_order_of_their_names(place: Place) -> None:
    place.write(place.managed_file, {"model": "base"})
    place.write(place.managed / "managed-settings.d" / "20-b.json", {"model": "second"})
    place.write(place.managed / "managed-settings.d" / "10-a.json", {"model": "first"})
    assert place.read().values.model == "second"


def test_managed_settings_can_be_the_only_ones_that_allow(place: Place) -> None:
    place.write(place.user_file, {"permissions": {"allow": ["Bash"], "deny": ["WebFetch"]}})
    place.write(
        place.managed_file,
        {"allowManagedPermissionRulesOnly": True, "permissions": {"allow": ["Read"]}},
    )
    found = place.read()
    assert [rule.text for rule in found.rules("allow")] == ["Read"]
    assert [rule.text for rule in found.rules("deny")] == ["WebFetch"]
    place.write(place.managed_file, {})
    place.write(place.local_file, {"allowManagedPermissionRulesOnly": True})
    assert [rule.text for rule in place.read().rules("allow")] == ["Bash"]


def test_a_broken_file_is_named_with_its_line_and_the_others_count(place: Place) -> None:
    place.write(place.project_file, '{\n  "model": "x",\n  "env": {,}\n}')
    place.write(place.user_file, {"model": "opus"})
    found = place.read()
    assert found.values.model == "opus"
    [problem] = found.problems
    assert (problem.file, problem.line) == (str(place.project_file), 3)


def test_a_truncated_file_a_list_and_a_folder_are_problems_not_failures(place: Place) -> None:
    place.write(place.user_file, '{\n"model": ')
    place.write(place.project_file, "[]")
    place.local_file.mkdir()
    lines = [(problem.file, problem.line) for problem in place.read().problems]
    assert lines == [
        (str(place.user_file), 2),
        (str(place.project_file), None),
        (str(place.local_file), None),
    ]


def test_a_value_of_a_wrong_type_is_left_out_alone(place: Place) -> None:
    place.write(
        place.user_file,
        {
            "model": 5,
            "permissions": {"allow": ["Read", 7], "deny": "Bash"},
            "env": {"A": 1, "B": []},
        },
    )
    found = place.read()
    assert found.values.model is None
    assert (found.values.permissions.allow, found.values.permissions.deny) == (["Read"], ["Bash"])
    assert found.over({}, {}) == {"A": "1"}
    assert [problem.line for problem in found.problems] == [2, 6, 8, 12]


def test_unknown_keys_are_kept_and_known(place: Place) -> None:
    place.write(place.user_file, {"futureKey": {"a": 1}, "theme": "dark", "permissions": {"x": 1}})
    found = place.read()
    assert found.raw["futureKey"] == {"a": 1}
    assert found.loaded[0].unknown == [("futureKey",), ("permissions", "x")]
    assert found.problems == []


def test_flag_settings_are_a_file_or_json(place: Place) -> None:
    place.write(place.project / "extra.json", {"model": "file"})
    assert place.read(settings="extra.json").values.model == "file"
    assert place.read(settings='{"model": "text"}').values.model == "text"
    for broken in ("{", "missing.json", '{"model"'):
        with pytest.raises(OptionsError):
            place.read(settings=broken)


def test_a_source_that_is_not_asked_for_is_not_read(place: Place) -> None:
    place.write(place.user_file, {"model": "opus"})
    environ = Environ.read({"HOME": str(place.home)})
    found = effective(environ, str(place.project), managed_folder=str(place.managed))
    assert found.loaded == ()
    with pytest.raises(OptionsError, match="`team`"):
        effective(environ, str(place.project), setting_sources=["team"])  # type: ignore[list-item]


def test_variables_of_settings_are_weaker_than_the_callers_and_managed_ones_stronger(
    place: Place,
) -> None:
    place.write(
        place.user_file, {"env": {"A": "user", "B": "user", "CLAUDE_CONFIG_DIR": "/elsewhere"}}
    )
    place.write(place.managed_file, {"env": {"C": "managed"}})
    found = place.read()
    env = found.over(
        {"A": "process", "B": "process", "C": "caller"}, {"B": "caller", "C": "caller"}
    )
    assert env == {"A": "user", "B": "process", "C": "managed"}
    assert "CLAUDE_CONFIG_DIR" in found.problems[0].text


def test_the_official_seventeen_keys_are_known(place: Place) -> None:
    values = {
        "apiKeyHelper": "x",
        "cleanupPeriodDays": 20,
        "env": {"A": "b"},
        "includeCoAuthoredBy": False,
        "permissions": {"allow": [], "defaultMode": "plan"},
        "hooks": {"PreToolUse": []},
        "disableAllHooks": True,
        "model": "opus",
        "statusLine": {"type": "command", "command": "x"},
        "outputStyle": "Explanatory",
        "forceLoginMethod": "console",
        "forceLoginOrgUUID": "x",
        "enableAllProjectMcpServers": True,
        "enabledMcpjsonServers": ["a"],
        "disabledMcpjsonServers": ["b"],
        "awsAuthRefresh": "x",
        "awsCredentialExport": "x",
        "otelHeadersHelper": "x",
    }
    place.write(place.user_file, values)
    found = place.read()
    assert (found.problems, found.loaded[0].unknown, found.raw) == ([], [], values)
    assert found.values.cleanup_period_days == 20
    assert found.values.force_login_org == "x"
