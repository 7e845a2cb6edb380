"""Sessions as the official functions and stores speak of them."""

# Annotations are evaluated: a TypedDict of texts would take all its keys for required.
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, Required, TypedDict

SessionStoreFlushMode = Literal["batched", "eager"]
"""When stored lines reach the caller's store: with each result, or as soon as they are there."""


class SessionKey(TypedDict):
    """Names one transcript; a subagent's has a `subpath`."""

    project_key: str
    session_id: str
    subpath: NotRequired[str]


class SessionListSubkeysKey(TypedDict):
    """Names a session whose other transcripts are asked for."""

    project_key: str
    session_id: str


class SessionStoreEntry(TypedDict, total=False):
    """One line of a transcript. There is more in it than is named here."""

    type: Required[str]
    uuid: str
    timestamp: str


class SessionStoreListEntry(TypedDict):
    """A session of a project; `mtime` in milliseconds since the epoch."""

    session_id: str
    mtime: int


class SessionSummaryEntry(TypedDict):
    """What a store keeps beside a transcript so that lists need not read it; `data` is ours."""

    session_id: str
    mtime: int
    data: dict[str, Any]


class SessionStore(Protocol):
    """Keeps copies of transcripts. `append` and `load` are needed, the others may be missing."""

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add entries at the end."""

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """All entries in order; None when there are none."""

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """The sessions of a project."""
        raise NotImplementedError

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """The folded summaries of a project."""
        raise NotImplementedError

    async def delete(self, key: SessionKey) -> None:
        """Remove a transcript; a session's takes those of its subagents along."""
        raise NotImplementedError

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """The subpaths that a session has."""
        raise NotImplementedError


@dataclass
class SDKSessionInfo:
    """A session as a list shows it; times in milliseconds since the epoch."""

    session_id: str
    summary: str
    last_modified: int
    file_size: int | None = None
    custom_title: str | None = None
    first_prompt: str | None = None
    git_branch: str | None = None
    cwd: str | None = None
    tag: str | None = None
    created_at: int | None = None


@dataclass
class SessionMessage:
    """A message of a stored session."""

    type: Literal["user", "assistant"]
    uuid: str
    session_id: str
    message: Any
    parent_tool_use_id: str | None = None
    parent_agent_id: str | None = None


@dataclass
class ForkSessionResult:
    """The id of the copy."""

    session_id: str


def implements(store: SessionStore, method: str) -> bool:
    """Whether the store has a method of its own, not only the one that raises."""
    default = getattr(SessionStore, method, None)
    return (
        getattr(store, method, None) is not None
        and getattr(type(store), method, None) is not default
    )
