"""What SQLite and the operating system say of a store's file, as the one kind of error that whoever runs it gets."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import StoreError
from ..core.printable import printable
from .store import StoreUnreachable

BUSY_S = 5.0
"""How long a call waits for another process's write to end."""

REMEDIES = {
    sqlite3.SQLITE_BUSY: f"another process kept it locked for over {BUSY_S:g} s; end that process, or try again",
    sqlite3.SQLITE_NOTADB: "expected a riverrun store; move the file away, or give another path",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it, its -wal and its -shm away: the next use makes a new one",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "expected a disk that takes and gives bytes; check it, and its free space",
    sqlite3.SQLITE_READONLY: "expected a file and a folder this process may write to; check their owner and mode",
    sqlite3.SQLITE_INTERRUPT: "a statement found no end; expected a riverrun store: give another path",
    sqlite3.SQLITE_CANTOPEN: "expected a file and a folder this process may write to; check their owner and mode",
}

_UNREACHABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
}
"""What says nothing against the file: others hold it, or its disk is full or fails."""

_UNREACHABLE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
"""The same, where the file is made."""


def is_locked(error: StoreError) -> bool:
    """Whether another process kept the file locked: asking again at once would wait as long again."""
    code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


@contextmanager
def typed_errors(path: Path) -> Generator[None]:
    """Let nothing of sqlite3 or the operating system out: `StoreUnreachable` or, where it will stay, `StoreError`."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        primary_code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        remedy = REMEDIES.get(primary_code, "expected a working riverrun store; check the file and its disk")
        kind = StoreUnreachable if primary_code in _UNREACHABLE else StoreError
        raise kind(f"{path}: {printable(str(error))}; {remedy}") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path.parent} is not a folder; expected one that exists: create it first") from error
    except OSError as error:
        is_unreachable = error.errno in _UNREACHABLE_DISK
        remedy = REMEDIES[sqlite3.SQLITE_IOERR if is_unreachable else sqlite3.SQLITE_CANTOPEN]
        kind = StoreUnreachable if is_unreachable else StoreError
        raise kind(f"{path}: {error.strerror}; {remedy}") from error
