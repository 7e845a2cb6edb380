"""What a failed answer means: status, headers and body become one `ProviderError`.

`error_type` is the API's own name of the error, with three of ours where the API has none and a caller
has to react: `prompt_too_long`, `max_tokens_too_large` (both 400) and `not_a_reply` (a body that is no
reply although the status says success).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hames import _json
from hames.errors import Category, ProviderError

STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Documented status of each error type; error events in a stream have only the type."""

RETRYABLE = frozenset({408, 409, 429})

OVER_THE_WINDOW = re.compile(r"(\d[\d,]*)\s*\+\s*(\d[\d,]*)\s*>\s*(\d[\d,]*)")
"""`A + B > C` of the message that input and `max_tokens` together pass the window."""

_TOO_LONG = re.compile(
    r"prompt is too long|input is too long|context[ _]length[ _]exceeded|maximum context length"
    r"|exceeds? the (maximum |model's )?context",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"credit balance|billing|payment required", re.IGNORECASE)


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    request_id: str | None = None


def failure(
    status: int, headers: Mapping[str, str], body: bytes, *, url: str = ""
) -> ProviderError:
    """The error of an HTTP answer. Header names are lower case."""
    error_type, message, request_id = _read(body)
    if 300 <= status < 400:
        message = (
            f"`{url}` redirects to `{headers.get('location', '')}`. Redirects are not followed, so that "
            "keys stay where they were meant to go; set the base URL to the new place."
        )
    error = _error(status, error_type, message or _excerpt(headers, body), url)
    error.request_id = headers.get("request-id") or headers.get("x-request-id") or request_id
    error.retry_after = retry_after(headers)
    match headers.get("x-should-retry"):
        case "true":
            error.retryable = True
        case "false":
            error.retryable = False
    return error


def failure_in_stream(error: Mapping[str, Any]) -> ProviderError:
    """The error that an `error` event of a stream reports."""
    error_type = str(error.get("type") or "api_error")
    return _error(STATUS_OF.get(error_type, 500), error_type, str(error.get("message") or ""), "")


def not_a_reply(headers: Mapping[str, str], body: bytes, url: str) -> ProviderError:
    """The error for a body that is neither a stream nor a message."""
    return ProviderError(
        f"`{url}` answered with status 200 but not with a reply: {_excerpt(headers, body)}. "
        "Check that the base URL is one of a Messages API.",
        status=200,
        category="server_error",
        error_type="not_a_reply",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `retry-after`."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return seconds if value is not None else None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _error(status: int, error_type: str | None, message: str, url: str) -> ProviderError:
    category, kind = _classify(status, error_type, message)
    return ProviderError(
        _prose(status, category, message, url),
        status=status,
        category=category,
        error_type=kind,
        retryable=status in RETRYABLE or status >= 500,
    )


def _classify(status: int, error_type: str | None, message: str) -> tuple[Category, str | None]:
    if error_type == "overloaded_error" or status == 529:
        return "overloaded", error_type or "overloaded_error"
    if status == 402 or error_type == "billing_error":
        return "billing_error", error_type
    if status == 400:
        return _classify_400(error_type, message)
    if status in (401, 403, 407):
        return "authentication_failed", error_type
    if status == 404:
        found = error_type == "not_found_error"
        return ("model_not_found" if found else "invalid_request"), error_type
    if status == 429:
        return "rate_limit", error_type
    if status in (408, 409) or status >= 500:
        return "server_error", error_type
    if status == 413:
        return "invalid_request", error_type or "request_too_large"
    return ("invalid_request" if 400 <= status < 500 else "unknown"), error_type


def _classify_400(error_type: str | None, message: str) -> tuple[Category, str | None]:
    if sums := OVER_THE_WINDOW.search(message):
        input_tokens, _, window = (int(n.replace(",", "")) for n in sums.groups())
        fits = input_tokens < window
        return "invalid_request", "max_tokens_too_large" if fits else "prompt_too_long"
    if _TOO_LONG.search(message):
        return "invalid_request", "prompt_too_long"
    if _NO_CREDIT.search(message):
        return "billing_error", error_type
    return "invalid_request", error_type


def _prose(status: int, category: Category, message: str, url: str) -> str:
    said = f"API error {status}: {message}" if message else f"API error {status}."
    match category:
        case "authentication_failed" if status == 401:
            return f"{said} Check `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN`."
        case "model_not_found":
            return f"{said} Check the model's name, and that the key may use it."
        case "invalid_request" if status == 404 and url:
            return f"{said} There is no Messages API at `{url}`."
    return said


def _read(body: bytes) -> tuple[str | None, str | None, str | None]:
    """Type, message and request id in a JSON body of the API or of a gateway alike it."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, None, None
    match envelope.error:
        case _Error(type=type, message=message):
            return type, message, envelope.request_id
        case str(message):
            return None, message, envelope.request_id
    return None, envelope.message, envelope.request_id


def _excerpt(headers: Mapping[str, str], body: bytes) -> str:
    kind = headers.get("content-type", "no content type").partition(";")[0]
    start = body[:200].decode("utf-8", "replace").strip()
    return (
        f"`{kind}` that begins with {_json.encode(start).decode()}" if start else f"`{kind}`, empty"
    )


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
