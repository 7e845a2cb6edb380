"""The system prompt: our base text, or the caller's, with what the caller adds."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def base_prompt() -> str:
    """Our own prompt for an engineering agent."""
    return (Path(__file__).parent / "system_prompt.md").read_text(encoding="utf-8").strip()


def system_prompt(custom: str | None, appended: str | None) -> str:
    """The text of the system prompt; an empty `custom` means none at all."""
    base = base_prompt() if custom is None else custom
    return "\n\n".join(part for part in (base, appended) if part)
