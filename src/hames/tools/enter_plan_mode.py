"""EnterPlanMode: plan before anything is changed."""

from __future__ import annotations

from msgspec import Struct

from hames.errors import ToolError
from hames.tools.plan_mode import PlanMode
from hames.tools.tool import Call, Result, Tool

ENTERED = "Plan mode is on."


class EnterPlanModeInput(Struct, forbid_unknown_fields=True):
    pass


def check(args: EnterPlanModeInput, call: Call) -> None:
    """Entering once is enough."""
    if call.state(PlanMode).is_on():
        raise ToolError("Plan mode is on already.", invalid=True)


async def run(args: EnterPlanModeInput, call: Call) -> Result:
    """The mode changes; a reminder says what that means."""
    call.state(PlanMode).enter()
    return Result(ENTERED, {"message": ENTERED})


ENTER_PLAN_MODE = Tool(
    "EnterPlanMode",
    "enter_plan_mode.md",
    input=EnterPlanModeInput,
    run=run,
    check=check,
    folder=__file__.rpartition("/")[0],
)
