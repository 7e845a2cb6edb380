"""Where the figures were made, and how quiet it was there."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def facts() -> list[str]:
    """Processor, memory, system, interpreter."""
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory()} GB",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}",
    ]


def load() -> float:
    """Processes that wanted to run, mean of the last minute."""
    return os.getloadavg()[0]


def pace() -> float:
    """Seconds of CPU that a fixed piece of Python takes: how fast the machine is at this moment."""
    began = time.process_time()
    total = 0
    for number in range(2_000_000):
        total += number & 7
    return time.process_time() - began


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
