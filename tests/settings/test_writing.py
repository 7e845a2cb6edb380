"""Writing settings: one step, under a lock, and nothing else in the file changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hames.approvals import PermissionRuleValue, PermissionUpdate
from hames.errors import OptionsError
from hames.settings.environ import Environ
from hames.settings.writing import change, store_updates


def update(type: str, *rules: str, **more: object) -> PermissionUpdate:
    values = [PermissionRuleValue("Bash", rule) for rule in rules]
    fields = {"behavior": "allow", "destination": "localSettings", "rules": values, **more}
    return PermissionUpdate(type, **fields)  # type: ignore[arg-type]


def store(folder: Path, *updates: PermissionUpdate) -> None:
    environ = Environ.read({"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config")})
    store_updates(updates, environ, str(folder))


def test_updates_go_to_the_file_they_name(tmp_path: Path) -> None:
    store(
        tmp_path,
        update("addRules", "ls:*"),
        update("addRules", "rm:*", behavior="deny", destination="projectSettings"),
        update("setMode", mode="plan", destination="userSettings"),
        update("addRules", "session only", destination="session"),
    )
    claude = tmp_path / ".claude"
    files = [
        claude / "settings.local.json",
        claude / "settings.json",
        tmp_path / "config/settings.json",
    ]
    assert [json.loads(file.read_text("utf-8"))["permissions"] for file in files] == [
        {"allow": ["Bash(ls:*)"]},
        {"deny": ["Bash(rm:*)"]},
        {"defaultMode": "plan"},
    ]
    assert files[2].stat().st_mode & 0o777 == 0o600


def test_all_six_kinds_change_the_lists(tmp_path: Path) -> None:
    def allowed() -> object:
        text = (tmp_path / ".claude/settings.local.json").read_text("utf-8")
        return json.loads(text)["permissions"]

    store(tmp_path, update("addRules", "a", "b"), update("addRules", "b", "c"))
    assert allowed() == {"allow": ["Bash(a)", "Bash(b)", "Bash(c)"]}
    store(tmp_path, update("removeRules", "b"))
    assert allowed() == {"allow": ["Bash(a)", "Bash(c)"]}
    store(tmp_path, update("replaceRules", "z"))
    assert allowed() == {"allow": ["Bash(z)"]}
    store(
        tmp_path,
        update("addDirectories", directories=["/x", "/y"]),
        update("removeDirectories", directories=["/x"]),
        update("setMode", mode="acceptEdits"),
    )
    assert allowed() == {
        "allow": ["Bash(z)"],
        "additionalDirectories": ["/y"],
        "defaultMode": "acceptEdits",
    }


def test_the_rest_of_the_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".claude/settings.local.json"
    file.parent.mkdir()
    text = '{\n\t"futureKey" : [1,2],\n\t"permissions": {"allow": ["Read"]}\n}'
    file.write_text(text, encoding="utf-8")
    file.chmod(0o640)
    store(tmp_path, update("addRules", "ls"))
    assert file.read_text("utf-8") == text.replace('"Read"]', '"Read", "Bash(ls)"]')
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"a": 1,\n}', encoding="utf-8")
    with pytest.raises(OptionsError, match="line 2"):
        change(str(file), ("model",), lambda _: "x")
    assert file.read_text("utf-8") == '{"a": 1,\n}'


def test_a_link_in_a_project_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text("{}", encoding="utf-8")
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.local.json").symlink_to("../target.json")
    with pytest.raises(OptionsError, match="is a link"):
        store(tmp_path, update("addRules", "ls"))
    assert (tmp_path / "target.json").read_text("utf-8") == "{}"


def test_a_users_own_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles/settings.json").write_text('{"theme": "dark"}', encoding="utf-8")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/settings.json").symlink_to("../dotfiles/settings.json")
    store(tmp_path, update("setMode", mode="plan", destination="userSettings"))
    kept = json.loads((tmp_path / "dotfiles/settings.json").read_text("utf-8"))
    assert kept == {"theme": "dark", "permissions": {"defaultMode": "plan"}}
    assert (tmp_path / "config/settings.json").is_symlink()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from hames.settings.writing import change\n"
        "for n in range(10):\n"
        "    change(sys.argv[1], ('list',), lambda x: [*(x or []), f'{sys.argv[2]}-{n}'])\n"
    )
    file = tmp_path / ".claude" / "settings.json"
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(file), str(n)]) for n in range(4)
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0, 0]
    written = json.loads(file.read_text("utf-8"))["list"]
    assert sorted(written) == sorted(f"{w}-{n}" for w in range(4) for n in range(10))
