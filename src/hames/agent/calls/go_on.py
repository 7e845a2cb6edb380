"""Going on with calls that wait, before anything else is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hames.agent.calls.toolcalls import run_tools
from hames.agent.outcome import Ended, Outcome
from hames.agent.prompts.inbox import Prompt
from hames.approvals import PermissionResultDeny
from hames.errors import OptionsError

if TYPE_CHECKING:
    from hames.agent.agent import Agent

NOTHING = "There is no prompt, and no call waits in this session. Give a prompt to go on with the conversation."


async def go_on(agent: Agent, prompt: Prompt) -> None:
    """Run or refuse what waits, so that the prompt can follow the results.

    Raises `Ended` when something goes on waiting; then the prompt was not taken up, and the result says
    so. Raises OptionsError when there is neither a prompt nor a call that waits.
    """
    if not agent.deferral.waiting:
        if not prompt.blocks:
            raise OptionsError(NOTHING)
        return
    try:
        await _settle(agent)
    except Ended:
        if prompt.blocks:
            said = "The prompt was not taken up: calls before it wait for a decision."
            agent.obligations.append({"kind": "prompt_not_answered", "text": said})
        raise


async def _settle(agent: Agent) -> None:
    deferral = agent.deferral
    gone = [
        one.use.name
        for one in deferral.waiting
        if agent.toolbox.find(one.use.name) is None
        and not isinstance(deferral.decisions.get(one.use.id), PermissionResultDeny)
    ]
    if gone:
        said = (
            f"`{gone[0]}` is not there, so its call that waits was not run. Resume the session with that"
            " tool, or decide to deny the call."
        )
        raise Ended(Outcome("deferred_unavailable", "tool_deferred_unavailable", text=said))
    waiting, deferral.waiting = deferral.waiting, []
    await run_tools(agent, [one.use for one in waiting])
    deferral.shown.clear()
