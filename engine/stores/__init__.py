"""Where runs outlive their process: the checkpoint store protocol and the stores."""

from __future__ import annotations

from .memory import MemoryStore
from .sqlite import SQLiteStore
from .store import CheckpointStore, FirstEntryReader, OpenedJournal, StaleFence, StoreUnreachable

__all__ = [
    "CheckpointStore",
    "FirstEntryReader",
    "MemoryStore",
    "OpenedJournal",
    "SQLiteStore",
    "StaleFence",
    "StoreUnreachable",
]
