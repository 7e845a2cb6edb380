"""Plan mode at work: what its tools need of the session, and what the model is told of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hames.context
from hames.tools.plan_mode import PlanMode

if TYPE_CHECKING:
    from hames.agent.agent import Agent

PRESENT = "Then show the plan with ExitPlanMode; when it is approved, you carry it out."
ANSWER = "Your answer is the plan."
OFF = "Plan mode is off: you may change things again."


def begin(agent: Agent, config_folder: str) -> None:
    """Give the session its plan mode."""
    gate, log = agent.gate, agent.conversation.log
    agent.states[PlanMode] = PlanMode(
        is_on=lambda: gate.policy.mode == "plan",
        enter=lambda: gate.use_mode("plan"),
        leave=gate.leave_plan,
        file=f"{config_folder}/plans/{log.id}.md" if log.path is not None else None,
    )


def news(agent: Agent) -> list[str]:
    """What the model has to know of the mode and does not know yet."""
    mode: PlanMode | None = agent.states.get(PlanMode)
    if mode is None or mode.is_on() == mode.told:
        return []
    mode.told = mode.is_on()
    if not mode.told:
        return [OFF]
    end = PRESENT if "ExitPlanMode" in agent.toolbox.names else ANSWER
    rule, how = _words()
    settled = agent.settings.settled
    own = settled.options.plan_mode_instructions if settled is not None else None
    return [f"{rule}\n\n{own or how}\n\n{end}"]


@cache
def _words() -> tuple[str, str]:
    """The rule, and how to work by it."""
    folder = Path(hames.context.__file__).parent
    text = (folder / "plan_mode.md").read_text(encoding="utf-8").strip()
    rule, _, how = text.partition("\n\n")
    return rule, how
