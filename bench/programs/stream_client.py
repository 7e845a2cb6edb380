"""A client of the stream protocol as official ones are: `python -S stream_client.py MODE JSON`.

turns        initialize, one prompt, every line decoded until the result
initialize   initialize, and the end

Prints the CPU of what it drove.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

FLAGS = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")


def until(process: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    """The next message of this type."""
    assert process.stdout is not None
    for line in process.stdout:
        message: dict[str, Any] = json.loads(line)
        if message["type"] == kind:
            return message
    raise AssertionError(f"no `{kind}` came")


def main() -> None:
    mode, task = sys.argv[1], json.loads(sys.argv[2])
    command = [*task["command"], *FLAGS, "--allowedTools", "Read"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None

    def send(**message: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()

    send(type="control_request", request_id="1", request={"subtype": "initialize", "hooks": None})
    answer = until(process, "control_response")
    assert answer["response"]["subtype"] == "success", answer
    if mode == "turns":
        said = {"role": "user", "content": task["prompt"]}
        send(type="user", message=said, parent_tool_use_id=None, session_id="default")
        result = until(process, "result")
        assert result["subtype"] == "success", result
        assert result["num_turns"] == task["turns"] + 1, result
    process.stdin.close()
    assert process.wait() == 0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime}))


main()
