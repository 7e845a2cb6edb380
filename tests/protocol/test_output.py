"""Lines to a reader that is fast, slow, or gone."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from hames.protocol.output import HIGH, Output

LINES = [b"%d %b\n" % (number, b"x" * (number % 7000)) for number in range(400)]


def ignore(error: OSError) -> None:
    raise AssertionError(error)


async def read_all(descriptor: int) -> bytes:
    def read() -> bytes:
        with open(descriptor, "rb") as pipe:
            return pipe.read()

    return await asyncio.to_thread(read)


async def test_a_pipe_gets_every_line_in_order() -> None:
    read, write = os.pipe()
    reading = asyncio.create_task(read_all(read))
    output = Output(write, ignore)
    for line in LINES:
        output.write(line)
        await output.drain()
    assert await output.finish()
    output.close()
    os.close(write)
    assert await reading == b"".join(LINES)


async def test_a_socket_gets_every_line_in_order() -> None:
    """Node gives programs sockets for pipes."""
    ours, theirs = socket.socketpair()
    with theirs:
        output = Output(ours.fileno(), ignore)
        reading = asyncio.create_task(read_all(os.dup(theirs.fileno())))
        for line in LINES:
            output.write(line)
            await output.drain()
        assert await output.finish()
        output.close()
        ours.close()
        assert await reading == b"".join(LINES)


async def test_a_file_gets_every_line_in_order(tmp_path: Path) -> None:
    file = os.open(tmp_path / "lines", os.O_WRONLY | os.O_CREAT)
    output = Output(file, ignore)
    for line in LINES:
        output.write(line)
    assert await output.finish()
    output.close()
    os.close(file)
    assert (tmp_path / "lines").read_bytes() == b"".join(LINES)


async def test_a_reader_that_stops_does_not_stop_the_event_loop() -> None:
    read, write = os.pipe()
    output = Output(write, ignore)
    output.write(b"x" * (HIGH + 200_000))
    draining = asyncio.create_task(output.drain())
    rounds = 0
    while rounds < 50:
        await asyncio.sleep(0)
        rounds += 1
    assert not draining.done()
    received = asyncio.create_task(read_all(read))
    await draining
    assert await output.finish()
    output.close()
    os.close(write)
    assert await received == b"x" * (HIGH + 200_000)


async def test_a_reader_that_never_comes_is_waited_for_so_long_only() -> None:
    read, write = os.pipe()
    output = Output(write, ignore)
    output.write(b"x" * 500_000)
    assert not await output.finish(seconds=0.05)
    output.close()
    os.close(read)
    os.close(write)


async def test_a_reader_that_left_is_told_once() -> None:
    read, write = os.pipe()
    os.close(read)
    errors: list[OSError] = []
    output = Output(write, errors.append)
    output.write(b"one\n")
    assert not await output.finish()
    output.write(b"two\n")
    assert not await output.finish()
    output.close()
    os.close(write)
    assert [type(error) for error in errors] == [BrokenPipeError]


async def test_a_reader_that_leaves_while_it_is_waited_for_is_told() -> None:
    read, write = os.pipe()
    errors: list[OSError] = []
    output = Output(write, errors.append)
    output.write(b"x" * 500_000)
    await asyncio.sleep(0)
    os.close(read)
    assert not await output.finish()
    output.close()
    os.close(write)
    assert [type(error) for error in errors] == [BrokenPipeError]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
async def test_a_full_disk_is_told() -> None:
    errors: list[OSError] = []
    full = os.open("/dev/full", os.O_WRONLY)
    output = Output(full, errors.append)
    output.write(b"one\n")
    assert not await output.finish()
    output.close()
    os.close(full)
    assert [error.strerror for error in errors] == ["No space left on device"]


async def test_the_descriptor_stays_in_blocking_mode() -> None:
    """It is shared with whoever started us."""
    read, write = os.pipe()
    output = Output(write, ignore)
    output.write(b"x" * 500_000)
    await asyncio.sleep(0)
    assert os.get_blocking(write)
    await output.finish(seconds=0.01)
    output.close()
    os.close(read)
    os.close(write)
