"""Stores that hold up the loop, each in its own way: what the laws have to refute."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from contextlib import closing
from tempfile import TemporaryFile

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


STORES: tuple[type[MemoryStore], ...] = (HoldsUpTheLoop, SyncsInTheLoop, ExecutesInTheLoop, ReceivesInTheLoop)
