"""Hooks that live in the client: asked once, and what its answers, errors and silence come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from talk import HI, Talk, request

from hames.testing import calls, failed, says, succeeded

PLAY = (calls("Bash", command="echo ran"), says("ok"))


class Guarded(Talk):
    """A client with one hook for calls; `hook` says how it is registered, `says` what it answers."""

    def __init__(self, folder: Path, answer: Any, **hook: Any) -> None:
        super().__init__(folder, *PLAY)
        self._answer = answer
        self._hook = {"matcher": "Bash", "hookCallbackIds": ["h"], **hook}
        self.asked: list[dict[str, Any]] = []

    async def results(self) -> list[dict[str, Any]]:
        """The results that the model got."""
        self.when(lambda line: line["type"] == "control_request", self._react)
        hooks = {"PreToolUse": [self._hook]}
        await self.run_until_result(request("first", "initialize", hooks=hooks), HI)
        content = self.model.bodies[1]["messages"][-1]["content"]
        return [block for block in content if block["type"] == "tool_result"]

    def _react(self, line: dict[str, Any]) -> None:
        self.asked.append(line["request"])
        if self._answer is not None:
            response = {"request_id": line["request_id"], **self._answer}
            self.send({"type": "control_response", "response": response})


def answer(**fields: Any) -> dict[str, Any]:
    return {"subtype": "success", "response": fields}


OOPS = {"subtype": "error", "error": "Oops"}
DENY = {
    "hookEventName": "PreToolUse",
    "permissionDecision": "deny",
    "permissionDecisionReason": "No.",
}


@pytest.mark.parametrize(
    ("given", "hook", "result"),
    [
        (answer(), {}, succeeded("ran")),
        (answer(hookSpecificOutput=DENY), {}, failed("No.")),
        (answer(decision="block", reason="Old."), {}, failed("Old.")),
        (answer(**{"async": True}), {}, succeeded("ran")),
        (OOPS, {}, succeeded("ran")),
        (OOPS, {"onFailure": "continue"}, succeeded("ran")),
        (OOPS, {"onFailure": "block"}, failed("Oops")),
        ({"subtype": "success", "response": ["nonsense"]}, {}, succeeded("ran")),
        (None, {"timeout": 0.2}, failed("within 0.2 s")),
        (None, {"timeout": 0.2, "onFailure": "continue"}, succeeded("ran")),
    ],
)
async def test_what_a_client_says_to_a_call(
    tmp_path: Path, given: Any, hook: dict[str, Any], result: Any
) -> None:
    """Observed with the official client, but for `continue` after silence, which is our reading."""
    client = Guarded(tmp_path, given, **hook)
    assert await client.results() == [result]
    assert [one["subtype"] for one in client.asked] == ["hook_callback"]
    assert client.asked[0]["callback_id"] == "h"
    withdrawn = [line for line in client.said if line["type"] == "control_cancel_request"]
    assert len(withdrawn) == (given is None)
