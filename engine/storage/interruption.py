"""Work on a store that Ctrl-C ends at once, whatever statement it is in."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from engine.storage.store import Store

Result = TypeVar("Result")

INTERRUPT_AGAIN_SECONDS = 0.1
_ENDED = b"e"
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_interruptibly(store: Store, work: Callable[[], Result]) -> Result:
    """What the work returns, or raises.

    In the main thread, where Ctrl-C arrives, the work runs in a thread of its own: a statement that runs in the main
    thread can keep Ctrl-C waiting until it ends (measured: 37 s in a large load). On Ctrl-C the store is interrupted,
    and KeyboardInterrupt is raised once the work has stopped; work that was done before it could stop counts as done.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    news, say = os.pipe()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # it is raised again below, in the thread that waits
            errors.append(error)
        finally:
            os.write(say, _ENDED)

    try:
        with _ctrl_c_is_said(say) as stops:
            threading.Thread(target=run, name="populace-work").start()
            is_stopped = _wait_for_the_end(store, news, stops)
    finally:
        os.close(news)
        os.close(say)
    if results:
        return results[0]
    if is_stopped:
        raise KeyboardInterrupt
    raise errors[0]


def _wait_for_the_end(store: Store, news: int, stops: Collection[int]) -> bool:
    """Wait for the work to end, interrupting it once Ctrl-C is pressed; whether it was."""
    is_stopped = False
    while True:
        try:
            ready, _, _ = select.select([news], [], [], INTERRUPT_AGAIN_SECONDS if is_stopped else None)
            said = os.read(news, 1) if ready else b""
        except KeyboardInterrupt:  # another library's handler raised it
            is_stopped, said = True, b""
        if said == _ENDED:
            break
        is_stopped = is_stopped or (bool(said) and said[0] in stops)
        if is_stopped:
            store.interrupt()
    if is_stopped:
        store.resume()
    return is_stopped


@contextmanager
def _ctrl_c_is_said(say: int) -> Iterator[Collection[int]]:
    """Let the signals that would raise KeyboardInterrupt write their numbers to a pipe instead; which these are.

    Nothing of the threading module bears a KeyboardInterrupt while it waits: Thread.join then takes a thread that runs
    on for one that has ended, and Event.wait can keep its lock for ever (both seen in Python 3.11).
    """
    stops = [stop for stop in _STOPS if signal.getsignal(stop) is signal.default_int_handler]
    os.set_blocking(say, False)
    before: list[int] = []
    # Ctrl-C may be pressed between any two of these lines: the pipe must be let go before it is closed.
    try:
        before.append(signal.set_wakeup_fd(say))
        for stop in stops:
            signal.signal(stop, _say_nothing_more)
        yield stops
    finally:
        try:
            for stop in stops:
                signal.signal(stop, signal.default_int_handler)
        finally:
            signal.set_wakeup_fd(before[0] if before else -1)


def _say_nothing_more(_number: int, _frame: object) -> None:
    """The number is in the pipe already."""
