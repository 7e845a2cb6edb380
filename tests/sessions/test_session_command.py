"""`hames session`, driven as a person would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hames.cli.commands.session import main
from hames.errors import OptionsError, SessionNotFound

DATA = Path(__file__).parent.parent / "data/sessions"
ID = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An official session in a config folder of its own."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    path = tmp_path / "projects/-home-ana-app" / f"{ID}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes((DATA / "official.jsonl").read_bytes())
    return path


def test_list_names_sessions(transcript: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--all"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"{ID}  Largest file")
    assert main(["list", "--cwd", "/home/ana/app", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["first_prompt"] == "Find the largest file."
    assert main(["list", "--cwd", "/elsewhere"]) == 0
    assert "No sessions here" in capsys.readouterr().out


def test_show_takes_an_id_or_a_title(transcript: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (ID, "Largest file", str(transcript)):
        assert main(["show", name]) == 0
        assert "`b/y` is the largest." in capsys.readouterr().out
    assert main(["show", ID, "--json", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_export_writes_a_file(transcript: Path, tmp_path: Path) -> None:
    assert main(["export", ID, "--format", "json", "-o", str(tmp_path / "out.json")]) == 0
    assert len(json.loads((tmp_path / "out.json").read_text("utf-8"))["messages"]) == 12


def test_check_tells_what_is_wrong_and_repair_writes_a_copy(
    transcript: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", ID]) == 0
    assert "sound" in capsys.readouterr().out
    lines = transcript.read_bytes().splitlines(keepends=True)
    damaged = b"".join(lines[:11]) + lines[11][:50]
    transcript.write_bytes(damaged)
    assert main(["check", ID]) == 1
    told = capsys.readouterr().out
    assert "line 12: The last line was cut off." in told
    assert "The call `toolu_b` had no result." in told
    assert main(["check", str(transcript), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["turns"] == 3
    assert main(["repair", ID, "--json"]) == 0
    copy = json.loads(capsys.readouterr().out)["repaired"]
    assert transcript.read_bytes() == damaged
    assert main(["check", copy["session_id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["turns"] == 3
    assert main(["repair", copy["session_id"]]) == 0
    assert "sound" in capsys.readouterr().out


def test_what_cannot_be_read_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "noise.jsonl").write_bytes(bytes(range(256)))
    for name in ("empty", "noise", "nowhere"):
        assert main(["check", str(tmp_path / f"{name}.jsonl")]) == 2
        assert f"{name}.jsonl" in capsys.readouterr().err
    assert main(["repair", str(tmp_path / "noise.jsonl"), "--json"]) == 2
    assert "error" in json.loads(capsys.readouterr().out)


def test_mistakes_are_named(transcript: Path) -> None:
    with pytest.raises(OptionsError, match=r"Did you mean `list`"):
        main(["lits"])
    with pytest.raises(OptionsError, match="needs one session"):
        main(["show"])
    with pytest.raises(SessionNotFound, match="No conversation found"):
        main(["show", "nothing like it"])
    with pytest.raises(OptionsError, match="needs sessions"):
        main(["check"])
    with pytest.raises(OptionsError, match="one session only"):
        main(["repair", "a.jsonl", "b.jsonl", "--output", "c.jsonl"])


def test_help_tells_all_actions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("list", "show", "export", "check", "repair"))
