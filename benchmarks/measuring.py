"""What the benchmarks share: their arguments, taking times, and saying what was measured."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TypeVar

import psutil

from benchmarks.generated import CONTACTS, EVENTS

Result = TypeVar("Result")
SEGMENTS, REPEATS = 200, 5


def scale_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of how much is measured, and how often."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--contacts", type=int, default=CONTACTS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    return parser


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """How many seconds it took, and what it gave."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the longest, in seconds."""
    return {"median": round(statistics.median(seconds), 4), "max": round(max(seconds), 4)}


def said(results: dict[str, object]) -> dict[str, object]:
    """The same, printed."""
    for name, value in results.items():
        print(f"{name:32} {value}", flush=True)
    return results


def machine() -> dict[str, object]:
    """What it was measured on."""
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "duckdb": version("duckdb")}


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The largest resident size of this process while the block runs, in bytes, in the only element."""
    peak, done, process = [0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
