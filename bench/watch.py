"""Runs a command and tells what it and everything it started used: `python watch.py FILE COMMAND…`.

A process of its own, so that no other child is taken for one of the command's. Where the system can do
it, children that outlive their parents are waited for as well.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    report, *command = sys.argv[1:]
    _adopt_orphans()
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    cpu, peak, status, wall = 0.0, 0, 0, 0.0
    while True:
        try:
            pid, ended, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += usage.ru_utime + usage.ru_stime
        if pid == child:
            status, wall = ended, time.monotonic() - began
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"cpu": cpu, "peak": peak, "wall": wall}, file)
    return os.waitstatus_to_exitcode(status)


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        import ctypes

        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
