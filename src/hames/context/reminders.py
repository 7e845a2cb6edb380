"""Short notes of the harness to the model, in `<system-reminder>` tags.

They stand after the last cache mark of the request that brings them, are stored as meta lines, and
are said only when they matter.
"""

from __future__ import annotations

from hames.blocks import Block, text

INSTRUCTIONS = (
    "Instructions of the people you work for. Follow them where they apply; where two disagree, the later"
    " one is closer to this work."
)
"""How the memory files begin that open a session. Cache marks know them by it."""

_TAG = "<system-reminder>"

WINDOW_MARKS = (0.5, 0.8, 0.95)
"""Shares of the context window at which the model is told how full it is."""


def reminder(note: str) -> Block:
    """The note as a content block."""
    return text(f"{_TAG}\n{note}\n</system-reminder>")


def is_reminder(block: Block) -> bool:
    """Whether a block is such a note."""
    return block.type == "text" and str(block.value().get("text")).startswith(_TAG)


def window_note(before: int, after: int, window: int) -> str | None:
    """What to say when the conversation grew from `before` to `after` tokens, if anything."""
    for mark in reversed(WINDOW_MARKS):
        if before < mark * window <= after:
            left = max(window - after, 0)
            return f"The conversation fills {after / window:.0%} of the context window; about {left:,} tokens are left."
    return None


def finished_note(
    task_id: str, tool_use_id: str | None, status: str, output_file: str, summary: str
) -> str:
    """The official `<task-notification>` of a background command that ended."""
    lines = [
        "<task-notification>",
        f"<task-id>{task_id}</task-id>",
        *([f"<tool-use-id>{tool_use_id}</tool-use-id>"] if tool_use_id else []),
        f"<output-file>{output_file}</output-file>",
        f"<status>{status}</status>",
        f"<summary>{summary}</summary>",
        "</task-notification>",
    ]
    return "\n".join(lines)
