"""Calls that hold up the whole loop: they wait for a disk, a network or a clock in the thread of the loop.

They are seen by their names and not by their time, which on a busy machine says nothing. What waits inside of a C
library of its own, or computes, is not seen.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WAITS = (time.sleep, os.fsync, getattr(os, "fdatasync", os.fsync), socket.gethostbyname)
_SOCKET = ("accept", "connect", "recv", "recv_into", "recvfrom", "send", "sendall", "sendto")
_SQLITE = ("execute", "executemany", "executescript", "commit", "fetchone", "fetchall", "fetchmany")


@contextmanager
def blocking_calls() -> Generator[list[str]]:
    """Give a list that the blocking calls of this thread are noted in. Where a profiler runs, nothing is noted."""
    seen: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and _blocks(called):
            seen.append(f"{name_of(called).lstrip('.')}()")

    with watched_calls(look):
        yield seen


def _blocks(called: Any) -> bool:
    if called in _WAITS:
        return True
    owner: object = getattr(called, "__self__", None)
    if isinstance(owner, socket.SocketType):
        return called.__name__ in _SOCKET and owner.gettimeout() != 0.0  # one that does not block has 0
    kind = type(owner)
    is_sqlite = any(base.__module__ == "sqlite3" for base in kind.__mro__)
    return is_sqlite and called.__name__ in _SQLITE


# -- the hook ---------------------------------------------------------------------------------------------------------


@contextmanager
def watched_calls(look: Callable[[FrameType, str, Any], None]) -> Generator[None]:
    """Show `look` the calls of this thread, as `sys.setprofile` tells them. Where a profiler runs, none is shown."""
    before = sys.getprofile()
    if before is None:
        sys.setprofile(look)
    try:
        yield
    finally:
        if before is None:
            sys.setprofile(None)


def name_of(called: Any) -> str:
    """Name a function in C as `module.function`, and a method as `.Class.method`."""
    return f"{called.__module__ or ''}.{called.__qualname__}"
