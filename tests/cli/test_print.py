"""`hames -p`: formats, prompts, exit codes. The model is a fake API on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine, Ran, here

from hames.providers.plays import calls, fails, says
from hames.testing.fake_api import FakeAPI

Start = Callable[..., FakeAPI]
Run = Callable[..., Ran]

TWO_STEPS = [says("I look.") + calls("Bash", command="echo found"), says("Done.")]


@pytest.fixture
def hames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[FakeAPI], Run]:
    """`hames(api)("-p", "hi")` runs the command line in this process."""

    def against(api: FakeAPI) -> Run:
        line = CommandLine(tmp_path, api)
        return lambda *arguments: here(line, arguments, monkeypatch, capfd)

    return against


Hames = Callable[[FakeAPI], Run]


def test_text_is_the_answer_alone(fake_api: Start, hames: Hames) -> None:
    assert hames(fake_api(TWO_STEPS))("-p", "Go.") == Ran(0, "Done.\n", "")


def test_json_is_the_result_alone(fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api(TWO_STEPS))("-p", "Go.", "--output-format", "json")
    assert ran.code == 0
    assert ran.errors == ""
    result = ran.result
    assert result.keys() >= {
        "type", "subtype", "is_error", "duration_ms", "duration_api_ms", "num_turns", "result",
        "session_id", "total_cost_usd", "usage", "permission_denials", "uuid",
    }  # fmt: skip
    assert (result["subtype"], result["result"], result["num_turns"]) == ("success", "Done.", 2)


def test_json_with_verbose_is_an_array_of_all_messages(fake_api: Start, hames: Hames) -> None:
    """Observed of both official versions."""
    ran = hames(fake_api(TWO_STEPS))("-p", "Go.", "--output-format", "json", "--verbose")
    [whole] = ran.lines
    assert [message["type"] for message in whole] == [
        "system", "assistant", "assistant", "user", "assistant", "result",
    ]  # fmt: skip


def test_stream_json_is_a_line_per_message(fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api(TWO_STEPS))("-p", "Go.", "--output-format", "stream-json", "--verbose")
    assert ran.code == 0
    lines = [line for line in ran.lines if line.get("subtype") != "status"]
    assert [line["type"] for line in lines] == [
        "system", "assistant", "assistant", "user", "assistant", "result",
    ]  # fmt: skip
    assert len({line["session_id"] for line in ran.lines}) == 1
    assert len({line["uuid"] for line in ran.lines}) == len(ran.lines)
    assert lines[0]["subtype"] == "init"
    assert lines[2]["message"]["content"][0]["input"] == {"command": "echo found"}
    assert lines[3]["message"]["content"][0]["content"] == "found"
    assert lines[3]["tool_use_result"]["stdout"] == "found"


def test_partial_messages_come_before_the_whole_ones(fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api([says("Hello there.")]))(
        "-p", "Go.", "--output-format", "stream-json", "--verbose", "--include-partial-messages"
    )
    events = [line["event"] for line in ran.lines if line["type"] == "stream_event"]
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    deltas = [e["delta"]["text"] for e in events if e["type"] == "content_block_delta"]
    assert "".join(deltas) == "Hello there."


def test_a_denied_call_is_listed_and_the_run_goes_on(fake_api: Start, hames: Hames) -> None:
    """Observed: exit code 0, the denial in the result."""
    plays = [calls("Write", file_path="/tmp/x", content="x"), says("I may not.")]
    ran = hames(fake_api(plays))("-p", "Go.", "--output-format", "json")
    assert ran.code == 0
    [denial] = ran.result["permission_denials"]
    assert denial["tool_name"] == "Write"


def test_a_person_is_told_of_denied_calls_beside_the_answer(fake_api: Start, hames: Hames) -> None:
    plays = [calls("Write", file_path="/tmp/x", content="x"), says("I may not.")]
    ran = hames(fake_api(plays))("-p", "Go.")
    assert (ran.code, ran.output) == (0, "I may not.\n")
    assert ran.errors.startswith("Not allowed: Write.")


def test_the_turn_limit_is_exit_code_1_and_an_error_text(fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api([calls("Bash", command="true")]))("-p", "Go.", "--max-turns", "1")
    assert (ran.code, ran.output) == (1, "Error: Reached max turns (1)\n")


def test_the_turn_limit_is_an_error_result(fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api([calls("Bash", command="true")]))(
        "-p", "Go.", "--max-turns", "1", "--output-format", "json"
    )
    assert ran.code == 1
    told = {k: ran.result[k] for k in ("subtype", "is_error", "terminal_reason", "num_turns")}
    assert told == {
        "subtype": "error_max_turns",
        "is_error": True,
        "terminal_reason": "max_turns",
        "num_turns": 2,
    }


def test_the_budget_is_exit_code_1(fake_api: Start, hames: Hames) -> None:
    plays = [calls("Bash", command="true").using(output_tokens=50_000), says("Never.")]
    ran = hames(fake_api(plays, account=False))(
        "-p", "Go.", "--max-budget-usd", "0.01", "--output-format", "json"
    )
    assert ran.code == 1
    assert ran.result["subtype"] == "error_max_budget_usd"
    assert ran.result["terminal_reason"] == "budget_exhausted"


def test_an_api_error_is_exit_code_1_and_a_result_with_its_status(
    fake_api: Start, hames: Hames
) -> None:
    """Observed: the subtype is `success`, the prose stands in `result`."""
    ran = hames(fake_api([fails(404, "No such model.")]))("-p", "Go.", "--output-format", "json")
    assert ran.code == 1
    told = {k: ran.result[k] for k in ("subtype", "is_error", "api_error_status")}
    assert told == {"subtype": "success", "is_error": True, "api_error_status": 404}
    assert "No such model." in ran.result["result"]


def test_a_session_goes_on_with_resume_and_continue(fake_api: Start, hames: Hames) -> None:
    api = fake_api([says("One."), says("Two."), says("Three.")])
    run = hames(api)
    first = run("-p", "First.", "--output-format", "json").result
    second = run("-p", "Second.", "--resume", first["session_id"], "--output-format", "json").result
    third = run("-c", "-p", "Third.", "--output-format", "json").result
    assert {first["session_id"]} == {second["session_id"], third["session_id"]}
    said = [block["text"] for message in api.requests[2].body["messages"]
            for block in _blocks(message) if block["type"] == "text"]  # fmt: skip
    assert [text for text in said if not text.startswith("<")] == [
        "First.", "One.", "Second.", "Two.", "Third.",
    ]  # fmt: skip


def test_a_fork_leaves_the_first_session_alone(fake_api: Start, hames: Hames) -> None:
    run = hames(fake_api([says("One."), says("Two.")]))
    first = run("-p", "First.", "--output-format", "json").result
    fork = run("-p", "Second.", "-c", "--fork-session", "--output-format", "json").result
    assert fork["session_id"] != first["session_id"]


def test_an_unknown_session_is_refused(fake_api: Start, hames: Hames) -> None:
    """Observed: the words are matched by callers, and nothing is on standard output."""
    unknown = "5f000000-0000-4000-8000-000000000000"
    ran = hames(fake_api())("-p", "Go.", "--resume", unknown)
    assert (ran.code, ran.output) == (1, "")
    assert f"No conversation found with session ID: {unknown}" in ran.errors
    assert ran.errors.count("\n") == 1


def test_an_unknown_session_is_a_result_for_stream_clients(fake_api: Start, hames: Hames) -> None:
    unknown = "5f000000-0000-4000-8000-000000000000"
    ran = hames(fake_api())(
        "-p", "Go.", "--resume", unknown, "--output-format", "stream-json", "--verbose"
    )
    assert ran.code == 1
    [line] = ran.lines
    assert (line["type"], line["subtype"], line["session_id"]) == (
        "result", "error_during_execution", unknown,
    )  # fmt: skip
    assert "No conversation found with session ID" in line["errors"][0]


def test_a_session_id_that_is_in_use_is_refused(fake_api: Start, hames: Hames) -> None:
    run = hames(fake_api([says("One.")]))
    id = "5f000000-0000-4000-8000-000000000001"
    assert (
        run("-p", "Go.", "--session-id", id, "--output-format", "json").result["session_id"] == id
    )
    again = run("-p", "Go.", "--session-id", id)
    assert (again.code, again.output, id in again.errors) == (1, "", True)


def test_without_credentials_nothing_is_sent(
    fake_api: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    api = fake_api()
    line = CommandLine(tmp_path, api)
    del line.environment["ANTHROPIC_API_KEY"]
    ran = here(line, ["-p", "Go."], monkeypatch, capfd)
    assert ran.code == 1
    assert "ANTHROPIC_API_KEY" in ran.errors + ran.output
    assert api.requests == []


def test_no_persistence_leaves_no_transcript(
    fake_api: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    line = CommandLine(tmp_path, fake_api([says("One."), says("Two.")]))
    here(line, ["-p", "Go.", "--no-session-persistence"], monkeypatch, capfd)
    assert line.transcripts() == []
    here(line, ["-p", "Go."], monkeypatch, capfd)
    assert len(line.transcripts()) == 1


def test_flags_reach_the_request(fake_api: Start, hames: Hames) -> None:
    api = fake_api([says("Done.")])
    ran = hames(api)(
        "-p", "Go.", "--model", "opus", "--system-prompt", "Be brief.",
        "--append-system-prompt", "End with a dot.", "--tools", "Read,Bash", "--betas", "one-2026,two-2026",
    )  # fmt: skip
    assert ran.code == 0
    request = api.requests[0]
    assert "opus" in request.body["model"]
    assert [tool["name"] for tool in request.body["tools"]] == ["Read", "Bash"]
    system = "\n".join(block["text"] for block in request.body["system"])
    assert "Be brief." in system
    assert system.rstrip().endswith("End with a dot.")
    assert {"one-2026", "two-2026"} <= set(request.headers["anthropic-beta"].split(","))


def test_system_prompts_may_come_from_files(fake_api: Start, hames: Hames, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("---\nFrom a file.", encoding="utf-8")
    api = fake_api([says("Done.")])
    hames(api)("-p", "Go.", "--system-prompt-file", str(tmp_path / "prompt.txt"))
    assert "---\nFrom a file." in json.dumps(api.requests[0].body["system"]).replace("\\n", "\n")


def test_no_tools_and_removed_tools_are_not_offered(fake_api: Start, hames: Hames) -> None:
    api = fake_api([says("Done."), says("Done.")])
    run = hames(api)
    run("-p", "Go.", "--tools", "")
    run("-p", "Go.", "--disallowedTools", "Bash", "Write")
    assert "tools" not in api.requests[0].body
    offered = {tool["name"] for tool in api.requests[1].body["tools"]}
    assert "Read" in offered
    assert not {"Bash", "Write"} & offered


def test_rules_with_blanks_and_commas_are_read(fake_api: Start, hames: Hames) -> None:
    plays = [calls("Bash", command="touch a b"), calls("Bash", command="touch c"), says("Done.")]
    ran = hames(fake_api(plays))(
        "-p", "--output-format=json", "--allowedTools", "Bash(touch a b),Read", "Glob", "--", "Go."
    )
    denied = [denial["tool_input"]["command"] for denial in ran.result["permission_denials"]]
    assert denied == ["touch c"]


def test_the_folder_may_be_chosen_and_added_to(
    fake_api: Start, hames: Hames, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"in {name}", encoding="utf-8")
    plays = [
        calls("Read", file_path=str(tmp_path / "one/file"))
        + calls("Read", file_path=str(tmp_path / "two/file"))
        + calls("Read", file_path=str(tmp_path / "three/file")),
        says("Done."),
    ]
    ran = hames(fake_api(plays))(
        "-p",
        "Go.",
        "--cwd",
        str(tmp_path / "one"),
        "--add-dir",
        "../two",
        "--output-format",
        "json",
    )
    denied = [denial["tool_input"]["file_path"] for denial in ran.result["permission_denials"]]
    assert denied == [str(tmp_path / "three/file")]


@pytest.mark.parametrize("flag", ["--cwd", "--add-dir"])
def test_a_missing_folder_is_an_error(flag: str, fake_api: Start, hames: Hames) -> None:
    ran = hames(fake_api())("-p", flag, "no-such-folder", "--", "Go.")
    assert (ran.code, ran.output) == (1, "")
    assert "no-such-folder" in ran.errors


def test_permissions_are_not_skipped_as_root(
    fake_api: Start, hames: Hames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Observed: refused, exit code 1; `IS_SANDBOX=1` lifts it."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.delenv("IS_SANDBOX", raising=False)
    run = hames(fake_api([calls("Bash", command="touch made"), says("Done.")]))
    refused = run("-p", "Go.", "--dangerously-skip-permissions")
    assert (refused.code, refused.output, "root" in refused.errors) == (1, "", True)
    monkeypatch.setenv("IS_SANDBOX", "1")
    ran = run("-p", "Go.", "--dangerously-skip-permissions", "--output-format", "json")
    assert (ran.code, ran.result["permission_denials"]) == (0, [])


def test_overload_goes_to_the_fallback_model(fake_api: Start, hames: Hames) -> None:
    api = fake_api([fails(529, headers={"retry-after": "0"}).times(3), says("Done.")])
    ran = hames(api)("-p", "Go.", "--model", "opus", "--fallback-model", "haiku")
    assert (ran.code, ran.output) == (0, "Done.\n")
    assert "opus" in api.requests[0].body["model"]
    assert "haiku" in api.requests[-1].body["model"]


def _blocks(message: dict[str, object]) -> list[dict[str, str]]:
    content = message["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    assert isinstance(content, list)
    return content
