"""The end of a session that a running agent appends to.

Lines are linked in the order they are appended; results of parallel calls hang from the line of their
own call. A store that fails does not stop the run: lines wait in memory and are tried again with the
next ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hames import _json
from hames._clock import Clock, Ids
from hames.blocks import Block
from hames.errors import HamesError
from hames.sessions import transcript
from hames.sessions.git import branch
from hames.sessions.names import project_key
from hames.sessions.store import Key, Span, Store

if TYPE_CHECKING:
    from hames.sessions.normalise import Repair
    from hames.sessions.resume import Loaded

_MAX_WAITING = 32 * 1024 * 1024
"""Bytes that wait for a store that fails, before the session is no longer recorded."""

_LONGEST_APPEND = 10.0
"""Seconds that a store gets for an append."""
_NEXT_APPEND = 0.5
"""The same after one that failed."""

_MAX_PROMPT = 200
"""Characters of a prompt that are kept for listings."""

_KEPT = ("custom-title", "ai-title", "tag", "last-prompt")
"""State lines that listings look for at the end of the file."""


class SessionLog:
    """What a session appends to.

    `on_warning` gets sentences for a person; `on_written` every batch of lines, in order, after it was
    stored. Without a store nothing is written, but uuids and links are the same.
    """

    def __init__(
        self,
        store: Store | None,
        key: Key,
        *,
        cwd: str,
        clock: Clock,
        ids: Ids,
        entrypoint: str = "sdk-py",
        git_branch: str | None = None,
        permission_mode: str = "default",
        agent_id: str | None = None,
        leaf: str | None = None,
    ) -> None:
        self.key = key
        self.permission_mode = permission_mode
        self.leaf = leaf
        """uuid of the last line in the chain; the next one's parent."""
        self.stored: frozenset[str] = frozenset()
        """uuids of messages that were there when it was resumed."""
        self.on_warning: Callable[[str], None] | None = None
        self.on_written: Callable[[Sequence[bytes]], None] | None = None
        self._store = store
        self._clock = clock
        self._ids = ids
        self._entrypoint = entrypoint
        self._fixed_branch = git_branch
        self._agent_id = agent_id
        self._cwd = cwd
        self._write_line = self._writer()
        self._callers: dict[str, str] = {}
        self._kept: dict[str, bytes] = {}
        self._since_kept = 0
        self._waiting: list[bytes] = []
        self._lock = asyncio.Lock()
        self._failing = False
        self._given_up = False
        self._end: int | None = None
        self._told_of_others = False
        self.begun_elsewhere: set[str] = set()
        """Calls that somebody else who goes on with the session has begun before us."""

    @classmethod
    def start(
        cls,
        store: Store | None,
        *,
        session_id: str,
        cwd: str,
        clock: Clock,
        ids: Ids,
        entrypoint: str = "sdk-py",
        git_branch: str | None = None,
        permission_mode: str = "default",
    ) -> SessionLog:
        """A session of its own. The first append creates it in the store."""
        return cls(
            store,
            Key(project_key(cwd), session_id),
            cwd=cwd,
            clock=clock,
            ids=ids,
            entrypoint=entrypoint,
            git_branch=git_branch,
            permission_mode=permission_mode,
        )

    @classmethod
    def resume(
        cls,
        store: Store | None,
        loaded: Loaded,
        *,
        cwd: str,
        clock: Clock,
        ids: Ids,
        entrypoint: str = "sdk-py",
        git_branch: str | None = None,
        permission_mode: str | None = None,
        end: int | None = None,
    ) -> SessionLog:
        """Goes on where `loaded` ends, in the same transcript; new lines get the present `cwd`.

        `end` is where the transcript ended before it was loaded, as `end_of` tells; what stands behind
        that before the first append is of others.
        """
        log = cls(
            store,
            loaded.key,
            cwd=cwd,
            clock=clock,
            ids=ids,
            entrypoint=entrypoint,
            git_branch=git_branch,
            permission_mode=permission_mode or loaded.permission_mode or "default",
            leaf=loaded.leaf,
        )
        log._callers.update(loaded.callers)
        log._kept.update(loaded.kept)
        log._end = end
        log.stored = frozenset(loaded.positions)
        return log

    def caller(self, tool_use_id: str) -> str | None:
        """uuid of the line that made a call which has no result yet."""
        return self._callers.get(tool_use_id)

    def successor(self, session_id: str) -> SessionLog:
        """The log of a session that begins where this one ends, in the same place."""
        log = SessionLog(
            self._store,
            Key(self.key.project, session_id),
            cwd=self._cwd,
            clock=self._clock,
            ids=self._ids,
            entrypoint=self._entrypoint,
            git_branch=self._fixed_branch,
            permission_mode=self.permission_mode,
        )
        log.on_warning, log.on_written = self.on_warning, self.on_written
        return log

    def subagent(self, agent_id: str) -> SessionLog:
        """The log of a subagent: a transcript of its own below this session."""
        log = SessionLog(
            self._store,
            Key(self.key.project, self.key.session_id, f"subagents/agent-{agent_id}"),
            cwd=self._cwd,
            clock=self._clock,
            ids=self._ids,
            entrypoint=self._entrypoint,
            git_branch=self._fixed_branch,
            permission_mode=self.permission_mode,
            agent_id=agent_id,
        )
        log.on_warning = self.on_warning
        return log

    @property
    def id(self) -> str:
        """The session's id."""
        return self.key.session_id

    @property
    def path(self) -> str | None:
        """The transcript's file, for stores that have files."""
        return self._store.path(self.key) if self._store else None

    @property
    def spill_folder(self) -> str | None:
        """Where large tool results of the session go, for stores that have files."""
        return self._store.spill_folder(self.key) if self._store else None

    @property
    def cwd(self) -> str:
        """The working directory that stands on the lines."""
        return self._cwd

    @cwd.setter
    def cwd(self, cwd: str) -> None:
        if cwd != self._cwd:
            self._cwd = cwd
            self._write_line = self._writer()

    async def user(
        self,
        blocks: Sequence[Block],
        *,
        uuid: str | None = None,
        is_meta: bool = False,
        tool_use_result: Any = None,
        source_assistant_uuid: str | None = None,
        prompt: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> str:
        """Append user content; its uuid (of the last line, when it became several).

        Each tool result gets a line of its own, linked to the line of its call. `tool_use_result` is
        the structured result for programs, `extra` further fields of the line.
        """
        lines: list[bytes] = []
        parts = _one_result_each(blocks)
        for part in parts:
            own = uuid if uuid is not None and part is parts[-1] else self._ids.uuid()
            parent = self.leaf
            values = dict(extra) if extra else {}
            if is_meta:
                values["isMeta"] = True
            if prompt:
                self._refresh_branch()
                values |= {"permissionMode": self.permission_mode, "promptSource": "sdk"}
            call = part[0].id if part and part[0].type == "tool_result" else None
            source = source_assistant_uuid or self._callers.pop(call or "", None)
            if call is not None and source is not None:
                values["sourceToolAssistantUUID"] = source
                # Readers of subagent files walk one straight line; everywhere else results fork.
                parent = source if self._agent_id is None else parent
            lines.append(
                self._write_line.user(
                    part,
                    uuid=own,
                    parent=parent,
                    timestamp=self._clock.timestamp(),
                    extra=transcript.fields(values) + self._structured(tool_use_result),
                )
            )
            self.leaf = own
        if prompt:
            lines.append(self._last_prompt(blocks))
        await self._append(lines)
        assert self.leaf is not None
        return self.leaf

    async def assistant(
        self,
        blocks: Sequence[Block],
        *,
        message_id: str,
        model: str,
        usage: dict[str, Any],
        stop_reason: str | None,
        stop_sequence: str | None = None,
        request_id: str | None = None,
        uuids: Sequence[str] | None = None,
        error: str | None = None,
        api_error_status: int | None = None,
    ) -> list[str]:
        """Append a complete response, one line per block; the uuids of the lines.

        `usage` and `stop_reason` are the final ones. `error` marks prose about a failed request, which
        is never sent to a model.
        """
        reply = self._write_line.reply(
            message_id=message_id,
            model=model,
            usage=usage,
            stop_reason=stop_reason,
            stop_sequence=stop_sequence,
        )
        values: dict[str, Any] = {"requestId": request_id} if request_id else {}
        if error is not None:
            values |= {"isApiErrorMessage": True, "error": error}
            if api_error_status is not None:
                values["apiErrorStatus"] = api_error_status
        extra = transcript.fields(values) + transcript.WRITTEN_BY_HAMES
        own = list(uuids) if uuids is not None else [self._ids.uuid() for _ in blocks]
        timestamp = self._clock.timestamp()
        lines = []
        for block, uuid in zip(blocks, own, strict=True):
            lines.append(
                self._write_line.assistant(
                    block,
                    uuid=uuid,
                    parent=self.leaf,
                    timestamp=timestamp,
                    reply=reply,
                    extra=extra,
                )
            )
            if block.type == "tool_use" and block.id is not None:
                self._callers[block.id] = uuid
            self.leaf = uuid
        await self._append(lines)
        return own

    async def system(self, subtype: str, fields: Mapping[str, Any]) -> str:
        """Append a system line; its uuid. A `compact_boundary` starts a new tree after the last line."""
        uuid = self._ids.uuid()
        values = dict(fields)
        parent = self.leaf
        if subtype == "compact_boundary":
            values["logicalParentUuid"], parent = parent, None
        line = self._write_line.system(
            subtype,
            uuid=uuid,
            parent=parent,
            timestamp=self._clock.timestamp(),
            extra=transcript.fields(values),
        )
        self.leaf = uuid
        await self._append([line])
        return uuid

    async def put_off(self, tool_use_id: str, name: str, input: Mapping[str, Any], by: str) -> None:
        """Mark that a call waits for a decision, with the input that would run."""
        uuid = self._ids.uuid()
        line = self._write_line.attachment(
            {
                "type": transcript.PUT_OFF,
                "toolUseID": tool_use_id,
                "toolName": name,
                "toolInput": dict(input),
                "hookName": by,
                "hookEvent": "PreToolUse",
                "permissionMode": self.permission_mode,
            },
            uuid=uuid,
            parent=self.leaf,
            timestamp=self._clock.timestamp(),
        )
        self.leaf = uuid
        await self._append([line])

    async def compacted(
        self,
        summary: Sequence[Block],
        *,
        metadata: Mapping[str, Any],
        keep: Sequence[str] = (),
    ) -> str:
        """Append a boundary and the summary that stands for what was before; the summary's uuid.

        `metadata` is `trigger`, `preTokens`, `postTokens`, `durationMs`; `keep` the uuids of earlier
        lines, in order, that go on standing in the conversation after the summary.
        """
        uuid = self._ids.uuid()
        values = dict(metadata)
        if keep:
            values["preservedMessages"] = {"anchorUuid": uuid, "uuids": list(keep)}
        await self.system(
            "compact_boundary",
            {
                "content": "Conversation compacted",
                "level": "info",
                "isMeta": False,
                "compactMetadata": values,
            },
        )
        marks = {"isCompactSummary": True, "isVisibleInTranscriptOnly": True}
        return await self.user(summary, uuid=uuid, extra=marks)

    async def repaired(self, repairs: Sequence[Repair]) -> None:
        """Append the results that `normalise` added, so that every reader finds the calls answered."""
        for repair in repairs:
            if repair.block is not None:
                await self.user([repair.block])

    async def state(self, type: str, fields: Mapping[str, Any]) -> None:
        """Append a line that belongs to the session as a whole; the last one of a type counts."""
        line = self._write_line.state(type, transcript.fields(dict(fields)))
        if type in _KEPT:
            self._kept[type] = line
        await self._append([line])

    async def call_started(self, tool_use_id: str, name: str) -> None:
        """Mark that a call is about to run. On return the mark is stored."""
        await self.state(
            transcript.CALL_MARK,
            {"toolUseId": tool_use_id, "name": name, "timestamp": self._clock.timestamp()},
        )

    async def describe_agent(self, fields: Mapping[str, Any]) -> None:
        """Store what is known of this subagent (agentType, description, toolUseId, finished …)."""
        line = b'{"type":"agent_metadata"%b}' % transcript.fields(dict(fields))
        await self._append([line])

    async def finish_turn(self, *, cost: Mapping[str, Any] | None = None) -> None:
        """End of a prompt's work: `cost` becomes the `cost-state` line, titles stay within reach.

        Listings read the end of a file only, so title, tag and last prompt are repeated when much was
        written since, unless somebody else has changed them meanwhile.
        """
        if cost is not None:
            await self.state("cost-state", cost)
        if self._since_kept > transcript.END // 2:
            await self._append([])
            await self._append(list(self._kept.values()))
            self._since_kept = 0

    def release(self) -> None:
        """Let go of what the store keeps open for the session."""
        if release := getattr(self._store, "release", None):
            release(self.id)

    def _writer(self) -> transcript.Writer:
        self._branch = self._fixed_branch or branch(self._cwd)
        return transcript.Writer(
            transcript.Origin(self.id, self._cwd, self._branch, self._entrypoint, self._agent_id)
        )

    def _refresh_branch(self) -> None:
        if self._store and self._fixed_branch is None and branch(self._cwd) != self._branch:
            self._write_line = self._writer()

    def _structured(self, data: Any) -> bytes:
        if data is None:
            return b""
        try:
            return b',"toolUseResult":%b' % _json.encode(data)
        except TypeError as error:
            self._warn(f"A structured tool result was not stored, as it is no JSON: {error}.")
            return b""

    def _last_prompt(self, blocks: Sequence[Block]) -> bytes:
        words = " ".join([b.value()["text"] for b in blocks if b.type == "text"]).split()
        text = " ".join(words)
        if len(text) > _MAX_PROMPT:
            text = text[:_MAX_PROMPT].rstrip() + "…"
        values = {"lastPrompt": text, "leafUuid": self.leaf}
        line = self._write_line.state("last-prompt", transcript.fields(values))
        self._kept["last-prompt"] = line
        return line

    async def _append(self, lines: Sequence[bytes]) -> None:
        if self._store is None or self._given_up:
            return
        self._waiting += lines
        async with self._lock:
            batch, self._waiting = self._waiting, []
            await self._store_batch(self._store, batch)

    async def _store_batch(self, store: Store, batch: list[bytes]) -> None:
        try:
            async with asyncio.timeout(_LONGEST_APPEND if not self._failing else _NEXT_APPEND):
                span = await store.append(self.key, batch)
        except Exception as error:  # the border of a store, which may be anybody's
            self._keep_for_later(batch, error)
        except asyncio.CancelledError:
            # Whether they were stored is unknown; readers take a line that stands twice once.
            self._waiting[:0] = batch
            raise
        else:
            self._failing = False
            if span is not None and self._end is not None:
                if span.start > self._end:
                    await self._notice(store, Span(self._end, span.start))
                elif span.start < self._end:
                    self._warn(
                        f"The session's transcript (`{self.path or self.id}`) was removed or cut "
                        "while it was written. From here on it holds what follows only."
                    )
            self._end = span.end if span else None
            self._since_kept += sum(map(len, batch))
            if self.on_written and batch:
                self.on_written(batch)

    def _keep_for_later(self, batch: list[bytes], failure: Exception) -> None:
        self._waiting[:0] = batch
        error = str(failure) or type(failure).__name__
        where = self.path or self.id
        if sum(map(len, self._waiting)) > _MAX_WAITING:
            self._given_up = True
            self._waiting = []
            self._warn(f"The session is no longer recorded in `{where}`: {error}.")
        elif not self._failing:
            self._warn(
                f"The session cannot be recorded in `{where}`: {error}. "
                "The run goes on; recording is tried again with each step."
            )
        self._failing = True
        self._end = None

    async def _notice(self, store: Store, span: Span) -> None:
        """Take over titles and tags that others have set, and tell of others who go on here too."""
        try:
            lines = await store.read(self.key, span)
        except (OSError, HamesError):
            return
        for entry in transcript.decode_all(lines)[0]:
            if entry.type == transcript.CALL_MARK and entry.toolUseId is not None:
                self.begun_elsewhere.add(entry.toolUseId)
            if entry.type in _KEPT and entry.type != "last-prompt":
                self._kept[entry.type] = entry.raw
            elif entry.in_chain and not self._told_of_others:
                self._told_of_others = True
                self._warn(
                    f"Somebody else is writing to this session (`{self.path or self.id}`). From here "
                    "it has two branches; the one written to last is continued by the next resume."
                )

    def _warn(self, text: str) -> None:
        if self.on_warning:
            self.on_warning(text)


async def end_of(store: Store, key: Key) -> int | None:
    """Where a transcript ends, in the store's units; None when the store cannot tell."""
    try:
        async with asyncio.timeout(_LONGEST_APPEND):
            span = await store.append(key, [])
    except Exception:  # the border of a store; when it fails for good, the first line says so
        return None
    return None if span is None else span.end


def _one_result_each(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks in parts with at most one tool result, which comes first in its part."""
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if block.type == "tool_result" and parts[-1]:
            parts.append([])
        parts[-1].append(block)
    return parts
