"""The official exceptions.

ClaudeSDKError
├── CLIConnectionError      the other end cannot be started or spoken to
│   └── CLINotFoundError
├── ProcessError            it ended with a failure (`.exit_code`, `.stderr`)
│   └── ResultError         after an error result (`.subtype`, `.errors`, `.result` …)
├── CLIJSONDecodeError      a line is no JSON (`.line`, `.original_error`)
└── MessageParseError       a message lacks what its type needs (`.data`)
"""

from __future__ import annotations

from typing import Any

from hames.errors import HamesError


class ClaudeSDKError(HamesError):
    """The root of the tree."""


class CLIConnectionError(ClaudeSDKError):
    """The other end cannot be started or spoken to."""


class CLINotFoundError(CLIConnectionError):
    """There is no program at `cli_path`."""

    def __init__(self, message: str = "Claude Code not found", cli_path: str | None = None) -> None:
        super().__init__(f"{message}: {cli_path}" if cli_path else message)


class ProcessError(ClaudeSDKError):
    """The other end has ended with a failure."""

    def __init__(
        self, message: str, exit_code: int | None = None, stderr: str | None = None
    ) -> None:
        self.exit_code = exit_code
        self.stderr = stderr
        if exit_code is not None:
            message = f"{message} (exit code: {exit_code})"
        if stderr:
            message = f"{message}\nError output: {stderr}"
        super().__init__(message)


class ResultError(ProcessError):
    """The run has ended with an error result; `data` is that message."""

    def __init__(
        self, message: str, data: dict[str, Any] | None = None, exit_code: int | None = None
    ) -> None:
        self.data = data if isinstance(data, dict) else {}
        self.subtype: str | None = _text(self.data.get("subtype"))
        self.errors: list[str] = texts(self.data.get("errors"))
        self.result: str | None = _text(self.data.get("result"))
        status = self.data.get("api_error_status")
        self.api_error_status: int | None = status if isinstance(status, int) else None
        self.terminal_reason: str | None = _text(self.data.get("terminal_reason"))
        self.session_id: str | None = _text(self.data.get("session_id"))
        super().__init__(message, exit_code=exit_code)


class CLIJSONDecodeError(ClaudeSDKError):
    """A line of the other end is no JSON."""

    def __init__(self, line: str, original_error: Exception) -> None:
        self.line = line
        self.original_error = original_error
        super().__init__(f"Failed to decode JSON: {line[:100]}...")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.line, self.original_error)


class MessageParseError(ClaudeSDKError):
    """A message lacks what its type needs."""

    def __init__(self, message: str, data: dict[str, Any] | None = None) -> None:
        self.data = data
        super().__init__(message)


def texts(raw: Any) -> list[str]:
    """The texts of a result's `errors`, which may also be a single one."""
    given = [raw] if isinstance(raw, str) else raw if isinstance(raw, list) else []
    return [text.strip() for text in given if isinstance(text, str) and text.strip()]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
