"""Frames of attacks: server-sent events of JSON, many in a piece, or one that is written as it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.hostile.attack import MIB

PIECE_BYTES = 64 * 1024

VALUES: list[list[Any]] = [[] for _ in range(30_000)]
"""As many values as one frame may hold, nearly: commas and brackets count."""


def data(payload: Any) -> bytes:
    """Write one event."""
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def framed(payloads: Iterable[Any]) -> Iterator[bytes]:
    """Write many events, as many in a piece as one read takes."""
    piece: list[bytes] = []
    size = 0
    for payload in payloads:
        piece.append(data(payload))
        size += len(piece[-1])
        if size >= PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)


def endless(frame: bytes) -> Iterator[bytes]:
    """Write one frame for ever."""
    while True:
        yield frame * 64


def large(before: str, repeated: str, after: str, *, mib: int = 15) -> Iterator[bytes]:
    """Write one event of so many MiB."""
    yield f"data: {before}".encode()
    for _ in range(mib):
        yield (repeated * (MIB // len(repeated))).encode()
    yield f"{after}\n\n".encode()
