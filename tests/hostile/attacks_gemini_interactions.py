"""What a hostile server can say in the format of Gemini's Interactions API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import MIB, Attack
from tests.hostile.frames import VALUES, data, endless, framed, large
from tests.providers.gemini_samples import created, delta, event, said, start, stop

PROVIDER = "gemini-interactions"
BIG = "x" * (2 * MIB)
SEARCH = "google_search_call"


def attack(make: Callable[[int], Any], *before: Any, times: int = 100_000) -> Attack:
    """The event that `make` gives for each number, each with an id: there is a cursor behind it."""

    def pieces() -> Iterator[bytes]:
        yield b"".join(map(data, (created(), *before)))
        yield from framed({"event_id": f"e{number}", **make(number)} for number in range(times))

    return Attack(provider=PROVIDER, pieces=pieces)


def sent(pieces: Callable[[], Iterator[bytes]]) -> Attack:
    """These very bytes."""
    return Attack(provider=PROVIDER, pieces=pieces)


def endless_text() -> Iterator[bytes]:
    """Say text for ever, in plain deltas."""
    yield data(created()) + data(start(0))
    yield from endless(data(said(0, "a" * 1000)))


def a_call_that_is_closed() -> Iterator[bytes]:
    """Stream a call of long arguments in small pieces, and close it."""
    yield data(created()) + data(start(0, "function_call", id="c", name="look"))
    whole = '{"a":"' + "x" * (2 * MIB - 100) + '"}'
    pieces = (whole[at : at + 1000] for at in range(0, len(whole), 1000))
    yield from framed(delta(0, "arguments_delta", arguments=piece) for piece in pieces)
    yield data(stop(0))


def in_turn(number: int) -> Any:
    """Open kept steps and say something beside them."""
    return start(number + 1, SEARCH, id=f"s{number}") if number % 2 == 0 else said(0, "a")


CALL = start(0, "function_call", id="c", name="look", arguments={"a": "x" * 57_000})

ATTACKS = {
    "endless text": sent(endless_text),
    "a frame of values": sent(
        lambda: large('{"event_type":"step.start","index":0,"step":{"type":"new","x":[', "[],", "[]]}}")
    ),
    "a frame of contents": sent(
        lambda: large(
            '{"event_type":"step.start","index":0,"step":{"type":"thought","summary":[', '{"text":"a"},', "{}]}}"
        )
    ),
    "starts of contents": attack(
        lambda number: start(number, "model_output", content=[{"type": "text", "text": "a"}] * 10_000), times=100
    ),
    "a call that is closed": sent(a_call_that_is_closed),
    "open steps whose start is long": attack(lambda number: start(number, SEARCH, id="s", x=BIG)),
    "open thoughts whose start is long": attack(lambda number: start(number, "thought", x=BIG), times=40),
    "open calls whose start is long": attack(
        lambda number: start(number, "function_call", id=f"c{number}", name="f", arguments={"a": BIG[:MIB]})
    ),
    "open steps of values": attack(lambda number: start(number, SEARCH, x=VALUES)),
    "open steps": attack(lambda number: start(number, "thought"), times=5000),
    "open steps and text beside them": attack(in_turn, start(0), times=20_000),
    "ids of steps": attack(lambda number: start(number, "function_call", id=f"{number}{BIG}", name="f")),
    "ids of steps within their bound": attack(
        lambda number: start(number, "function_call", id=f"{number}{BIG[:4000]}", name="f")
    ),
    "kinds of steps": attack(lambda number: start(number, f"{number}{BIG}")),
    "ids of events": attack(lambda number: {**said(0, "a"), "event_id": f"{number}{BIG}"}, start(0), times=30),
    "the id of the interaction": attack(lambda number: created(f"{number}{BIG}")),
    "kept deltas: ever new keys": attack(
        lambda number: delta(0, SEARCH, arguments={f"k{number}": 0}), start(0, SEARCH, id="s"), times=300_000
    ),
    "kept deltas: a list that grows": attack(
        lambda number: delta(0, SEARCH, result=[0]), start(0, SEARCH, id="s"), times=300_000
    ),
    "kept deltas of values": attack(lambda number: delta(0, SEARCH, result=VALUES), start(0, SEARCH, id="s")),
    "kept deltas that replace": attack(lambda number: delta(0, SEARCH, result=BIG), start(0, SEARCH, id="s")),
    "arguments of a tool that never ends": attack(
        lambda number: delta(0, "arguments_delta", arguments=BIG[:MIB]), start(0, SEARCH, id="s")
    ),
    "arguments of a tool that never ends, letter by letter": attack(
        lambda number: delta(0, "arguments_delta", arguments="é"), start(0, SEARCH, id="s"), times=300_000
    ),
    "arguments of many tools": attack(
        lambda number: delta(number % 1000, "arguments_delta", arguments="x" * 10_000),
        *(start(index, SEARCH, id=f"s{index}") for index in range(1000)),
    ),
    "a cursor behind a long call": attack(lambda number: said(1, "a"), CALL, start(1), times=50_000),
    "cursors of many steps": attack(
        lambda number: start(number, "thought") if number < 15 else delta(number % 15, "thought_signature"),
        times=50_000,
    ),
    "signatures that replace each other": attack(
        lambda number: delta(0, "thought_signature", signature=f"{number}{BIG}"), start(0, "thought"), times=40
    ),
    "whole steps of values": attack(
        lambda number: start(number // 2, SEARCH, id="s", x=VALUES) if number % 2 == 0 else stop(number // 2),
        times=500,
    ),
    "unknown events": attack(lambda number: event("new", x=BIG * 3), times=20),
    "unknown events of values": attack(lambda number: event("new", x=VALUES), times=100),
}
QUICK = {"a cursor behind a long call", "kept deltas: a list that grows"}
