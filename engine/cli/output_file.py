"""Standard output as a file that text can be taken back from: where it ends with what this command wrote."""

from __future__ import annotations

import os
import stat
from typing import TextIO


class OutputFile:
    """What this command has written to a regular file; of anything else nothing can be taken back.

    Nor where standard error is the same file (`> all.txt 2>&1`), or where others write to it as well.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._bytes = 0
        self._began = _size_of(out, err)

    def wrote(self, text: str) -> None:
        """Note that this was written to it."""
        if self._began is not None:
            self._bytes += len(text.encode(self._out.encoding, self._out.errors or "strict"))

    def take_back(self) -> bool:
        """Cut the file to where this command began. False if it can not be: then nothing has changed."""
        if self._began is None:
            return False
        self._out.flush()
        file, end = self._out.fileno(), self._began + self._bytes
        # In a file that is appended to, the first write sets the position: it is known only now.
        if os.fstat(file).st_size != end or (self._bytes and os.lseek(file, 0, os.SEEK_CUR) != end):
            return False
        os.ftruncate(file, self._began)
        os.lseek(file, self._began, os.SEEK_SET)
        self._bytes = 0
        return True


def _size_of(out: TextIO, err: TextIO) -> int | None:
    """Return how long the file is before the first word; None if it is none, or one that standard error shares."""
    try:
        status = os.fstat(out.fileno())
    except (OSError, ValueError):  # no descriptor behind it
        return None
    try:
        is_shared = os.path.samestat(status, os.fstat(err.fileno()))
    except (OSError, ValueError):
        is_shared = False
    return status.st_size if stat.S_ISREG(status.st_mode) and not is_shared else None
