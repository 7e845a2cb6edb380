"""The system prompt: our base text in some style, or the caller's, with what the caller adds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hames.context.output_styles import Style, styled


@cache
def base_prompt() -> str:
    """Our own prompt for an engineering agent."""
    return (Path(__file__).parent / "system_prompt.md").read_text(encoding="utf-8").strip()


def system_prompt(custom: str | None, appended: str | None, style: Style | None = None) -> str:
    """The text of the system prompt; an empty `custom` means none at all, and has no style either."""
    base = base_prompt() if custom is None else custom
    if custom is None and style is not None:
        base = styled(base, style)
    return "\n\n".join(part for part in (base, appended) if part)
