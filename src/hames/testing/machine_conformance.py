"""What every machine must do: `CASES` over a machine and an empty folder on it.

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
    async def test_my_machine(case, tmp_path):
        await case(MyMachine(), str(tmp_path))

The folder's path must be real (no links in it). Cases reach the folder only through the machine, so it
may be in a container or on another computer; `sh` and the usual small programs must be there.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable

from hames.sandbox.machine import Entry, Machine, Process

Case = Callable[[Machine, str], Awaitable[None]]

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
OWNER = "conformance"


async def shell(machine: Machine, folder: str, script: str, *, timeout: float = 20.0) -> bytes:
    """What a shell script prints; it must succeed."""
    done = await machine.run(["/bin/sh", "-c", script], cwd=folder, env=ENV, timeout=timeout)
    assert done.code == 0, done
    return done.stdout


async def fails_with(work: Awaitable[object], *numbers: int) -> None:
    """The work must raise an OSError of one of these numbers."""
    got: int | None = None
    try:
        await work
    except OSError as error:
        got = error.errno
    assert got in numbers, f"expected {[errno.errorcode[number] for number in numbers]}, got {got}"


class Started:
    """A spawned shell script and what it has printed."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self._more = asyncio.Event()
        self.process: Process

    def receive(self, data: bytes) -> None:
        self.printed += data
        self._more.set()

    async def until(self, text: bytes) -> bytes:
        """Wait until it has printed the text; all it has printed so far."""
        async with asyncio.timeout(20):
            while text not in self.printed:
                self._more.clear()
                await self._more.wait()
        return bytes(self.printed)


async def spawned(machine: Machine, folder: str, script: str, owner: str = OWNER) -> Started:
    """Start a shell script."""
    started = Started()
    started.process = await machine.spawn(
        ["/bin/sh", "-c", script], cwd=folder, env=ENV, receive=started.receive, owner=owner
    )
    return started


async def alive(machine: Machine, pid: int) -> bool:
    """Whether a process is alive; a zombie is not."""
    states = await shell(machine, "/", f"ps -o stat= -p {pid} || true")
    return states.strip() not in (b"",) and not states.strip().startswith(b"Z")


async def a_written_file_reads_back(machine: Machine, folder: str) -> None:
    path, data = f"{folder}/a b\n'ü.bin", bytes(range(256)) * 10
    await machine.write(path, data)
    assert await machine.read(path) == data
    assert await machine.read(path, limit=3) == data[:3]


async def a_large_file_reads_back(machine: Machine, folder: str) -> None:
    data = os.urandom(1_000) * 3_000
    await machine.write(f"{folder}/large", data)
    assert await machine.read(f"{folder}/large") == data
    assert await machine.read(f"{folder}/large", limit=2_000_001) == data[:2_000_001]


async def writing_makes_parents_and_keeps_the_mode(machine: Machine, folder: str) -> None:
    path = f"{folder}/x/y/run.sh"
    await machine.write(path, b"one")
    await shell(machine, folder, "chmod 750 x/y/run.sh")
    await machine.write(path, b"two")
    found = await machine.stat(path)
    assert found is not None
    assert (found.kind, found.size, found.mode) == ("file", 3, 0o750)
    await machine.write(path, b"three", mode=0o600)
    found = await machine.stat(path)
    assert found is not None
    assert found.mode == 0o600


async def a_new_file_has_the_usual_mode(machine: Machine, folder: str) -> None:
    await machine.write(f"{folder}/ours", b"")
    await shell(machine, folder, ": > theirs")
    ours, theirs = await machine.stat(f"{folder}/ours"), await machine.stat(f"{folder}/theirs")
    assert ours is not None
    assert theirs is not None
    assert ours.mode == theirs.mode


async def writing_leaves_nothing_else_behind(machine: Machine, folder: str) -> None:
    await machine.write(f"{folder}/f", b"1")
    await machine.write(f"{folder}/f", b"2")
    assert await machine.list(folder) == [Entry("f", "file")]


async def a_reader_keeps_the_old_file_while_it_is_replaced(machine: Machine, folder: str) -> None:
    await machine.write(f"{folder}/f", b"old")
    reader = await spawned(
        machine, folder, "exec 5<f; echo ready; while [ ! -e go ]; do sleep 0.01; done; cat <&5"
    )
    await reader.until(b"ready\n")
    await machine.write(f"{folder}/f", b"new")
    await machine.write(f"{folder}/go", b"")
    await reader.process.wait()
    assert reader.printed == b"ready\nold"


async def writing_through_links_is_refused(machine: Machine, folder: str) -> None:
    await shell(
        machine,
        folder,
        "mkdir real; : > real/f; ln -s real linked; ln -s real/f link; ln -s no dangling",
    )
    for path in ("link", "dangling", "linked/f", "linked/new/deep"):
        await fails_with(machine.write(f"{folder}/{path}", b"x"), errno.ELOOP)
        await fails_with(machine.append(f"{folder}/{path}", b"x"), errno.ELOOP)
    assert await machine.read(f"{folder}/real/f") == b""
    assert await machine.list(f"{folder}/real") == [Entry("f", "file")]


async def what_is_no_regular_file_is_refused(machine: Machine, folder: str) -> None:
    await shell(machine, folder, "mkfifo fifo; mkdir sub")
    await fails_with(machine.read(f"{folder}/fifo"), errno.EINVAL)
    await fails_with(machine.write(f"{folder}/fifo", b"x"), errno.EINVAL)
    await fails_with(machine.append(f"{folder}/fifo", b"x"), errno.EINVAL)
    await fails_with(machine.read("/dev/zero"), errno.EINVAL)
    await fails_with(machine.write("/dev/null", b"x"), errno.EINVAL)
    await fails_with(machine.read(f"{folder}/sub"), errno.EISDIR)
    await fails_with(machine.write(f"{folder}/sub", b"x"), errno.EISDIR)


async def missing_files_are_told(machine: Machine, folder: str) -> None:
    await fails_with(machine.read(f"{folder}/none"), errno.ENOENT)
    await fails_with(machine.list(f"{folder}/none"), errno.ENOENT)
    await fails_with(machine.remove(f"{folder}/none"), errno.ENOENT)
    assert await machine.stat(f"{folder}/none") is None
    await machine.write(f"{folder}/file", b"")
    assert await machine.stat(f"{folder}/file/below") is None
    await fails_with(machine.write(f"{folder}/file/below", b""), errno.ENOTDIR, errno.EEXIST)


async def appends_add_up(machine: Machine, folder: str) -> None:
    path = f"{folder}/new/log"
    await asyncio.gather(*(machine.append(path, b"line %d\n" % number) for number in range(20)))
    assert sorted((await machine.read(path)).splitlines()) == sorted(
        b"line %d" % n for n in range(20)
    )
    found = await machine.stat(path)
    assert found is not None
    assert found.mode == 0o600


async def a_folder_lists_what_is_in_it(machine: Machine, folder: str) -> None:
    await shell(machine, folder, "mkdir c; : > b; mkfifo a; ln -s c d; ln -s gone e; : > .f")
    assert await machine.list(folder) == [
        Entry(".f", "file"),
        Entry("a", "other"),
        Entry("b", "file"),
        Entry("c", "folder"),
        Entry("d", "link"),
        Entry("e", "link"),
    ]


async def links_are_followed_on_request(machine: Machine, folder: str) -> None:
    await shell(
        machine,
        folder,
        "mkdir real; printf abc > real/f; ln -s real/f l; ln -s real d; ln -s gone g",
    )
    followed, unfollowed = (
        await machine.stat(f"{folder}/l"),
        await machine.stat(f"{folder}/l", follow=False),
    )
    assert followed is not None
    assert unfollowed is not None
    assert (followed.kind, followed.size, unfollowed.kind) == ("file", 3, "link")
    assert await machine.stat(f"{folder}/g") is None
    assert await machine.read(f"{folder}/l") == b"abc"
    assert await machine.real_path(f"{folder}/d/f") == f"{folder}/real/f"
    assert await machine.real_path(f"{folder}/d/none/x") == f"{folder}/real/none/x"


async def removing_takes_a_folder_but_not_what_links_point_to(
    machine: Machine, folder: str
) -> None:
    await shell(
        machine,
        folder,
        "mkdir -p gone/deep kept; : > kept/f; ln -s ../kept gone/l; : > gone/deep/f; ln -s kept link",
    )
    await machine.remove(f"{folder}/gone")
    await machine.remove(f"{folder}/link")
    assert await machine.list(folder) == [Entry("kept", "folder")]
    assert await machine.list(f"{folder}/kept") == [Entry("f", "file")]


async def a_guarded_machine_opens_no_closed_file(machine: Machine, folder: str) -> None:
    await shell(
        machine, folder, "mkdir shut; : > shut/f; : > open; ln -s shut/f link; ln -s shut there"
    )
    asked: list[tuple[str, bool]] = []

    def closes(path: str, writing: bool) -> str | None:
        asked.append((path, writing))
        shut = f"{folder}/shut"
        return "It is shut." if path == shut or path.startswith(shut + "/") else None

    guarded = machine.guarded(closes)
    for name in ("shut/f", "link", "there/f"):
        await fails_with(guarded.read(f"{folder}/{name}"), errno.EPERM)
    for name in ("shut/f", "shut/new"):
        await fails_with(guarded.write(f"{folder}/{name}", b"x"), errno.EPERM)
        await fails_with(guarded.append(f"{folder}/{name}", b"x"), errno.EPERM)
    await fails_with(guarded.list(f"{folder}/there"), errno.EPERM)
    await fails_with(guarded.remove(f"{folder}/shut/f"), errno.EPERM)
    assert await machine.list(f"{folder}/shut") == [Entry("f", "file")]
    assert await machine.read(f"{folder}/shut/f") == b""
    again = guarded.guarded(lambda path, writing: None)
    await fails_with(again.read(f"{folder}/link"), errno.EPERM)
    await guarded.write(f"{folder}/open", b"x")
    assert await guarded.read(f"{folder}/open") == b"x"
    assert (f"{folder}/open", True) in asked
    own = f"{await guarded.scratch()}/guarded"
    await machine.guarded(lambda path, writing: "All is shut.").write(own, b"ours")
    await machine.remove(own)


async def scratch_is_private(machine: Machine, folder: str) -> None:
    path = await machine.scratch()
    found = await machine.stat(path, follow=False)
    assert found is not None
    assert (found.kind, found.mode) == ("folder", 0o700)
    assert await machine.scratch() == path


async def a_program_tells_its_outputs_and_code(machine: Machine, folder: str) -> None:
    script = 'pwd; echo "$WORD"; cat; echo no >&2; exit 3'
    done = await machine.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env={**ENV, "WORD": "a b"},
        timeout=20,
        input=b"given",
    )
    assert (done.code, done.stdout, done.stderr, done.cut) == (
        3,
        f"{folder}\na b\ngiven".encode(),
        b"no\n",
        False,
    )


async def large_input_and_output_pass(machine: Machine, folder: str) -> None:
    data = os.urandom(1_000) * 2_000
    done = await machine.run(["cat"], cwd=folder, env=ENV, timeout=20, input=data)
    assert done.stdout == data


async def output_past_the_limit_is_cut(machine: Machine, folder: str) -> None:
    script = "head -c 300000 /dev/zero; echo end >&2"
    done = await machine.run(["/bin/sh", "-c", script], cwd=folder, env=ENV, timeout=20, limit=1000)
    assert (done.code, len(done.stdout), done.stderr, done.cut) == (0, 1000, b"end\n", True)


async def a_program_is_killed_at_the_limit_if_that_is_asked_for(
    machine: Machine, folder: str
) -> None:
    argv = ["/bin/sh", "-c", "yes & yes"]
    done = await machine.run(argv, cwd=folder, env=ENV, timeout=20, limit=1000, stop_at_limit=True)
    assert (len(done.stdout), done.cut) == (1000, True)


async def a_killed_program_tells_the_signal(machine: Machine, folder: str) -> None:
    done = await machine.run(["/bin/sh", "-c", "kill -9 $$"], cwd=folder, env=ENV, timeout=20)
    assert done.code == -9


async def a_missing_program_or_folder_is_told(machine: Machine, folder: str) -> None:
    await fails_with(machine.run(["/no/such"], cwd=folder, env=ENV, timeout=20), errno.ENOENT)
    await fails_with(machine.run(["true"], cwd=f"{folder}/none", env=ENV, timeout=20), errno.ENOENT)


async def running_too_long_ends_the_tree(machine: Machine, folder: str) -> None:
    script = "trap '' TERM; sleep 300 & echo $! > pids; setsid sleep 300 & echo $! >> pids; wait"
    try:
        await machine.run(["/bin/sh", "-c", script], cwd=folder, env=ENV, timeout=0.3)
    except TimeoutError:
        pass
    else:
        raise AssertionError("expected TimeoutError")
    for pid in (await machine.read(f"{folder}/pids")).split():
        assert not await alive(machine, int(pid))


async def cancelling_a_run_ends_the_tree(machine: Machine, folder: str) -> None:
    script = "echo $$ > pid.new; mv pid.new pid; sleep 300"
    work = asyncio.create_task(
        machine.run(["/bin/sh", "-c", script], cwd=folder, env=ENV, timeout=60)
    )
    await shell(machine, folder, "until [ -e pid ]; do sleep 0.01; done")
    work.cancel()
    await asyncio.wait([work], timeout=10)
    assert work.cancelled()
    assert not await alive(machine, int(await machine.read(f"{folder}/pid")))


async def what_a_run_leaves_in_its_group_is_ended(machine: Machine, folder: str) -> None:
    pid = await shell(machine, folder, "sleep 300 >/dev/null 2>&1 & echo $!")
    assert not await alive(machine, int(pid))


async def outputs_come_together_in_order(machine: Machine, folder: str) -> None:
    script = "echo 1; echo 2 >&2; echo 3 > /dev/stderr; echo 4 > /dev/stdout; read x || echo empty; exit 4"
    started = await spawned(machine, folder, script)
    assert await started.process.wait() == 4
    assert started.printed == b"1\n2\n3\n4\nempty\n"
    assert (started.process.code, started.process.lingers) == (4, False)


async def many_run_side_by_side(machine: Machine, folder: str) -> None:
    several = [await spawned(machine, folder, f"sleep 0.2; exit {n}") for n in range(20)]
    assert await asyncio.gather(*(one.process.wait() for one in several)) == list(range(20))


async def waiting_can_be_given_up(machine: Machine, folder: str) -> None:
    started = await spawned(
        machine, folder, "echo up; until [ -e go ]; do sleep 0.01; done; exit 5"
    )
    await started.until(b"up")
    waiting = asyncio.create_task(started.process.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert started.process.code is None
    await machine.write(f"{folder}/go", b"")
    assert await started.process.wait() == 5


async def the_end_is_told_although_a_child_lives_on(machine: Machine, folder: str) -> None:
    started = await spawned(
        machine, folder, "(echo $$; until [ -e go ]; do sleep 0.01; done; echo late) & exit 0"
    )
    assert await started.process.wait() == 0
    assert started.process.lingers
    assert not await started.process.settle(0.01)
    await machine.write(f"{folder}/go", b"")
    assert await started.process.settle(20)
    assert started.printed.endswith(b"late\n")
    assert not started.process.lingers


async def stopping_ends_the_whole_tree(machine: Machine, folder: str) -> None:
    script = """
    sleep 300 & echo $!
    setsid sleep 300 & echo $!
    nohup sleep 300 >/dev/null 2>&1 & echo $!
    sh -c 'trap "" TERM; sleep 300' & echo $!
    (setsid sh -c 'echo $$; exec sleep 300' &)
    env -i setsid sleep 300 & echo $!
    sleep 0.1; echo up; wait
    """
    started = await spawned(machine, folder, script)
    pids = [int(word) for word in (await started.until(b"up\n")).split()[:-1]]
    assert len(pids) == 6
    await started.process.stop()
    assert [pid for pid in [*pids, started.process.pid] if await alive(machine, pid)] == []
    assert started.process.code is not None
    await started.process.stop()


async def stopping_lets_a_program_clean_up(machine: Machine, folder: str) -> None:
    started = await spawned(
        machine, folder, "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"
    )
    await started.until(b"up")
    await started.process.stop(grace=10)
    assert await started.process.wait() == 7
    assert started.printed.endswith(b"bye\n")


async def stopping_an_ended_process_stops_what_it_left(machine: Machine, folder: str) -> None:
    started = await spawned(machine, folder, "setsid sleep 300 >/dev/null 2>&1 & echo $!")
    await started.process.wait()
    await started.process.stop()
    assert not await alive(machine, int(started.printed))


async def stop_all_ends_an_owner_and_nobody_else(machine: Machine, folder: str) -> None:
    leaves_daemons = (
        "setsid sleep 300 >/dev/null 2>&1 & echo $!; (setsid setsid sleep 300 &); exit 0"
    )
    mine, running = (
        await spawned(machine, folder, leaves_daemons),
        await spawned(machine, folder, "exec sleep 300"),
    )
    other = await spawned(machine, folder, "exec sleep 300", owner=f"{OWNER}-2")
    await mine.process.wait()
    assert await machine.stop_all(OWNER) >= 3
    assert not await alive(machine, int(mine.printed))
    assert await running.process.wait() < 0
    assert await alive(machine, other.process.pid)
    assert await machine.stop_all(OWNER) == 0
    assert await machine.stop_all(f"{OWNER}-2") == 1


CASES: tuple[Case, ...] = (
    a_written_file_reads_back,
    a_large_file_reads_back,
    writing_makes_parents_and_keeps_the_mode,
    a_new_file_has_the_usual_mode,
    writing_leaves_nothing_else_behind,
    a_reader_keeps_the_old_file_while_it_is_replaced,
    writing_through_links_is_refused,
    what_is_no_regular_file_is_refused,
    missing_files_are_told,
    appends_add_up,
    a_folder_lists_what_is_in_it,
    links_are_followed_on_request,
    removing_takes_a_folder_but_not_what_links_point_to,
    a_guarded_machine_opens_no_closed_file,
    scratch_is_private,
    a_program_tells_its_outputs_and_code,
    large_input_and_output_pass,
    output_past_the_limit_is_cut,
    a_program_is_killed_at_the_limit_if_that_is_asked_for,
    a_killed_program_tells_the_signal,
    a_missing_program_or_folder_is_told,
    running_too_long_ends_the_tree,
    cancelling_a_run_ends_the_tree,
    what_a_run_leaves_in_its_group_is_ended,
    outputs_come_together_in_order,
    many_run_side_by_side,
    waiting_can_be_given_up,
    the_end_is_told_although_a_child_lives_on,
    stopping_ends_the_whole_tree,
    stopping_lets_a_program_clean_up,
    stopping_an_ended_process_stops_what_it_left,
    stop_all_ends_an_owner_and_nobody_else,
)
"""Every case, files first."""
