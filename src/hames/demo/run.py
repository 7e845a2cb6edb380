"""The demo from beginning to end: a prompt, what comes of it, and whether it came true."""

from __future__ import annotations

from pathlib import Path

from hames.agent.options import AgentOptions
from hames.demo.recording import Recording
from hames.demo.scratch import Scratch
from hames.demo.screen import Screen
from hames.errors import HamesError, ScriptError
from hames.messages import ResultMessage
from hames.providers.scripted import Scripted
from hames.sdk.query import query

PROMPT = (
    "A test of this project fails. Find out why, mend the code, run the tests again, commit the "
    "change and push it."
)
ALLOWED = ("Edit", "Bash(python3 -m unittest:*)", "Bash(git add:*)", "Bash(git commit:*)")
DENIED = ("Bash(git push:*)",)
LIVE_BUDGET = 0.5
"""Dollars that the real model may take."""
PACE = 0.015
"""Seconds between the pieces of a recorded reply, on a terminal."""


async def demo(folder: Path, *, live: bool, model: str | None, kept: bool) -> int:
    """Show it; 0 when the tests pass and the change is committed.

    Raises HamesError when the agent leaves the recording: then the demo would prove nothing.
    """
    screen = Screen()
    scratch = Scratch(folder if kept else folder / "basket")
    pace = PACE if screen.is_terminal else 0.0
    recording = None if live else Recording(str(scratch.folder), pace=pace)
    environment = scratch.environment
    if not kept:  # the session goes with the folder
        environment["CLAUDE_CONFIG_DIR"] = str(folder / "sessions")
    options = AgentOptions(
        cwd=scratch.folder,
        env=environment,
        allowed_tools=ALLOWED,
        disallowed_tools=DENIED,
        provider=Scripted([recording]) if recording else None,
        model=model,
        max_turns=30,
        max_budget_usd=LIVE_BUDGET if live else None,
        entrypoint="sdk-cli",
    )
    _introduce(screen, scratch, live=live)
    try:
        result = await _answer(screen, options)
        if recording is not None:
            recording.finish()
    except ScriptError as error:
        raise HamesError(
            f"The agent did not do what the recording expects, so the demo proves nothing. {error}"
        ) from error
    if result.is_error:
        raise HamesError("; ".join(result.errors or [result.text or result.subtype]))
    came_true = _show_outcome(screen, scratch)
    _show_figures(screen, result, live=live)
    _show_way_on(screen, scratch, result, kept=kept)
    return 0 if came_true else 1


async def _answer(screen: Screen, options: AgentOptions) -> ResultMessage:
    result: ResultMessage | None = None
    async for message in query(prompt=PROMPT, options=options):
        screen.show(message)
        if isinstance(message, ResultMessage):
            result = message
    if result is None:
        raise HamesError("The session ended without a result.")
    return result


def _introduce(screen: Screen, scratch: Scratch, *, live: bool) -> None:
    if live:
        screen.line(f"The model is real. It takes a few cents, and may spend ${LIVE_BUDGET:.2f}.")
    else:
        screen.line("The model is RECORDED: what it says was written down beforehand. Loop, tools,")
        screen.line(
            "permissions, tests, git and session log are real. `--live` asks the real model."
        )
    screen.line()
    screen.row("Folder", str(scratch.folder))
    screen.row("Prompt", PROMPT)
    screen.row("Allowed", ", ".join(ALLOWED))
    screen.row("Denied", ", ".join(DENIED))


def _show_outcome(screen: Screen, scratch: Scratch) -> bool:
    """Look without the agent; whether the prompt came true."""
    mended, committed = scratch.tests_pass(), scratch.commits() > 1
    screen.line()
    if committed:
        screen.diff(scratch.last_commit())
        screen.line()
    tests = "the tests pass" if mended else "the tests FAIL"
    commit = "one more commit" if committed else "NO commit"
    screen.row("Checked", f"{tests}, {commit} (looked at without the agent)")
    return mended and committed


def _show_figures(screen: Screen, result: ResultMessage, *, live: bool) -> None:
    denied = len(result.permission_denials or [])
    screen.row(
        "Work",
        f"{result.num_turns} turns, {screen.calls} calls, {denied} of them denied, "
        f"{result.duration_ms / 1000:.1f} s",
    )
    cost, models = result.total_cost_usd or 0, ", ".join(result.model_usage or {})
    if live:
        screen.row("Cost", f"${cost:.4f} with {models}")
    else:
        screen.row("Cost", f"nothing; with {models} about ${cost:.3f}, at four bytes a token")


def _show_way_on(screen: Screen, scratch: Scratch, result: ResultMessage, *, kept: bool) -> None:
    if kept:
        screen.row("Session", result.session_id)
        screen.row(
            "Go on", f"cd {scratch.folder} && hames -p -r {result.session_id} 'What did you do?'"
        )
    else:
        screen.row("Session", f"{result.session_id}, removed with the folder")
        screen.row("Go on", "`hames demo --keep` leaves both, to look at and to resume")
