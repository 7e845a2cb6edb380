"""A question about a call in the words of people: who asks for permission shows them."""

from __future__ import annotations

from hames.access import Access, Asks, Fetches, Reads, Runs, Writes
from hames.permissions.types import Question

LONGEST = 300
"""Characters of a command, a path or an address in a sentence."""

_SENTENCES = {
    "AskUserQuestion": "The agent has a question.",
    "ExitPlanMode": "The agent proposes a plan and wants to carry it out.",
}


def title(question: Question) -> str:
    """The question as one sentence."""
    if sentence := _SENTENCES.get(question.tool):
        return sentence
    wants = dict.fromkeys(_wants(question.tool, access) for access in question.accesses)
    if not wants:
        return f"The agent wants to use `{question.tool}`."
    first, *others = wants
    more = f", and {len(others)} more" if others else ""
    return f"The agent wants to {first}{more}."


def description(question: Question) -> str | None:
    """What the call says of itself, else what it is about."""
    said = question.input.get("description")
    if isinstance(said, str) and said.strip():
        return said
    for access in question.accesses:
        match access:
            case Runs(about) | Reads(about) | Writes(about) | Fetches(about):
                return about
    return None


def _wants(tool: str, access: Access) -> str:
    match access:
        case Runs(command):
            return f"run `{_short(command)}`"
        case Reads(path):
            return f"read `{_short(path)}`"
        case Writes(path):
            return f"write `{_short(path)}`"
        case Fetches(url):
            return f"fetch `{_short(url)}`"
        case Asks():
            return f"use `{tool}`"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
