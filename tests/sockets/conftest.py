"""What holds after every test here: no socket is left, and nothing was forgotten that warns when it is collected."""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from riverrun.engine.http import own_client

_DESCRIPTORS = Path("/proc/self/fd")


def sockets_open() -> int:
    """How many sockets this process holds (0 where the system does not tell)."""
    count = 0
    for name in os.listdir(_DESCRIPTORS) if _DESCRIPTORS.is_dir() else ():
        with suppress(FileNotFoundError):
            count += os.readlink(_DESCRIPTORS / name).startswith("socket:")
    return count


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = sockets_open()
    gc.freeze()  # what stood before the test is not looked at after it: 15 ms become 2
    yield
    gc.collect()
    assert sockets_open() == before


@pytest.fixture(scope="session")
def certificates() -> ssl.SSLContext:
    return own_client.trusted_certificates()


@pytest.fixture(autouse=True)
def certificates_are_loaded_once(certificates: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine loads those that are trusted, which takes longer than its runs here, without TLS."""
    monkeypatch.setattr(own_client, "trusted_certificates", lambda: certificates)
