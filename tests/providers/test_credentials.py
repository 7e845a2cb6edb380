"""What requests prove their right with."""

from __future__ import annotations

import pytest

from hames._clock import Clock
from hames.errors import CredentialsError
from hames.providers.credentials import Helper, chosen


async def test_options_go_before_the_environment():
    credentials = chosen("mine", None, env_key="theirs", env_token="t")
    assert await credentials.headers() == {"x-api-key": "mine"}
    assert credentials.source == "option"


async def test_a_token_is_sent_as_bearer():
    credentials = chosen(None, None, env_token="t")
    assert await credentials.headers() == {"authorization": "Bearer t"}
    assert credentials.source == "ANTHROPIC_AUTH_TOKEN"


async def test_key_and_token_of_the_environment_are_both_sent():
    """Observed in 2.1.330."""
    credentials = chosen(None, None, env_key="k", env_token="t")
    assert await credentials.headers() == {"x-api-key": "k", "authorization": "Bearer t"}


def test_no_credentials_are_an_error_that_names_the_variable():
    with pytest.raises(CredentialsError, match="`ANTHROPIC_API_KEY`"):
        chosen(None, None)


@pytest.mark.parametrize("key", ["a\nb", "ключ"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str):
    with pytest.raises(CredentialsError) as caught:
        chosen(key, None)
    assert key not in str(caught.value)


def test_a_key_is_not_printed():
    assert "secret" not in repr(chosen("secret", None))


class FakeClock(Clock):
    at = 0.0

    def monotonic(self) -> float:
        return self.at


async def test_a_helper_is_asked_again_after_a_while_and_when_refused():
    keys = iter(["one\n", "two", "three", "  "])
    clock = FakeClock()

    async def fetch() -> str:
        return next(keys)

    helper = Helper(fetch, ttl=300, clock=clock)
    assert await helper.headers() == {"x-api-key": "one", "authorization": "Bearer one"}
    clock.at = 299
    assert (await helper.headers())["x-api-key"] == "one"
    clock.at = 300
    assert (await helper.headers())["x-api-key"] == "two"
    assert await helper.renew()
    assert (await helper.headers())["x-api-key"] == "three"
    with pytest.raises(CredentialsError, match="printed no key"):
        await helper.renew()
