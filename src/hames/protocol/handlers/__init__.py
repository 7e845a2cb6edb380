"""What is done for each control request: one function, marked with the request it serves.

To add one: a Struct in `requests`, a `@handles` function in a module here, and that module in `MODULES`
if it is another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from hames.protocol.requests import Request

if TYPE_CHECKING:
    from hames.protocol.server import Server

R = TypeVar("R", bound=Request)
Answer = dict[str, Any] | None
Handler = Callable[["Server", Any], Awaitable[Answer]]

MODULES = (
    "opening",
    "control",
    "rewinding",
    "context",
    "files",
    "loading",
    "servers",
    "session",
    "settings",
    "tasks",
)

_handlers: dict[type[Request], Handler] = {}


class Refused(Exception):
    """What was asked is not done; the text goes to the client, `code` for its program."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.code = code


def handles(
    kind: type[R],
) -> Callable[[Callable[[Server, R], Awaitable[Answer]]], Callable[[Server, R], Awaitable[Answer]]]:
    """Mark the function that serves a request; it returns the answer or raises `Refused`."""

    def mark(
        function: Callable[[Server, R], Awaitable[Answer]],
    ) -> Callable[[Server, R], Awaitable[Answer]]:
        _handlers[kind] = function
        return function

    return mark


def handler(kind: type[Request]) -> Handler:
    """The function that serves a request."""
    if not _handlers:
        for module in MODULES:
            import_module(f"{__name__}.{module}")
    return _handlers[kind]
