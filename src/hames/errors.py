"""Every exception that Hames raises on purpose.

    HamesError
    ├── OptionsError            an option, flag, setting or file given by the caller is wrong
    │   └── CredentialsError    no key, or one that cannot be used
    ├── SessionError            a stored session cannot be used as asked
    │   ├── SessionNotFound
    │   └── SessionExists
    ├── ProviderError           a model request failed (`.status`, `.category`, `.retryable`)
    │   └── ProviderTimeout     one of the request's clocks ran out (`.clock`)
    ├── MessageError            a stream-json message lacks what its type needs (`.raw`)
    ├── ScriptError             a scripted model was asked something its script does not expect
    ├── ClientError             a client was used while it was not connected, or twice at once
    ├── ResultError             `run(...)` ended with an error result (`.result`)
    └── ToolError               a tool could not do what it was asked; the text is for the model

`Interrupted` is no error: it ends work that was asked to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from hames.messages import ResultMessage

Category = Literal[
    "authentication_failed",
    "billing_error",
    "rate_limit",
    "overloaded",
    "invalid_request",
    "model_not_found",
    "server_error",
    "max_output_tokens",
    "unknown",
]
"""Official names for what went wrong with a model request; they stand on the wire."""


class HamesError(Exception):
    """The root of the tree."""


class OptionsError(HamesError, ValueError):
    """An option, flag, setting or file given by the caller is wrong."""


class CredentialsError(OptionsError):
    """No credentials for the provider, or some that cannot be used."""


class SessionError(HamesError):
    """A stored session cannot be used as asked."""


class SessionNotFound(SessionError):
    """There is no session of that id or title."""


class SessionExists(SessionError):
    """A session with the chosen id is there already."""


class ProviderError(HamesError):
    """A model request failed.

    `status` is the HTTP status or None when there was no answer; `error_type` the API's own name for
    the error (`overloaded_error`); `retry_after` what the server asked for, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        category: Category = "unknown",
        error_type: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.error_type = error_type
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id


class ProviderTimeout(ProviderError):
    """One of a request's clocks ran out; `clock` names it."""

    def __init__(
        self, clock: Literal["connect", "first_byte", "gap", "total"], seconds: float
    ) -> None:
        what = {
            "connect": "no connection",
            "first_byte": "no answer",
            "gap": "nothing more of the answer",
            "total": "no end of the answer",
        }[clock]
        super().__init__(
            f"The model request timed out: {what} within {seconds:g} s (`{clock}` timeout).",
            category="server_error",
            retryable=clock != "total",
        )
        self.clock = clock
        self.seconds = seconds


class MessageError(HamesError, ValueError):
    """A stream-json message lacks what its type needs; `raw` is all of it."""

    def __init__(self, message: str, raw: Any = None) -> None:
        super().__init__(message)
        self.raw = raw


class ScriptError(HamesError):
    """A scripted model was asked something that its script does not expect."""


class ClientError(HamesError):
    """A client was used in a state in which it cannot do what was asked."""


class LineTooLong(ClientError):
    """A client cannot be asked: the question would be longer than the lines that it can read."""


class ResultError(HamesError):
    """A run ended with an error result."""

    def __init__(self, message: str, result: ResultMessage) -> None:
        super().__init__(message)
        self.result = result


class ToolError(HamesError):
    """A tool could not do what it was asked; the text is written for the model.

    `invalid` marks a call that was refused before anything happened (a wrong argument, a file that
    was not read first). The model sees such a text in `<tool_use_error>` tags.
    """

    def __init__(self, message: str, *, invalid: bool = False) -> None:
        super().__init__(message)
        self.invalid = invalid


class Interrupted(Exception):
    """Work was asked to stop; raised where it waited. Not an error."""
