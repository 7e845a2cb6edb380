"""The flags of a session are those that the official client passes.

Read from the official transport itself; its `_build_command` is private, and the only place where a
field of the options is tied to a flag.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import claude_agent_sdk as official
import pytest
from compat_place import Place, asked, said
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from hames.compat import claude_agent_sdk as ours
from hames.compat.arguments import arguments
from hames.testing import calls, says

Here = Callable[..., Place]

SERVER = {"type": "stdio", "command": "server"}

CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a system prompt": {"system_prompt": "--- a dash"},
    "the preset": {"system_prompt": {"type": "preset", "preset": "claude_code"}},
    "the preset and more": {
        "system_prompt": {"type": "preset", "preset": "claude_code", "append": "more"}
    },
    "a custom prompt": {"system_prompt": {"type": "custom", "prompt": "own"}},
    "a prompt in a file": {"system_prompt": {"type": "file", "path": "prompt.md"}},
    "tools": {"tools": ["Read", "Bash"], "allowed_tools": ["Read"], "disallowed_tools": ["Bash(rm:*)"]},
    "no tools": {"tools": []},
    "all tools": {"tools": {"type": "preset", "preset": "claude_code"}},
    "limits": {"max_turns": 3, "max_budget_usd": 0.5, "task_budget": {"total": 1000}},
    "models": {"model": "opus", "fallback_model": "haiku", "betas": ["context-1m-2025-08-07"]},
    "permissions": {"permission_mode": "plan", "permission_prompt_tool_name": "mcp__a__b"},
    "continue": {"continue_conversation": True},
    "resume": {
        "resume": "id", "fork_session": True, "session_id": "new",
        "resume_session_at": "at", "resume_drops_turn": "turn",
    },
    "settings": {"settings": "settings.json", "setting_sources": ["user"], "add_dirs": ["a", Path("b")]},
    "no settings": {"setting_sources": []},
    "a sandbox": {"settings": '{"model": "opus"}', "sandbox": {"enabled": True}},
    "servers": {"mcp_servers": {"a": SERVER, "b": {"type": "sdk", "name": "b", "instance": None}}},
    "servers in a file": {"mcp_servers": Path("servers.json"), "strict_mcp_config": True},
    "more messages": {"include_partial_messages": True, "include_hook_events": True},
    "adaptive thinking": {"thinking": {"type": "adaptive", "display": "omitted"}, "effort": "low"},
    "bounded thinking": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    "no thinking": {"thinking": {"type": "disabled"}, "max_thinking_tokens": 5},
    "a thinking budget": {"max_thinking_tokens": 0},
    "a schema": {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
    "all skills": {"skills": "all", "allowed_tools": ["Read"]},
    "some skills": {"skills": ["pdf", "plugin:x"]},
    "plugins": {"plugins": [{"type": "local", "path": "plugin"}]},
    "other flags": {"extra_args": {"debug": None, "name": "value", "text": "--- a dash"}},
}  # fmt: skip

NO_FLAG = [
    "cwd",
    "cli_path",
    "env",
    "max_buffer_size",
    "debug_stderr",
    "stderr",
    "can_use_tool",
    "hooks",
    "user",
    "forward_subagent_text",
    "verbatim_prompts",
    "agents",
    "enable_file_checkpointing",
    "session_store",
    "session_store_flush",
    "load_timeout_ms",
    "client_app",
]
"""Options that are no flags. Their effects are proved beside and in the other tests."""


def officially(**options: Any) -> list[str]:
    module: Any = importlib.import_module("claude_agent_sdk._internal.transport.subprocess_cli")
    given = official.ClaudeAgentOptions(cli_path="hames", **options)
    command: list[str] = module.SubprocessCLITransport(prompt="", options=given)._build_command()
    return command[1:]


@pytest.mark.parametrize("name", CASES)
def test_the_flags_are_the_official_ones(name: str) -> None:
    assert arguments(ours.ClaudeAgentOptions(**CASES[name])) == officially(**CASES[name])


def test_every_option_is_a_flag_or_is_known_to_be_none() -> None:
    tried = {option for case in CASES.values() for option in case}
    assert sorted(tried | set(NO_FLAG)) == sorted(ours.ClaudeAgentOptions.__dataclass_fields__)


@pytest.mark.parametrize(
    "skills", ["pdf", [3], [""], [" x"], ["a(b)"], ["*"], ["a:*"], ["/x"], ["a\\"], ["a\\\\b"]]
)
def test_skills_that_cannot_be_are_refused_as_officially(skills: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as theirs:
        officially(skills=skills)
    with pytest.raises(theirs.type):
        arguments(ours.ClaudeAgentOptions(skills=skills))


async def test_the_environment_is_that_of_the_options(here: Here) -> None:
    place = here(calls("Bash", command='echo "$MINE"'), says("Done."))
    env = {**place.environment, "MINE": "yes"}
    await asked("Go.", place.options(env=env, client_app="my-app/1.0", allowed_tools=["Bash"]))
    assert place.api.requests[1].result_texts == ["yes"]
    assert "client-app/my-app/1.0" in place.api.requests[0].headers["user-agent"]


async def test_a_trace_goes_on_in_the_program(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Official: W3C trace context in the environment of the process."""
    monkeypatch.setenv("TRACESTATE", "of=another")
    place = here()
    seen = place.folder / "seen"
    program = place.folder / "program"
    program.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        f"json.dump(dict(os.environ), open({str(seen)!r}, 'w'))\nraise SystemExit(1)\n"
    )
    program.chmod(0o755)
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, True, TraceFlags(1)))
    token = context.attach(trace.set_span_in_context(span))
    try:
        with pytest.raises(ours.ProcessError):
            await asked("Hi.", place.options(cli_path=program))
    finally:
        context.detach(token)
    env = json.loads(seen.read_text())
    assert env["TRACEPARENT"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"
    assert "TRACESTATE" not in env
    assert (env["CLAUDE_CODE_ENTRYPOINT"], "CLAUDECODE" in env) == ("sdk-py", False)


async def test_what_a_program_does_as_well_without_is_warned_about(here: Here) -> None:
    place = here(says("Hello."))
    prompt = {"type": "custom", "prompt": "Be brief.", "snapshot": False}
    with pytest.warns(UserWarning, match=r"system_prompt\.snapshot"):
        messages = await asked("Hi.", place.options(system_prompt=prompt))
    assert said(messages) == ["Hello."]


def test_the_names_load_nothing_heavy() -> None:
    heavy = ["mcp", "pydantic", "httpx2", "jsonschema", "anyio", "hames.cli", "hames.tools.bash"]
    program = (
        "import sys, hames.compat.claude_agent_sdk\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )  # fmt: skip
    assert ran.stdout == "[]\n"
