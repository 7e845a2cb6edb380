"""Flags as the options of an agent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hames import _json
from hames.errors import OptionsError

if TYPE_CHECKING:
    from hames.agent.options import AgentOptions


def options_from(values: Mapping[str, Any]) -> AgentOptions:
    """The options that the flags ask for. Raises OptionsError when they cannot go together."""
    from hames.agent.options import AgentOptions

    return AgentOptions(
        model=values.get("model"),
        fallback_model=values.get("fallback-model"),
        system_prompt=_text(values, "system-prompt"),
        append_system_prompt=_text(values, "append-system-prompt"),
        betas=_words(values.get("betas", ())),
        tools=_words(values["tools"]) if "tools" in values else None,
        allowed_tools=values.get("allowedTools", ()),
        disallowed_tools=values.get("disallowedTools", ()),
        permission_mode=_mode(values),
        permission_prompt_tool_name=_prompt_tool(values),
        permission_prompts=values.get("permission-prompts", "host"),
        decisions=_object(values, "decisions", '{"ID": "allow"}'),
        agents=_object(values, "agents", '{"NAME": {"description": "…", "prompt": "…"}}'),
        settings=_settings(values),
        setting_sources=_sources(values),
        cwd=_path(values.get("cwd", ".")),
        add_dirs=[_path(name) for name in values.get("add-dir", ())],
        max_turns=values.get("max-turns"),
        max_thinking_tokens=_thinking(values),
        thinking_display=values.get("thinking-display"),
        effort=values.get("effort"),
        task_budget=values.get("task-budget"),
        max_budget_usd=values.get("max-budget-usd"),
        include_partial_messages="include-partial-messages" in values,
        include_hook_events="include-hook-events" in values,
        setup=_setup(values),
        entrypoint=os.environ.get("CLAUDE_CODE_ENTRYPOINT") or "sdk-cli",
        **_session(values),
    )


def _session(values: Mapping[str, Any]) -> dict[str, Any]:
    resume, goes_on = values.get("resume"), "continue" in values
    if "resume" in values and not resume:
        raise OptionsError(
            "`--resume` needs the id or the title of a session; see `hames session list`."
        )
    if resume and goes_on:
        raise OptionsError("`--resume` and `--continue` exclude each other; give one.")
    if "resume-session-at" in values and not resume:
        raise OptionsError("`--resume-session-at` needs `--resume`: which session is it in?")
    if "resume-drops-turn" in values and "resume-session-at" not in values:
        raise OptionsError(
            "`--resume-drops-turn` needs `--resume-session-at`, the line to go back to."
        )
    fork = "fork-session" in values
    if fork and not (resume or goes_on):
        raise OptionsError(
            "`--fork-session` needs `--resume` or `--continue`: there is nothing to copy."
        )
    if "session-id" in values and (resume or goes_on) and not fork:
        raise OptionsError(
            "`--session-id` with `--resume` or `--continue` also needs `--fork-session`."
        )
    return {
        "resume": resume,
        "continue_conversation": goes_on,
        "fork_session": fork,
        "resume_session_at": values.get("resume-session-at"),
        "resume_drops_turn": values.get("resume-drops-turn"),
        "session_id": values.get("session-id"),
        "title": values.get("name"),
        "persist_session": "no-session-persistence" not in values,
    }


def _setup(values: Mapping[str, Any]) -> Literal["init", "maintenance"] | None:
    init = "init" in values or "init-only" in values
    if init and "maintenance" in values:
        raise OptionsError("`--init` and `--maintenance` exclude each other; give one.")
    return "init" if init else "maintenance" if "maintenance" in values else None


def _thinking(values: Mapping[str, Any]) -> int | None:
    return 0 if values.get("thinking") == "disabled" else values.get("max-thinking-tokens")


def _mode(values: Mapping[str, Any]) -> Any:
    if "dangerously-skip-permissions" in values:
        return "bypassPermissions"
    return values.get("permission-mode")


def _prompt_tool(values: Mapping[str, Any]) -> str | None:
    """The tool that is asked; `stdio`, the client, is no tool."""
    name: str | None = values.get("permission-prompt-tool")
    return None if name == "stdio" else name


def _object(values: Mapping[str, Any], name: str, example: str) -> dict[str, Any]:
    """The JSON object that a flag gives, or the file that it names has."""
    given: str | None = values.get(name)
    if given is None:
        return {}
    try:
        text = given if given.lstrip()[:1] in "[{" else Path(given).read_text(encoding="utf-8")
        found = _json.decode(text)
    except (OSError, ValueError, _json.DecodeError) as error:
        raise OptionsError(f"`--{name}`: `{given:.80}` cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise OptionsError(f"`--{name}` is an object: {example}.")
    return found


def _settings(values: Mapping[str, Any]) -> str | None:
    given: str | None = values.get("settings")
    if given is None or not given.strip() or given.lstrip().startswith("{"):
        return given
    return _path(given)


def _sources(values: Mapping[str, Any]) -> list[Any]:
    """The settings files to read: all, unless the flag names some, or none by an empty text."""
    given: str | None = values.get("setting-sources")
    return ["user", "project", "local"] if given is None else _words([given])


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.replace(",", " ").split()]


def _text(values: Mapping[str, Any], name: str) -> str | None:
    """The text of a flag or of its `-file` twin."""
    given: str | None = values.get(name)
    file = values.get(f"{name}-file")
    if file is None:
        return given
    if given is not None:
        raise OptionsError(f"`--{name}` and `--{name}-file` exclude each other; give one.")
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(f"`--{name}-file`: cannot read `{file}`: {_reason(error)}.") from error


def _path(name: str) -> str:
    """What a path means where the command was typed, whatever `--cwd` says."""
    return os.path.abspath(os.path.expanduser(name))


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no UTF-8 text"
