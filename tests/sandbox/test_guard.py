"""Closed files stay closed, also while somebody exchanges links under the reader's hands."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest

from hames.sandbox import guard
from hames.sandbox.guard import Closed
from hames.sandbox.local import LocalMachine
from hames.testing import calls, says
from hames.tools.tool import Call, Result, Tool


@contextmanager
def a_link_that_swaps(link: Path, *targets: str) -> Iterator[None]:
    """Somebody makes a link lead to each of the targets in turn, as fast as possible."""
    over = threading.Event()

    def swap() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            fresh = link.with_name(f"fresh{turn % 2}")
            fresh.symlink_to(targets[turn % len(targets)])
            os.replace(fresh, link)

    link.symlink_to(targets[0])
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        over.set()
        swapper.join()


async def test_a_link_swapped_while_it_is_read_shows_no_closed_file(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("open", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("SECRET", encoding="utf-8")
    secret = str(tmp_path / "secret.txt")
    machine = LocalMachine().guarded(
        lambda path, writing: "Shut." if os.path.realpath(path) == secret else None
    )
    shown, refused = set(), 0
    with a_link_that_swaps(tmp_path / "link", "open.txt", "secret.txt"):
        for _ in range(3000):
            try:
                shown.add(await machine.read(str(tmp_path / "link")))
            except Closed:
                refused += 1
    assert shown == {b"open"}
    assert refused > 0, "the link has never led to the closed file"


async def test_a_closed_file_that_is_replaced_while_it_is_read_is_not_shown(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET", encoding="utf-8")
    (tmp_path / "link").symlink_to("secret.txt")
    asked: list[str] = []

    def closes(path: str, writing: bool) -> str | None:
        asked.append(path)
        return "Shut." if path == str(secret) else None

    handle = os.open(tmp_path / "link", os.O_RDONLY)
    try:
        secret.unlink()
        with pytest.raises(Closed):
            guard.require_open(handle, str(tmp_path / "link"), closes)
    finally:
        os.close(handle)
    assert asked[-1] == str(secret)


async def test_the_place_is_told_without_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("a", encoding="utf-8")
    (tmp_path / "b").write_text("b", encoding="utf-8")
    (tmp_path / "link").symlink_to("a")

    def no_proc(path: Any) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr("hames.sandbox.guard.os.readlink", no_proc)
    monkeypatch.setattr("hames.sandbox.guard.os.path.realpath", lambda path: str(tmp_path / "a"))
    handle = os.open(tmp_path / "link", os.O_RDONLY)
    try:
        assert guard.place_of(handle, str(tmp_path / "link")) == str(tmp_path / "a")
    finally:
        os.close(handle)
    handle = os.open(tmp_path / "b", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="symbolic"):
            guard.place_of(handle, str(tmp_path / "link"))
    finally:
        os.close(handle)


async def test_a_tool_that_declares_nothing_opens_no_denied_file(
    harness: Any, tmp_path: Path
) -> None:
    """The gate sees no file in this call: what refuses it lies below."""

    async def peek(args: dict[str, Any], call: Call) -> Result:
        try:
            return Result((await call.machine.read(args["file"])).decode())
        except PermissionError as error:
            return Result(f"refused: {error.strerror}")

    tool = Tool("peek", "Shows a file.", {"type": "object"}, peek, native=False)
    (tmp_path / "link").symlink_to(".env")
    asked = [".env", "link", "sub/../.env", "notes.md"]
    run = await harness(
        [
            reduce(add, (calls("peek", file=str(tmp_path / name)) for name in asked)),
            says("ok"),
        ],
        files={".env": "SECRET", "notes.md": "hello", "sub/x": ""},
        tools=[tool],
        disallowed_tools=["Read(.env)"],
    )
    *closed, shown = [result["content"] for result in run.requests[1].tool_results]
    assert shown == "hello"
    assert ["`Read(.env)`" in text and "SECRET" not in text for text in closed] == [True] * 3


async def test_a_link_swapped_after_the_decision_shows_no_denied_file(
    harness: Any, tmp_path: Path
) -> None:
    class Swapping(LocalMachine):
        """Somebody puts a link in the file's place when it has been judged and looked at."""

        async def read(self, path: str, *, limit: int | None = None) -> bytes:
            if path == str(tmp_path / "notes.md"):
                os.unlink(path)
                os.symlink(".env", path)
            return await super().read(path, limit=limit)

    run = await harness(
        [calls("Read", file_path="notes.md"), says("ok")],
        files={".env": "SECRET", "notes.md": "hello"},
        disallowed_tools=["Read(.env)"],
        machine=Swapping(),
    )
    (result,) = run.requests[1].tool_results
    assert "`Read(.env)`" in result["content"]
    assert "SECRET" not in result["content"]
