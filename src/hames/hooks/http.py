"""Hooks that are services: the event by POST, the answer in the body."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hames.errors import OptionsError, ProviderError
from hames.hooks.config import HttpHook
from hames.hooks.events import Event
from hames.hooks.outcome import Answer, from_text
from hames.providers.http import Transport, read

LONGEST_BODY = 1_000_000
_CONNECT = 10.0
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


async def ask(
    hook: HttpHook, event: Event, payload: bytes, *, transport: Transport, env: Mapping[str, str]
) -> tuple[Answer, str]:
    """What the service answers, and the body of it. A status other than 2xx has failed."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    headers |= {name: _filled(value, hook, env) for name, value in hook.headers.items()}
    try:
        response = await transport.post(hook.url, headers=headers, body=payload, connect=_CONNECT)
        try:
            body = (await read(response, LONGEST_BODY)).decode("utf-8", "replace")
        finally:
            await response.aclose()
    except (ProviderError, OptionsError) as error:
        return Answer(failure=str(error)), ""
    if not 200 <= response.status < 300:
        return Answer(failure=f"it answered with status {response.status}: {body[:200]}"), body
    return from_text(event, body, cut=len(body) >= LONGEST_BODY), body


def _filled(value: str, hook: HttpHook, env: Mapping[str, str]) -> str:
    """The value with its variables; those that are not allowed are empty."""

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return env.get(name, "") if name in hook.allowed_env_vars else ""

    return _VARIABLE.sub(variable, value)
