"""What the demo shows: plain text, colours on a terminal only."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from hames.messages import (
    AssistantMessage,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

RESULT_LINES = 6
WIDTH = 110

DIM, BOLD, RED, GREEN, CYAN = "2", "1", "31", "32", "36"


class Screen:
    """Shows messages as they come."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout
        self.is_terminal = self._file.isatty()
        self._colours = self.is_terminal and "NO_COLOR" not in os.environ
        self._open: dict[str, str] = {}
        self._beside = False
        self.calls = 0

    def line(self, text: str = "", colour: str | None = None) -> None:
        print(self._coloured(text, colour), file=self._file, flush=True)

    def row(self, title: str, text: str) -> None:
        self.line(self._coloured(f"{title:<9}", BOLD) + text)

    def show(self, message: Message) -> None:
        """A message of the session, if a person would want to see it."""
        match message:
            case AssistantMessage(content=blocks):
                for block in blocks:
                    if isinstance(block, TextBlock):
                        self.line()
                        self.line(block.text)
                    elif isinstance(block, ToolUseBlock):
                        self._call(block)
            case UserMessage(content=list(blocks)):
                for block in blocks:
                    if isinstance(block, ToolResultBlock):
                        self._result(block)

    def diff(self, text: str) -> None:
        """A change, as git writes it."""
        for line in text.splitlines():
            colour = {"+": GREEN, "-": RED, "@": CYAN}.get(line[:1])
            self.line(f"  {line}", colour)

    def _call(self, call: ToolUseBlock) -> None:
        self.calls += 1
        self._open[call.id] = call.name
        keys = ("command", "file_path", "pattern")
        subject = next((str(call.input[key]) for key in keys if key in call.input), "")
        self.line(_short(f"  > {call.name}  {subject}"), CYAN)
        if "old_string" in call.input:
            self.line(f"      - {call.input['old_string'].strip()}", RED)
            self.line(f"      + {call.input['new_string'].strip()}", GREEN)

    def _result(self, result: ToolResultBlock) -> None:
        name = self._open.pop(result.tool_use_id, "")
        if self._open or self._beside:  # calls ran side by side, so say whose result it is
            self.line(f"  < {name}", CYAN)
        self._beside = bool(self._open)
        lines = [line for line in _text(result).splitlines() if line.strip()]
        more = len(lines) - RESULT_LINES
        note = f"      … {more} more lines"
        if more > 0 and name == "Bash":  # a command says what matters at the end
            self.line(note, DIM)
        for line in lines[-RESULT_LINES:] if name == "Bash" else lines[:RESULT_LINES]:
            self.line(_short(f"      {line}"), RED if result.is_error else DIM)
        if more > 0 and name != "Bash":
            self.line(note, DIM)

    def _coloured(self, text: str, colour: str | None) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colours else text


def _text(result: ToolResultBlock) -> str:
    if isinstance(result.content, list):
        return "\n".join(str(block.get("text", "")) for block in result.content)
    return result.content or ""


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
