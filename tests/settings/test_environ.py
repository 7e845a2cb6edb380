"""The typed view of the environment."""

from __future__ import annotations

import pytest

from hames.errors import OptionsError
from hames.settings.environ import Environ, variables


def test_variables_have_their_types():
    environ = Environ.read(
        {
            "ANTHROPIC_API_KEY": "sk-1\n",
            "ANTHROPIC_CUSTOM_HEADERS": "X-Team: blue\nX-Cost: 7: a",
            "ANTHROPIC_BETAS": "a-1, b-2,",
            "API_TIMEOUT_MS": "1500",
            "MAX_THINKING_TOKENS": "0",
            "CLAUDE_CODE_EXTRA_BODY": '{"top_k": 5}',
            "DISABLE_PROMPT_CACHING": "True",
            "HAMES_GAP_TIMEOUT_MS": "250",
        }
    )
    assert environ.api_key == "sk-1"
    assert environ.custom_headers == {"X-Team": "blue", "X-Cost": "7: a"}
    assert environ.betas == ("a-1", "b-2")
    assert (environ.api_timeout, environ.gap_timeout, environ.max_thinking_tokens) == (1.5, 0.25, 0)
    assert environ.extra_body == {"top_k": 5}
    assert environ.disable_prompt_caching
    assert environ.warnings == ()


def test_an_empty_environment_has_the_defaults():
    assert Environ.read({"ANTHROPIC_API_KEY": " ", "CI": ""}) == Environ(
        raw={"ANTHROPIC_API_KEY": " ", "CI": ""}
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "abc"),
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "0"),
        ("CLAUDE_CODE_MAX_RETRIES", "-1"),
        ("API_TIMEOUT_MS", "ten"),
        ("DISABLE_PROMPT_CACHING", "maybe"),
    ],
)
def test_an_unreadable_official_variable_is_ignored_with_a_warning(name: str, value: str):
    """Observed in 2.1.330, without the warning."""
    environ = Environ.read({name: value})
    (warning,) = environ.warnings
    assert f"`{name}` is `{value}`" in warning
    assert environ == Environ(raw={name: value}, warnings=environ.warnings)


def test_an_unreadable_variable_of_ours_is_an_error():
    with pytest.raises(OptionsError, match=r"`HAMES_GAP_TIMEOUT_MS` is `soon`.*whole number"):
        Environ.read({"HAMES_GAP_TIMEOUT_MS": "soon"})


@pytest.mark.parametrize("name", ["ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_EXTRA_BODY"])
def test_warnings_and_prints_keep_secrets(name: str):
    environ = Environ.read({name: "secret", "ANTHROPIC_API_KEY": "secret"})
    assert "secret" not in environ.warnings[0]
    assert "secret" not in repr(environ)


def test_the_lower_case_spelling_of_a_proxy_counts_when_the_other_is_not_set():
    assert Environ.read({"https_proxy": "http://a"}).https_proxy == "http://a"
    both = {"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}
    assert Environ.read(both).https_proxy == "http://b"


def test_the_configuration_folder_follows_its_variable_then_home():
    assert Environ.read({"HOME": "/h"}).config_folder == "/h/.claude"
    assert Environ.read({"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}).config_folder == "/c"


def test_caching_is_switched_off_for_all_or_for_a_family():
    assert Environ.read({}).may_cache("claude-opus-5-5")
    assert not Environ.read({"DISABLE_PROMPT_CACHING": "1"}).may_cache("claude-opus-5-5")
    opus = Environ.read({"DISABLE_PROMPT_CACHING_OPUS": "1"})
    assert (opus.may_cache("claude-opus-5-5"), opus.may_cache("claude-sonnet-5-5")) == (False, True)


def test_every_variable_is_explained_once():
    rows = variables().values()
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.meaning.endswith(".") or row.meaning.endswith("…") for row in rows)
