"""What a shell text runs: its simple commands and its redirects."""

from __future__ import annotations

import msgspec

from hames.permissions.words import Word


class Redirect(msgspec.Struct):
    """A redirect to or from a file. Copies of descriptors and here-documents are none."""

    target: Word
    writes: bool
    reads: bool


class Command(msgspec.Struct):
    """A simple command."""

    words: list[Word]
    """Its name and arguments."""
    assignments: list[tuple[str, Word]] = msgspec.field(default_factory=list)
    start: int = 0
    repeated: bool = False
    """It stands in a loop."""

    @property
    def name(self) -> str:
        """The command's name; "" when it is known only at run time."""
        return self.words[0].marked if self.words and self.words[0].static else ""


class Script(msgspec.Struct):
    """What a shell text runs."""

    text: str
    commands: list[Command] = msgspec.field(default_factory=list)
    redirects: list[Redirect] = msgspec.field(default_factory=list)
    variables: list[str] = msgspec.field(default_factory=list)
    """Names that loops set."""
    problem: str | None = None
    """Why it cannot be checked completely."""

    def doubt(self, problem: str) -> None:
        """Note the first problem."""
        self.problem = self.problem or problem
