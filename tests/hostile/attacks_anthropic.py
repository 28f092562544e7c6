"""What a hostile server can say in Anthropic's Messages format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.hostile.attack import MIB, Attack

PROVIDER = "anthropic"


def event(kind: str, **fields: Any) -> bytes:
    """Write one event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = event("message_start", message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}})


def endless_text() -> Iterator[bytes]:
    """Say text for ever, in plain deltas."""
    yield START + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    piece = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a" * 1000}) * 64
    while True:
        yield piece


def a_frame_of_values() -> Iterator[bytes]:
    """One frame of millions of small values: few bytes on the wire, many as objects."""
    yield START + b'data: {"type":"content_block_start","index":0,"content_block":{"type":"x","x":['
    for _ in range(15):
        yield b"[]," * (MIB // 3)
    yield b"[]]}}\n\n"


ATTACKS = {
    "endless text": Attack(provider=PROVIDER, pieces=endless_text, grown_bytes_max=192 * MIB),
    "a frame of values": Attack(provider=PROVIDER, pieces=a_frame_of_values),
}
QUICK = {"a frame of values"}
