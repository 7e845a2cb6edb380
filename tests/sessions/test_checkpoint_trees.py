"""Trees of folders: nothing that changed is taken for unchanged, and nothing half-written for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from hames.errors import SessionError
from hames.sessions.checkpoints.counts import changed_lines
from hames.sessions.checkpoints.history import History
from hames.sessions.checkpoints.objects import Objects
from hames.sessions.checkpoints.trees import Cache, Looker, find, tree_of


class NoRules:
    def enter(self, folder: str, names: Iterable[str]) -> NoRules:
        return self

    def leaves_out(self, folder: str) -> bool:
        return False


def looker(folder: Path, cache: Cache | None = None, session: str = "one") -> Looker:
    objects = Objects(str(folder / session), str(folder / "pool"))
    (folder / "work").mkdir(exist_ok=True)
    return Looker(objects, str(folder / "work"), lambda _: NoRules(), cache=cache)


def content(folder: Path, tree: str, name: bytes = b"a", session: str = "one") -> bytes:
    objects = Objects(str(folder / session), str(folder / "pool"))
    item = find(objects, tree, name)
    assert item is not None
    return objects.get(item.value.decode())


def test_two_writes_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    """Clocks of file systems stand still for milliseconds; the size is the same as well."""
    look = looker(tmp_path).look
    for number in range(200):
        written = b"%04d" % number
        (tmp_path / "work/a").write_bytes(written)
        assert content(tmp_path, look()) == written


def test_a_file_is_read_again_when_its_time_may_come_again(tmp_path: Path) -> None:
    """Where clocks are coarse, a later write may have the time of the one that was seen."""
    first = looker(tmp_path)
    path = tmp_path / "work/a"
    path.write_text("one")
    later = time.time_ns() + 10**10
    os.utime(path, ns=(later, later))
    first.look()
    assert first.cache.files == {}


def test_a_stored_cache_holds_for_another_session(tmp_path: Path) -> None:
    first = looker(tmp_path)
    (tmp_path / "work/a").write_text("one")
    while not first.cache.files:  # until the last write is long enough ago
        tree = first.look()
    first.cache.write(str(tmp_path / "cache"))
    second = looker(tmp_path, Cache.read(str(tmp_path / "cache")), "two")
    assert second.look() == tree
    assert not second.changed
    assert content(tmp_path, tree, session="two") == b"one"


def test_a_cache_that_cannot_be_read_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"\xff noise")
    assert Cache.read(str(tmp_path / "cache")).files == {}


def test_objects_are_whole_or_not_there_when_the_process_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from hames.sessions.checkpoints.objects import Objects\n"
        "objects = Objects(sys.argv[1], sys.argv[2])\n"
        "print('begun', flush=True)\n"
        "while True: objects.put(os.urandom(300_000))\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "one"), str(tmp_path / "pool")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while len(list((tmp_path / "one").glob("*/*"))) < 20:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    objects = Objects(str(tmp_path / "one"), str(tmp_path / "pool"))
    whole = [path for path in (tmp_path / "one").glob("*/*") if not path.name.endswith(".new")]
    assert len(whole) >= 19
    for path in whole:
        objects.get(path.parent.name + path.name)  # raises when it is not what was stored


def test_a_session_needs_nothing_of_another(tmp_path: Path) -> None:
    one = Objects(str(tmp_path / "one"), str(tmp_path / "pool"))
    two = Objects(str(tmp_path / "two"), str(tmp_path / "pool"))
    name = one.put(b"content")
    assert two.put(b"content") == name
    assert os.path.samefile(one.path(name), two.path(name))
    os.unlink(one.path(name))
    os.unlink(os.path.join(tmp_path, "pool", name[:2], name[2:]))
    assert two.get(name) == b"content"
    with pytest.raises(SessionError, match="cannot be read"):
        Objects(str(tmp_path / "three"), str(tmp_path / "pool")).get(name)


def test_names_need_not_be_text(tmp_path: Path) -> None:
    look = looker(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path / "work") + b"/\xff\xfe")).write_bytes(b"odd")
    objects = Objects(str(tmp_path / "one"), str(tmp_path / "pool"))
    assert list(tree_of(objects, look.look())) == [b"\xff\xfe"]


def test_noise_in_a_transcript_is_no_checkpoint() -> None:
    history = History.of(
        [
            b'{"type":"hames-checkpoint","messageId":"a","trees":{"/w":"t"}}',
            b'{"type":"hames-checkpoint","messageId":7}',
            b'{"type":"file-history-snapshot","messageId":"b","snapshot":"?"}',
            b'{"type":"file-history-delta"',
            b"noise",
        ]
    )
    assert [point.id for point in history.points] == ["a"]


@pytest.mark.parametrize(
    ("new", "old", "counts"),
    [
        (b"a\nb\n", b"a\nc\n", (1, 1)),
        (None, b"a\nb\n", (0, 2)),
        (b"a\n", None, (1, 0)),
        (b"a\nx\nb\n", b"a\nb\n", (1, 0)),
        (b"\0", b"a\n", (0, 0)),
        (b"y\n" * 5000, b"x\n" * 4000, (5000, 4000)),
    ],
)
def test_lines_are_counted(new: bytes | None, old: bytes | None, counts: tuple[int, int]) -> None:
    assert changed_lines(new, old) == counts
