"""`apiKeyHelper`: a shell command of the settings that prints the credential of the API."""

from __future__ import annotations

from hames._clock import Clock
from hames.errors import CredentialsError
from hames.providers.credentials import HELPER_TTL, Helper
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace

TIMEOUT = 60.0
"""Seconds that the command gets; it may have to ask a server."""
MOST = 100_000


def key_helper(
    command: str, machine: Machine, workspace: Workspace, *, ttl: float | None, clock: Clock
) -> Helper:
    """Credentials that run the command when they are needed."""

    async def fetch() -> str:
        try:
            done = await machine.run(
                ["/bin/sh", "-c", command],
                cwd=workspace.root,
                env=dict(workspace.env),
                timeout=TIMEOUT,
                limit=MOST,
            )
        except (OSError, TimeoutError) as error:
            said = (
                f"it did not end within {TIMEOUT:g} s" if isinstance(error, TimeoutError) else error
            )
            raise CredentialsError(f"`apiKeyHelper` could not be run: {said}.") from error
        if done.code:
            # What it printed may hold a part of the key; only its complaint is shown.
            said = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise CredentialsError(
                f"`apiKeyHelper` ended with exit code {done.code}{': ' + said if said else ''}."
            )
        return done.stdout.decode("utf-8", "replace")

    return Helper(fetch, ttl=HELPER_TTL if ttl is None else ttl, clock=clock)
