"""Work over several processes: results in the order of what was given, and a Ctrl-C that ends all of them at once."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_processes(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """Call a module's function with each item; give the results in the order of the items.

    With one worker everything runs in this process. If the caller stops early or is interrupted, the processes are
    terminated, and nobody waits for what is under way.
    """
    if workers == 1:
        yield from (function(item) for item in items)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy whatever threads and loops this process has
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts) as pool:
        try:
            with _interrupts_ignored():  # the processes that are started here inherit that, from their first instant
                for _ in range(workers):  # each submission starts one
                    pool.submit(_leave_interrupts)
            yield from _in_order(pool, function, iter(items), workers * 2)
        except BaseException:  # the caller's Ctrl-C, or that it wants no more: nobody waits for what is under way
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Generator[None, None, None]:
    if threading.current_thread() is not threading.main_thread():  # who may not change it does not get it either
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one: it ends all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_order(pool: ProcessPoolExecutor, function: Callable[[T], R], items: Iterator[T], ahead: int) -> Iterator[R]:
    """Give the first results first, so that whoever stops early has taken a beginning, the same on any machine.

    A few items are kept waiting, not all of them: whoever stops early then waits for a few only.
    """
    pending: deque[Future[R]] = deque()
    done = False
    while True:
        while len(pending) < ahead and not done:
            try:
                pending.append(pool.submit(function, next(items)))
            except StopIteration:
                done = True
        if not pending:
            return
        yield pending.popleft().result()
