"""`hames -p`: one prompt answered, and the exit code that says how.

Standard output carries the chosen format and nothing else. Whatever ends the run (a signal, a reader
that left), the session is closed first, with all that it started.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hames.cli.options import options_from
from hames.cli.parse import Parsed
from hames.cli.prompt import read_prompt
from hames.cli.report import Report, report_for, was_interrupted
from hames.cli.signals import Signals
from hames.errors import CredentialsError, HamesError, OptionsError, SessionError, SessionExists
from hames.events import Answered
from hames.protocol.output import Output
from hames.protocol.wire import Wire
from hames.providers.absent import Absent

if TYPE_CHECKING:
    from hames.agent.options import AgentOptions
    from hames.messages import ResultMessage
    from hames.sdk.client import Client

log = logging.getLogger("hames.events")

FOR_CLIENTS = ("await-initialize", "mcp-config", "replay-user-messages", "session-mirror")
"""Flags about a client that there is not when a prompt is simply answered."""
CLOSED_PIPE = 141
"""Exit code when the reader left, as shells report it."""
DRAIN = 30.0
"""Seconds that a slow reader gets for what is left at the end."""
SHOWN = 400
"""Bytes of an event in the debug log."""
CLOSE = 10.0
"""Seconds in which a session must have ended; its own clocks are much shorter."""


def answer(parsed: Parsed) -> int:
    """Answer the prompt; the exit code."""
    values = parsed.values
    output_format = values.get("output-format", "text")
    _check_formats(values, output_format)
    options = options_from(values)
    prompt = read_prompt(parsed)
    if any(name in values for name in ("debug", "debug-to-stderr", "debug-file")):
        from hames.cli.debug import log_as_asked

        log_as_asked(values)
    report = report_for(
        output_format,
        verbose="verbose" in values,
        session_id=options.resume or options.session_id or "",
    )
    # Whatever else prints in this process must not get between the lines.
    printed, sys.stdout = sys.stdout, sys.stderr
    try:
        return asyncio.run(_Run(prompt, options, report).run())
    finally:
        sys.stdout = printed


def _check_formats(values: dict[str, Any], output_format: str) -> None:
    if output_format == "stream-json" and "verbose" not in values:
        raise OptionsError("`--output-format stream-json` with `--print` needs `--verbose`.")
    if "include-partial-messages" in values and output_format != "stream-json":
        raise OptionsError("`--include-partial-messages` needs `--output-format stream-json`.")
    if values.get("permission-prompt-tool") == "stdio":
        raise OptionsError("`--permission-prompt-tool stdio` needs `--input-format stream-json`.")
    for name in FOR_CLIENTS:
        if name in values:
            raise OptionsError(f"`--{name}` needs `--input-format stream-json`.")


class _Run:
    """One prompt on its way."""

    def __init__(self, prompt: str | None, options: AgentOptions, report: Report) -> None:
        self._prompt = prompt
        self._options = options
        self._report = report
        self._result: ResultMessage | None = None
        self._unwritable: OSError | None = None

    async def run(self) -> int:
        with Signals() as self._signals:
            self._output = Output(1, self._cannot_write)
            try:
                await self._signals.until_stopped(self._answer())
            finally:
                seconds = DRAIN if self._signals.code is None else 1
                await self._signals.until_stopped(self._output.finish(seconds))
                self._output.close()
            return self._exit_code()

    async def _answer(self) -> None:
        await self._converse()
        self._output.write(self._report.end())
        if note := self._report.aside():
            print(note, file=sys.stderr)

    async def _converse(self) -> None:
        from hames.sdk.client import Client

        client = Client(self._options)
        try:
            await self._start(client)
            await client.query(self._prompt)
            await client.finish()
            watch = asyncio.create_task(self._interrupt_when_asked(client))
            try:
                await self._report_events(client)
            finally:
                watch.cancel()
        finally:
            await _close(client)

    async def _report_events(self, client: Client) -> None:
        async for event in client.events():
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s", Wire().line(event)[:SHOWN].decode(errors="replace"))
            self._output.write(self._report.take(event))
            if isinstance(event, Answered):
                self._result = event.result
            await self._output.drain()

    async def _start(self, client: Client) -> None:
        try:
            try:
                await client.connect()
            except CredentialsError as error:
                # Official 2.1.330 begins as with a key, and ends with an error result.
                client.options = replace(client.options, provider=Absent(error))
                await client.connect()
        except SessionExists:
            raise
        except SessionError as error:
            self._output.write(self._report.refusal(str(error)))
            raise

    async def _interrupt_when_asked(self, client: Client) -> None:
        await self._signals.interrupted.wait()
        await client.interrupt()

    def _cannot_write(self, error: OSError) -> None:
        self._unwritable = error
        self._signals.stop(CLOSED_PIPE)

    def _exit_code(self) -> int:
        if self._unwritable and not isinstance(self._unwritable, BrokenPipeError | ConnectionError):
            raise HamesError(f"Standard output cannot be written to: {self._unwritable.strerror}.")
        if self._signals.code is not None:
            return self._signals.code
        result = self._result
        if result is None:
            raise HamesError("The session ended without a result.")
        if was_interrupted(result) and self._signals.interrupted.is_set():
            return 0  # Official 2.1.330: an interrupt is no failure.
        return int(result.is_error)


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(CLOSE):
            await client.close()
    except TimeoutError:
        print(f"The session did not end within {CLOSE:g} s and is left behind.", file=sys.stderr)
