"""Work on a store that Ctrl-C ends at once, whatever statement it is in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from engine.storage.store import Store

Result = TypeVar("Result")

LOOK_SECONDS = 0.1


def run_interruptibly(store: Store, work: Callable[[], Result]) -> Result:
    """What the work returns, or raises.

    In the main thread, where Ctrl-C arrives, the work runs in a thread of its own: a statement that runs in the main
    thread can keep Ctrl-C waiting until it ends (measured: 37 s in a large load). On Ctrl-C the store is interrupted,
    and KeyboardInterrupt is raised once the work has stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    # Not Thread.join: when Ctrl-C interrupts it, Python 3.11 takes a thread that runs on for one that has ended.
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # it is raised again below, in the thread that waits
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="populace-work").start()
    try:
        while not done.wait(LOOK_SECONDS):
            pass
    except KeyboardInterrupt:
        store.interrupt()
        while not done.wait(LOOK_SECONDS):
            store.interrupt()
        raise
    if errors:
        raise errors[0]
    return results[0]
