"""`hames policy`: what it says of a call, and of a file of cases."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from hames.cli.commands.policy import main, run_explain, run_test
from hames.errors import OptionsError

CORPUS = Path(__file__).parent.parent / "data" / "permissions" / "cases.jsonl"


def write_cases(folder: Path, *cases: dict[str, object]) -> str:
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    (folder / "fixture.json").write_text('{"files": {"/proj/a.txt": "x"}}', encoding="utf-8")
    return str(folder / "cases.jsonl")


def case(command: str, expect: str, **more: object) -> dict[str, object]:
    return {"id": command, "tool": "Bash", "input": {"command": command}, "expect": expect, **more}


def test_explain_names_the_rule_and_where_it_stands(tmp_path: Path) -> None:
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"permissions": {"deny": ["Bash(git push:*)"]}}', encoding="utf-8")
    out = io.StringIO()
    assert run_explain(["Bash(git push origin)", "--cwd", str(tmp_path)], out) == 0
    assert out.getvalue() == (
        "deny: Bash(git push origin)\n"
        "  `git push origin` is denied by the rule `Bash(git push:*)`.\n"
        f"  Rule `Bash(git push:*)` from `{settings}`, line 1.\n"
    )


def test_explain_takes_rules_and_mode_from_the_command_line(tmp_path: Path) -> None:
    out = io.StringIO()
    arguments = [
        "Bash(make x)",
        "--no-settings",
        "--cwd",
        str(tmp_path),
        "--mode",
        "dontAsk",
        "--json",
    ]
    run_explain([*arguments, "--allow", "Bash(make:*) Read"], out)
    run_explain(arguments, out)
    decisions = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [decision["behavior"] for decision in decisions] == ["allow", "deny"]
    assert decisions[0]["rule"] == "Bash(make:*)"


def test_cases_that_hold_are_counted(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, case("ls", "allow"), case("rm a.txt", "ask"))
    out = io.StringIO()
    assert run_test([cases], out) == 0
    assert out.getvalue() == "2 passed, 0 failed\n"


def test_a_mismatch_is_shown_and_fails_the_run(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, case("rm a.txt", "allow", why="we clean up"), case("ls", "allow"))
    out = io.StringIO()
    assert run_test([cases], out) == 1
    assert out.getvalue() == (
        "rm a.txt: expected allow, got ask\n"
        '  Bash {"command":"rm a.txt"}\n'
        "  `rm a.txt` needs permission.\n"
        "  Why: we clean up\n"
        "1 passed, 1 failed\n"
    )


def test_results_as_json_end_with_the_numbers(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, case("ls", "deny", accept=["deny", "ask"]))
    out = io.StringIO()
    assert run_test([cases, "--json"], out) == 1
    first, last = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["passed"], first["expect"], first["got"]) == (False, ["deny", "ask"], "allow")
    assert last == {"passed": 0, "failed": 1}


def test_the_corpus_holds_with_the_accesses_that_the_tools_declare() -> None:
    out = io.StringIO()
    assert run_test([str(CORPUS)], out) == 0, out.getvalue()


def test_a_line_that_is_no_case_is_named(tmp_path: Path) -> None:
    cases = write_cases(tmp_path, case("ls", "allow"), {"id": "x"})
    with pytest.raises(OptionsError, match="line 2"):
        run_test([cases], io.StringIO())


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(OptionsError, match="explain"):
        main(["exploin"])
