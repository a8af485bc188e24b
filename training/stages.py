"""How long a run takes, and where: seconds and memory of its stages."""

import ctypes
import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch


logger = logging.getLogger(__name__)


class Stages:
    """Seconds of each stage of this process, and how much memory it had taken by its end.

    What a stage takes within another is not counted twice.

    Example:
        >>> stages = Stages()
        >>> with stages.measure("start"):
        ...     with stages.measure("words"):
        ...         pass
        >>> list(stages.table())
        ['libraries', 'start', 'words', 'other']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self.began = psutil.Process().create_time()
        self.name, self.since = "libraries", self.began

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure a stage, as a context or as a decorator; one that took a second or more is
        logged.
        """
        outer, began = self.name, time.time()
        self._go_on_with(name)
        try:
            yield
        finally:
            self._go_on_with(outer if outer != "libraries" else "other")
        if (seconds := time.time() - began) >= 1:
            logger.info("%s: %.0f s", name.capitalize(), seconds)

    def _go_on_with(self, name: str) -> None:
        now = time.time()
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + now - self.since
        self.peaks[self.name] = peak_memory()
        give_back_memory()
        self.name, self.since = name, now

    def table(self) -> dict[str, dict[str, float]]:
        """Of each stage up to now `seconds`, its `share` of all, and `peak_memory`: the most that
        the process had taken by the stage's end, in MB.
        """
        self._go_on_with(self.name)
        total = sum(self.seconds.values())
        return {
            name: {
                "seconds": round(seconds, 1),
                "share": round(seconds / total, 3),
                "peak_memory": round(self.peaks[name]),
            }
            for name, seconds in self.seconds.items()
        }

    def lines(self) -> Iterator[str]:
        """The table as people read it."""
        for name, row in self.table().items():
            share, peak = f"{row['share']:.0%}", f"{row['peak_memory']:,} MB"
            yield f"{name:<20}{row['seconds']:>8.1f} s{share:>6}{peak:>12}"


def peak_memory() -> float:
    """The most memory that the process has taken so far, in MB: of the GPU, where there is one. On
    macOS, which does not tell it, what it takes now.
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    if platform.system() == "Linux":  # `getrusage` would count what a parent had taken
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    now = psutil.Process().memory_info()
    return getattr(now, "peak_wset", now.rss) / 1e6


def give_back_memory() -> None:
    """Have the C library return what is free in its heap to the system; it keeps it otherwise, for
    pieces of other sizes. Nothing is done where it is not glibc's.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


STAGES = Stages()
stage = STAGES.measure
