"""Prompts of a client: read from `user` lines, each taken up once, their fate told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from hames.agent.prompts.inbox import Priority, Prompt
from hames.blocks import Block, from_content
from hames.context.reminders import reminder
from hames.errors import OptionsError

NOT_THE_USER = (
    "The message that follows was written by the program that runs this session, not by the user."
)

State = Literal["queued", "started", "completed", "cancelled"]


class Session(Protocol):
    """What prompts are given to."""

    def prompt(self, prompt: Prompt) -> None: ...
    def drop(self, uuid: str | None) -> list[Prompt]: ...


class Prompts:
    """The prompts of one client.

    `tell` hears how it stands with each prompt that the client has named by a `uuid`; `echo` gets those
    that came before, which are not answered once more.
    """

    def __init__(
        self, tell: Callable[[str, State], None], echo: Callable[[Prompt], None], *, replay: bool
    ) -> None:
        self._tell = tell
        self._echo = echo
        self._replay = replay
        self._known: set[str] = set()
        self._early: list[Prompt] = []
        self._session: Session | None = None
        self._taken: list[str] = []
        """Those of the present answer."""

    def take(self, prompt: Prompt) -> None:
        """Have a prompt answered."""
        prompt.replay = self._replay
        if prompt.uuid is not None:
            if prompt.uuid in self._known:
                return self._echo(prompt) if self._replay else None
            self._known.add(prompt.uuid)
            prompt.on_taken = self._started
        if self._session is None:
            self._early.append(prompt)
        else:
            self._give(self._session, prompt)
        return None

    def waiting(self) -> bool:
        """Whether prompts wait for a session."""
        return bool(self._early)

    def begin(self, session: Session, stored: frozenset[str]) -> None:
        """Give the session what came before it was there. `stored` are uuids that it has had before."""
        self._session = session
        self._known |= stored
        for prompt in self._early:
            if prompt.uuid is None or prompt.uuid not in stored:
                self._give(session, prompt)
            elif self._replay:
                self._echo(prompt)
        self._early.clear()

    def drop(self, uuid: str | None = None) -> list[str]:
        """Take back a prompt that nobody has taken up, or all; the uuids of those that are gone."""
        dropped = self._session.drop(uuid) if self._session else []
        named = [prompt.uuid for prompt in dropped if prompt.uuid is not None]
        for one in named:
            self._known.discard(one)
            self._tell(one, "cancelled")
        return named

    def answered(self, *, interrupted: bool) -> None:
        """The present answer is complete."""
        for uuid in self._taken:
            self._tell(uuid, "cancelled" if interrupted else "completed")
        self._taken.clear()

    def _give(self, session: Session, prompt: Prompt) -> None:
        if prompt.uuid is not None:
            self._tell(prompt.uuid, "queued")
        session.prompt(prompt)

    def _started(self, prompt: Prompt) -> None:
        assert prompt.uuid is not None, "only prompts with an id are followed"
        self._taken.append(prompt.uuid)
        self._tell(prompt.uuid, "started")


def read_prompt(raw: dict[str, Any]) -> Prompt:
    """The prompt of a `user` line. Raises OptionsError for one that is not the user's."""
    match raw.get("message"):
        case {"role": "user", "content": str() | list() as content}:
            blocks = _blocks(content)
        case {"role": "user"}:
            raise OptionsError("A `user` line needs `message.content`: a text or a list of blocks.")
        case _:
            raise OptionsError("A `user` line needs a `message` whose `role` is `user`.")
    uuid, origin = raw.get("uuid"), raw.get("origin")
    is_meta = raw.get("isSynthetic") is True
    return Prompt(
        [reminder(NOT_THE_USER), *blocks] if is_meta else blocks,
        uuid=uuid if isinstance(uuid, str) and uuid else None,
        is_meta=is_meta,
        origin=origin if _is_origin(origin) else None,
        fields={"origin": origin} if _is_origin(origin) else {},
        priority=_priority(raw.get("priority")),
        asks=raw.get("shouldQuery") is not False,
        is_literal=raw.get("client_composed") is True or is_meta,
    )


def _blocks(content: str | list[Any]) -> list[Block]:
    try:
        return from_content(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise OptionsError(
            "A `user` line has content that is no list of content blocks."
        ) from error


def _priority(given: Any) -> Priority:
    """What newer clients may say besides is the usual one."""
    return given if given in ("now", "later") else "next"


def _is_origin(given: Any) -> bool:
    return isinstance(given, dict) and isinstance(given.get("kind"), str)
