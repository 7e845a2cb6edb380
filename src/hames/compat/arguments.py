"""Options as the flags of the command line, for both modes alike."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from hames.compat.errors import CLIConnectionError
from hames.compat.options import ClaudeAgentOptions, SystemPromptFile

_FORBIDDEN = re.compile("[(),\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")


def arguments(options: ClaudeAgentOptions) -> list[str]:
    """The flags of a session that speaks the stream protocol.

    Raises ValueError and TypeError for skills and plugins that cannot be, CLIConnectionError for
    settings that cannot be read.
    """
    allowed, sources = _with_skills(options)
    settings = settings_with_sandbox(options)
    given: list[tuple[str, Any]] = [
        *_system_prompt(options),
        ("tools", _tools(options)),
        ("allowedTools", ",".join(allowed) or None),
        ("max-turns", options.max_turns or None),
        ("max-budget-usd", options.max_budget_usd),
        ("disallowedTools", ",".join(options.disallowed_tools) or None),
        ("task-budget", options.task_budget["total"] if options.task_budget else None),
        ("model", options.model or None),
        ("fallback-model", options.fallback_model or None),
        ("betas", ",".join(options.betas) or None),
        ("permission-prompt-tool", options.permission_prompt_tool_name or None),
        ("permission-mode", options.permission_mode or None),
        ("continue", options.continue_conversation),
        ("resume=", options.resume or None),
        ("session-id=", options.session_id or None),
        ("settings", settings or None),
        *[("add-dir", str(folder)) for folder in options.add_dirs],
        ("mcp-config", _mcp_config(options)),
        ("include-partial-messages", options.include_partial_messages),
        ("include-hook-events", options.include_hook_events),
        ("strict-mcp-config", options.strict_mcp_config),
        ("fork-session", options.fork_session),
        ("resume-session-at=", options.resume_session_at or None),
        ("resume-drops-turn=", options.resume_drops_turn),
        ("session-mirror", options.session_store is not None),
        ("setting-sources=", None if sources is None else ",".join(sources)),
        *[("plugin-dir", _plugin(plugin)) for plugin in options.plugins],
        *_extra(options),
        *_thinking(options),
        ("effort", options.effort),
        ("json-schema", _schema(options)),
        ("input-format", "stream-json"),
    ]
    flags = ["--output-format", "stream-json", "--verbose"]
    for name, value in given:
        flags += _flag(name, value)
    return flags


def in_folder(options: ClaudeAgentOptions) -> ClaudeAgentOptions:
    """The options with paths that mean in this process what they would mean in one that lives in `cwd`."""
    folder = Path(options.cwd or ".").absolute()

    def there(path: Any) -> str:
        return str(folder / Path(path).expanduser())

    settings, servers, prompt = options.settings, options.mcp_servers, options.system_prompt
    if settings is not None and settings.strip() and not _is_json(settings):
        settings = there(settings.strip())
    if isinstance(servers, str | Path) and servers and not _is_json(str(servers)):
        servers = there(servers)
    if isinstance(prompt, dict) and prompt.get("type") == "file":
        prompt = SystemPromptFile(type="file", path=there(prompt.get("path")))
    return replace(
        options,
        cwd=folder,
        settings=settings,
        mcp_servers=servers,
        system_prompt=prompt,
        add_dirs=[there(one) for one in options.add_dirs],
        plugins=[{**plugin, "path": there(plugin["path"])} for plugin in options.plugins],
    )


def settings_with_sandbox(options: ClaudeAgentOptions) -> str | None:
    """The settings, with the sandbox's among them when there are any."""
    if options.sandbox is None:
        return options.settings
    text = (options.settings or "{}").strip()
    try:
        if not _is_json(text):
            text = (Path(options.cwd or ".") / text).read_text(encoding="utf-8-sig")
        return json.dumps({**json.loads(text), "sandbox": options.sandbox})
    except (OSError, ValueError, TypeError) as error:
        raise CLIConnectionError(f"Failed to load settings: {error}") from error


def _flag(name: str, value: Any) -> list[str]:
    """`name=` is written in one word, so that the value may begin with a dash."""
    if value is None or value is False:
        return []
    if value is True:
        return [f"--{name}"]
    return [f"--{name}{value}"] if name.endswith("=") else [f"--{name}", str(value)]


def _system_prompt(options: ClaudeAgentOptions) -> list[tuple[str, Any]]:
    prompt: Any = options.system_prompt
    match prompt:
        case None | str():
            return [("system-prompt", prompt or "")]
        case {"type": "file", "path": path}:
            return [("system-prompt-file", path)]
        case {"type": "custom", "prompt": text}:
            return [("system-prompt", text)]
        case {"type": "preset", "append": text}:
            return [("append-system-prompt", text)]
    return []


def _tools(options: ClaudeAgentOptions) -> str | None:
    if options.tools is None or isinstance(options.tools, list):
        return None if options.tools is None else ",".join(options.tools)
    return "default"


def _with_skills(options: ClaudeAgentOptions) -> tuple[list[str], list[Any] | None]:
    """The rules that allow, and the settings to read, with what the skills need."""
    allowed, sources = list(options.allowed_tools), options.setting_sources
    skills: Any = options.skills
    if skills is None:
        return allowed, sources
    if skills != "all" and not isinstance(skills, list):
        raise TypeError(
            f'ClaudeAgentOptions.skills must be a list of skill names or "all", got {skills!r}.'
        )
    rules = ["Skill"] if skills == "all" else [f"Skill({_skill(name)})" for name in skills]
    allowed += [rule for rule in rules if rule not in allowed]
    return allowed, ["user", "project"] if sources is None else sources


def _skill(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"Skill names must be strings, got {type(name).__name__}: {name!r}")
    if not name.strip():
        raise ValueError("Skill names must be non-empty strings")
    wrong = (
        name != name.strip()
        or _FORBIDDEN.search(name)
        or name == "*"
        or name.endswith((":*", " *", "\\"))
        or name.startswith("/")
        or "\\\\" in name
    )
    if wrong:
        raise ValueError(
            f"Invalid skill name {name!r}: give the exact name of a skill's folder, or"
            " 'plugin:skill', without wildcards, brackets, commas or blanks around it."
        )
    return name


def _mcp_config(options: ClaudeAgentOptions) -> str | None:
    servers = options.mcp_servers
    if not servers:
        return None
    if not isinstance(servers, dict):
        return str(servers)
    told = {
        name: {key: value for key, value in config.items() if key != "instance"}
        if config.get("type") == "sdk"
        else config
        for name, config in servers.items()
    }
    return json.dumps({"mcpServers": told})


def _plugin(plugin: Any) -> str:
    if plugin["type"] != "local":
        raise ValueError(f"Unsupported plugin type: {plugin['type']}")
    return str(plugin["path"])


def _thinking(options: ClaudeAgentOptions) -> list[tuple[str, Any]]:
    thinking: Any = options.thinking
    if thinking is None:
        return [("max-thinking-tokens", options.max_thinking_tokens)]
    display = [("thinking-display", thinking.get("display"))]
    match thinking["type"]:
        case "enabled":
            return [("max-thinking-tokens", thinking["budget_tokens"]), *display]
        case "adaptive":
            return [("thinking", "adaptive"), *display]
    return [("thinking", "disabled")]


def _extra(options: ClaudeAgentOptions) -> list[tuple[str, Any]]:
    given = options.extra_args.items()
    return [
        (f"{name}=" if str(text).startswith("-") else name, True if text is None else str(text))
        for name, text in given
    ]


def _schema(options: ClaudeAgentOptions) -> str | None:
    match options.output_format:
        case {"type": "json_schema", "schema": schema} if schema is not None:
            return json.dumps(schema)
    return None


def _is_json(text: str) -> bool:
    text = text.strip()
    return text.startswith("{") and text.endswith("}")
