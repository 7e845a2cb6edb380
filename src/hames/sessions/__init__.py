"""Sessions as they are stored: an append-only log of official JSONL lines.

    transcript   the codec: lines made as joins of bytes, and read without copying
    names        project keys and session ids
    store        what a store is; `files` and `memory` are the first two
    log          the end that a running session appends to; `git` tells it the branch
    resume       the way back: load, find, newest, new ids; `fork` copies a session
    chain        which lines are the conversation
    normalise    makes any history sendable; `sift` knows what is fine, `mend` mends the rest,
                 `media_bounds` keeps images within limits, `rules` is the judge
    check        whether a transcript can be continued
    listing      what lists show; `export` writes a session out, `edit` sets titles and tags
    dropping     the guard of a resume that goes back
    checkpoints  the files at each prompt, and putting them back
    stored       all of this for programs: `hames.sessions.list_sessions()` and its like

To add a store: a module with the methods of `store.Store`, and its name in the list of
`tests/sessions/test_stores.py`. Decision 0004 tells why it is like this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hames.sessions.stored import delete_session as delete_session
    from hames.sessions.stored import fork_session as fork_session
    from hames.sessions.stored import list_sessions as list_sessions
    from hames.sessions.stored import rename_session as rename_session
    from hames.sessions.stored import session_info as session_info
    from hames.sessions.stored import session_messages as session_messages
    from hames.sessions.stored import subagent_messages as subagent_messages
    from hames.sessions.stored import subagents as subagents
    from hames.sessions.stored import tag_session as tag_session

__all__ = [
    "delete_session",
    "fork_session",
    "list_sessions",
    "rename_session",
    "session_info",
    "session_messages",
    "subagent_messages",
    "subagents",
    "tag_session",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hames.sessions' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("hames.sessions.stored"), name)
