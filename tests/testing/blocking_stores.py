"""Stores that hold up the loop, each in its own way: what the laws have to refute."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sqlite3
import time
import weakref
from contextlib import closing
from io import FileIO
from tempfile import TemporaryFile, mkdtemp

from riverrun import MemoryStore


class HoldsUpTheLoop(MemoryStore):
    """Waits in the thread of the loop; subclasses say for what."""

    def wait(self) -> None:
        time.sleep(0.0001)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        self.wait()
        await super().append(run_id, fence, sequence, entry)


class SyncsInTheLoop(HoldsUpTheLoop):
    def wait(self) -> None:
        with TemporaryFile() as file:
            os.fsync(file.fileno())


class ExecutesInTheLoop(HoldsUpTheLoop):
    def wait(self) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("SELECT 1")


class ReceivesInTheLoop(HoldsUpTheLoop):
    def wait(self) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.send(b"x")
            there.recv(1)


class _HasAFile(HoldsUpTheLoop):
    """Has a file that is open already, so that nothing but its fault waits."""

    def __init__(self) -> None:
        super().__init__()
        number = os.memfd_create("a store")
        weakref.finalize(self, os.close, number)
        self.file = FileIO(number, "r+", closefd=False)


class LocksAFileInTheLoop(_HasAFile):
    def wait(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_EX)


class LocksARangeInTheLoop(_HasAFile):
    def wait(self) -> None:
        fcntl.lockf(self.file, fcntl.LOCK_EX)


class WritesInTheLoop(_HasAFile):
    def wait(self) -> None:
        self.file.write(b"entry")


class WritesByItsNumberInTheLoop(_HasAFile):
    def wait(self) -> None:
        os.write(self.file.fileno(), b"entry")


class WritesAtTheEndInTheLoop(_HasAFile):
    def wait(self) -> None:
        pass

    async def aclose(self) -> None:
        self.file.write(b"the end")
        await super().aclose()


class OpensAFileInTheLoop(HoldsUpTheLoop):
    def wait(self) -> None:
        with open(os.devnull, "rb"):
            pass


class ReplacesAFileInTheLoop(HoldsUpTheLoop):
    def __init__(self) -> None:
        super().__init__()
        folder = mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder)
        self.path = os.path.join(folder, "entries")
        os.symlink(os.devnull, self.path)

    def wait(self) -> None:
        os.replace(self.path, self.path)


STORES: tuple[type[MemoryStore], ...] = (
    HoldsUpTheLoop,
    SyncsInTheLoop,
    ExecutesInTheLoop,
    ReceivesInTheLoop,
    LocksAFileInTheLoop,
    LocksARangeInTheLoop,
    WritesInTheLoop,
    WritesByItsNumberInTheLoop,
    OpensAFileInTheLoop,
    ReplacesAFileInTheLoop,
    WritesAtTheEndInTheLoop,
)
