"""Which stored session an agent works in: a new one, one that goes on, or a copy of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hames.agent.calls.deferral import Waiting, waiting_in, without_results
from hames.agent.calls.toolbox import Toolbox
from hames.agent.options import AgentOptions
from hames.blocks import Turn
from hames.errors import OptionsError, SessionNotFound
from hames.sessions import resume
from hames.sessions.files import FileStore
from hames.sessions.fork import fork
from hames.sessions.log import SessionLog, end_of
from hames.sessions.normalise import Normalised, normalise
from hames.sessions.resume import Loaded
from hames.sessions.store import Key, Store
from hames.settings.environ import Environ

Evidence = Callable[[Loaded], Awaitable[dict[str, str]]]

log = logging.getLogger("hames.session")


class Opened(msgspec.Struct):
    """A session to work in."""

    log: SessionLog
    loaded: Loaded | None = None
    turns: list[Turn] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    """Calls at its end that wait for a decision."""


async def open_session(
    options: AgentOptions, environ: Environ, cwd: str, evidence: Evidence | None = None
) -> Opened:
    """The session that the options ask for.

    `evidence` says by id what can be seen of calls that were cut off; the model is told.
    Raises OptionsError for options that contradict each other, SessionNotFound, SessionExists.
    """
    store = _store(options, environ)
    key = await _key(options, store, cwd)
    if key is not None and not options.fork_session:
        return await _go_on(options, store, key, cwd, evidence)
    session_id = options.session_id or options.ids.uuid()
    if key is not None:
        old = key
        key = await fork(
            store,
            old,
            new_id=session_id,
            cwd=cwd,
            at=options.resume_session_at,
            drops=options.resume_drops_turn,
        )
        from hames.sessions.checkpoints.objects import share

        share(environ.config_folder, old.session_id, session_id)
        return await _go_on(options, store, key, cwd, evidence)
    await resume.check_new_id(store, session_id)
    kept = store if options.persist_session else None
    return Opened(
        SessionLog.start(
            kept,
            session_id=session_id,
            cwd=cwd,
            clock=options.clock,
            ids=options.ids,
            entrypoint=options.entrypoint,
            permission_mode=options.permission_mode or "default",
        )
    )


def recall(toolbox: Toolbox, states: dict[type, Any], loaded: Loaded) -> None:
    """Rebuild what tools know of a session from its stored calls."""
    for call in loaded.calls:
        tool = toolbox.find(call.name)
        if tool is None or tool.recall is None or call.result is None or call.is_error:
            continue
        try:
            tool.recall(states, call.input, call.data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.debug("The stored call `%s` of %s tells nothing: %r", call.id, call.name, error)


def _store(options: AgentOptions, environ: Environ) -> Store:
    return options.session_store or FileStore(environ.config_folder)


async def _key(options: AgentOptions, store: Store, cwd: str) -> Key | None:
    """The stored session to go on with, if any."""
    if options.resume_session_at is not None and options.resume is None:
        raise OptionsError("`resume_session_at` needs the session it is in: give `resume`.")
    if options.resume_drops_turn is not None and options.resume_session_at is None:
        raise OptionsError("`resume_drops_turn` needs `resume_session_at`, the line to go back to.")
    if options.resume is not None and options.continue_conversation:
        raise OptionsError("Give `resume` or `continue_conversation`, not both.")
    if options.resume is not None:
        key: Key | None = await resume.find(store, cwd=cwd, id_or_title=options.resume)
    elif options.continue_conversation:
        key = await resume.newest(store, cwd)
    elif options.fork_session:
        raise OptionsError(
            "`fork_session` needs a session to copy: give `resume` or `continue_conversation`."
        )
    else:
        key = None
    if key is not None and options.session_id is not None and not options.fork_session:
        raise OptionsError(
            "`session_id` names a new session; with `resume` it needs `fork_session`."
        )
    return key


async def _go_on(
    options: AgentOptions, store: Store, key: Key, cwd: str, evidence: Evidence | None
) -> Opened:
    end = await end_of(store, key) if options.persist_session else None
    at, drops = options.resume_session_at, options.resume_drops_turn
    if options.fork_session:  # the copy ends there
        at = drops = None
    loaded = await resume.load(store, key, at=at, drops=drops)
    if options.resume is not None and not loaded.turns:
        raise SessionNotFound(f"No conversation found with session ID: {key.session_id}")
    session = SessionLog.resume(
        store if options.persist_session else None,
        loaded,
        cwd=cwd,
        clock=options.clock,
        ids=options.ids,
        entrypoint=options.entrypoint,
        permission_mode=options.permission_mode,
        end=end,
    )
    cut_off = "started" in loaded.fates.values()
    mended = _sendable(loaded, await evidence(loaded) if evidence and cut_off else {})
    waiting = waiting_in(loaded)
    waits = {one.use.id for one in waiting}
    turns = without_results(mended.turns, waiting)
    opened = Opened(session, loaded, turns, list(loaded.warnings), waiting)
    repairs = [r for r in mended.repairs if r.block is None or r.block.id not in waits]
    opened.warnings += [repair.text for repair in repairs]
    for repair in repairs:
        if repair.block is not None:
            # The file is to say it too: other readers know nothing of our repairs.
            await session.user([repair.block])
    return opened


def _sendable(loaded: Loaded, evidence: dict[str, str]) -> Normalised:
    """The stored conversation as it is sent, without what the API has refused before."""
    mended = normalise(loaded.turns, fates=loaded.fates, evidence=evidence)
    if not loaded.repaired:
        return mended
    from hames.sessions.refused import continued

    again = normalise(continued(mended.turns, loaded.repaired))
    return Normalised(again.turns, mended.repairs + again.repairs)
