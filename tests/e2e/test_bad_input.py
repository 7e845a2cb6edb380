"""Everything that can be wrong with what a person types: one line on standard error, exit code 1, and
nothing else: no output, no request, no file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import STREAM, Installed, refused

from hames import AgentOptions, OptionsError, SessionExists, SessionNotFound, query
from hames.testing import says

Hames = Callable[..., Installed]
UNKNOWN = "5f000000-0000-4000-8000-000000000000"


def nothing_happened(hames: Installed) -> None:
    assert hames.api.requests == []
    assert hames.transcripts() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # flags
        (["--modle", "opus"], "Did you mean `--model`?"),
        (["--output-fromat=json"], "Did you mean `--output-format`?"),
        (["-x"], "`-x`"),
        (["--nonsense"], "Unknown option `--nonsense`"),
        (["--verbose=yes"], "takes no value"),
        (["--model"], "needs a value"),
        (["--output-format", "xml"], "text, json, stream-json"),
        (["--output-format", "jsno"], "Did you mean `json`?"),
        (["--permission-mode", "yolo"], "bypassPermissions"),
        (["--max-turns", "many"], "whole number"),
        (["--max-turns", "0"], "1 or more"),
        (["--max-turns=-3"], "1 or more"),
        (["--max-budget-usd", "-1"], "greater than 0"),
        (["--max-budget-usd", "nan"], "greater than 0"),
        (["--teleport"], "does not have the official option `--teleport`"),
        (["--input-format", "stream-json"], "stream-json"),
        (["--input-format", "xml"], "`--input-format`"),
        # flags that do not go together
        (["--output-format", "stream-json"], "needs `--verbose`"),
        (["--include-partial-messages"], "needs `--output-format stream-json`"),
        (["--fork-session"], "needs `--resume` or `--continue`"),
        (["--resume", UNKNOWN, "--continue"], "exclude each other"),
        (["--resume", UNKNOWN, "--session-id", UNKNOWN], "--fork-session"),
        (["--system-prompt", "a", "--system-prompt-file", "b"], "exclude each other"),
        # folders and files
        (["--cwd", "nowhere"], "nowhere"),
        (["--cwd", "a-file"], "is not a folder"),
        (["--add-dir=nowhere"], "nowhere"),
        (["--add-dir=a-file"], "is not a folder"),
        (["--system-prompt-file", "nowhere"], "No such file"),
        (["--system-prompt-file", "."], "`.`"),
        (["--append-system-prompt-file", "no-text"], "no UTF-8 text"),
        # models, tools and rules
        (["--model", ""], "model"),
        (["--model", "two words"], "two words"),
        (["--fallback-model", "two words"], "two words"),
        (["--model", "unknown-model", "--max-budget-usd", "1"], "price"),
        (["--tools", "Raed"], "`Raed`"),
        (["--allowedTools=Bash(ls"], "Bash(ls"),
        # sessions
        (["--session-id", "seventeen"], "UUID"),
        (["--resume", UNKNOWN], f"No conversation found with session ID: {UNKNOWN}"),
        (["--resume", "neither id nor title"], "neither id nor title"),
        (["--resume="], "needs the id or the title"),
        (["--dangerously-skip-permissions"], "root"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_named(arguments: list[str], said: str, installed: Hames) -> None:
    if "--dangerously-skip-permissions" in arguments and not is_root():
        pytest.skip("only root is refused")
    hames = installed(says("Never."))
    (hames.cwd / "a-file").write_text("x", encoding="utf-8")
    (hames.cwd / "no-text").write_bytes(b"\xff\xfe\x00")
    assert said in refused(hames.run("-p", "Go.", *arguments))
    nothing_happened(hames)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ANTHROPIC_BASE_URL": "localhost:8080"}, "`localhost:8080`"),
        ({"ANTHROPIC_BASE_URL": "ftp://example.com"}, "http"),
        ({"HAMES_GAP_TIMEOUT_MS": "soon"}, "`HAMES_GAP_TIMEOUT_MS`"),
        ({"ANTHROPIC_MODEL": "two words"}, "two words"),
        ({"CLAUDE_CODE_MAX_TURNS": "0"}, ""),
        ({"CLAUDE_CODE_EXTRA_BODY": "{oops"}, ""),
        ({"ANTHROPIC_CUSTOM_HEADERS": "no colon"}, ""),
        ({"API_TIMEOUT_MS": "soon"}, ""),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_wrong_variable_is_named_or_an_official_one_left_aside(
    variables: dict[str, str], said: str, installed: Hames
) -> None:
    """Observed: official variables that cannot be read are ignored. We say so."""
    hames = installed(says("Done."))
    if said:
        assert said in refused(hames.run("-p", "Go.", **variables))
        nothing_happened(hames)
    else:
        result = hames.run("-p", "Go.", "--output-format", "json", **variables)
        [name] = variables
        assert (result.code, result.errors.count("\n")) == (0, 1)
        assert name in result.errors
        assert name in str(result.result["obligations"])


@pytest.mark.parametrize(
    ("input", "said"),
    [(b"", "There is no prompt"), (b" \n\t\n", "only blanks"), (b"x" * 10_000_001, "10 MB")],
    ids=["none", "blanks", "too much"],
)
def test_a_prompt_that_is_none_is_refused(input: bytes, said: str, installed: Hames) -> None:
    hames = installed(says("Never."))
    assert said in refused(hames.run("-p", input=input))
    nothing_happened(hames)


def test_bytes_that_are_no_text_become_replacements(installed: Hames) -> None:
    hames = installed(says("Done."))
    assert hames.run("-p", "Look:", input=b"caf\xe9 \xff\x00end").code == 0
    assert hames.last.prompt == "Look:\ncaf\ufffd \ufffd\x00end"


def test_an_argument_in_another_encoding_is_sent_as_text(installed: Hames) -> None:
    """A file name that is no UTF-8 arrives from the shell as lone surrogates."""
    hames = installed(says("Done."))
    ran = hames.run("-p", "Look at caf\udce9.txt")
    assert (ran.code, ran.output, ran.errors) == (0, "Done.\n", "")
    assert "caf" in hames.last.prompt


def test_a_session_id_in_use_is_refused_and_the_session_untouched(installed: Hames) -> None:
    hames = installed(says("One."), says("Never."))
    id = hames.ask("Go.")["session_id"]
    [stored] = hames.transcripts()
    before = stored.read_bytes()
    assert id in refused(hames.run("-p", "Go.", "--session-id", id))
    assert stored.read_bytes() == before
    assert len(hames.api.requests) == 1


def test_an_unknown_session_is_a_result_for_stream_clients(installed: Hames) -> None:
    """protocol.md 3.7: a zeroed result, and the line on standard error."""
    ran = installed().run("-p", "Go.", *STREAM, "--resume", UNKNOWN)
    assert (ran.code, ran.errors.count("\n")) == (1, 1)
    [result] = ran.lines
    assert result["errors"] == [f"No conversation found with session ID: {UNKNOWN}"]
    assert {k: result[k] for k in ("subtype", "num_turns", "duration_ms", "total_cost_usd")} == {
        "subtype": "error_during_execution",
        "num_turns": 0,
        "duration_ms": 0,
        "total_cost_usd": 0,
    }
    assert not any(value for key, value in result["usage"].items() if key.endswith("_tokens"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sesion", "list"], "Did you mean `session`?"),
        (["do it"], "add `-p`"),
        (["session", "shwo", UNKNOWN], "`show`"),
        (["session", "show"], "needs one session"),
        (["session", "show", UNKNOWN], "No conversation found"),
        (["session", "export", "nowhere.jsonl"], "cannot be read"),
        (["session", "list", "--limit", "x"], "--limit"),
        (["demo", "--folder", "."], "empty"),
        (["demo", "please"], "options only"),
        (["policy", "explian"], "explain"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_is_named(arguments: list[str], said: str, installed: Hames) -> None:
    hames = installed()
    (hames.cwd / "a-file").write_text("x", encoding="utf-8")
    assert said in refused(hames.run(*arguments))


def test_a_damaged_transcript_goes_on_with_what_can_be_read(installed: Hames) -> None:
    hames = installed(says("One."), says("Two."))
    id = hames.ask("First.")["session_id"]
    [stored] = hames.transcripts()
    whole = stored.read_bytes()
    stored.write_bytes(b'{"oops\n\xff\xfe\n[1,2]\n' + whole + b'{"type":"user","messa')
    ran = hames.run("-p", "-r", id, "Second.", "--output-format", "json")
    assert (ran.code, ran.result["result"]) == (0, "Two.")
    told = str(ran.result["obligations"])
    assert "The last line of" in told
    assert "left out: 1, 2, 3." in told
    assert "First." in hames.last.text
    assert stored.read_bytes().startswith(b'{"oops\n\xff\xfe\n[1,2]\n' + whole)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"not json\n", b'{"type":"summary","summary":"x"}\n'],
    ids=["empty", "blank", "no JSON", "no conversation"],
)  # fmt: skip
def test_a_file_without_a_conversation_is_no_session(content: bytes, installed: Hames) -> None:
    hames = installed(says("One."), says("Never."))
    id = hames.ask("First.")["session_id"]
    [stored] = hames.transcripts()
    stored.write_bytes(content)
    assert id in refused(hames.run("-p", "-r", id, "Second."))
    assert id in refused(hames.run("-p", "-r", id, "--fork-session", "Second."))
    assert stored.read_bytes() == content
    assert len(hames.transcripts()) == 1


def test_a_config_folder_that_cannot_be_written_is_told_and_the_answer_still_given(
    installed: Hames, tmp_path: Path
) -> None:
    (tmp_path / "in-the-way").write_text("x", encoding="utf-8")
    hames = installed(says("Done."))
    ran = hames.run("-p", "Go.", *STREAM, CLAUDE_CONFIG_DIR=str(tmp_path / "in-the-way"))
    assert ran.code == 0
    assert ran.result["result"] == "Done."
    [told] = ran.result["obligations"]
    assert "cannot be recorded" in told["text"]
    assert ran.errors == told["text"] + "\n"


async def test_wrong_options_are_exceptions_in_python(installed: Hames, tmp_path: Path) -> None:
    hames = installed(says("One."))
    id = hames.ask("Go.")["session_id"]
    environment = {"PATH": hames.environment["PATH"], **hames.environment}
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (OptionsError, {"cwd": tmp_path / "nowhere"}),
        (OptionsError, {"add_dirs": ["nowhere"]}),
        (OptionsError, {"model": "two words"}),
        (OptionsError, {"tools": ["Raed"]}),
        (OptionsError, {"tools": [17]}),
        (OptionsError, {"permission_mode": "yolo"}),
        (OptionsError, {"max_turns": 0}),
        (OptionsError, {"resume": id, "continue_conversation": True}),
        (OptionsError, {"fork_session": True}),
        (OptionsError, {"session_id": "seventeen"}),
        (OptionsError, {"env": {**environment, "ANTHROPIC_BASE_URL": "nonsense"}}),
        (SessionNotFound, {"resume": UNKNOWN}),
        (SessionExists, {"session_id": id}),
    ]
    for expected, given in wrong:
        options = AgentOptions(**{"cwd": hames.cwd, "env": environment, **given})
        with pytest.raises(expected):
            async for _ in query(prompt="Go.", options=options):
                pass
    with pytest.raises(OptionsError, match="prompt"):
        async for _ in query(prompt=17, options=AgentOptions(cwd=hames.cwd, env=environment)):  # type: ignore[arg-type]
            pass
    assert len(hames.api.requests) == 1
    assert len(hames.transcripts()) == 1


def is_root() -> bool:
    return os.geteuid() == 0
