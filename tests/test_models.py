"""Model names and abilities."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hames.errors import OptionsError
from hames.models import canonical, find_model, small_model


@dataclass
class Names:
    default_opus_model: str | None = None
    default_sonnet_model: str | None = None
    default_haiku_model: str | None = None
    small_fast_model: str | None = None


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("sonnet", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5"),
        ("Haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-2"),
        ("default", "claude-opus-5-5"),
        ("best", "claude-opus-5-5"),
        ("opusplan", "claude-sonnet-5-5"),
        ("sonnet[1m]", "claude-sonnet-5-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
        ("claude-opus-4-1-20250805", "claude-opus-5-5"),
        (
            "us.anthropic.claude-opus-4-1-20250805-v1:0",
            "us.anthropic.claude-opus-4-1-20250805-v1:0",
        ),
        ("qwen3:8b", "qwen3:8b"),
    ],
)
def test_a_name_resolves_to_the_id_that_is_sent(name: str, id: str):
    """Observed in 2.1.330."""
    assert find_model(name).id == id


@pytest.mark.parametrize(
    "spelling",
    [
        "claude-sonnet-4-5",
        "claude-sonnet-4-5[1m]",
        "claude-sonnet-4-5@20250929",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic/claude-sonnet-4.5",
    ],
)
def test_spellings_of_providers_are_one_model(spelling: str):
    assert canonical(spelling) == "claude-sonnet-4-5"


def test_the_planner_of_opusplan_is_opus():
    assert find_model("opusplan", planning=True).id == "claude-opus-5-5"


def test_variables_redirect_aliases_but_not_ids():
    names = Names(default_opus_model="my-opus[1m]", default_haiku_model="tiny")
    redirected = find_model("opus", names)
    assert (redirected.id, redirected.context_window, redirected.known) == ("my-opus", 10**6, False)
    assert find_model("claude-opus-4-8", names).id == "claude-opus-4-8"
    assert small_model(names).id == "tiny"
    assert small_model(Names(small_fast_model="smaller")).id == "smaller"


def test_the_long_suffix_asks_for_the_beta_only_where_the_window_is_short():
    assert "context-1m-2025-08-07" in find_model("claude-sonnet-4-5[1m]").betas
    assert find_model("claude-sonnet-4-5[1m]").context_window == 1_000_000
    assert "context-1m-2025-08-07" not in find_model("sonnet[1m]").betas


def test_an_effort_the_model_lacks_becomes_the_next_lower_one():
    """Observed in 2.1.330."""
    assert find_model("claude-sonnet-4-6").effort("xhigh") == "high"
    assert find_model("claude-sonnet-4-6").effort("max") == "max"
    assert find_model("claude-opus-4-5").effort("max") == "high"
    assert find_model("claude-sonnet-4-5").effort("low") is None


@pytest.mark.parametrize("name", ["", "  ", "[1m]", "two words", "line\nbreak"])
def test_a_text_that_cannot_be_a_name_is_refused(name: str):
    with pytest.raises(OptionsError, match="cannot be the name"):
        find_model(name)
