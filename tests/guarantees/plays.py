"""Ten plays on which several guarantees are tried: what a session does from one prompt to its result.

    for name in NAMES:
        scene = make(name, folder)
        options = AgentOptions(provider=Scripted(scene.plays), **scene.options)

Interrupted or killed anywhere, a session must go on: `AGAIN` is the next prompt, and whatever was left
of the play, the model answers it with `BACK`. What a scene does to the world it writes to `EFFECTS`, a
line each time, so that nothing can be done twice unseen.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hames import PermissionResultAllow, tool
from hames.providers.retry import RetryPolicy
from hames.testing import Play, calls, fails, says, thinks

PROMPT = "Do what the play says."
AGAIN = "And what has happened until now?"
BACK = "Here is what I know."
EFFECTS = "effects.txt"

LONG = " ".join(f"Sentence {n} of a text that comes in several pieces." for n in range(1, 7))


@dataclass
class Scene:
    """One play and what its session needs."""

    name: str
    folder: Path
    plays: list[Play]
    options: dict[str, Any] = field(default_factory=dict)
    """Of `AgentOptions`, without provider and store."""
    effects: list[str] = field(default_factory=list)
    """The lines of `EFFECTS` after one whole run, in any order for calls side by side."""
    local: bool = True
    """Needs nothing that only this process has, so the command line can play it too."""

    def act(self, line: str) -> None:
        """Add a line to `EFFECTS`."""
        with open(self.folder / EFFECTS, "a") as file:
            file.write(f"{line}\n")

    def done(self) -> list[str]:
        """The lines of `EFFECTS` so far."""
        file = self.folder / EFFECTS
        return file.read_text().splitlines() if file.exists() else []


Moment = Callable[[str], object]
"""Is told when a call of a function of the scene is under way."""


def make(name: str, folder: Path, moment: Moment = lambda _: None) -> Scene:
    """The scene of this name in a folder, which is prepared for it."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene(name, folder, [])
    scene.options = {"cwd": folder, "tools": [], "retry": RetryPolicy(base_delay=0.01)}
    _SCENES[name](scene, moment)
    scene.plays.append(says(BACK).when(AGAIN).forever())
    return scene


def _text(scene: Scene, moment: Moment) -> None:
    scene.plays += [says(LONG)]


def _thinking(scene: Scene, moment: Moment) -> None:
    scene.plays += [thinks("What is asked of me? " * 5) + says(LONG)]


def _read(scene: Scene, moment: Moment) -> None:
    (scene.folder / "a.txt").write_text("apples\n")
    scene.options["tools"] = ["Read"]
    path = str(scene.folder / "a.txt")
    scene.plays += [says("I look.") + calls("Read", file_path=path), says(LONG)]


def _parallel_reads(scene: Scene, moment: Moment) -> None:
    scene.options["tools"] = ["Read"]
    reading = says("All at once.")
    for name in ("a.txt", "b.txt", "c.txt"):
        (scene.folder / name).write_text(f"{name} says hello\n" * 50)
        reading += calls("Read", file_path=str(scene.folder / name))
    scene.plays += [reading, says("Three greetings.")]


def _bash(scene: Scene, moment: Moment) -> None:
    scene.options |= {"tools": ["Bash"], "allowed_tools": ["Bash"]}
    command = f"echo begun; echo ran >> {EFFECTS}; sleep 0.05 & wait; echo ended"
    scene.plays += [says("I run it.") + calls("Bash", command=command), says("It ran.")]
    scene.effects = ["ran"]


def _bash_in_background(scene: Scene, moment: Moment) -> None:
    scene.options |= {"tools": ["Bash"], "allowed_tools": ["Bash"], "background_grace": 0.0}
    command = f"echo serving >> {EFFECTS}; sleep 300"
    scene.plays += [calls("Bash", command=command, run_in_background=True), says("It serves.")]
    scene.effects = ["serving"]


def _edits(scene: Scene, moment: Moment) -> None:
    file = scene.folder / EFFECTS
    file.write_text("one\ntwo\nthree\n")
    scene.options |= {"tools": ["Read", "Edit"], "permission_mode": "acceptEdits"}
    scene.plays += [calls("Read", file_path=str(file))]
    for old, new in (("one", "1"), ("two", "2"), ("three", "3")):
        edit = calls("Edit", file_path=str(file), old_string=old, new_string=new)
        scene.plays += [says(f"Now {old}.") + edit]
    scene.plays += [says("Three numbers.")]
    scene.effects = ["1", "2", "3"]


def _custom_tool(scene: Scene, moment: Moment) -> None:
    @tool
    async def pay(amount: int) -> str:
        """Pay an amount."""
        scene.act(f"paid {amount}")
        moment("paid")
        await asyncio.sleep(0.002)
        moment("booked")
        return f"Paid {amount}."

    scene.options["tools"] = [pay]
    scene.plays += [calls("pay", amount=1) + calls("pay", amount=2), says("Both are paid.")]
    scene.effects = ["paid 1", "paid 2"]
    scene.local = False


def _permission(scene: Scene, moment: Moment) -> None:
    async def ask(*_: Any) -> PermissionResultAllow:
        moment("asked")
        await asyncio.sleep(0.002)
        moment("answered")
        return PermissionResultAllow()

    scene.options |= {"tools": ["Write"], "can_use_tool": ask}
    write = calls("Write", file_path=str(scene.folder / EFFECTS), content="written\n")
    scene.plays += [says("May I?") + write, says("Written.")]
    scene.effects = ["written"]
    scene.local = False


def _long(scene: Scene, moment: Moment) -> None:
    scene.options |= {
        "tools": ["Read", "Bash", "TodoWrite"],
        "allowed_tools": [f"Bash(echo * >> {EFFECTS})"],
    }
    (scene.folder / "a.txt").write_text("apples\n")
    todo = {"content": "Count", "status": "in_progress", "activeForm": "Counting"}
    scene.plays += [
        thinks("A plan.") + calls("TodoWrite", todos=[todo]),
        fails(529, "Overloaded"),
        says("This is lost before its end.").cut(events=5),
        says("I look.") + calls("Read", file_path=str(scene.folder / "a.txt")),
        calls("Bash", command=f"echo one >> {EFFECTS}"),
        fails(500),
        calls("Bash", command=f"echo two >> {EFFECTS}")
        + calls("Read", file_path=str(scene.folder / "missing.txt")),
        says("Counted to two."),
    ]
    scene.effects = ["one", "two"]


_SCENES: dict[str, Callable[[Scene, Moment], None]] = {
    "text": _text,
    "thinking": _thinking,
    "read": _read,
    "parallel reads": _parallel_reads,
    "bash": _bash,
    "bash in background": _bash_in_background,
    "edits": _edits,
    "custom tool": _custom_tool,
    "permission": _permission,
    "long": _long,
}
NAMES = list(_SCENES)


def alive() -> list[str]:
    """The command lines of this process's children and theirs that are alive, found by their mark."""
    from hames.sandbox.host import MARK, known_host

    host = known_host()
    if host is None:
        return []
    wanted = f"{MARK}=".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            marks = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        ours = any(m.startswith(wanted) and f"{host.token}/".encode() in m for m in marks)
        if ours and state not in (b"Z", b"X"):
            found.append(f"{pid} {line.decode('utf-8', 'replace')}")
    return found
