"""One conversation by the stream protocol: prompts and requests go out, messages come back.

It lives in one asyncio loop, the caller's when it has one. What the other end asks of the caller is
answered beside everything else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from hames._aio import Channel
from hames.compat import errors, materialise
from hames.compat.absent import warn_of_unheard
from hames.compat.answers import Answers
from hames.compat.inside import Inside
from hames.compat.mirror import Mirror
from hames.compat.options import ClaudeAgentOptions, checked
from hames.compat.run_end import RunEnd, ceiling
from hames.compat.session_types import SessionKey
from hames.compat.subprocess import Subprocess
from hames.compat.transport import Foreign, Transport
from hames.sdk.world import World

log = logging.getLogger("hames.compat")

ANSWER_WITHIN = 60.0
"""Seconds for the answer to a control request."""
PATIENCE = 5.0
"""Seconds for what is cancelled to end."""
_OPEN_WITHIN_MS = "CLAUDE_CODE_STREAM_CLOSE_TIMEOUT"

Raw = dict[str, Any]


class Exchange:
    """The caller's side of a conversation. Open it, use it, close it."""

    def __init__(
        self, options: ClaudeAgentOptions, transport: Transport | None, world: World
    ) -> None:
        self.info: Raw = {}
        """What the other end answered to `initialize`."""
        self.messages: Channel[Raw] = Channel()
        self.answers = Answers(options, world)
        self._options = options
        self._world = world
        self._given = transport
        self._transport: Transport | None = None
        self._end = RunEnd(ceiling(options.env))
        self._ids = count(1)
        self._open: dict[str, asyncio.Future[Raw]] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._reading: asyncio.Task[None] | None = None
        self._mirror: Mirror | None = None
        self._folder: Path | None = None
        self._error_result: Raw | None = None

    async def open(self, prompt: str | AsyncIterable[Raw] | None, *, last: bool) -> None:
        """Connect, introduce ourselves, send the first prompts; `last` when no others follow.

        Raises what prevents it, having closed everything.
        """
        try:
            await self._connect()
            if isinstance(prompt, str):
                await self.prompt(user_message(prompt, "" if last else "default"))
                if last:
                    self._spawn(self._end_when_over(), "end")
            elif prompt is not None:
                self._spawn(self._feed(aiter(prompt)), "prompts")
        except BaseException:
            await self.close()
            raise

    async def request(self, subtype: str, *, within: float = ANSWER_WITHIN, **fields: Any) -> Raw:
        """The answer to a control request. Raises ClaudeSDKError when it is an error, or none comes."""
        if self._reading is None or self._reading.done():
            raise errors.CLIConnectionError("The session has ended and answers nothing any more.")
        id = f"req_{next(self._ids)}_{os.urandom(4).hex()}"
        answer: asyncio.Future[Raw] = asyncio.get_running_loop().create_future()
        self._open[id] = answer
        request = {"subtype": subtype, **fields}
        try:
            async with asyncio.timeout(within):
                await self._write({"type": "control_request", "request_id": id, "request": request})
                response = (await answer).get("response")
        except TimeoutError as error:
            raise errors.ClaudeSDKError(f"Control request timeout: {subtype}") from error
        finally:
            self._open.pop(id, None)
        return response if isinstance(response, dict) else {}

    async def prompt(self, message: Raw) -> None:
        """Send a user message."""
        self._end.asked()
        if self._options.verbatim_prompts:
            message = {**message, "client_composed": True}
        await self._write(message)

    async def next(self) -> Raw | None:
        """The next message; None after the last one. Raises what ended the conversation."""
        try:
            return await self.messages.get()
        except StopAsyncIteration:
            return None

    def abandon(self) -> None:
        """Close without anybody who waits for it: the caller has dropped us."""
        task = asyncio.get_running_loop().create_task(self.close())
        self._abandoned = task  # the loop holds only a weak reference

    async def close(self) -> None:
        """End the conversation, and everything that belongs to it."""
        self._end.close()
        await _cancelled(list(self._tasks))
        if self._reading is not None and self._given is not None:
            await _cancelled([self._reading])
        if self._transport is not None:
            await self._transport.close()
        if self._reading is not None:
            # Ours end their messages when they are closed; what was stored last is among them.
            await asyncio.wait([self._reading], timeout=PATIENCE)
            await _cancelled([self._reading])
        await self.answers.close()
        if self._mirror is not None:
            await self._mirror.close()
        self.messages.close()
        if self._folder is not None:
            materialise.remove(self._folder)
            self._folder = None

    async def _connect(self) -> None:
        options = checked(self._options)
        if self._given is not None:
            transport: Transport = Foreign(self._given, self._world)
        else:
            options, self._folder = await materialise.materialised(options, self._world)
            kind = Inside if options.cli_path is None else Subprocess
            transport = kind(options, self._world)
        self._transport = transport
        if options.session_store is not None:
            self._mirror = Mirror(
                options.session_store,
                str(materialise.config_folder(options.env) / "projects"),
                self._mirror_failed,
                self._world,
                eager=options.session_store_flush == "eager",
            )
        await transport.connect()
        self._reading = asyncio.create_task(self._read(transport), name="hames compat reader")
        await self._initialize(options)

    async def _initialize(self, options: ClaudeAgentOptions) -> None:
        hooks, blocks = self.answers.hooks()
        request: Raw = {"hooks": hooks, **_extras(options)}
        if self._given is None and options.cli_path is None:
            warn_of_unheard(request)
        within = max(float(os.environ.get(_OPEN_WITHIN_MS, "60000")) / 1000, ANSWER_WITHIN)
        self.info = await self.request("initialize", within=within, **request)
        if blocks and not self.info.get("hook_on_failure_supported"):
            raise errors.CLIConnectionError(
                "The other end does not know on_failure, so a hook that fails would not block. Use a"
                ' newer one, or remove on_failure="block".'
            )
        if blocks and self.info.get("hooks_applied") is False:
            raise errors.CLIConnectionError(
                "The session had begun and did not take over the hooks, so one with"
                ' on_failure="block" would never run. Begin another session.'
            )

    async def _read(self, transport: Transport) -> None:
        """Take what comes until the other end has ended; its failure goes to whoever waits."""
        failure: Exception | None = None
        try:
            async for message in transport.read_messages():
                await self._take(message)
        except Exception as error:  # a transport's, ours or the caller's
            failure = self._told(error)
        finally:
            self._end.close()
            if self._mirror is not None:
                await asyncio.shield(self._mirror.flush())
            gone = failure or errors.CLIConnectionError(
                "The other end has ended without an answer."
            )
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(gone)
                    answer.exception()
            self.messages.close(failure)

    async def _take(self, message: Raw) -> None:
        match message:
            case {"type": "control_response"}:
                self._answered(message.get("response") or {})
            case {"type": "control_request", "request_id": str() as id, "request": dict() as asked}:
                self._spawn(self._answer(id, asked), id)
            case {"type": "control_cancel_request", "request_id": id}:
                for task in [task for task, name in self._tasks.items() if name == id]:
                    task.cancel()
            case {"type": "transcript_mirror"}:
                if self._mirror is not None:
                    self._mirror.add(message["filePath"], message["entries"])
            case _:
                await self._pass_on(message)

    async def _pass_on(self, message: Raw) -> None:
        is_state = message.get("subtype") == "session_state_changed"
        if message.get("type") == "result":
            if self._mirror is not None:
                await self._mirror.flush()
            self._error_result = message if message.get("is_error") else None
        elif not is_state:
            self._error_result = None
        self._end.saw(message)
        if not (is_state and message.get("sdk_host_only") is True):
            self.messages.put(message)

    def _answered(self, response: Raw) -> None:
        waiting = self._open.get(str(response.get("request_id")))
        if waiting is None or waiting.done():
            return
        if response.get("subtype") == "error":
            waiting.set_exception(
                errors.ClaudeSDKError(str(response.get("error") or "no reason given"))
            )
        else:
            waiting.set_result(response)

    async def _answer(self, id: str, asked: Raw) -> None:
        response: Raw = {"subtype": "success", "request_id": id}
        try:
            response["response"] = await self.answers.to(asked)
        except Exception as error:  # the caller's function: the other end is told
            response = {"subtype": "error", "request_id": id, "error": str(error)}
        with suppress(errors.CLIConnectionError):  # who asked has gone
            await self._write({"type": "control_response", "response": response})

    async def _feed(self, prompts: AsyncIterator[Raw]) -> None:
        sent = False
        try:
            while (message := await self._world.call(_next, prompts)) is not None:
                await self.prompt(message)
                sent = True
        except Exception:  # the caller's iterable: official clients end the input as well
            log.exception("The stream of prompts failed; the input ends here.")
        if sent:
            await self._end_when_over()
        else:
            await self._end_input()

    async def _end_when_over(self) -> None:
        if self.answers.needed:
            await self._end.wait()
        await self._end_input()

    async def _end_input(self) -> None:
        assert self._transport is not None, "nothing is sent before there is somebody to send it to"
        await self._transport.end_input()

    def _told(self, error: Exception) -> Exception:
        """What the caller is told: after an error result that is what has ended the run."""
        if not isinstance(error, errors.ProcessError) or self._error_result is None:
            return error
        text = f"Claude Code returned an error result: {_text(self._error_result)}"
        told = errors.ResultError(text, self._error_result, error.exit_code)
        told.__cause__ = error
        return told

    def _mirror_failed(self, key: SessionKey, text: str) -> None:
        said = {"type": "system", "subtype": "mirror_error", "error": text, "key": key}
        self.messages.put({**said, "uuid": str(uuid4()), "session_id": key["session_id"]})

    async def _write(self, message: Mapping[str, Any]) -> None:
        assert self._transport is not None, "nothing is sent before there is somebody to send it to"
        await self._transport.write(json.dumps(message) + "\n")

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=f"hames compat {name}")
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            log.debug("A task of the conversation failed: %s", error)


def user_message(text: str, session_id: str) -> Raw:
    """A prompt as it stands on the wire."""
    return {
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": None,
        "session_id": session_id,
    }


def _extras(options: ClaudeAgentOptions) -> Raw:
    """What `initialize` says besides the hooks, where it says anything."""
    prompt: Raw = dict(options.system_prompt) if isinstance(options.system_prompt, dict) else {}
    agents = {name: agent.as_json() for name, agent in (options.agents or {}).items()}
    extras: Raw = {
        "agents": agents or None,
        "skills": options.skills if isinstance(options.skills, list) else None,
        "forwardSubagentText": options.forward_subagent_text or None,
    }
    if prompt.get("type") == "preset":
        extras["excludeDynamicSections"] = prompt.get("exclude_dynamic_sections")
    if prompt.get("type") in ("preset", "custom"):
        extras["systemPromptSnapshot"] = prompt.get("snapshot")
    return {name: value for name, value in extras.items() if value is not None}


def _text(result: Raw) -> str:
    """What an error result says, in the order of what says most."""
    said = result.get("result")
    status = result.get("api_error_status")
    subtype = result.get("subtype")
    return (
        "; ".join(errors.texts(result.get("errors")))
        or (said.strip() if isinstance(said, str) else "")
        or (subtype if isinstance(subtype, str) and subtype != "success" else "")
        or (f"API error (HTTP {status})" if status is not None else "unknown error")
    )


async def _next(prompts: AsyncIterator[Raw]) -> Raw | None:
    return await anext(prompts, None)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
