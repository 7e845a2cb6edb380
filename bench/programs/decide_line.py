"""How long decisions about shell lines take, parser loaded: `python decide_line.py ROUNDS`.

The present directory becomes a small project.
"""

from __future__ import annotations

import json
import os
import sys
import time

from hames.access import Runs
from hames.permissions.decide import decide
from hames.permissions.types import Policy, Question, Rules, SourcedRule

LINES = {
    "one": "pytest -q tests/test_app.py",
    "four": "cd src && git log --oneline -5 -- app.py | head -3 && pytest -q tests/test_app.py 2>&1",
}


def main() -> None:
    rounds = int(sys.argv[1])
    allow = tuple(
        SourcedRule(rule, "cliArg") for rule in ("Bash(pytest:*)", "Bash(npm run:*)", "Edit")
    )
    deny = tuple(SourcedRule(rule, "cliArg") for rule in ("Bash(git push:*)", "Read(**/.env)"))
    root = os.path.realpath(os.getcwd())
    for folder in ("src", "tests", ".git"):
        os.makedirs(folder, exist_ok=True)
    for file in ("src/app.py", "tests/test_app.py"):
        with open(file, "w", encoding="utf-8"):
            pass
    policy = Policy(rules=Rules(allow=allow, deny=deny), root=root, home=os.environ["HOME"])

    def ask(line: str, number: int) -> str:
        # No two lines are the same, so that nothing remembered is measured.
        line = f"{line} # {number}"
        question = Question("Bash", {"command": line}, (Runs(line),), root, ())
        return decide(policy, question).behavior

    told: dict[str, float] = {}
    for name, line in LINES.items():
        for number in range(1, 20):
            ask(line, -number)
        began = time.process_time()
        for number in range(rounds):
            ask(line, number)
        told[name] = (time.process_time() - began) / rounds
    print(json.dumps(told))


main()
