"""Plays: what a scripted model says, one value per reply.

`Scripted` acts them in process, the fake HTTP API of `hames.testing` over a socket; both take the
replies from `Script` and the events from `events`, so a test reads the same on either side.

    says("Let me look.") + calls("Read", file_path="/a.py") + calls("Bash", command="ls")
    thinks("Hm.") + says("Done.").using(input_tokens=1200)
    calls("Bash", command="make").cut(blocks=1)
    fails(529).times(3)
    says("ok").expecting("rm -rf")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from hames import _json
from hames.errors import ScriptError

Body: TypeAlias = dict[str, Any]
"""The body of a request, parsed."""

Expectation: TypeAlias = str | Callable[[Body], bool]
"""A text that stands in a request's JSON, or a claim about its body."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The API's own names of its errors, by HTTP status."""


class Failure(msgspec.Struct, frozen=True):
    """An answer that is an HTTP error."""

    status: int
    error_type: str
    message: str
    headers: dict[str, str] = {}
    body: bytes | None = None
    """Instead of the API's JSON: the page of a gateway, for instance."""

    def payload(self) -> bytes:
        """The body of the answer."""
        if self.body is not None:
            return self.body
        error = {"type": self.error_type, "message": self.message}
        return _json.encode({"type": "error", "error": error})


class Ending(msgspec.Struct, frozen=True):
    """How a stream ends when it does not end well."""

    kind: Literal["cut", "hang", "error"]
    after: int | None
    """Events that still arrive; None: not even the headers."""
    error: dict[str, Any] | None = None
    """The `error` of the event that ends it."""


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """One reply of a scripted model. Plays are added with `+` and changed by their methods."""

    blocks: tuple[dict[str, Any], ...] = ()
    """Content blocks. The `input` of a call may also be a text: then it is sent as it is."""
    stop_reason: str | None = None
    """None: `tool_use` when there are calls, else `end_turn`."""
    stop_sequence: str | None = None
    usage: dict[str, Any] = {}
    model: str | None = None
    """None: the one asked for."""
    failure: Failure | None = None
    ending: Ending | None = None
    page: bytes | None = None
    """A body that is no stream, sent with status 200."""
    chunk: int = 24
    """Characters in a delta."""
    pace: float = 0.0
    """Seconds between events."""
    repeats: int | None = 1
    """How often it is played; None: forever."""
    expectations: tuple[Expectation, ...] = ()
    condition: Expectation | None = None

    def __add__(self, other: Play) -> Play:
        """One reply with the blocks of both; what `other` says about the reply counts."""
        said = {
            name: getattr(other, name)
            for name in self.__struct_fields__
            if getattr(other, name) != getattr(_PLAIN, name)
        }
        said["blocks"] = self.blocks + other.blocks
        said["usage"] = {**self.usage, **other.usage}
        said["expectations"] = self.expectations + other.expectations
        return msgspec.structs.replace(self, **said)

    def using(self, **usage: Any) -> Play:
        """The same with these figures in its usage."""
        return msgspec.structs.replace(self, usage={**self.usage, **usage})

    def stopping(self, reason: str, sequence: str | None = None) -> Play:
        """The same with another stop reason."""
        return msgspec.structs.replace(self, stop_reason=reason, stop_sequence=sequence)

    def by(self, model: str) -> Play:
        """The same, answered by this model."""
        return msgspec.structs.replace(self, model=model)

    def cut(self, *, events: int | None = None, blocks: int | None = None) -> Play:
        """The same, the connection lost after so many events or complete blocks.

        With neither it is lost before the headers.
        """
        return self._ending("cut", events, blocks)

    def hang(self, *, events: int | None = None, blocks: int | None = None) -> Play:
        """The same, but nothing arrives after so many events or complete blocks."""
        return self._ending("hang", events, blocks)

    def broken(
        self,
        error_type: str = "overloaded_error",
        message: str = "Overloaded",
        *,
        events: int | None = None,
        blocks: int | None = None,
    ) -> Play:
        """The same, ended by an error event after so many events or complete blocks, or at once."""
        error = {"type": error_type, "message": message}
        at = 1 if events is None and blocks is None else events
        return self._ending("error", at, blocks, error)

    def expecting(self, *expectations: Expectation) -> Play:
        """The same; it is an error when its request does not meet all of these."""
        return msgspec.structs.replace(self, expectations=self.expectations + expectations)

    def when(self, condition: Expectation) -> Play:
        """The same, kept aside for the first request that meets the condition."""
        return msgspec.structs.replace(self, condition=condition)

    def times(self, count: int) -> Play:
        """The same, so many times."""
        return msgspec.structs.replace(self, repeats=count)

    def forever(self) -> Play:
        """The same, for every request from here on."""
        return msgspec.structs.replace(self, repeats=None)

    def paced(self, seconds: float, *, chunk: int | None = None) -> Play:
        """The same, slower; `chunk` sets the characters of a delta."""
        return msgspec.structs.replace(self, pace=seconds, chunk=chunk or self.chunk)

    def _ending(
        self,
        kind: Literal["cut", "hang", "error"],
        after: int | None,
        blocks: int | None,
        error: dict[str, Any] | None = None,
    ) -> Play:
        if blocks is not None:
            after = block_ends(self)[blocks - 1] if blocks else 1
        return msgspec.structs.replace(self, ending=Ending(kind, after, error))


_PLAIN = Play()

Source: TypeAlias = Play | Callable[[Body], Play]
"""A play, or a function that makes one for a request (and for all that follow)."""


def says(text: str) -> Play:
    """A text."""
    return Play(blocks=({"type": "text", "text": text},))


def thinks(thinking: str, *, signature: str = "c2lnbmVk") -> Play:
    """A thinking block."""
    block = {"type": "thinking", "thinking": thinking, "signature": signature}
    return Play(blocks=(block,))


def calls(
    name: str,
    input: dict[str, Any] | str | None = None,
    /,
    *,
    call_id: str | None = None,
    **fields: Any,
) -> Play:
    """A tool call. The input is given as keywords, as a dict, or as a text that need not be JSON.

    Ids are numbered (`toolu_0002_0`: second reply, first block) unless `call_id` gives one.
    """
    whole = input if isinstance(input, str) else {**(input or {}), **fields}
    return Play(blocks=({"type": "tool_use", "id": call_id, "name": name, "input": whole},))


def gives(*blocks: dict[str, Any]) -> Play:
    """Content blocks of any type, as they are."""
    return Play(blocks=blocks)


def fails(
    status: int,
    message: str = "The script says so.",
    *,
    error_type: str | None = None,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Play:
    """An HTTP error instead of a reply."""
    kind = error_type or ERROR_TYPES.get(status, "api_error")
    return Play(failure=Failure(status, kind, message, headers or {}, body))


def serves(page: bytes) -> Play:
    """A body with status 200 that is no stream."""
    return Play(page=page)


def hangs() -> Play:
    """No answer at all."""
    return Play(ending=Ending("hang", None))


class Script:
    """Plays in order; those with a condition when it is met. Shared by all that act plays."""

    def __init__(self, plays: Sequence[Source]) -> None:
        self._plays: list[Source] = list(plays)
        self._used: dict[int, int] = {}
        self.played = 0
        """How many requests were answered."""

    def next_for(self, body: Body) -> tuple[int, Play]:
        """Number (from 1) and play for this request.

        Raises `ScriptError` when none is left or the play expects another request.
        """
        number = self.played + 1
        play = self._choose(body, number)
        check(play, body, number)
        self.played = number
        return number, play

    @property
    def left(self) -> int:
        """Plays that were not asked for; those that go on forever do not count."""
        counts = [
            (p.repeats or 0) - self._used.get(i, 0) if isinstance(p, Play) and p.repeats else 0
            for i, p in enumerate(self._plays)
        ]
        return sum(counts)

    def _choose(self, body: Body, number: int) -> Play:
        open_plays = [(i, p) for i, p in enumerate(self._plays) if self._open(i, p)]
        for index, play in open_plays:
            if isinstance(play, Play) and play.condition is not None and _met(play.condition, body):
                return self._take(index, play)
        for index, play in open_plays:
            if not isinstance(play, Play):
                return play(body)
            if play.condition is None:
                return self._take(index, play)
        raise ScriptError(
            f"Request {number} has no play: all {len(self._plays)} were used. It ends with: "
            f"{_last_message(body)}"
        )

    def _open(self, index: int, play: Source) -> bool:
        if not isinstance(play, Play) or play.repeats is None:
            return True
        return self._used.get(index, 0) < play.repeats

    def _take(self, index: int, play: Play) -> Play:
        self._used[index] = self._used.get(index, 0) + 1
        return play


def check(play: Play, body: Body, number: int) -> None:
    """Raise `ScriptError` when the request is not what the play expects."""
    for expectation in play.expectations:
        if not _met(expectation, body):
            what = f"`{expectation}`" if isinstance(expectation, str) else repr(expectation)
            raise ScriptError(
                f"Request {number} is not what its play expects: {what} does not hold. "
                f"It ends with: {_last_message(body)}"
            )


def events(
    play: Play,
    *,
    number: int = 1,
    model: str = "claude-scripted",
    usage: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The Messages API's stream events of a play, up to its ending.

    `usage` are the figures that the play's own replace. An `error` ending is the last event; after a
    `cut` or `hang` nothing follows.
    """
    if play.ending is None:
        return _all_events(play, number, model, usage)
    whole = _all_events(play, number, model, usage)[: play.ending.after or 0]
    if play.ending.kind == "error":
        whole.append({"type": "error", "error": play.ending.error})
    return whole


def message(
    play: Play,
    *,
    number: int = 1,
    model: str = "claude-scripted",
    usage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The play as the answer to a request without streaming."""
    blocks = [_numbered(block, number, i) for i, block in enumerate(play.blocks)]
    for block in blocks:
        if isinstance(block.get("input"), str):
            block["input"] = _json.decode(block["input"])
    return {
        "id": f"msg_{number:04d}",
        "type": "message",
        "role": "assistant",
        "model": play.model or model,
        "content": blocks,
        "stop_reason": _stop_reason(play),
        "stop_sequence": play.stop_sequence,
        "usage": _usage(play, usage),
    }


def block_ends(play: Play) -> list[int]:
    """For each block, how many events have arrived when it is complete."""
    whole = _all_events(play, 1, "", None)
    return [i + 1 for i, event in enumerate(whole) if event["type"] == "content_block_stop"]


def _all_events(
    play: Play, number: int, model: str, usage: dict[str, Any] | None
) -> list[dict[str, Any]]:
    figures = _usage(play, usage)
    output = figures.pop("output_tokens")
    start: dict[str, Any] = {
        "id": f"msg_{number:04d}",
        "type": "message",
        "role": "assistant",
        "model": play.model or model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**figures, "output_tokens": 1},
    }
    whole: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(play.blocks):
        whole.extend(_block_events(_numbered(block, number, index), index, play.chunk))
    stop = {"stop_reason": _stop_reason(play), "stop_sequence": play.stop_sequence}
    final = {**figures, "output_tokens": output}
    whole.append({"type": "message_delta", "delta": stop, "usage": final})
    whole.append({"type": "message_stop"})
    return whole


def _block_events(block: dict[str, Any], index: int, chunk: int) -> Iterator[dict[str, Any]]:
    start, deltas = _taken_apart(block, chunk)
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _taken_apart(block: dict[str, Any], chunk: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a block starts with and the deltas that complete it."""
    match block["type"]:
        case "text":
            cited = [
                {"type": "citations_delta", "citation": c} for c in block.get("citations") or ()
            ]
            said = [{"type": "text_delta", "text": t} for t in _pieces(block["text"], chunk)]
            start: dict[str, Any] = {"type": "text", "text": ""}
            return ({**start, "citations": []} if cited else start), cited + said
        case "thinking":
            thought = [
                {"type": "thinking_delta", "thinking": t} for t in _pieces(block["thinking"], chunk)
            ]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*thought, signed]
        case "tool_use" | "server_tool_use":
            given = block["input"]
            text = given if isinstance(given, str) else _json.encode(given).decode()
            written = [
                {"type": "input_json_delta", "partial_json": t} for t in _pieces(text, chunk)
            ]
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": ""},
                *written,
            ]
        case _:
            return block, []


def _pieces(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _numbered(block: dict[str, Any], number: int, index: int) -> dict[str, Any]:
    if "id" in block and block["id"] is None:
        return {**block, "id": f"toolu_{number:04d}_{index}"}
    return dict(block)


def _stop_reason(play: Play) -> str:
    if play.stop_reason:
        return play.stop_reason
    return "tool_use" if any(b["type"] == "tool_use" for b in play.blocks) else "end_turn"


def _usage(play: Play, usage: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "input_tokens": 100,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 10,
        "service_tier": "standard",
        **(usage or {}),
        **play.usage,
    }


def _met(expectation: Expectation, body: Body) -> bool:
    if isinstance(expectation, str):
        return _json.encode(expectation)[1:-1] in _json.encode(body)
    return expectation(body)


def _last_message(body: Body) -> str:
    messages = body.get("messages") or [None]
    text = _json.encode(messages[-1]).decode()
    return text if len(text) <= 400 else f"… {text[-400:]}"
