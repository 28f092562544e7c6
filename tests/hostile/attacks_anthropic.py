"""What a hostile server can say in Anthropic's Messages format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from tests.hostile.attack import MIB, Attack
from tests.hostile.pieces import (
    ARGUMENTS,
    BLANK_LINES,
    DATA_LINES,
    JUNK,
    LISTS,
    OBJECTS,
    SHORT_LINES,
    WIDE,
    joined,
    text,
    times,
    with_list,
)

PROVIDER = "anthropic"


def frame(kind: str, data: str) -> bytes:
    """Write one event whose JSON is given."""
    return f"event: {kind}\ndata: {data}\n\n".encode()


def event(kind: str, **fields: Any) -> bytes:
    """Write one event."""
    return frame(kind, text({"type": kind, **fields}))


def start(index: int, **block: Any) -> bytes:
    """Start a block."""
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    """Add to a block."""
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: int) -> bytes:
    """Stop a block."""
    return event("content_block_stop", index=index)


START = event("message_start", message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}})
END = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")
TEXT = START + start(0, type="text", text="")


def said(letters: str) -> bytes:
    """Say a text in one delta."""
    return delta(0, "text_delta", text=letters)


def endless_text() -> Iterator[bytes]:
    """Say text for ever, in plain deltas."""
    return joined(TEXT, times(10**9, said("a" * 1000) * 64))


def endless_wide_text() -> Iterator[bytes]:
    """Say text of which each character takes four bytes in memory."""
    return joined(TEXT, times(10**9, said(WIDE) * 64))


def a_frame_of_values() -> Iterator[bytes]:
    """One frame of millions of small values: few bytes on the wire, many as objects."""
    yield START + b'data: {"type":"content_block_start","index":0,"content_block":{"type":"x","x":['
    for _ in range(15):
        yield b"[]," * (MIB // 3)
    yield b"[]]}}\n\n"


def open_blocks(**block: Any) -> Callable[[], Iterator[bytes]]:
    """Start blocks and stop none."""
    return lambda: joined(START, (start(index, **block) for index in range(60)), END)


def blocks_of_values() -> Iterator[bytes]:
    """Blocks that go back unchanged, of as many values as are admitted."""
    for index in range(400):
        block = {"type": "content_block_start", "index": index, "content_block": {"type": "x", "x": "LIST"}}
        yield (START if index == 0 else b"") + frame("content_block_start", with_list(block, LISTS)) + stop(index)


def server_tools_never_closed() -> Iterator[bytes]:
    """Give each of many server-side tools arguments within their bound, and close none."""
    yield START
    for index in count():
        yield start(index, type="server_tool_use", id=f"s{index}", name="search", input={})
        yield from times(30, delta(index, "input_json_delta", partial_json="x" * 60_000))


def calls_of_values() -> Iterator[bytes]:
    """Close calls whose arguments are as many values as are admitted."""
    yield START
    for index in range(400):
        yield start(index, type="tool_use", id=f"c{index}", name="look", input={})
        yield delta(index, "input_json_delta", partial_json=ARGUMENTS) + stop(index)


def calls_at_their_bound() -> Iterator[bytes]:
    """Close calls of two megabytes of escapes and commas."""
    arguments = json.dumps({"a": "\n," * 500_000})
    yield START
    for index in range(20):
        yield start(index, type="tool_use", id=f"c{index}", name="look", input={})
        yield delta(index, "input_json_delta", partial_json=arguments) + stop(index)


def ids_of_megabytes() -> Iterator[bytes]:
    """Start calls whose ids and names are long."""
    return joined(START, (start(n, type="tool_use", id=f"{n}{JUNK}", name="look", input={}) for n in range(60)))


def a_restart_every_300_bytes() -> Iterator[bytes]:
    """Say eight megabytes, and then begin anew 250 times in 78 KB."""
    return joined(TEXT, times(8, said("a" * MIB)), times(250, START + start(0, type="text", text="b")), END)


def unknown_events(payload: str) -> Callable[[], Iterator[bytes]]:
    """Say what nobody knows, again and again, and end properly."""
    return lambda: joined(START, times(40, frame("x", payload)), start(0, type="text", text="a"), END)


def plain_lines(piece: bytes, count: int = 200) -> Callable[[], Iterable[bytes]]:
    """Say no event at all, in very many short lines, and then an answer."""
    return lambda: joined(START, times(count, piece), b"\n\n", TEXT[len(START) :], END)


def signatures() -> Iterator[bytes]:
    """Sign one thought again and again."""
    begin = START + start(0, type="thinking", thinking="", signature="") + delta(0, "thinking_delta", thinking="a")
    return joined(begin, times(40, delta(0, "signature_delta", signature=JUNK)), stop(0), END)


def an_error_of_megabytes() -> Iterator[bytes]:
    """Complain at length."""
    return joined(TEXT, event("error", error={"type": "x", "message": "try again in " + "9 " * (3 * MIB)}))


def _attack(pieces: Callable[[], Iterable[bytes]], **options: Any) -> Attack:
    return Attack(provider=PROVIDER, pieces=pieces, **options)


ATTACKS = {
    "endless text": _attack(endless_text, grown_bytes_max=36 * MIB),
    "endless text of wide characters": _attack(endless_wide_text, grown_bytes_max=36 * MIB),
    "text of escapes and commas": _attack(lambda: joined(TEXT, times(9, said("\n,é" * MIB)), END)),
    "wide text in large pieces": _attack(lambda: joined(TEXT, times(9, said(WIDE[:1] + JUNK)), END)),
    "a frame of values": _attack(a_frame_of_values),
    "unknown events of values": _attack(unknown_events(with_list({"x": "LIST"}, OBJECTS))),
    "unknown events of megabytes": _attack(unknown_events(text({"x": JUNK}))),
    "unknown events of escapes": _attack(unknown_events(text({"x": '\\"\n,' * MIB}))),
    "open blocks that go back unchanged": _attack(open_blocks(type="x", x=JUNK)),
    "open texts whose start holds what nobody reads": _attack(open_blocks(type="text", text="", x=JUNK)),
    "open calls whose start holds their input": _attack(
        open_blocks(type="tool_use", id="c", name="f", input={"a": JUNK})
    ),
    "blocks of values that go back unchanged": _attack(blocks_of_values),
    "server tools never closed": _attack(server_tools_never_closed),
    "calls of values": _attack(calls_of_values),
    "calls at their bound": _attack(calls_at_their_bound),
    "ids of megabytes": _attack(ids_of_megabytes),
    "a restart every 300 bytes": _attack(a_restart_every_300_bytes),
    "comments in short lines": _attack(plain_lines(SHORT_LINES)),
    "blank lines": _attack(plain_lines(BLANK_LINES)),
    "data in short lines": _attack(plain_lines(DATA_LINES)),
    "ids of events": _attack(plain_lines(f"id: {JUNK}\n\n".encode(), 20)),
    "signatures that replace each other": _attack(signatures),
    "an error of megabytes": _attack(an_error_of_megabytes),
}
QUICK = {"a frame of values", "a restart every 300 bytes"}
