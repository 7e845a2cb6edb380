"""Approvals that may take days: a run ends at a call, and any process goes on once somebody has decided.

    python approval_desk.py start "Delete the build folder"
    python approval_desk.py list
    python approval_desk.py decide CALL yes

`start`, `waiting` and `decide` are what the handlers of a web back end would call, in any worker; what
they share is the database of the desk and the stored sessions.
"""

import json
import sqlite3
import sys
from collections.abc import Sequence

from hames import AgentOptions, PermissionResultDefer, ResultMessage, run

TABLE = "create table if not exists waiting (call primary key, session, tool, input, decision)"


def desk() -> sqlite3.Connection:
    connection = sqlite3.connect("desk.sqlite", isolation_level=None)
    connection.execute(TABLE)
    return connection


def later(tool, input, context):
    """Nobody sits here: whatever would be asked about waits."""
    return PermissionResultDefer()


def start(prompt: str) -> str:
    return filed(run(prompt, AgentOptions(can_use_tool=later)))


def waiting() -> list[tuple[str, str, str]]:
    return desk().execute("select call, tool, input from waiting where decision is null").fetchall()


def decide(call: str, decision: str) -> str:
    """Note what was decided; with the last decision about a session, that goes on."""
    with desk() as open_calls:
        open_calls.execute("update waiting set decision = ? where call = ?", (decision, call))
        rows = open_calls.execute(
            "select call, decision, session from waiting where session ="
            " (select session from waiting where call = ?)",
            (call,),
        ).fetchall()
    if not rows:
        return f"No call {call} waits."
    if left := [row for row in rows if row[1] is None]:
        return f"{len(left)} more to decide."
    decisions = {call: decision for call, decision, _ in rows}
    session = rows[0][2]
    # Doing this twice is harmless: a call that has begun never runs again.
    options = AgentOptions(resume=session, decisions=decisions, can_use_tool=later)
    return filed(run(None, options), done=list(decisions))


def filed(result: ResultMessage, done: Sequence[str] = ()) -> str:
    """Take what is done off the desk and put on it what waits; the answer, or that there is more."""
    calls = [one for one in result.obligations or [] if one["kind"] == "deferred"]
    rows = [
        (
            one["tool_use_id"],
            result.session_id,
            one["tool_name"],
            json.dumps(one["tool_input"]),
            None,
        )
        for one in calls
    ]
    with desk() as changed:
        changed.execute("begin")
        changed.executemany("delete from waiting where call = ?", [(call,) for call in done])
        changed.executemany("insert into waiting values (?, ?, ?, ?, ?)", rows)
    return f"{len(calls)} call(s) wait for a decision." if calls else result.text


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["list"]:
            for row in waiting():
                print(*row)
        case ["decide", call, "yes" | "no" as answer]:
            print(decide(call, {"yes": "allow", "no": "deny"}[answer]))
        case ["start", prompt]:
            print(start(prompt))
        case _:
            print(start("What is in this folder?"))
