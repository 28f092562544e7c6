"""Reads files that others wrote: regular ones only, and no more of them than a stated number of bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .core.printable import printable
from .core.usage_error import UsageError


def read_bounded(path: str | Path, bytes_max: int, expected: str) -> bytes:
    """Return the bytes of a regular file. Blocking, but never on a pipe, a terminal or a device.

    Args:
        path: the file; a link to a regular file is one.
        bytes_max: how many bytes it may hold.
        expected: what a message says was expected ("a recording").

    Raises:
        UsageError: it is not there, can not be read, is no regular file, or is larger.
    """
    name = printable(os.fspath(path))
    try:
        # Asked before it is opened: opening a device may act on it. Asked again after: it may be another file by then.
        _require_regular(os.stat(path).st_mode, name, expected)
        # Without O_NONBLOCK, opening a pipe that took the file's place waits for a writer.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            _require_regular(os.fstat(file.fileno()).st_mode, name, expected)
            data = file.read(bytes_max + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, UsageError):
            raise
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{name} can not be read: {said}; expected {expected}") from None
    if len(data) > bytes_max:
        raise UsageError(f"{name} is larger than {bytes_max:,} bytes; expected {expected} of at most so many")
    return data


def _require_regular(mode: int, name: str, expected: str) -> None:
    if not stat.S_ISREG(mode):
        raise UsageError(f"{name} is {_kind(mode)}; expected {expected} in a regular file")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
