"""What failed answers mean."""

from __future__ import annotations

import json

import pytest

from hames.providers.failures import failure


def said(status: int, error_type: str, message: str = "said", **headers: str):
    body = json.dumps({"type": "error", "error": {"type": error_type, "message": message}})
    return failure(
        status, {k.replace("_", "-"): v for k, v in headers.items()}, body.encode(), url="http://u"
    )


@pytest.mark.parametrize(
    ("status", "error_type", "category", "retryable"),
    [
        (400, "invalid_request_error", "invalid_request", False),
        (401, "authentication_error", "authentication_failed", False),
        (402, "billing_error", "billing_error", False),
        (403, "permission_error", "authentication_failed", False),
        (404, "not_found_error", "model_not_found", False),
        (408, "timeout_error", "server_error", True),
        (409, "conflict_error", "server_error", True),
        (413, "request_too_large", "invalid_request", False),
        (429, "rate_limit_error", "rate_limit", True),
        (500, "api_error", "server_error", True),
        (503, "api_error", "server_error", True),
        (504, "timeout_error", "server_error", True),
        (529, "overloaded_error", "overloaded", True),
        (418, "teapot", "invalid_request", False),
    ],
)
def test_each_status_has_its_category(status: int, error_type: str, category: str, retryable: bool):
    error = said(status, error_type)
    assert (error.status, error.category, error.retryable) == (status, category, retryable)
    assert error.error_type == error_type
    assert "said" in str(error)


@pytest.mark.parametrize(
    ("message", "error_type", "category"),
    [
        ("prompt is too long: 210 tokens > 200 maximum", "prompt_too_long", "invalid_request"),
        (
            "This model's maximum context length is 8192 tokens",
            "prompt_too_long",
            "invalid_request",
        ),
        (
            "exceed context limit: 190000 + 32000 > 200000",
            "max_tokens_too_large",
            "invalid_request",
        ),
        (
            "exceed context limit: 190,000 + 32,000 > 200,000",
            "max_tokens_too_large",
            "invalid_request",
        ),
        ("exceed context limit: 210000 + 1 > 200000", "prompt_too_long", "invalid_request"),
        ("Your credit balance is too low", "invalid_request_error", "billing_error"),
        ("messages: roles must alternate", "invalid_request_error", "invalid_request"),
    ],
)
def test_the_reasons_of_a_400_are_told_apart(message: str, error_type: str, category: str):
    error = said(400, "invalid_request_error", message)
    assert (error.error_type, error.category, error.retryable) == (error_type, category, False)


def test_the_texts_say_what_to_do():
    assert "`ANTHROPIC_API_KEY`" in str(said(401, "authentication_error"))
    assert "model's name" in str(said(404, "not_found_error", "model: x"))
    page = failure(404, {"content-type": "text/html"}, b"<h1>Nope</h1>", url="http://u/v1")
    assert "`http://u/v1`" in str(page)
    assert "`text/html`" in str(page)
    assert page.category == "invalid_request"


def test_gateways_with_other_shapes_are_understood():
    plain = failure(500, {}, b'{"error":"upstream died"}', url="")
    assert "upstream died" in str(plain)
    flat = failure(429, {"x-request-id": "r9"}, b'{"message":"slow down"}', url="")
    assert ("slow down" in str(flat), flat.request_id) == (True, "r9")


def test_the_request_id_and_the_wait_are_kept():
    error = said(429, "rate_limit_error", request_id="req_7", retry_after="12")
    assert (error.request_id, error.retry_after) == ("req_7", 12.0)


def test_a_redirect_is_named_and_not_followed():
    error = failure(307, {"location": "https://other"}, b"", url="http://u")
    assert "redirects to `https://other`" in str(error)
    assert not error.retryable
