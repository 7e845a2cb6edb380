"""The guard of a resume that goes back: it drops the turn that the caller names, and nothing else.

A caller that goes back knows of one prompt it wants undone. What came meanwhile without its knowledge (a
queued prompt, news of a background task) must not vanish with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hames.errors import SessionError
from hames.sessions.transcript import Entry

REJECTED = "Resume rejected by --resume-drops-turn:"
"""Official clients match this text."""

_is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch


def check(entries: Sequence[Entry], at: str, prompt: str) -> None:
    """Raises SessionError unless all lines behind `at` belong to the turn of the prompt."""
    if not _is_uuid(prompt):
        raise _rejected(at, prompt, "the turn to drop has to be named by the uuid of its prompt")
    place = next(i for i, entry in enumerate(entries) if entry.uuid == at)
    calls: set[str | None] = set()
    begun = False
    for entry in entries[place + 1 :]:
        if entry.uuid == prompt and is_prompt(entry):
            begun = True
        elif not (is_prompt(entry) or is_news(entry) or _goes_on(entry)):
            continue
        elif not begun:
            raise _rejected(at, prompt, "what is dropped does not begin with that prompt", entry)
        elif not _goes_on(entry):
            raise _rejected(at, prompt, "something else came meanwhile", entry)
        elif entry.type == "assistant":
            calls |= {block.id for block in entry.blocks if block.type == "tool_use"}
        elif any(b.type == "tool_result" and b.id not in calls for b in entry.blocks):
            raise _rejected(at, prompt, "it has the result of a call that stays", entry)


def is_prompt(entry: Entry) -> bool:
    """Whether a line is what somebody asked."""
    return (
        entry.type == "user"
        and not entry.isMeta
        and not entry.isCompactSummary
        and all(block.type != "tool_result" for block in entry.blocks)
    )


def is_news(entry: Entry) -> bool:
    """Whether a line is word of a background task."""
    return entry.type == "user" and b'"turnOrigin":"task-notification"' in entry.raw


def _goes_on(entry: Entry) -> bool:
    """Whether a line is part of an answer: what the model said, and results of its calls."""
    return entry.type == "assistant" or any(b.type == "tool_result" for b in entry.blocks)


def _rejected(at: str, prompt: str, why: str, entry: Entry | None = None) -> SessionError:
    where = f" Line: `{entry.uuid}` ({entry.type})." if entry is not None else ""
    return SessionError(
        f"{REJECTED} going back to {at} would drop more than the turn of {prompt}: {why}.{where}"
    )
