"""Which thinking a fake API has made, so that it notices when a client changes it."""

from __future__ import annotations

from typing import Any

from hames.providers.plays import Play


class Signatures:
    """Signatures by what they sign."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        """Refuse thinking that was made elsewhere."""
        self._made: dict[str, set[str]] = {}

    def learn(self, play: Play) -> None:
        """Remember the thinking of a play that is about to be sent."""
        for block in play.blocks:
            if block["type"] in ("thinking", "redacted_thinking"):
                signature, signed = _taken_apart(block)
                self._made.setdefault(signature, set()).add(signed)

    def fit(self, block: dict[str, Any]) -> bool:
        """Whether a thinking block is as it was made."""
        signature, signed = _taken_apart(block)
        made = self._made.get(signature)
        return not self._strict if made is None else signed in made


def _taken_apart(block: dict[str, Any]) -> tuple[str, str]:
    if block["type"] == "thinking":
        return str(block["signature"]), str(block["thinking"])
    return str(block["data"]), ""
