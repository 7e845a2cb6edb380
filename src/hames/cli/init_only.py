"""`hames --init-only`: what hooks do to set a folder up, without a prompt."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from hames.cli.options import options_from
from hames.cli.parse import Parsed
from hames.cli.signals import INTERRUPTED, Signals
from hames.errors import CredentialsError, OptionsError
from hames.events import Event, Noted
from hames.providers.absent import Absent

if TYPE_CHECKING:
    from hames.agent.options import AgentOptions


def set_up(parsed: Parsed) -> int:
    """Run the hooks of `Setup` and `SessionStart`; the exit code, 1 when one of them has failed."""
    if parsed.rest:
        raise OptionsError(
            "`--init-only` answers no prompt; `--init` sets up and then answers one."
        )
    options = options_from(parsed.values)
    # No model is asked, so nobody needs a key for this.
    options.provider = Absent(CredentialsError("No model can be asked while a folder is set up."))
    options.persist_session = False
    options.include_hook_events = True
    return asyncio.run(_run(options))


async def _run(options: AgentOptions) -> int:
    failures: list[str] = []

    def tell(event: Event) -> None:
        """What hooks print, and what went wrong with them, is for the person who sets up."""
        match event:
            case Noted("hook_response", {"output": str(said)}) if said:
                print(said.rstrip("\n"), file=sys.stderr)
            case Noted("informational", {"content": str(said), "level": level}):
                print(said, file=sys.stderr)
                if level == "warning":
                    failures.append(said)

    with Signals() as signals:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, signals.stop, INTERRUPTED)
        await signals.until_stopped(_begin(options, tell))
        return int(bool(failures)) if signals.code is None else signals.code


async def _begin(options: AgentOptions, tell: Callable[[Event], None]) -> None:
    from hames.sdk.supervisor import Supervisor

    supervisor = Supervisor(options, tell)
    try:
        agent = await supervisor.agent()
        if agent.hooks is not None:
            await agent.hooks.begin()
    finally:
        supervisor.cancel()
        await asyncio.shield(supervisor.closed())
