"""A Messages API on loopback that plays what a test wrote, as strictly as the real one.

    async with FakeAPI([calls("Bash", command="ls"), says("Two files.")]) as api:
        ...  # anything that speaks to `api.url`
    assert api.requests[1].result_texts == ["a.py\\nb.py"]

It judges every request by `hames.sessions.rules`, accounts prompt caching, and serves every fault of
`hames.testing.faults`. `with` runs it in a thread of its own; `python -m hames.testing.fake_api` as a
process, for clients in other languages.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from hames import _json
from hames.errors import ScriptError
from hames.providers.plays import ERROR_TYPES, Play, Script, Source
from hames.testing import _http, serve
from hames.testing.caching import Cache, count_tokens
from hames.testing.recorded import Recorded
from hames.testing.signatures import Signatures

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from hames.sessions.rules import Violation

Claim: TypeAlias = Callable[[Recorded], bool]


class FakeAPI:
    """A server of `/v1/messages` and `/v1/messages/count_tokens`.

    `plays` are answered in order, whoever asks. `per` gives every session the same plays from their
    beginning: it is the name of a header, or a function of the request, that tells sessions apart.
    `route` gives some requests plays of their own.

    `judge` refuses what the API would refuse; `account` counts tokens and caches; `record` keeps the
    requests. Without these three a request costs least, for benchmarks. `signatures` refuses thinking
    that this server has not made; otherwise only thinking that was changed.
    """

    def __init__(
        self,
        plays: Sequence[Source] = (),
        *,
        per: str | Callable[[Recorded], str] | None = None,
        judge: bool = True,
        account: bool = True,
        record: bool = True,
        signatures: bool = False,
        api_key: str | None = None,
        minimum_tokens: int = 1024,
        gzip: bool = False,
        piece: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Recorded] = []
        """Requests for messages in the order they arrived, refused ones included."""
        self.counted: list[Recorded] = []
        """Requests to `count_tokens`."""
        self.problems: list[str] = []
        """What should not have happened: violated rules, requests without a play."""
        self.url = ""
        """Where the server listens; the base URL for clients."""
        self._plays = list(plays)
        self._script = Script(self._plays)
        self._per = per
        self._scripts: dict[str, Script] = {}
        self._routes: list[tuple[Claim, Script]] = []
        self._judge = judge
        self._looks_inside = judge or any(map(_looks_inside, self._plays))
        self._record = record
        self._api_key = api_key
        self._style = serve.Style(gzip=gzip, piece=piece)
        self._signatures = Signatures(strict=signatures)
        self._skew = 0.0
        self._cache = Cache(self._now, minimum_tokens=minimum_tokens) if account else None
        self._address = (host, port)
        self._tls = tls
        self._answered = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._thread: _Thread | None = None

    def route(self, claim: Claim | str, plays: Sequence[Source]) -> Self:
        """Answer requests that the claim is true of with plays of their own.

        A text claims the sessions whose first prompt contains it. The first route that fits counts.
        """
        self._looks_inside = True
        if isinstance(claim, str):
            text = claim
            self._routes.append((lambda request: text in request.prompt, Script(plays)))
        else:
            self._routes.append((claim, Script(plays)))
        return self

    def pass_time(self, seconds: float) -> None:
        """Move the clock by which cached prefixes expire."""
        self._skew += seconds

    async def until(self, holds: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until this is true, looked at whenever a request arrives or ends. Raises TimeoutError."""
        waiting = _Waiting(asyncio.get_running_loop())
        with self._changed:
            self._waiting.append(waiting)
        try:
            async with asyncio.timeout(timeout):
                while not holds():
                    waiting.changed.clear()
                    await waiting.changed.wait()
        finally:
            with self._changed:
                self._waiting.remove(waiting)

    async def received(self, count: int = 1, timeout: float = 5.0) -> Recorded:
        """Wait until so many requests have arrived, and return the last of these."""
        await self.until(lambda: len(self.requests) >= count, timeout)
        return self.requests[count - 1]

    def wait_until(self, holds: Callable[[], bool], timeout: float = 5.0) -> None:
        """`until` for the thread of a `with`. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout):
                raise TimeoutError(f"It did not become true within {timeout:g} s.")

    def verify(self) -> None:
        """Raise `ScriptError` if anything was refused, or a play was not asked for."""
        problems = list(self.problems)
        scripts = [self._script, *self._scripts.values(), *(script for _, script in self._routes)]
        if left := sum(script.left for script in scripts if script.played or self._per is None):
            problems.append(f"{left} plays were not asked for.")
        if problems:
            raise ScriptError("\n".join(problems))

    async def start(self) -> None:
        host, port = self._address
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=_http.MOST_HEAD_BYTES, ssl=self._tls, backlog=1024
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"

    async def stop(self) -> None:
        """Close every connection, those in the middle of an answer included."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = _Thread(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        self._thread.end()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _http.Connection(reader, writer)
        stopped = False
        try:
            while (incoming := await connection.next_request()) is not None:
                if not await self._answer(connection, incoming):
                    break
        except _http.BadRequest as error:
            connection.write(serve.error(400, "invalid_request_error", str(error)))
        except (ConnectionError, TimeoutError):
            pass
        except asyncio.CancelledError:
            # The server stops. A cancelled handler would be reported by asyncio's stream protocol.
            stopped = True
        finally:
            self._tasks.discard(task)
            await connection.close(at_once=stopped)

    async def _answer(self, connection: _http.Connection, incoming: _http.Incoming) -> bool:
        """Answer one request; whether the connection can be used for another."""
        path = incoming.target.partition("?")[0]
        if incoming.method != "POST" or path not in ("/v1/messages", "/v1/messages/count_tokens"):
            connection.write(serve.error(404, "not_found_error", f"There is no `{path}`."))
            return True
        request = Recorded(incoming.body, headers=incoming.headers, target=incoming.target)
        if path.endswith("count_tokens"):
            self.counted.append(request)
            return self._count(connection, request)
        if self._record:
            self.requests.append(request)
        self._note()
        try:
            return await self._reply(connection, request)
        finally:
            request.abandoned = not request.finished
            self._note()

    async def _reply(self, connection: _http.Connection, request: Recorded) -> bool:
        if refusal := self._refusal(request):
            return self._send_error(connection, request, *refusal)
        try:
            body = request.body if self._looks_inside else {}
            number, play = self._script_of(request).next_for(body)
        except ScriptError as error:
            self.problems.append(str(error))
            return self._send_error(connection, request, 400, str(error))
        except Exception as error:
            # A play may be a function of the test, with assertions of its own.
            self.problems.append(f"A play raised {error!r}.")
            return self._send_error(connection, request, 400, self.problems[-1])
        answers = play.failure is None and not getattr(play, "steps", ())
        if self._cache and answers:
            request.cache = self._cache.account(request.raw)
        self._signatures.learn(play)
        self._answered += 1
        return await serve.play(
            connection, request, play, number=number, serial=self._answered, style=self._style
        )

    def _refusal(self, request: Recorded) -> tuple[int, str] | None:
        """Status and text of the error with which the request is refused."""
        if (problem := self._unauthorized(request)) is not None:
            return 401, problem
        if "anthropic-version" not in request.headers:
            return 400, "The header `anthropic-version` is missing."
        try:
            request.model  # noqa: B018  # decodes the body as far as answering needs
        except _json.DecodeError as error:
            self.problems.append(f"The body of a request is no JSON: {error}")
            return 400, f"The body is no JSON: {error}"
        if self._judge:
            request.violations = self._violations(request)
        if request.violations:
            self.problems.extend(str(violation) for violation in request.violations)
            status = 413 if request.violations[0].rule == "request-size" else 400
            return status, "; ".join(str(violation) for violation in request.violations)
        return None

    def _violations(self, request: Recorded) -> list[Violation]:
        from hames.sessions.rules import judge

        return judge(request.body, size=len(request.raw), signed=self._signatures.fit)

    def _unauthorized(self, request: Recorded) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = request.headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")
        if not key:
            return "The header `x-api-key` or `authorization` is missing."
        if self._api_key is not None and key != self._api_key:
            return "The key is not valid."
        return None

    def _script_of(self, request: Recorded) -> Script:
        for claim, script in self._routes:
            if claim(request):
                return script
        if self._per is None:
            return self._script
        by = self._per
        key = request.headers.get(by.lower(), "") if isinstance(by, str) else by(request)
        if key not in self._scripts:
            self._scripts[key] = Script(self._plays)
        return self._scripts[key]

    def _count(self, connection: _http.Connection, request: Recorded) -> bool:
        refusal = self._unauthorized(request)
        if refusal is not None:
            return self._send_error(connection, request, 401, refusal)
        try:
            tokens = count_tokens(request.raw)
        except _json.DecodeError as error:
            return self._send_error(connection, request, 400, f"The body is no JSON: {error}")
        connection.write(serve.json(200, {"input_tokens": tokens}))
        request.status, request.finished = 200, True
        return True

    def _send_error(
        self, connection: _http.Connection, request: Recorded, status: int, message: str
    ) -> bool:
        connection.write(serve.error(status, ERROR_TYPES[status], message))
        request.status, request.finished = status, True
        return True

    def _now(self) -> float:
        return time.monotonic() + self._skew

    def _note(self) -> None:
        """Tell those who wait that something has changed."""
        with self._changed:
            self._changed.notify_all()
            for waiting in self._waiting:
                waiting.loop.call_soon_threadsafe(waiting.changed.set)


class _Waiting:
    """Somebody in an event loop, perhaps not the server's, who waits for a change."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.changed = asyncio.Event()


def _looks_inside(play: Source) -> bool:
    return not isinstance(play, Play) or bool(play.expectations or play.condition)


class _Thread:
    """A thread with an event loop in which a server runs."""

    def __init__(self, api: FakeAPI) -> None:
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(api,), name="fake-api", daemon=True)
        started: Future[None] = Future()
        self._started = started
        self._thread.start()
        started.result()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self, api: FakeAPI) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(api))

    async def _serve(self, api: FakeAPI) -> None:
        try:
            await api.start()
        except OSError as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        await self._end.wait()
        await api.stop()


if __name__ == "__main__":
    from hames.testing.process import main

    main()
