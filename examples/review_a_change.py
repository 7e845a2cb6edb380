"""A step of a pipeline: `git diff | python review_a_change.py`; exit code 1 when it objects."""

import sys

from hames import AgentOptions, run

INSTRUCTIONS = """\
You review a change. Look at the files around it when you need to. Name faults only, no matters of taste.
End with a line that is OK or OBJECTION.
"""

options = AgentOptions(
    append_system_prompt=INSTRUCTIONS,
    tools=["Read", "Grep", "Glob"],
    max_turns=20,
    persist_session=False,
)
result = run(f"Review this change:\n\n{sys.stdin.read()}", options)
print(result.text)
sys.exit(result.text.rstrip().endswith("OBJECTION"))
