"""What a process knows of itself."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self


def cpu() -> float:
    """Seconds of CPU so far, of children that have ended too."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak() -> int:
    """Bytes: the largest resident size so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident() -> int:
    """Bytes that are resident at this moment, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def slope(marks: Sequence[float], place: int, width: int) -> float:
    """How much a figure grows at a place of a series: the mean of the steps around it."""
    return (marks[place + width] - marks[place - width]) / (2 * width)


class Watch:
    """Looks now and then at how many files are open and how many children run; keeps the most."""

    def __init__(self) -> None:
        self.files = 0
        self.processes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        while not self._end.wait(0.1):
            self.files = max(self.files, len(os.listdir("/proc/self/fd")))
            if children.exists():
                self.processes = max(self.processes, len(children.read_text("ascii").split()))
