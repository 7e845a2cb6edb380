"""Folding the events of a stream into a reply whose blocks are kept as the model wrote them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from hames import _json
from hames.blocks import Block, one_line
from hames.blocks import text as text_block
from hames.errors import ProviderError
from hames.providers.protocol import ModelEvent

UNPARSED = "__unparsedToolInput"
"""Key of the input of a call whose arguments were no JSON object. Official 2.1.330 uses it too."""


class ToolUse(msgspec.Struct, frozen=True):
    """A call the model asks for."""

    id: str
    name: str
    input: dict[str, Any]


class Reply(msgspec.Struct, dict=True):
    """One reply of a model."""

    message_id: str
    model: str
    blocks: list[Block]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Any] = {}
    request_id: str | None = None
    complete: bool = True
    """False when the connection was lost; then there are the complete blocks, and `error` says why."""
    stop_details: dict[str, Any] | None = None
    error: ProviderError | None = None
    uuids: list[str] | None = None
    """Ids of the blocks' lines in the session, for whoever gives them."""

    @cached_property
    def calls(self) -> list[ToolUse]:
        """The tool calls, in the order written."""
        return [tool_use(block) for block in self.blocks if block.type == "tool_use"]

    @cached_property
    def text(self) -> str:
        """All text blocks as one text."""
        return "".join([block.value()["text"] for block in self.blocks if block.type == "text"])


def tool_use(block: Block) -> ToolUse:
    """The call that a block of type `tool_use` asks for."""
    value = block.value()
    return ToolUse(value["id"], value["name"], value["input"])


class _Open:
    """A block under way: what it began with, and the pieces of text that were added."""

    __slots__ = ("citations", "fields", "parts", "signature", "start")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.parts: list[str] = []
        self.signature: list[str] = []
        self.citations: list[dict[str, Any]] = []
        self.fields: dict[str, Any] = {}


class Assembler:
    """Collects the events of one stream. `clear` makes it ready for the next try."""

    def __init__(self) -> None:
        self.clear()

    def clear(self, model: str = "") -> None:
        """Forget everything. `model` is the one asked, for servers that do not say who answers."""
        self._model = model
        self._open: dict[int, _Open] = {}
        self._done: dict[int, Block] = {}
        self._message: dict[str, Any] = {}
        self._stop: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._request_id: str | None = None
        self._ended = False

    @property
    def started(self) -> bool:
        """Whether the reply has begun, so that its input was paid for."""
        return bool(self._message)

    @property
    def blocks(self) -> list[Block]:
        """The complete blocks, in order."""
        return [self._done[index] for index in sorted(self._done)]

    @property
    def complete(self) -> bool:
        """Whether the reply has ended as it should."""
        ended = self._ended or self._stop.get("stop_reason") is not None
        return ended and self.started and not self._open

    def add(self, event: ModelEvent) -> tuple[int, Block] | None:
        """Take in an event; returns index and block when it completes one."""
        match event.type:
            case "content_block_delta":
                self._add_delta(event)
            case "content_block_start":
                assert event.index is not None
                assert event.content_block is not None
                self._open[event.index] = _Open(event.content_block)
            case "content_block_stop":
                assert event.index is not None
                if opened := self._open.pop(event.index, None):
                    block = _finished(opened)
                    self._done[event.index] = block
                    return event.index, block
            case "message_start":
                self._message = event.message or {}
                self._request_id = event.request_id
                self._merge_usage(self._message.get("usage"))
            case "message_delta":
                self._stop.update(event.stop or {})
                self._merge_usage(event.usage)
            case "message_stop":
                self._ended = True
        return None

    def reply(self, error: ProviderError | None = None) -> Reply:
        """The reply of the complete blocks. With an error it is an incomplete one."""
        return self._reply(self.blocks, complete=error is None and self.complete, error=error)

    def partial(self) -> Reply:
        """What has arrived of an interrupted reply: complete blocks and the text under way.

        Thinking without its signature and calls without all of their input are of no use and left out.
        """
        found = dict(self._done)
        for index, opened in self._open.items():
            if opened.start.get("type") == "text" and (said := _joined(opened, "text")).strip():
                found[index] = text_block(said)
        return self._reply([found[index] for index in sorted(found)], complete=False)

    def _reply(
        self, blocks: list[Block], *, complete: bool, error: ProviderError | None = None
    ) -> Reply:
        return Reply(
            message_id=str(self._message.get("id") or ""),
            model=str(self._message.get("model") or self._model),
            blocks=blocks,
            stop_reason=self._stop.get("stop_reason"),
            stop_sequence=self._stop.get("stop_sequence"),
            usage=self._usage,
            request_id=self._request_id,
            complete=complete,
            stop_details=self._stop.get("stop_details"),
            error=error,
        )

    def _add_delta(self, event: ModelEvent) -> None:
        delta = event.delta
        assert delta is not None
        opened = self._open.get(event.index)  # type: ignore[arg-type]  # `decode` has checked it
        if opened is None:
            raise ProviderError(
                f"The model's server sent a piece of block {event.index}, which had not begun.",
                category="server_error",
                error_type="malformed_event",
                retryable=True,
            )
        match delta.type:
            case "text_delta":
                opened.parts.append(delta.text or "")
            case "input_json_delta":
                opened.parts.append(delta.partial_json or "")
            case "thinking_delta":
                opened.parts.append(delta.thinking or "")
            case "signature_delta":
                opened.signature.append(delta.signature or "")
            case "citations_delta":
                opened.citations.append(delta.citation or {})
            case _:
                _add_unknown(opened, _json.decode(event.raw)["delta"])

    def _merge_usage(self, usage: dict[str, Any] | None) -> None:
        """Later figures replace earlier ones; a gateway's missing or zero ones do not."""
        for name, figure in (usage or {}).items():
            if figure or name not in self._usage:
                self._usage[name] = figure


def _add_unknown(opened: _Open, delta: dict[str, Any]) -> None:
    """A kind of delta we do not know: its texts add up, its other fields replace."""
    for name, value in delta.items():
        if name == "type":
            continue
        before = opened.fields.get(name, opened.start.get(name))
        joins = isinstance(value, str) and isinstance(before, str)
        opened.fields[name] = before + value if joins else value


def _finished(opened: _Open) -> Block:
    start = opened.start
    kind = str(start["type"])
    match kind:
        case "text":
            value = {**start, "text": _joined(opened, "text")}
            if opened.citations:
                value["citations"] = [*(start.get("citations") or ()), *opened.citations]
        case "thinking":
            signature = str(start.get("signature") or "") + "".join(opened.signature)
            value = {**start, "thinking": _joined(opened, "thinking"), "signature": signature}
        case _ if "input" in start:
            return _with_input(kind, opened)
        case _:
            value = start
    identifier = start.get("id") or start.get("tool_use_id")
    return Block(kind, _json.encode({**value, **opened.fields}), identifier)


def _with_input(kind: str, opened: _Open) -> Block:
    """A call: its input as the bytes that were received, if they are a JSON object."""
    head = {**opened.start, **opened.fields}
    begun = head.pop("input")
    written = _whole("".join(opened.parts))
    given = _json.encode(begun or {}) if not written.strip() else _checked(written)
    raw = b'%b,"input":%b}' % (_json.encode(head)[:-1], one_line(given))
    return Block(kind, raw, opened.start.get("id"))


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _checked(written: str) -> bytes:
    data = written.encode()
    try:
        _object.decode(data)
        return data
    except (msgspec.DecodeError, RecursionError):
        pass
    import json  # most replies do without

    try:
        # msgspec refuses half surrogates, which the standard library reads and `encode` replaces.
        value = json.loads(written, parse_constant=_no_constant)
        if isinstance(value, dict):
            return _json.encode(value)
    except (ValueError, RecursionError):
        pass
    return _json.encode({UNPARSED: {"raw": written, "len": len(written)}})


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _joined(opened: _Open, field: str) -> str:
    return _whole(str(opened.start.get(field) or "") + "".join(opened.parts))


def _whole(text: str) -> str:
    """The text with halves of a character joined that came in two pieces."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
