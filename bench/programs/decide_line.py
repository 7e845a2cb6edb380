"""How long the decision about a typical shell line takes, parser loaded: `python decide_line.py ROUNDS`."""

from __future__ import annotations

import json
import sys
import time

from hames.access import Runs
from hames.permissions.decide import decide
from hames.permissions.types import Policy, Question, Rules, SourcedRule

LINE = "cd src && git log --oneline -5 -- app.py | head -3 && pytest -q tests/test_app.py 2>&1"


def main() -> None:
    rounds = int(sys.argv[1])
    allow = tuple(
        SourcedRule(rule, "cliArg") for rule in ("Bash(pytest:*)", "Bash(npm run:*)", "Edit")
    )
    deny = tuple(SourcedRule(rule, "cliArg") for rule in ("Bash(git push:*)", "Read(**/.env)"))
    policy = Policy(rules=Rules(allow=allow, deny=deny), root="/srv/app", home="/home/me")

    def ask(number: int) -> str:
        # No two lines are the same, so that nothing remembered is measured.
        line = f"{LINE} # {number}"
        question = Question("Bash", {"command": line}, (Runs(line),), "/srv/app", ())
        return decide(policy, question).behavior

    said = {ask(-number) for number in range(1, 20)}
    began = time.process_time()
    for number in range(rounds):
        said.add(ask(number))
    used = time.process_time() - began
    print(json.dumps({"each": used / rounds, "said": sorted(said)}))


main()
