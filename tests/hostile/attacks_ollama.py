"""What a hostile server can say in Ollama's format: lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.hostile.attack import MIB, Attack
from tests.hostile.pieces import ARGUMENTS, BLANK_LINES, JUNK, LISTS, OBJECTS, WIDE, joined, text, times, with_list

PROVIDER = "ollama"


def line(data: str) -> bytes:
    """Write one line whose JSON is given."""
    return f"{data}\n".encode()


def message(**fields: Any) -> bytes:
    """Write a piece of the answer."""
    return line(text({"model": "m", "created_at": "2026", "message": fields}))


def said(letters: str) -> bytes:
    """Say a text in one line."""
    return message(content=letters)


END = line('{"done":true,"done_reason":"stop"}')


def a_line_of_values() -> Iterator[bytes]:
    """One line of millions of small values."""
    yield b'{"message":{"content":"a","tool_calls":['
    yield from times(15, b"[]," * (MIB // 3))
    yield b"[]]}}\n"


def calls(inside: str, number: int = 40) -> Callable[[], Iterator[bytes]]:
    """Put as many calls into one line as are given, again and again."""
    piece = line(with_list({"message": {"tool_calls": "LIST"}}, inside))
    return lambda: joined(times(number, piece), END)


def unknown(payload: str) -> Callable[[], Iterator[bytes]]:
    """Say what nobody knows, again and again, and end properly."""
    return lambda: joined(times(40, line(payload)), said("a"), END)


def _attack(pieces: Callable[[], Iterable[bytes]], **options: Any) -> Attack:
    return Attack(provider=PROVIDER, pieces=pieces, kind="application/x-ndjson", **options)


WHOLE = '{"function":{"name":"look","arguments":LIST}}'
SMALL_CALLS = ",".join(['{"function":{"name":"look","arguments":{"a":1}}}'] * 1000)

ATTACKS = {
    "endless text": _attack(lambda: times(10**9, said("a" * 1000) * 64), grown_bytes_max=36 * MIB),
    "endless text of wide characters": _attack(lambda: times(10**9, said(WIDE) * 64), grown_bytes_max=36 * MIB),
    "text of escapes and commas": _attack(lambda: joined(times(9, said("\n,é" * MIB)), END)),
    "a line of values": _attack(a_line_of_values),
    "calls of values": _attack(calls(WHOLE.replace("LIST", ARGUMENTS))),
    "calls at their bound": _attack(calls(WHOLE.replace("LIST", text({"a": "\n," * 350_000})))),
    "a thousand calls in a line": _attack(calls(SMALL_CALLS, 2)),
    "a line of calls that are none": _attack(calls(LISTS)),
    "ids of megabytes": _attack(calls(text({"id": JUNK, "function": {"name": "look", "arguments": {}}}))),
    "a time of megabytes": _attack(lambda: joined(line(text({"created_at": JUNK, "message": {"content": "a"}})), END)),
    "a model of megabytes": _attack(lambda: joined(line(text({"model": JUNK, "message": {"content": "a"}})), END)),
    "unknown lines of values": _attack(unknown(with_list({"x": "LIST"}, OBJECTS))),
    "unknown lines of megabytes": _attack(unknown(text({"x": JUNK}))),
    "images of megabytes": _attack(lambda: joined(times(40, message(content="", images=[JUNK])), said("a"), END)),
    "blank lines": _attack(lambda: joined(times(200, BLANK_LINES), said("a"), END)),
    "an error of megabytes": _attack(
        lambda: joined(said("a"), line(text({"error": "try again in " + "9 " * (3 * MIB)})))
    ),
}
QUICK = {"a line of values"}
