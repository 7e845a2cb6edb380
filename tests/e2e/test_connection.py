"""How the command reaches a model: credentials, headers, proxies, certificates, and which model it asks."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from installed import JSON, STREAM, Installed, of_type, refused
from relay import Relay

from hames.testing import FakeAPI, calls, fails, says

Hames = Callable[..., Installed]
DONE = says("Done.").forever()


def failed(hames: Installed, *arguments: str, **environment: str) -> str:
    """The error with which a run has failed."""
    ran = hames.run("-p", "Go.", *JSON, *arguments, CLAUDE_CODE_MAX_RETRIES="0", **environment)
    assert (ran.code, ran.errors) == (1, "")
    return str(ran.result["result"])


# Credentials and headers


def test_a_key_goes_into_its_header(installed: Hames) -> None:
    """AUTH-01."""
    hames = installed(DONE)
    [init, *_] = hames.run("-p", "Go.", *STREAM).lines
    assert init["apiKeySource"] == "ANTHROPIC_API_KEY"
    assert hames.last.headers["x-api-key"] == "test-key"
    assert "authorization" not in hames.last.headers


def test_a_token_goes_into_the_bearer_header(installed: Hames) -> None:
    """AUTH-02."""
    hames = installed(DONE)
    del hames.environment["ANTHROPIC_API_KEY"]
    hames.ask("Go.", ANTHROPIC_AUTH_TOKEN="token-17")
    assert hames.last.headers["authorization"] == "Bearer token-17"
    assert "x-api-key" not in hames.last.headers


def test_a_wrong_key_is_said_once(installed: Hames) -> None:
    hames = installed(DONE, api_key="the-right-one")
    said = failed(hames)
    assert "401" in said
    assert "ANTHROPIC_API_KEY" in said
    assert "test-key" not in said
    assert len(hames.api.requests) == 1


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_is_taken_in_its_usual_spellings(suffix: str, installed: Hames) -> None:
    """AUTH-03."""
    hames = installed(DONE)
    hames.ask("Go.", ANTHROPIC_BASE_URL=hames.api.url + suffix)
    assert hames.last.target == "/v1/messages?beta=true"


def test_a_gateway_below_a_path_is_asked_there(installed: Hames) -> None:
    hames = installed(DONE)
    assert "404" in failed(hames, ANTHROPIC_BASE_URL=hames.api.url + "/team/gateway")


def test_the_official_headers_are_there(installed: Hames) -> None:
    """AUTH-44; gateways and dashboards tell clients by these."""
    hames = installed(DONE)
    result = hames.ask("Go.", CLAUDE_AGENT_SDK_CLIENT_APP="my-app/1.2")
    headers = hames.last.headers
    assert headers["user-agent"].startswith("claude-cli/2.1.330 (external, sdk-cli")
    assert "my-app/1.2" in headers["user-agent"]
    assert headers["x-claude-code-session-id"] == result["session_id"]
    assert {k: headers[k] for k in ("anthropic-version", "x-app", "content-type")} == {
        "anthropic-version": "2023-06-01",
        "x-app": "cli",
        "content-type": "application/json",
    }
    assert json.loads(hames.last.body["metadata"]["user_id"])["session_id"] == result["session_id"]


def test_headers_betas_and_fields_of_ones_own_are_added(installed: Hames) -> None:
    """AUTH-04, AUTH-36, AUTH-37."""
    hames = installed(DONE)
    hames.ask(
        "Go.", "--betas", "one-2026-01-01", "two-2026-01-01",
        ANTHROPIC_CUSTOM_HEADERS="X-Team: Blue\nX-Cost-Centre:  17 \n",
        ANTHROPIC_BETAS="two-2026-01-01,three-2026-01-01",
        CLAUDE_CODE_EXTRA_BODY='{"service_tier": "auto", "metadata": {"user_id": "me"}}',
    )  # fmt: skip
    headers = hames.last.headers
    assert (headers["x-team"], headers["x-cost-centre"]) == ("Blue", "17")
    betas = headers["anthropic-beta"].split(",")
    assert sorted(betas) == sorted(set(betas)), "each once"
    assert {"one-2026-01-01", "two-2026-01-01", "three-2026-01-01"} <= set(betas)
    body = hames.last.body
    assert (body["service_tier"], body["metadata"]) == ("auto", {"user_id": "me"})


def test_experimental_betas_can_be_left_out(installed: Hames) -> None:
    hames = installed(DONE)
    hames.ask("Go.", "--model", "claude-opus-4-5")
    assert "anthropic-beta" in hames.last.headers
    hames.ask("Go.", "--model", "claude-opus-4-5", CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS="1")
    assert "anthropic-beta" not in hames.last.headers


def test_limits_of_the_output_can_be_set(installed: Hames) -> None:
    hames = installed(DONE)
    hames.ask("Go.", CLAUDE_CODE_MAX_OUTPUT_TOKENS="4000", MAX_THINKING_TOKENS="2000")
    assert hames.last.body["max_tokens"] == 4000
    assert hames.last.body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    hames.ask("Go.", MAX_THINKING_TOKENS="0")
    assert hames.last.body["thinking"] == {"type": "disabled"}


def test_nothing_but_the_model_is_ever_asked(installed: Hames) -> None:
    """AUTH-45: one request for a hello, and every name that asks for less is accepted."""
    hames = installed(DONE)
    hames.ask(
        "Go.", DISABLE_TELEMETRY="1", DISABLE_ERROR_REPORTING="1", DO_NOT_TRACK="1",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_BUG_COMMAND="1",
    )  # fmt: skip
    assert len(hames.api.requests) == 1
    assert hames.api.counted == []


def test_commands_do_not_get_our_credentials(installed: Hames) -> None:
    hames = installed(calls("Bash", command="env"), DONE)
    hames.ask("Go.", "--allowedTools", "Bash", ANTHROPIC_AUTH_TOKEN="token-17", MINE="yes")
    [seen] = hames.last.result_texts
    assert "MINE=yes" in seen
    assert "test-key" not in seen
    assert "token-17" not in seen


# Proxies and certificates


def test_a_proxy_is_used_except_for_hosts_that_are_excepted(installed: Hames) -> None:
    """AUTH-33. The host does not exist: only the proxy knows the way."""
    hames = installed(DONE)
    there = {"ANTHROPIC_BASE_URL": "http://api.example"}
    with Relay(hames.api.url) as proxy:
        address = proxy.url.replace("http://", "http://me:pass%20word@")
        hames.ask("Go.", HTTP_PROXY=address, **there)
        assert proxy.lines == ["POST http://api.example/v1/messages?beta=true HTTP/1.1"]
        assert proxy.authorizations == ["Basic bWU6cGFzcyB3b3Jk"]
        hames.ask("Go.", http_proxy=proxy.url, **there)
        assert len(proxy.lines) == 2
        hames.ask("Go.", HTTP_PROXY=proxy.url, NO_PROXY="localhost,127.0.0.1")
        hames.ask("Go.", HTTP_PROXY=proxy.url, no_proxy="*")
        hames.ask("Go.", HTTPS_PROXY=proxy.url)
        assert len(proxy.lines) == 2
        closed = {"ANTHROPIC_BASE_URL": "http://sub.localhost:9", "HTTP_PROXY": proxy.url}
        assert "sub.localhost" in failed(hames, NO_PROXY=".localhost", **closed)
        assert len(proxy.lines) == 2


def test_a_proxy_that_is_none_is_named_without_its_password(installed: Hames) -> None:
    hames = installed(DONE)
    ran = hames.run("-p", "Go.", HTTP_PROXY="socks5://me:hidden@127.0.0.1:1080")
    assert (ran.code, ran.errors) == (1, "")
    assert "proxy" in ran.output
    assert "hidden" not in ran.output


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: Path) -> Iterator[Installed]:
    """`hames` in front of an API under https, whose authority only this test knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "api.example").configure_cert(context)
    with FakeAPI([DONE], tls=context) as api:
        yield Installed(tmp_path, api)


def test_certificates_of_ones_own_are_trusted_when_named(
    secure: Installed, certificates: str
) -> None:
    """AUTH-34."""
    assert "certificate" in failed(secure)
    assert secure.api.requests == []
    assert secure.ask("Go.", NODE_EXTRA_CA_CERTS=certificates)["result"] == "Done."
    assert secure.ask("Go.", SSL_CERT_FILE=certificates)["result"] == "Done."


def test_https_goes_through_the_tunnel_of_a_proxy(secure: Installed, certificates: str) -> None:
    with Relay(secure.api.url) as proxy:
        there = {"ANTHROPIC_BASE_URL": "https://api.example", "HTTPS_PROXY": proxy.url}
        result = secure.ask("Go.", NODE_EXTRA_CA_CERTS=certificates, **there)
        assert result["result"] == "Done."
        assert "certificate" in failed(secure, **there)
    assert proxy.lines[0] == "CONNECT api.example:443 HTTP/1.1"
    assert len(secure.api.requests) == 1


def test_a_file_of_certificates_that_is_none_is_named(secure: Installed, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")
    for name in ("none.pem", "nowhere.pem"):
        ran = secure.run("-p", "Go.", SSL_CERT_FILE=str(tmp_path / name))
        assert (ran.code, ran.errors) == (1, "")
        assert name in ran.output


# Models


@pytest.mark.parametrize(
    ("arguments", "environment", "model"),
    [
        ([], {}, "claude-sonnet-5-5"),
        (["--model", "sonnet"], {}, "claude-sonnet-5-5"),
        (["--model", "opus"], {}, "claude-opus-5-5"),
        (["--model", "Haiku"], {}, "claude-haiku-5-5"),
        (["--model", "claude-sonnet-4-5-20250929"], {}, "claude-sonnet-4-5-20250929"),
        (["--model", "claude-opus-4-1"], {}, "claude-opus-5-5"),
        (["--model", "gpt-oss:20b"], {}, "gpt-oss:20b"),
        ([], {"ANTHROPIC_MODEL": "haiku"}, "claude-haiku-5-5"),
        (["--model", "opus"], {"ANTHROPIC_MODEL": "haiku"}, "claude-opus-5-5"),
        (["--model", "opus"], {"ANTHROPIC_DEFAULT_OPUS_MODEL": "my-opus"}, "my-opus"),
        ([], {"ANTHROPIC_DEFAULT_SONNET_MODEL": "my-sonnet"}, "my-sonnet"),
        ([], {"ANTHROPIC_MODEL": "haiku", "ANTHROPIC_DEFAULT_HAIKU_MODEL": "my-haiku"}, "my-haiku"),
    ],
    ids=lambda value: str(value) if not isinstance(value, str) else "",
)
def test_which_model_is_asked(
    arguments: list[str], environment: dict[str, str], model: str, installed: Hames
) -> None:
    """AUTH-38, AUTH-39: the flag before the variable, aliases by their variables, others as they are."""
    hames = installed(DONE)
    [init, *_] = hames.run("-p", "Go.", *STREAM, *arguments, **environment).lines
    assert hames.last.model == init["model"] == model


def test_the_long_context_is_asked_for_with_a_beta(installed: Hames) -> None:
    hames = installed(DONE)
    hames.ask("Go.", "--model", "claude-sonnet-4-5[1m]")
    assert hames.last.model == "claude-sonnet-4-5"
    assert "context-1m-2025-08-07" in hames.last.headers["anthropic-beta"]


def test_the_fallback_model_pays_its_own_price(installed: Hames) -> None:
    overloaded = fails(529, headers={"retry-after": "0.01"}).times(3)
    hames = installed(overloaded, says("Done.").using(input_tokens=1_000_000, output_tokens=0))
    ran = hames.run("-p", "Go.", *STREAM, "--model", "opus", "--fallback-model", "haiku")
    [said] = of_type(ran.lines, "assistant")
    [noted] = of_type(ran.lines, "model_fallback")
    assert said["message"]["model"] == "claude-haiku-5-5"
    assert (noted["model"], noted["fallback_model"]) == ("claude-opus-5-5", "claude-haiku-5-5")
    assert list(ran.result["modelUsage"]) == ["claude-haiku-5-5"]


def test_a_model_without_a_price_is_not_free(installed: Hames) -> None:
    hames = installed(DONE)
    result = hames.ask("Go.", "--model", "vendor/unknown")
    usage: dict[str, Any] = result["modelUsage"]["vendor/unknown"]
    assert usage["costUSD"] is None
    assert {"kind": "unpriced_usage", "model": "vendor/unknown"} in result["obligations"]
    assert "price" in refused(
        hames.run("-p", "Go.", "--model", "vendor/unknown", "--max-budget-usd", "1")
    )
