"""What a command printed, as the model and programs see it: text, tidied, and no more than is useful."""

from __future__ import annotations

import msgspec

from hames.sandbox.recording import MEMORY, SAVE_LIMIT, Recording
from hames.tools.tool import Call

PREVIEW = (1_000, 2_000)
"""Characters that a saved output shows of its beginning and its end; results tend to stand last."""

_BYTES_PER_CHARACTER = 4


class Printed(msgspec.Struct, frozen=True):
    """An output made ready."""

    shown: str
    """All of it, or its beginning and end with the name of the file that has the rest."""
    start: str
    """As much of the beginning as the limit allows."""
    path: str | None = None
    """The file, when the output was too long."""
    size: int = 0


async def printed(
    recording: Recording, call: Call, name: str, limit: int, preview: tuple[int, int] = PREVIEW
) -> Printed:
    """The output within `limit` characters; a longer one is saved under `name` and previewed."""
    if (
        _is_small(recording)
        and len(text := tidied(recording.head.decode("utf-8", "replace"))) <= limit
    ):
        return Printed(text, text)
    path = await save(recording, call, name)
    start = tidied(_from_start(recording.head[: limit * _BYTES_PER_CHARACTER]))[:limit]
    wanted = min(preview[0], limit // 2), min(preview[1], limit // 2)
    shown = ends(recording, *wanted)
    about = f"The output is too long ({_amount(recording.size)}) and was saved to {path}."
    if recording.problem:
        about += f" Only {_amount(recording.saved)} could be saved: {recording.problem}."
    elif recording.dropped:
        about += f" Only the first {_amount(SAVE_LIMIT)} were saved."
    text = f"<persisted-output>\n{about}\nBeginning and end:\n{shown}\n</persisted-output>"
    return Printed(text, start, path, recording.saved)


async def save(recording: Recording, call: Call, name: str) -> str:
    """Give a recording its file, unless it has one; the path."""
    if recording.path is None:
        data = recording.head
        recording.save_to(await call.spill(f"{name}.txt", data), len(data))
    assert recording.path is not None
    return recording.path


def ends(recording: Recording, first: int, last: int) -> str:
    """The first and last characters of an output, whole when it is no longer than both together."""
    if _is_small(recording):
        text = tidied(recording.head.decode("utf-8", "replace"))
        if len(text) <= first + last:
            return text
        left_out = f"{len(text) - first - last:,} characters"
        return f"{text[:first]}\n... {left_out} left out ...\n{text[-last:]}"
    head = tidied(_from_start(recording.head[: first * _BYTES_PER_CHARACTER]))[:first]
    tail = _to_end(recording.end(last * _BYTES_PER_CHARACTER)).rstrip()[-last:]
    left_out = _amount(recording.size - len(head.encode()) - len(tail.encode()))
    return f"{head}\n... {left_out} left out ...\n{tail}"


def _is_small(recording: Recording) -> bool:
    """Whether it is all in memory, and quickly made text of."""
    return recording.is_whole and recording.size <= 4 * MEMORY


def tidied(text: str) -> str:
    """The text without blank lines before and white space after it."""
    text = text.rstrip()
    first = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, first) + 1 :]


def _from_start(data: bytes) -> str:
    """The text of bytes that were cut at their end, maybe inside a character."""
    for back in range(1, min(_BYTES_PER_CHARACTER, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            data = data[:-back] if needed > back else data
            break
        if byte < 0x80:
            break
    return data.decode("utf-8", "replace")


def _to_end(data: bytes) -> str:
    """The text of bytes that were cut at their beginning, maybe inside a character."""
    for start in range(min(_BYTES_PER_CHARACTER, len(data))):
        if data[start] & 0xC0 != 0x80:
            return data[start:].decode("utf-8", "replace")
    return data.decode("utf-8", "replace")


def _amount(bytes: int) -> str:
    if bytes < 10_000:
        return f"{bytes:,} bytes"
    if bytes < 1024 * 1024:
        return f"{bytes / 1024:.0f} KB"
    return f"{bytes / 1024 / 1024:.1f} MB"
