"""What a hostile server can say in the format of Chat Completions: OpenAI's own, and those that copy it."""

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

PROVIDER = "openai"
ROUTER = "openrouter"


def frame(data: str) -> bytes:
    """Write one event whose JSON is given."""
    return f"data: {data}\n\n".encode()


def chunk(delta: Any, finish: str | None = None, **fields: Any) -> bytes:
    """Write one chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return frame(text({"id": "c1", "model": "m", "choices": [choice], **fields}))


def a_call(index: int, arguments: str, **function: str) -> bytes:
    """Write a fragment of a call."""
    call = {"index": index, "function": {"arguments": arguments, **function}}
    return chunk({"tool_calls": [{**call, "id": f"c{index}"} if function else call]})


def said(letters: str) -> bytes:
    """Say a text in one chunk."""
    return chunk({"content": letters})


END = chunk({}, "stop") + frame("[DONE]")


def parts(key: str, inside: str) -> Callable[[], Iterator[bytes]]:
    """Put as many parts into one chunk as are admitted, again and again."""
    choice = {"index": 0, "delta": {key: "LIST"}, "finish_reason": None}
    piece = frame(with_list({"id": "c1", "model": "m", "choices": [choice]}, inside))
    return lambda: joined(times(40, piece), END)


def choices_without_end() -> Iterator[bytes]:
    """Put as many choices into one chunk as are admitted."""
    inside = '{"index":0,"delta":{}},' * 16_000 + "{}"
    return joined(times(40, frame(with_list({"id": "c1", "choices": "LIST"}, inside))), END)


def a_frame_of_values() -> Iterator[bytes]:
    """One frame of millions of small values."""
    yield b'data: {"id":"c1","choices":['
    yield from times(15, b"[]," * (MIB // 3))
    yield b"[]]}\n\n"


def arguments_before_a_name() -> Iterator[bytes]:
    """Give each of many calls arguments within their bound, and none a name."""
    for index in count():
        yield chunk({"tool_calls": [{"index": index, "id": f"c{index}", "function": {"arguments": "{"}}]})
        yield from times(1_900, a_call(index, "x" * 1000))


def a_call_in_tiny_pieces_without_a_name() -> Iterator[bytes]:
    """Give a call no name, and arguments of two letters at a time."""
    return joined(times(1000, a_call(0, "{ ") + a_call(0, "ab") * 500), END)


def calls(arguments: str) -> Callable[[], Iterator[bytes]]:
    """Say whole calls, one after the other."""
    return lambda: joined((a_call(n, arguments, name="look") for n in range(100)), chunk({}, "tool_calls"))


def details_with_new_keys(junk: str) -> Callable[[], Iterator[bytes]]:
    """Go on with one item of reasoning for ever, a new key each time."""
    detail = {"type": "reasoning.text", "index": 0, "text": "a"}
    return lambda: joined((chunk({"reasoning_details": [{**detail, f"k{n}": junk}]}) for n in range(60)), END)


def details_of_values() -> Iterator[bytes]:
    """Go on with one item of reasoning for ever, with as many values each time as are admitted."""
    for number in range(100):
        detail = {"type": "reasoning.text", "index": 0, "text": "a", f"k{number}": "LIST"}
        yield frame(with_list({"id": "c1", "choices": [{"delta": {"reasoning_details": [detail]}}]}, LISTS))


def sealed_details() -> Iterator[bytes]:
    """Send one sealed item after the other."""
    detail = {"type": "reasoning.encrypted", "data": JUNK}
    return joined(times(20, chunk({"reasoning_details": [detail]})), END)


def signatures() -> Iterator[bytes]:
    """Sign one thought again and again, as Mistral does."""
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "a", "signature": JUNK}]}
    return joined(times(20, chunk({"content": [part]})), said("b"), END)


def unknown(payload: str) -> Callable[[], Iterator[bytes]]:
    """Say what nobody knows, again and again, and end properly."""
    return lambda: joined(times(40, frame(payload)), said("a"), END)


def plain_lines(piece: bytes, number: int = 200) -> Callable[[], Iterable[bytes]]:
    """Say no event at all, in very many short lines, and then an answer."""
    return lambda: joined(times(number, piece), b"\n\n", said("a"), END)


def _attack(pieces: Callable[[], Iterable[bytes]], provider: str = PROVIDER, **options: Any) -> Attack:
    return Attack(provider=provider, pieces=pieces, **options)


TEXT_PARTS = '{"type":"text","text":"a"},' * 16_000 + "{}"
THOUGHTS = '{"type":"thinking","thinking":[{"text":"a"}]},' * 12_000 + "{}"
FRAGMENTS = "{}," * 30_000 + "{}"
DETAILS = '{"type":"reasoning.text","text":"a"},' * 16_000 + "{}"

ATTACKS = {
    "endless text": _attack(lambda: times(10**9, said("a" * 1000) * 64), grown_bytes_max=36 * MIB),
    "endless text of wide characters": _attack(lambda: times(10**9, said(WIDE) * 64), grown_bytes_max=36 * MIB),
    "text of escapes and commas": _attack(lambda: joined(times(9, said("\n,é" * MIB)), END)),
    "plain text in large pieces": _attack(lambda: joined(times(9, said(JUNK)), END)),
    "a frame of values": _attack(a_frame_of_values),
    "a frame of text parts": _attack(parts("content", TEXT_PARTS)),
    "a frame of thoughts": _attack(parts("content", THOUGHTS)),
    "a frame of empty fragments of calls": _attack(parts("tool_calls", FRAGMENTS)),
    "a frame of details": _attack(parts("reasoning_details", DETAILS), ROUTER),
    "a frame of choices": _attack(choices_without_end),
    "unknown chunks of values": _attack(unknown(with_list({"x": "LIST"}, OBJECTS))),
    "unknown chunks of megabytes": _attack(unknown(text({"x": JUNK}))),
    "arguments before a name": _attack(arguments_before_a_name),
    "a call in tiny pieces without a name": _attack(a_call_in_tiny_pieces_without_a_name),
    "calls of values": _attack(calls(ARGUMENTS)),
    "calls at their bound": _attack(calls(json.dumps({"a": "\n," * 500_000}))),
    "ids of megabytes": _attack(
        lambda: joined((chunk({"tool_calls": [{"index": n, "id": f"{n}{JUNK}"}]}) for n in range(40)), END)
    ),
    "details with ever new keys": _attack(details_with_new_keys("x" * MIB), ROUTER),
    "details of values": _attack(details_of_values, ROUTER),
    "sealed details": _attack(sealed_details, ROUTER),
    "signatures that replace each other": _attack(signatures, "mistral"),
    "comments in short lines": _attack(plain_lines(SHORT_LINES), ROUTER),
    "comments and blank lines": _attack(plain_lines(b":\n\n" * 21_000), ROUTER),
    "blank lines": _attack(plain_lines(BLANK_LINES), ROUTER),
    "data in short lines": _attack(plain_lines(DATA_LINES), ROUTER),
    "ids of events": _attack(plain_lines(f"id: {JUNK}\n\n".encode(), 20)),
    "an error of megabytes": _attack(
        lambda: joined(
            said("a"), frame(text({"error": {"message": "again in " + "9 " * (3 * MIB), "code": JUNK[:MIB]}}))
        )
    ),
}
QUICK = {"a frame of values"}
