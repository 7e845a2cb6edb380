"""`hames -p`: what is printed in each format, and what each flag does to the request."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from installed import JSON, STREAM, Installed, of_type

from hames.testing import calls, fails, says, thinks

Hames = Callable[..., Installed]

WORK = [
    thinks("Hm.") + says("I look.") + calls("Bash", command="echo found"),
    says("Done."),
]
COMMON = {"type", "uuid", "session_id"}

INIT = COMMON | {
    "subtype", "cwd", "tools", "mcp_servers", "model", "permissionMode", "slash_commands",
    "apiKeySource", "claude_code_version", "output_style", "agents", "skills", "plugins",
}  # fmt: skip
ASSISTANT = COMMON | {"message", "parent_tool_use_id", "timestamp", "request_id"}
MESSAGE = {
    "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage",
    "context_management",
}  # fmt: skip
USER = COMMON | {"message", "parent_tool_use_id", "timestamp", "tool_use_result"}
RESULT = COMMON | {
    "subtype", "is_error", "duration_ms", "duration_api_ms", "num_turns", "result", "stop_reason",
    "total_cost_usd", "usage", "modelUsage", "permission_denials", "terminal_reason",
    "api_error_status",
}  # fmt: skip
USAGE = {
    "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens",
    "cache_creation", "server_tool_use", "service_tier",
}  # fmt: skip
MODEL_USAGE = {
    "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens",
    "webSearchRequests", "costUSD", "contextWindow", "maxOutputTokens",
}  # fmt: skip
OURS = {"hames_version", "obligations", "canonicalModel", "costBasis", "output_tokens_details",
        "thinkingTokens", "cacheCreationEphemeral5mInputTokens", "cacheCreationEphemeral1hInputTokens"}  # fmt: skip
"""Fields that official clients do not ask for."""


def test_the_stream_has_the_official_lines_with_the_official_fields(installed: Hames) -> None:
    """protocol.md 3.1 to 3.6: a line per block and per result; no line has a field we do not know of."""
    lines = installed(*WORK).run("-p", "Go.", *STREAM).lines
    assert [line["type"] for line in lines] == [
        "system", "assistant", "assistant", "assistant", "user", "assistant", "result",
    ]  # fmt: skip
    init, thought, text, call, answer, _, result = lines
    assert init.keys() - OURS == INIT
    for line in (thought, text, call):
        assert line.keys() - OURS == ASSISTANT
        assert line["message"].keys() == MESSAGE
        assert (line["message"]["stop_reason"], line["message"]["usage"]["output_tokens"]) == (None, 1)  # fmt: skip
    assert len({line["message"]["id"] for line in (thought, text, call)}) == 1
    assert answer.keys() - OURS == USER
    assert answer["tool_use_result"].keys() == {
        "stdout", "stderr", "interrupted", "isImage", "noOutputExpected",
    }  # fmt: skip
    assert result.keys() - OURS == RESULT
    assert result["usage"].keys() - OURS == USAGE
    assert [usage.keys() - OURS for usage in result["modelUsage"].values()] == [MODEL_USAGE]


def test_json_is_the_result_and_with_verbose_all_messages(installed: Hames) -> None:
    hames = installed(*WORK, *WORK)
    result = hames.ask("Go.")
    assert result.keys() - OURS == RESULT
    assert (result["result"], result["num_turns"], result["stop_reason"]) == ("Done.", 2, "end_turn")  # fmt: skip
    [whole] = hames.run("-p", "Go.", *JSON, "--verbose").lines
    assert [line["type"] for line in whole] == [
        "system", "assistant", "assistant", "assistant", "user", "assistant", "result",
    ]  # fmt: skip


def test_partial_messages_are_the_events_of_the_api(installed: Hames) -> None:
    lines = installed(says("Hello there.")).run("-p", "Go.", *STREAM, "--include-partial-messages")
    partial = of_type(lines.lines, "stream_event")
    assert {frozenset(line) for line in partial} == {
        frozenset(COMMON | {"event", "parent_tool_use_id"})
    }
    kinds = [line["event"]["type"] for line in partial]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert "ping" not in kinds
    whole = of_type(lines.lines, "assistant")
    assert [line["message"]["content"][0]["text"] for line in whole] == ["Hello there."]


def test_a_request_is_announced_before_its_partial_messages(installed: Hames) -> None:
    """Observed: `status: requesting` before each request, only with partial messages."""
    hames = installed(*WORK, *WORK)
    lines = hames.run("-p", "Go.", *STREAM, "--include-partial-messages").lines
    kinds = [
        line.get("event", line).get("type") + line.get("subtype", "")
        for line in lines
        if line.get("subtype") == "status" or line.get("event", {}).get("type") == "message_start"
    ]
    assert kinds == ["systemstatus", "message_start"] * 2
    assert of_type(hames.run("-p", "Go.", *STREAM).lines, "status") == []


def test_text_in_any_script_arrives_unchanged(installed: Hames) -> None:
    hames = installed(says("Grüße, 世界 👋"))
    ran = hames.run("-p", "Füge «日本» 🙂 hinzu", input="çà\n".encode(), LC_ALL="C")
    assert ran.output == "Grüße, 世界 👋\n"
    assert hames.last.prompt == "Füge «日本» 🙂 hinzu\nçà\n"


def test_the_prompt_is_argument_then_standard_input(installed: Hames) -> None:
    hames = installed(says("1").forever())
    for arguments, piped, prompt in [
        (["Ask."], b"", "Ask."),
        ([], b"Piped.", "Piped."),
        (["Ask."], b"Piped.", "Ask.\nPiped."),
    ]:
        assert hames.run("-p", *arguments, input=piped).code == 0
        assert hames.last.prompt == prompt


class Case(NamedTuple):
    """A flag with a value, what the model does, and what has to be seen of it."""

    flag: str
    value: str
    seen: Callable[[Installed, dict[str, Any], dict[str, Any]], bool]
    """Asked with the command, its init line and its result."""
    plays: tuple[Any, ...] = (says("Done."),)


def denied(result: dict[str, Any]) -> list[str]:
    return [denial["tool_name"] for denial in result["permission_denials"]]


def made(name: str) -> tuple[Any, ...]:
    return (calls("Write", file_path=name, content="x"), says("Done."))


CASES = [
    Case("--allowedTools", "Bash(touch made:*)", lambda h, i, r: (h.cwd / "made").exists(),
         (calls("Bash", command="touch made"), says("Done."))),
    Case("--allowed-tools", "Write", lambda h, i, r: (h.cwd / "made").exists(), made("made")),
    Case("--disallowedTools", "Bash,Edit", lambda h, i, r: not {"Bash", "Edit"} & h.last.tools.keys()),
    Case("--disallowed-tools", "Grep", lambda h, i, r: "Grep" not in i["tools"]),
    Case("--permission-mode", "acceptEdits",
         lambda h, i, r: i["permissionMode"] == "acceptEdits" and denied(r) == [], made("made")),
    Case("--permission-mode", "plan",
         lambda h, i, r: i["permissionMode"] == "plan" and denied(r) == ["Write"], made("made")),
    Case("--permission-mode", "dontAsk", lambda h, i, r: denied(r) == ["Write"], made("made")),
    Case("--permission-mode", "manual", lambda h, i, r: i["permissionMode"] == "default"),
    Case("--max-turns", "1", lambda h, i, r: r["subtype"] == "error_max_turns", made("made")),
    Case("--max-budget-usd", "0.5", lambda h, i, r: h.last.body["max_tokens"] < 64_000),
    Case("--system-prompt", "Be a pirate.", lambda h, i, r: h.last.system_text == "Be a pirate."),
    Case("--system-prompt", "", lambda h, i, r: "system" not in h.last.body),
    Case("--system-prompt-file", "prompt.md", lambda h, i, r: h.last.system_text == "From a file."),
    Case("--append-system-prompt", "---\nEnd so.",
         lambda h, i, r: h.last.system_text.endswith("---\nEnd so.") and len(h.last.system_text) > 500),
    Case("--append-system-prompt-file", "prompt.md",
         lambda h, i, r: h.last.system_text.endswith("From a file.")),
    Case("--model", "haiku", lambda h, i, r: h.last.model == i["model"] == "claude-haiku-5-5"),
    Case("--model", "vendor/some-model", lambda h, i, r: h.last.model == "vendor/some-model"),
    Case("--fallback-model", "haiku", lambda h, i, r: h.last.model == "claude-haiku-5-5",
         (fails(529, headers={"retry-after": "0.01"}).times(3), says("Done."))),
    Case("--betas", "one-2026-01-01,two-2026-01-01",
         lambda h, i, r: h.last.headers["anthropic-beta"].endswith("one-2026-01-01,two-2026-01-01")),
    Case("--tools", "Read,Glob", lambda h, i, r: list(h.last.tools) == i["tools"] == ["Read", "Glob"]),
    Case("--tools", "", lambda h, i, r: "tools" not in h.last.body and i["tools"] == []),
    Case("--tools", "default", lambda h, i, r: {"Bash", "Read", "Edit"} <= h.last.tools.keys()),
    Case("--add-dir", "../other", lambda h, i, r: denied(r) == [],
         (calls("Read", file_path="../other/note"), says("Done."))),
    Case("--cwd", "../other",
         lambda h, i, r: i["cwd"] == str(h.cwd.parent / "other") and h.last.result_texts == [i["cwd"]],
         (calls("Bash", command="pwd"), says("Done."))),
    Case("--session-id", "5F000000-0000-4000-8000-00000000000A",
         lambda h, i, r: r["session_id"] == "5f000000-0000-4000-8000-00000000000a"),
    Case("--input-format", "text", lambda h, i, r: r["result"] == "Done."),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case.flag} {case.value[:20]}".replace("\n", " ") for case in CASES]
)
def test_a_flag_has_its_effect(case: Case, installed: Hames, tmp_path: Path) -> None:
    hames = installed(*case.plays)
    (hames.cwd / "prompt.md").write_text("From a file.", encoding="utf-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/note").write_text("Noted.", encoding="utf-8")
    ran = hames.run("-p", "Go.", *STREAM, case.flag, case.value)
    assert ran.errors == ""
    [init] = of_type(ran.lines, "init")
    assert case.seen(hames, init, ran.result)


def test_values_may_be_attached_to_their_flags(installed: Hames, tmp_path: Path) -> None:
    """The TypeScript client passes all of them so."""
    hames = installed(calls("Bash", command="touch made"), says("Done."), says("And more."))
    (hames.cwd / "sub").mkdir()
    id = "5f000000-0000-4000-8000-00000000000b"
    flags = [
        "--output-format=stream-json", "--model=haiku", "--system-prompt=Base.", "--tools=Bash,Read",
        "--append-system-prompt=More, and more.", "--permission-mode=default", "--cwd=sub",
        "--allowedTools=Bash(touch made)", "--disallowedTools=Edit", "--betas=one-2026-01-01",
        f"--add-dir={tmp_path}", "--max-turns=5", "--max-budget-usd=1", f"--session-id={id}",
        "--fallback-model=sonnet", "--input-format=text",
    ]  # fmt: skip
    ran = hames.run("-p", "--verbose", *flags, "Go.")
    assert (ran.code, ran.errors, ran.result["session_id"]) == (0, "", id)
    assert hames.last.model == "claude-haiku-5-5"
    assert hames.last.system_text == "Base.\n\nMore, and more."
    assert list(hames.last.tools) == ["Bash", "Read"]
    assert (hames.cwd / "sub/made").exists()
    again = hames.run(
        "-p", f"--resume={id}", "--cwd=sub", "--tools=", "--output-format=json", "Go."
    )
    assert again.result["result"] == "And more."


def test_short_names_and_several_lists_are_read(installed: Hames) -> None:
    hames = installed(says("1"), says("2"), says("3"), says("4"))
    first = hames.ask("First.")["session_id"]
    assert hames.ask("-c", "Second.")["session_id"] == first
    assert hames.ask("-r", first, "Third.", "--tools", "Read", "--tools=Bash Glob")["result"] == "3"
    assert list(hames.last.tools) == ["Read", "Bash", "Glob"]
    assert hames.ask("Fourth.", "--ide", "--mcp-debug")["result"] == "4", "without effect"
    assert hames.run("-v").output.startswith("2.1.330 (Hames ")
    assert hames.run("--version").output == hames.run("-v").output


def test_skipping_permissions_runs_what_no_rule_allows(installed: Hames) -> None:
    hames = installed(calls("Bash", command="touch made"), says("Done."))
    ran = hames.run("-p", "Go.", *STREAM, "--dangerously-skip-permissions", IS_SANDBOX="1")
    assert of_type(ran.lines, "init")[0]["permissionMode"] == "bypassPermissions"
    assert (hames.cwd / "made").exists()


def test_without_persistence_nothing_is_stored_and_the_run_is_the_same(installed: Hames) -> None:
    hames = installed(*WORK)
    assert hames.ask("Go.", "--no-session-persistence")["result"] == "Done."
    assert not hames.config.exists()


def test_debug_goes_to_standard_error_and_names_no_key(installed: Hames) -> None:
    hames = installed(*WORK)
    ran = hames.run("-p", "Go.", "--debug", ANTHROPIC_API_KEY="sk-very-secret")
    assert (ran.code, ran.output) == (0, "Done.\n")
    assert "hames." in ran.errors
    assert "sk-very-secret" not in ran.errors


def test_without_a_prompt_flag_there_is_help(installed: Hames) -> None:
    hames = installed()
    ran = hames.run()
    assert (ran.code, ran.errors) == (0, "")
    assert ran.output == hames.run("--help").output == hames.run("-h").output
    assert max(map(len, ran.output.splitlines())) <= 100


def test_the_examples_of_the_help_are_right(installed: Hames) -> None:
    """Every one runs as it stands, by a shell; the tools it names are the ones it gets."""
    hames = installed(says("Done.").forever())
    examples = [
        line.strip()
        for line in hames.run("--help").output.splitlines()
        if line.startswith("  ") and "hames -p " in line and "|  " not in line
    ]
    assert len(examples) >= 4
    for example in examples:
        ran = run_by_shell(hames, example.partition(" | jq")[0].replace("git diff", "echo changed"))
        assert ran == (0, ""), example
    assert "Fix the flaky test" in hames.last.text, "the last one continues"


def run_by_shell(hames: Installed, command: str) -> tuple[int, str]:
    scripts = str(Path(sys.executable).parent)
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=hames.cwd,
        env={**hames.environment, "PATH": f"{scripts}:{hames.environment['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ran.returncode, ran.stderr


def test_the_answer_of_a_stream_is_in_the_session(installed: Hames) -> None:
    """The uuids of the stream are those of the stored lines."""
    hames = installed(*WORK)
    lines = of_type(hames.run("-p", "Go.", *STREAM).lines, "assistant", "user")
    [transcript] = hames.transcripts()
    stored = [json.loads(line) for line in transcript.read_text("utf-8").splitlines()]
    assert {line["uuid"] for line in lines} <= {line.get("uuid") for line in stored}
