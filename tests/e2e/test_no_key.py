"""Without credentials a run begins like any other and ends with an error that names what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from installed import JSON, STREAM, Installed, refused

from hames import AgentOptions, CredentialsError, query, run
from hames.testing import says

Hames = Callable[..., Installed]


@pytest.fixture
def keyless(installed: Hames) -> Installed:
    """`hames` in front of an API that must not be asked."""
    hames = installed(says("Never."))
    del hames.environment["ANTHROPIC_API_KEY"]
    return hames


def test_lines_are_those_of_a_failed_run(keyless: Installed) -> None:
    """Observed: init, an assistant line of the model `<synthetic>`, a result with `is_error`, exit code 1."""
    ran = keyless.run("-p", "Go.", *STREAM)
    assert (ran.code, ran.errors) == (1, "")
    init, said, result = ran.lines
    assert (init["subtype"], init["apiKeySource"]) == ("init", "none")
    assert said["message"]["model"] == "<synthetic>"
    assert (said["error"], said["is_api_error_message"]) == ("authentication_failed", True)
    [text] = said["message"]["content"]
    assert "ANTHROPIC_API_KEY" in text["text"]
    told = {k: result[k] for k in ("subtype", "is_error", "terminal_reason", "api_error_status")}
    assert told == {
        "subtype": "success",
        "is_error": True,
        "terminal_reason": "api_error",
        "api_error_status": None,
    }
    assert result["result"] == text["text"]
    assert keyless.api.requests == []


def test_text_and_json_have_the_error_on_standard_output(keyless: Installed) -> None:
    text = keyless.run("-p", "Go.")
    assert (text.code, text.errors) == (1, "")
    assert "ANTHROPIC_API_KEY" in text.output
    whole = keyless.run("-p", "Go.", *JSON)
    assert (whole.code, whole.errors) == (1, "")
    assert json.loads(whole.output)["result"] + "\n" == text.output


def test_a_key_that_no_header_can_hold_is_said_without_showing_it(keyless: Installed) -> None:
    ran = keyless.run("-p", "Go.", ANTHROPIC_API_KEY="sk-schlüssel")
    assert ran.code == 1
    assert "header" in ran.output
    assert "sk-" not in ran.output + ran.errors


def test_the_session_can_be_gone_on_with_once_there_is_a_key(keyless: Installed) -> None:
    keyless.run("-p", "First.", *JSON)
    ran = keyless.run("-p", "-c", "Second.", ANTHROPIC_API_KEY="test-key")
    assert (ran.code, ran.output) == (0, "Never.\n")
    assert "First." in keyless.last.text


def test_a_fork_is_written_once(keyless: Installed) -> None:
    first = keyless.ask("First.", ANTHROPIC_API_KEY="test-key")
    id = "5f000000-0000-4000-8000-000000000001"
    ran = keyless.run("-p", "-r", first["session_id"], "--fork-session", "--session-id", id, "Go.")
    assert (ran.code, ran.errors) == (1, "")
    assert len(keyless.transcripts()) == 2


def test_an_unknown_session_comes_first(keyless: Installed) -> None:
    unknown = "5f000000-0000-4000-8000-000000000000"
    assert "No conversation found" in refused(keyless.run("-p", "Go.", "-r", unknown))


async def test_python_programs_get_an_exception(
    keyless: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    options = AgentOptions(cwd=tmp_path, env={"CLAUDE_CONFIG_DIR": str(tmp_path / "config")})
    with pytest.raises(CredentialsError, match="ANTHROPIC_API_KEY"):
        async for _ in query(prompt="Go.", options=options):
            pass
    with pytest.raises(CredentialsError):
        run("Go.", options)
    assert not (tmp_path / "config").exists()
