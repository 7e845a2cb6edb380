"""Kills sessions with calls that wait, at every append: `python deferral_host.py FOLDER` prints what was found.

Each run is a fork that dies by SIGKILL before or after an append to the transcript: while calls are put
off, and while the session is resumed with decisions. The line that is printed for each says how often
each command has run in the end, and whether the API would have refused a request.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from crash_host import DeadlyStore, _ended, _fork

from hames import AgentOptions, HookMatcher, query
from hames.agent.build import build  # noqa: F401  # loaded once, before the forks
from hames.messages import ResultMessage
from hames.providers.scripted import Scripted
from hames.sessions.rules import judge
from hames.testing import calls, says
from hames.testing.recorder import Recorder
from hames.tools import DEFAULT, load

SESSION = "11111111-2222-4333-8444-555555555555"
NAMES = ("finished", "first", "second")
REPLY = [calls("Bash", command=f"echo {name} >> {name}") for name in NAMES]
NEVER = 10_000


async def answer(folder: Path, at: int, when: str, **options: Any) -> dict[str, Any]:
    """One answer of a session in the folder, unless the store kills us."""

    async def hook(input: Any, id: Any, context: Any) -> dict[str, Any]:
        waits = "finished" not in input["tool_input"]["command"]
        said = {"permissionDecision": "defer" if waits else "allow"}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **said}}

    store = DeadlyStore(str(folder / "config"), at, when)
    plays = [REPLY[0] + REPLY[1] + REPLY[2]] if "session_id" in options else []
    recorder = Recorder(Scripted([*plays, says("Done.").forever()]))
    hooks = {"PreToolUse": [HookMatcher("Bash", [hook])]}
    chosen = AgentOptions(
        provider=recorder, cwd=folder / "work", session_store=store, hooks=hooks, **options
    )
    prompt = "Go." if "session_id" in options else "And?"
    result: ResultMessage | None = None
    async for message in query(prompt=prompt, options=chosen):
        if isinstance(message, ResultMessage):
            result = message
    assert result is not None
    refused = [str(v) for r in recorder.requests for v in judge(r.body, size=len(r.raw))]
    owed = result.obligations or []
    waits = [one["tool_use_id"] for one in owed if one["kind"] == "deferred"]
    return {
        "appends": store.count,
        "waits": waits,
        "refused": refused,
        "reason": result.terminal_reason,
    }


def forked(*arguments: Any, **options: Any) -> dict[str, Any]:
    end = _ended(*_fork(lambda: answer(*arguments, **options)))
    assert end["exit"] in (0, -signal.SIGKILL), f"a run ended by itself, with {end['exit']}"
    return end


def put_off(folder: Path, at: int = NEVER, when: str = "before") -> dict[str, Any]:
    (folder / "work").mkdir(parents=True)
    return forked(folder, at, when, session_id=SESSION)


def resumed(folder: Path, at: int = NEVER, when: str = "before", **options: Any) -> dict[str, Any]:
    return forked(folder, at, when, resume=SESSION, **options)


def told(folder: Path, which: str, at: int, when: str, *ends: dict[str, Any]) -> dict[str, Any]:
    def count(name: str) -> int:
        path = folder / "work" / name
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    return {
        "which": which,
        "at": at,
        "when": when,
        "runs": {name: count(name) for name in NAMES},
        "reasons": [end.get("reason") for end in ends],
        "waited": len(ends[0].get("waits", [])) if ends else 0,
        "refused": [one for end in ends for one in end.get("refused", [])],
    }


def while_put_off(folder: Path, at: int, when: str) -> dict[str, Any] | None:
    """Killed while the calls are put off; then all is allowed. None: it was not killed."""
    if put_off(folder, at, when)["exit"] == 0:
        return None
    if not any(b"\n" in file.read_bytes() for file in folder.glob("config/projects/*/*.jsonl")):
        return told(folder, "put off", at, when)  # nothing was stored, and nothing done
    again = resumed(folder)
    ends = [again]
    if again["waits"]:
        ends.append(resumed(folder, decisions=dict.fromkeys(again["waits"], "allow")))
    return told(folder, "put off", at, when, *ends)


def while_resumed(folder: Path, at: int, when: str) -> dict[str, Any] | None:
    """Killed while what was allowed is run; then resumed with the same decisions."""
    decisions = dict.fromkeys(put_off(folder)["waits"], "allow")
    if resumed(folder, at, when, decisions=decisions)["exit"] == 0:
        return None
    return told(folder, "resumed", at, when, resumed(folder, decisions=decisions))


def main(folder: Path) -> None:
    for name in DEFAULT:
        load(name)
    for run in (while_put_off, while_resumed):
        for when in ("before", "after"):
            at = 1
            while (line := run(folder / f"{run.__name__}-{when}-{at}", at, when)) is not None:
                print(json.dumps(line), flush=True)
                at += 1


if __name__ == "__main__":
    os.environ.pop("ANTHROPIC_API_KEY", None)
    main(Path(sys.argv[1]))
