"""Calls that hold up the whole loop: they wait for a disk, a lock, a network or a clock in the thread of the loop.

They are seen by their names and not by their time, which on a busy machine says nothing. What waits inside of a C
library of its own, or computes, is not seen. An import reads files too, once: it is not counted. trio's own reads
and writes are of what it has made not to block.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WAITS = (time.sleep, os.fsync, getattr(os, "fdatasync", os.fsync), socket.gethostbyname)
_OF_FILES = (
    *("open", "read", "write", "pread", "pwrite", "truncate", "lockf"),
    *("rename", "replace", "remove", "unlink", "link"),
)
_BY_NAME = frozenset(
    {
        *(
            "fcntl.flock",
            "fcntl.lockf",
            "msvcrt.locking",
            "io.open",
            "_io.open",
            "_socket.getaddrinfo",
            "select.select",
        ),
        *(f"{system}.{call}" for system in ("posix", "nt") for call in _OF_FILES),
    }
)
"""Locks of files, and what opens, moves, reads and writes them."""
_FILE = ("read", "read1", "readall", "readinto", "readline", "readlines", "write", "writelines", "flush", "truncate")
_SOCKET = ("accept", "connect", "recv", "recv_into", "recvfrom", "send", "sendall", "sendto")
_SQLITE = ("execute", "executemany", "executescript", "commit", "fetchone", "fetchall", "fetchmany")


@contextmanager
def blocking_calls() -> Generator[list[str]]:
    """Give a list that the blocking calls of this thread are noted in. Where a profiler runs, nothing is noted."""
    seen: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and _blocks(called) and not _is_not_theirs(frame):
            seen.append(f"{name_of(called).lstrip('.')}()")

    with watched_calls(look):
        yield seen


def _is_not_theirs(frame: FrameType) -> bool:
    is_import = frame.f_code.co_filename.startswith("<frozen importlib")
    return is_import or str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("trio", "logging")


def _blocks(called: Any) -> bool:
    if called in _WAITS or name_of(called) in _BY_NAME:
        return True
    owner: object = getattr(called, "__self__", None)
    if isinstance(owner, io.IOBase):
        is_in_memory = isinstance(owner, io.BytesIO | io.StringIO) or owner in (sys.stdout, sys.stderr)
        return called.__name__ in _FILE and not is_in_memory
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
