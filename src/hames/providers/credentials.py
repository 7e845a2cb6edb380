"""What a request proves its right with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec

from hames._clock import Clock
from hames.errors import CredentialsError

Source = Literal["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "apiKeyHelper", "option"]

HELPER_TTL = 300.0
"""Seconds that a helper's output is used. Official 2.1.330 uses five minutes too."""


class Credentials(Protocol):
    """Something that authorises requests."""

    @property
    def source(self) -> Source:
        """Where they come from."""

    async def headers(self) -> dict[str, str]:
        """The headers of a request. Raises CredentialsError."""

    async def renew(self) -> bool:
        """Get others after these were refused; False when there are none."""


class Fixed(msgspec.Struct, frozen=True):
    """A key, a token or both, which do not change."""

    source: Source
    api_key: str | None = None
    auth_token: str | None = None

    async def headers(self) -> dict[str, str]:
        """The key as `x-api-key`, the token as bearer. Official 2.1.330 sends both if both are set."""
        found = {}
        if self.api_key:
            found["x-api-key"] = self.api_key
        if self.auth_token:
            found["authorization"] = f"Bearer {self.auth_token}"
        return found

    async def renew(self) -> bool:
        """There are no others."""
        return False

    def __repr__(self) -> str:
        return f"Fixed({self.source!r})"


class Helper:
    """The output of a program, asked for anew after a while and when it is refused."""

    source: Source = "apiKeyHelper"

    def __init__(
        self,
        fetch: Callable[[], Awaitable[str]],
        *,
        ttl: float = HELPER_TTL,
        clock: Clock | None = None,
    ) -> None:
        self._fetch = fetch
        self._ttl = ttl
        self._clock = clock or Clock()
        self._key = ""
        self._until = 0.0

    async def headers(self) -> dict[str, str]:
        """The output as key and as bearer, since it may be either."""
        if not self._key or self._clock.monotonic() >= self._until:
            await self.renew()
        return {"x-api-key": self._key, "authorization": f"Bearer {self._key}"}

    async def renew(self) -> bool:
        """Run the program. Raises CredentialsError when it prints nothing."""
        key = (await self._fetch()).strip()
        if not key or not key.isprintable():
            raise CredentialsError("`apiKeyHelper` printed no key.")
        self._key, self._until = key, self._clock.monotonic() + self._ttl
        return True


def chosen(
    api_key: str | None,
    auth_token: str | None,
    *,
    env_key: str | None = None,
    env_token: str | None = None,
) -> Fixed:
    """The credentials of the options, else those of the environment. Raises CredentialsError."""
    if api_key or auth_token:
        return Fixed("option", _checked(api_key), _checked(auth_token))
    if env_key:
        return Fixed("ANTHROPIC_API_KEY", _checked(env_key), _checked(env_token))
    if env_token:
        return Fixed("ANTHROPIC_AUTH_TOKEN", None, _checked(env_token))
    raise CredentialsError(
        "There is no key for the Anthropic API. Set `ANTHROPIC_API_KEY`, or `ANTHROPIC_AUTH_TOKEN` for a "
        "gateway; a local server that needs none takes any text."
    )


def _checked(secret: str | None) -> str | None:
    if secret and not (secret.isascii() and secret.isprintable()):
        raise CredentialsError("The key or token has characters that a header cannot hold.")
    return secret
