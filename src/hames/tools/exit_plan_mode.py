"""ExitPlanMode: show the plan; when it is approved, plan mode ends."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools.plan_mode import PlanMode
from hames.tools.tool import Asks, Call, Result, Tool


class ExitPlanModeInput(Struct, forbid_unknown_fields=True):
    plan: Annotated[
        str,
        Meta(
            min_length=1,
            description="The whole plan in Markdown: goal, steps with the files they touch, how it is checked.",
        ),
    ]


def check(args: ExitPlanModeInput, call: Call) -> None:
    """There has to be a plan mode to leave; nobody is asked otherwise."""
    if not call.state(PlanMode).is_on():
        raise ToolError(
            "Plan mode is not on, so there is nothing to leave. Go on with the work.", invalid=True
        )


async def run(args: ExitPlanModeInput, call: Call) -> Result:
    """The plan as it was approved, which may differ from the one proposed."""
    mode = call.state(PlanMode)
    mode.leave()
    mode.told = False  # the result says so
    data = {"plan": args.plan, "isAgent": False}
    said = "The user approved the plan; plan mode is off. Carry it out."
    if mode.file is not None:
        await call.machine.write(mode.file, args.plan.encode(), mode=0o600)
        data["filePath"] = mode.file
        said += f" It is saved in {mode.file}."
    return Result(f"{said}\n\nThe plan as approved:\n{args.plan}", data)


EXIT_PLAN_MODE = Tool(
    "ExitPlanMode",
    "exit_plan_mode.md",
    input=ExitPlanModeInput,
    run=run,
    access=lambda args: [Asks("plan")],
    check=check,
    folder=__file__.rpartition("/")[0],
)
