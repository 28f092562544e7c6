"""Another time and other luck for the length of one call, and a look at what the call asks the world for."""

from __future__ import annotations

import builtins
import datetime
import gc
import logging
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

from .watched_calls import watched_calls

_CLOCKS = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")

_SYSTEM: Any = cast("Any", os.urandom).__self__
_SOCKETS: Any = cast("Any", socket.gethostname).__self__
_FILES: tuple[Any, ...] = (builtins.open, builtins.print, builtins.input)


@contextmanager
def another_world(number: int) -> Generator[list[str]]:
    """A world whose clocks and dice come from a number; gives what is asked of it that no number decides.

    The clocks of `time` and the dice of `random` are bent. What can not be is noted where it is called: a clock that
    was imported by its name, `time.strftime()`, `datetime.now()`, the dice of the system, sleeping, files, sockets,
    printing, and logging at whatever level. Where a profiler runs, nothing is noted. Garbage waits: what is called as
    it is collected (Hypothesis looks at a clock) is not the call's.
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
        if event == "call":
            if frame.f_code is logging.Logger.isEnabledFor.__code__:
                asked.append("it wrote to a log")
        elif event == "c_call" and (said := _asked_of(called)) is not None:
            asked.append(said)

    collects = gc.isenabled()
    gc.disable()
    try:
        with watched_calls(look):
            yield
    finally:
        if collects:
            gc.enable()


def _asked_of(called: Any) -> str | None:
    """Say of a function in C what it asks the world for; None for most."""
    owner: Any = getattr(called, "__self__", None)
    name: str = called.__name__
    if owner is time or owner is _SOCKETS or (owner is _SYSTEM and name == "urandom"):
        return f"it called {owner.__name__.lstrip('_')}.{name}()"
    if name in ("now", "utcnow", "today") and isinstance(owner, type) and issubclass(owner, datetime.date):
        return f"it called {owner.__name__}.{name}()"
    if isinstance(owner, socket.SocketType):
        return f"it used a socket ({name})"
    if any(called is one for one in _FILES) or (owner is not None and (owner is sys.stdout or owner is sys.stderr)):
        return f"it called {name}()"
    return None
