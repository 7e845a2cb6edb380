"""What a session asks its client: requests that wait for an answer, in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hames import _json
from hames._clock import Ids
from hames.errors import ClientError, LineTooLong
from hames.protocol.shorten import characters


class Questions:
    """Open requests to the client.

    A question whose asker is cancelled is taken back on the wire. When the client has closed its input,
    open questions and all later ones fail. A question of more than `longest` characters fails too: what
    is judged or run must not be cut.
    """

    def __init__(
        self, write: Callable[[bytes], None], ids: Ids, *, longest: int | None = None
    ) -> None:
        self._write = write
        self._ids = ids
        self._longest = longest
        self._open: dict[str, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._closed = False

    async def ask(self, subtype: str, **fields: Any) -> dict[str, Any]:
        """The client's answer.

        Raises ClientError when it answers with an error, or cannot answer; LineTooLong is one.
        """
        if self._closed:
            raise ClientError(_GONE)
        id = self._ids.uuid()
        request = {"subtype": subtype, **fields}
        line = _json.encode({"type": "control_request", "request_id": id, "request": request})
        if self._longest is not None and characters(line) > self._longest:
            raise LineTooLong(
                f"the client cannot be asked (`{subtype}`): the question would have {len(line)} bytes, and"
                f" official clients read lines of at most {self._longest} characters"
            )
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[id] = subtype, answer
        self._write(line)
        try:
            return await answer
        except asyncio.CancelledError:
            self._take_back(id)
            raise
        finally:
            self._open.pop(id, None)

    def answered(self, response: Any) -> None:
        """Hand an answer to who waits for it; one that nobody waits for is passed over."""
        if not isinstance(response, dict):
            return
        _, waiting = self._open.pop(str(response.get("request_id")), ("", None))
        if waiting is None or waiting.done():
            return
        if response.get("subtype") == "success":
            given = response.get("response")
            waiting.set_result(given if isinstance(given, dict) else {})
        else:
            waiting.set_exception(ClientError(str(response.get("error") or "no reason given")))

    def take_back(self, subtype: str) -> None:
        """Tell the client not to bother with its open questions of a kind; their askers are about to go."""
        for id, (kind, _) in list(self._open.items()):
            if kind == subtype:
                self._take_back(id)

    def close(self) -> None:
        """The client will not answer any more."""
        self._closed = True
        for _, waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(ClientError(_GONE))

    def _take_back(self, id: str) -> None:
        if self._open.pop(id, None) is not None:
            self._line({"type": "control_cancel_request", "request_id": id})

    def _line(self, value: dict[str, Any]) -> None:
        self._write(_json.encode(value))


_GONE = "the client has closed its input and cannot answer"
