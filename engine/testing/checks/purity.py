"""Whether a function answers by its arguments alone: ask it twice, under other clocks and dice, and see what it calls.

A clock or a file that changes no answer yet is seen by its call alone, and so a profile hook names what asks the world.
"""

from __future__ import annotations

import gc
import logging
import random
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from .blocking import name_of, watched_calls

_Answer = TypeVar("_Answer")

_CLOCKS = ("time", "monotonic", "perf_counter")
_ASKS_THE_WORLD = re.compile(
    r"time\.|_socket\.|\.\w*[sS]ocket\.|(posix|nt)\.urandom|_?io\.open|builtins\.(print|input)"
    r"|\.\w+\.(now|utcnow|today)$|\.TextIOWrapper\."
)
"""Functions in C that no number decides; those of `random`, and three clocks, are bent instead."""


def asked_twice(ask: Callable[[], _Answer], number: int) -> tuple[_Answer, _Answer, list[str]]:
    """Ask under the clock and dice of a number, and under others; also says what was asked of the world."""
    with other_clock_and_dice(number) as called:
        first = ask()
    with other_clock_and_dice(~number & 0xFFFFFFFF):
        return first, ask(), called


@contextmanager
def other_clock_and_dice(number: int) -> Generator[list[str]]:
    """Bend the clocks of `time` and the dice of `random` by a number; gives the calls that can not be bent so.

    Garbage waits: what is called as it is collected (Hypothesis looks at a clock) is not the function's call.
    """
    clocks, dice, called = [(name, getattr(time, name)) for name in _CLOCKS], random.getstate(), list[str]()
    now_s = 1_000_000_000 + number % 1_000_003 + number % 997 / 997

    def look(frame: FrameType, event: str, function: Any) -> None:
        if event == "call" and frame.f_code is logging.Logger.isEnabledFor.__code__:
            called.append("it wrote to a log")
        elif event == "c_call" and _ASKS_THE_WORLD.match(name := name_of(function)):
            called.append(f"it called {name.lstrip('._')}()")

    collects = gc.isenabled()
    gc.disable()
    random.seed(number)
    try:
        for name, _ in clocks:
            setattr(time, name, lambda: now_s)
        with watched_calls(look):
            yield called
    finally:
        for name, read in clocks:
            setattr(time, name, read)
        random.setstate(dice)
        if collects:
            gc.enable()
