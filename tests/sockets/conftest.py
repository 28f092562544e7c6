"""What holds after every test here: no socket is left, and nothing was forgotten that warns when it is collected."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

_DESCRIPTORS = Path("/proc/self/fd")


def sockets_open() -> int:
    """How many sockets this process holds (0 where the system does not tell)."""
    count = 0
    for name in os.listdir(_DESCRIPTORS) if _DESCRIPTORS.is_dir() else ():
        with suppress(FileNotFoundError):
            count += os.readlink(_DESCRIPTORS / name).startswith("socket:")
    return count


@pytest.fixture(scope="session")
def cheap_collections() -> Iterator[None]:
    """What was imported is not looked at in every collection: 60 ms become 2."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_left(cheap_collections: None) -> Iterator[None]:
    before = sockets_open()
    yield
    gc.collect()
    assert sockets_open() == before
