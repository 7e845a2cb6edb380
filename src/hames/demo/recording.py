"""The recorded model: plays that check that the agent did what they say.

Usage is estimated from the real requests, four bytes a token, as if what was sent before came from the
cache; so the cost shown is about what the real model would have taken.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from hames import _json
from hames.errors import ScriptError
from hames.providers.plays import Body, Play, calls, says

BYTES_A_TOKEN = 4


class Recording:
    """Answers each request with the next reply."""

    def __init__(self, folder: str, *, pace: float = 0.0) -> None:
        quoted = _json.encode(folder)[1:-1].decode()
        text = files(__package__).joinpath("recording.json").read_text(encoding="utf-8")
        self._replies: list[dict[str, Any]] = _json.decode(text.replace("{folder}", quoted))
        self._pace = pace
        self._played = 0
        self._sent = 0

    def __call__(self, body: Body) -> Play:
        """The reply to this request. Raises ScriptError when none is left."""
        if self._played == len(self._replies):
            raise ScriptError(
                f"The recording has {self._played} replies, and one more was asked for."
            )
        reply = self._replies[self._played]
        self._played += 1
        play = _play(reply).expecting(*[Shows(text) for text in reply.get("sees", ())])
        if reply.get("refused"):
            play = play.expecting(Refused())
        return play.using(**self._usage(body, reply)).paced(self._pace, chunk=6)

    def finish(self) -> None:
        """Raise ScriptError when the agent stopped before the end."""
        if self._played < len(self._replies):
            raise ScriptError(
                f"The agent stopped after {self._played} of {len(self._replies)} replies."
            )

    def _usage(self, body: Body, reply: dict[str, Any]) -> dict[str, int]:
        size = len(_json.encode(body)) // BYTES_A_TOKEN
        before, self._sent = self._sent, size
        return {
            "input_tokens": 4,
            "cache_read_input_tokens": before,
            "cache_creation_input_tokens": max(size - before, 0),
            "output_tokens": len(_json.encode(reply)) // BYTES_A_TOKEN,
        }


class Shows:
    """The claim that the newest tool results show a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, body: Body) -> bool:
        return any(self._text in _shown(result) for result in _newest_results(body))

    def __repr__(self) -> str:
        return f"the results show `{self._text}`"


class Refused:
    """The claim that the newest call was not allowed."""

    def __call__(self, body: Body) -> bool:
        return all(result.get("is_error") is True for result in _newest_results(body))

    def __repr__(self) -> str:
        return "the call was refused"


def _play(reply: dict[str, Any]) -> Play:
    play = says(reply["says"]) if "says" in reply else Play()
    for call in reply.get("calls", ()):
        for name, arguments in call.items():
            play += calls(name, arguments)
    return play


def _newest_results(body: Body) -> list[dict[str, Any]]:
    content = body["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"]


def _shown(result: dict[str, Any]) -> str:
    content = result.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)
