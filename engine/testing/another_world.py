"""Another time and other luck for the length of one call, and a look at what the call asks the world for."""

from __future__ import annotations

import datetime
import logging
import os
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

from .watched_calls import watched_calls

_CLOCKS = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")

_ASKS = ("now", "utcnow", "today", "urandom", "sleep")
"""What can not be bent, by its name: it is seen where it is called."""

_SYSTEM: Any = cast("Any", os.urandom).__self__


@contextmanager
def another_world(number: int) -> Generator[list[str]]:
    """A world whose clocks and dice come from a number; gives what is asked of it that no number decides.

    The clocks of `time` and the dice of `random` are bent. `datetime.now()`, the dice of the system, sleeping and
    logging, at whatever level, are noted. Where a profiler runs, nothing is noted.
    """
    module: Any = time
    clocks: dict[str, Callable[[], float]] = {name: getattr(module, name) for name in _CLOCKS}
    dice, asked = random.getstate(), list[str]()
    random.seed(number)
    try:
        for name in clocks:
            setattr(module, name, _stopped_at(number, is_ns=name.endswith("_ns")))
        with _watched(asked):
            yield asked
    finally:
        for name, read in clocks.items():
            setattr(module, name, read)
        random.setstate(dice)


def _stopped_at(number: int, *, is_ns: bool) -> Callable[[], float]:
    seconds = 1_000_000_000 + number % 1_000_003
    return lambda: seconds * 1_000_000_000 if is_ns else seconds + number % 997 / 997


@contextmanager
def _watched(asked: list[str]) -> Generator[None]:
    """Note the calls that no planner may make."""

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "call" and frame.f_code is logging.Logger.isEnabledFor.__code__:
            asked.append("it wrote to a log")
        elif event == "c_call" and called.__name__ in _ASKS:
            owner = called.__self__
            if owner in (time, _SYSTEM) or (isinstance(owner, type) and issubclass(owner, datetime.date)):
                asked.append(f"it called {owner.__name__}.{called.__name__}()")

    with watched_calls(look):
        yield
