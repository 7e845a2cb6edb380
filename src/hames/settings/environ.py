"""Environment variables: one row for each, and a typed view of all.

A new variable is one field of `Environ`. Names are the official ones; ours begin with `HAMES_`. An
empty value counts as not set. A value of ours that cannot be read raises OptionsError. An official
variable that cannot be read is ignored, and `warnings` says so.
"""

# Annotations are read at run time, so they are not postponed here.

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, get_args

import msgspec

from hames import _json
from hames.errors import OptionsError


class Variable(msgspec.Struct, frozen=True):
    """A row: how a variable is called, read and explained."""

    name: str
    parse: Callable[[str], Any]
    """Raises ValueError, saying what is expected."""
    meaning: str
    secret: bool = False
    """Whether its value must not be shown."""
    also: str | None = None
    """Another spelling, which counts when the first is not set."""


def _text(value: str) -> str:
    return value.strip()


def _flag(value: str) -> bool:
    """Official 2.1.330 takes exactly these words for yes."""
    word = value.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("one of `1`, `true`, `yes`, `on`, `0`, `false`, `no`, `off`")


def _whole(least: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.strip().isascii() or not value.strip().isdigit() or int(value) < least:
            raise ValueError(f"a whole number from {least}")
        return int(value)

    return parse


def _milliseconds(value: str) -> float:
    """Milliseconds as seconds."""
    return _whole(1)(value) / 1000


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _headers(value: str) -> dict[str, str]:
    found = {}
    for line in value.splitlines():
        if not line.strip():
            continue
        name, colon, content = line.partition(":")
        if not colon or not name.strip() or any(c.isspace() for c in name.strip()):
            raise ValueError("lines of the form `Name: value`")
        found[name.strip()] = content.strip()
    return found


def _object(value: str) -> dict[str, Any]:
    try:
        found = _json.decode(value)
    except _json.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("a JSON object")
    return found


class Environ(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says. Times are seconds."""

    raw: Mapping[str, str] = {}
    """All variables, as they are."""
    warnings: tuple[str, ...] = ()
    """What was ignored, and why."""

    api_key: Annotated[
        str | None,
        Variable("ANTHROPIC_API_KEY", _text, "Key of the API, sent as `x-api-key`."),
    ] = None
    auth_token: Annotated[
        str | None,
        Variable("ANTHROPIC_AUTH_TOKEN", _text, "Token, sent as `Authorization: Bearer`."),
    ] = None
    base_url: Annotated[
        str | None,
        Variable("ANTHROPIC_BASE_URL", _text, "Where the Messages API is, without `/v1`."),
    ] = None
    custom_headers: Annotated[
        dict[str, str],
        Variable(
            "ANTHROPIC_CUSTOM_HEADERS",
            _headers,
            "Lines `Name: value` for each request.",
            secret=True,
        ),
    ] = {}
    betas: Annotated[
        tuple[str, ...],
        Variable("ANTHROPIC_BETAS", _words, "More `anthropic-beta` values, separated by commas."),
    ] = ()
    api_key_helper_ttl: Annotated[
        float | None,
        Variable(
            "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
            _milliseconds,
            "How long the output of `apiKeyHelper` is used.",
        ),
    ] = None

    model: Annotated[
        str | None, Variable("ANTHROPIC_MODEL", _text, "Model when no option names one.")
    ] = None
    default_opus_model: Annotated[
        str | None, Variable("ANTHROPIC_DEFAULT_OPUS_MODEL", _text, "What `opus` means.")
    ] = None
    default_sonnet_model: Annotated[
        str | None, Variable("ANTHROPIC_DEFAULT_SONNET_MODEL", _text, "What `sonnet` means.")
    ] = None
    default_haiku_model: Annotated[
        str | None, Variable("ANTHROPIC_DEFAULT_HAIKU_MODEL", _text, "What `haiku` means.")
    ] = None
    small_fast_model: Annotated[
        str | None,
        Variable("ANTHROPIC_SMALL_FAST_MODEL", _text, "Model for small helper requests."),
    ] = None

    api_timeout: Annotated[
        float | None,
        Variable("API_TIMEOUT_MS", _milliseconds, "Wait for the first byte of a reply (600000)."),
    ] = None
    connect_timeout: Annotated[
        float | None,
        Variable("HAMES_CONNECT_TIMEOUT_MS", _milliseconds, "Wait for a connection (10000)."),
    ] = None
    gap_timeout: Annotated[
        float | None,
        Variable("HAMES_GAP_TIMEOUT_MS", _milliseconds, "Wait between events (300000)."),
    ] = None
    total_timeout: Annotated[
        float | None,
        Variable("HAMES_TOTAL_TIMEOUT_MS", _milliseconds, "Wait for a whole reply (no limit)."),
    ] = None
    max_retries: Annotated[
        int | None,
        Variable("CLAUDE_CODE_MAX_RETRIES", _whole(0), "Retries of a failed request (10)."),
    ] = None
    max_retry_after: Annotated[
        float | None,
        Variable(
            "HAMES_MAX_RETRY_AFTER_MS",
            _milliseconds,
            "The longest wait that a server may ask for (60000).",
        ),
    ] = None

    max_output_tokens: Annotated[
        int | None,
        Variable("CLAUDE_CODE_MAX_OUTPUT_TOKENS", _whole(1), "`max_tokens` of a request."),
    ] = None
    max_thinking_tokens: Annotated[
        int | None,
        Variable("MAX_THINKING_TOKENS", _whole(0), "Thinking budget; 0 switches thinking off."),
    ] = None
    extra_body: Annotated[
        dict[str, Any],
        Variable("CLAUDE_CODE_EXTRA_BODY", _object, "JSON merged into each request.", secret=True),
    ] = {}
    disable_experimental_betas: Annotated[
        bool,
        Variable(
            "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
            _flag,
            "Send no betas that a gateway may not know.",
        ),
    ] = False
    disable_prompt_caching: Annotated[
        bool, Variable("DISABLE_PROMPT_CACHING", _flag, "No cache marks.")
    ] = False
    disable_prompt_caching_sonnet: Annotated[
        bool,
        Variable("DISABLE_PROMPT_CACHING_SONNET", _flag, "No cache marks for Sonnet."),
    ] = False
    disable_prompt_caching_opus: Annotated[
        bool,
        Variable("DISABLE_PROMPT_CACHING_OPUS", _flag, "No cache marks for Opus."),
    ] = False
    disable_prompt_caching_haiku: Annotated[
        bool,
        Variable("DISABLE_PROMPT_CACHING_HAIKU", _flag, "No cache marks for Haiku."),
    ] = False
    prompt_caching_1h: Annotated[
        bool,
        Variable("ENABLE_PROMPT_CACHING_1H", _flag, "Keep the cache for an hour."),
    ] = False

    config_dir: Annotated[
        str | None,
        Variable("CLAUDE_CONFIG_DIR", _text, "Configuration folder instead of `~/.claude`."),
    ] = None
    client_app: Annotated[
        str | None,
        Variable("CLAUDE_AGENT_SDK_CLIENT_APP", _text, "Host application, for the User-Agent."),
    ] = None
    entrypoint: Annotated[
        str | None, Variable("CLAUDE_CODE_ENTRYPOINT", _text, "What started the agent: `sdk-py`, …")
    ] = None
    max_turns: Annotated[
        int | None, Variable("CLAUDE_CODE_MAX_TURNS", _whole(1), "Most turns of an answer.")
    ] = None
    tool_concurrency: Annotated[
        int | None,
        Variable("CLAUDE_CODE_MAX_TOOL_USE_CONCURRENCY", _whole(1), "Calls side by side (10)."),
    ] = None

    file_checkpointing: Annotated[
        bool | None,
        Variable(
            "CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING",
            _flag,
            "Keep how the files are at each prompt.",
        ),
    ] = None

    bash_default_timeout: Annotated[
        float | None,
        Variable("BASH_DEFAULT_TIMEOUT_MS", _milliseconds, "Time of a command that asks for none."),
    ] = None
    bash_max_timeout: Annotated[
        float | None,
        Variable("BASH_MAX_TIMEOUT_MS", _milliseconds, "The most time a command may ask for."),
    ] = None
    bash_max_output: Annotated[
        int | None,
        Variable("BASH_MAX_OUTPUT_LENGTH", _whole(1), "Characters of output that the model sees."),
    ] = None
    bash_keeps_folder: Annotated[
        bool,
        Variable(
            "CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR",
            _flag,
            "Go back to the project folder after each command.",
        ),
    ] = False
    disable_background_tasks: Annotated[
        bool,
        Variable("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", _flag, "No background commands."),
    ] = False
    is_sandbox: Annotated[
        bool, Variable("IS_SANDBOX", _flag, "The machine is a sandbox already.")
    ] = False
    ci: Annotated[bool, Variable("CI", _flag, "Runs in continuous integration.")] = False
    strict_trust: Annotated[
        bool | None,
        Variable(
            "HAMES_STRICT_TRUST",
            _flag,
            "Run no code of a folder that is not trusted; on by itself when `CI` is set.",
        ),
    ] = None

    https_proxy: Annotated[
        str | None,
        Variable("HTTPS_PROXY", _text, "Proxy for https.", also="https_proxy"),
    ] = None
    http_proxy: Annotated[
        str | None,
        Variable("HTTP_PROXY", _text, "Proxy for http.", also="http_proxy"),
    ] = None
    no_proxy: Annotated[
        str | None,
        Variable("NO_PROXY", _text, "Hosts that are reached directly.", also="no_proxy"),
    ] = None
    ssl_cert_file: Annotated[
        str | None,
        Variable("SSL_CERT_FILE", _text, "Certificate authorities instead of the system's."),
    ] = None
    extra_ca_certs: Annotated[
        str | None,
        Variable("NODE_EXTRA_CA_CERTS", _text, "Certificate authorities besides the others."),
    ] = None

    home: Annotated[str | None, Variable("HOME", _text, "The user's home folder.")] = None

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Environ":
        """The view of these variables. Raises OptionsError for one of ours that cannot be read."""
        found: dict[str, Any] = {}
        warnings = []
        for field, variable in variables().items():
            name, value = _value(variable, env)
            if not value.strip():
                continue
            try:
                found[field] = variable.parse(value)
            except ValueError as error:
                shown = "…" if variable.secret else value[:80]
                said = f"The variable `{name}` is `{shown}`, but has to be {error}."
                if name.startswith("HAMES_"):
                    raise OptionsError(said) from error
                # Official 2.1.330 ignores every official variable that it cannot read, silently.
                warnings.append(f"{said} It is ignored.")
        return cls(raw=env, warnings=tuple(warnings), **found)

    def __repr__(self) -> str:
        return f"Environ({len(self.raw)} variables)"  # their values are nobody's business

    @property
    def config_folder(self) -> str:
        """The folder with settings, sessions and memory."""
        home = self.home or os.path.expanduser("~")
        return os.path.abspath(self.config_dir or os.path.join(home, ".claude"))

    def may_cache(self, model: str) -> bool:
        """Whether requests to this model are to have cache marks."""
        off = {
            "sonnet": self.disable_prompt_caching_sonnet,
            "opus": self.disable_prompt_caching_opus,
            "haiku": self.disable_prompt_caching_haiku,
        }
        named = any(switch and family in model.lower() for family, switch in off.items())
        return not (self.disable_prompt_caching or named)


@cache
def variables() -> dict[str, Variable]:
    """All rows, by field of `Environ`."""
    rows = {}
    for field, annotation in Environ.__annotations__.items():
        for part in get_args(annotation)[1:]:
            if isinstance(part, Variable):
                rows[field] = part
    return rows


def _value(variable: Variable, env: Mapping[str, str]) -> tuple[str, str]:
    if variable.also and not env.get(variable.name):
        return variable.also, env.get(variable.also, "")
    return variable.name, env.get(variable.name, "")
