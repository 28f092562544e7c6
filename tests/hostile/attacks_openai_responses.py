"""What a hostile server can say in OpenAI's Responses format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import MIB, Attack
from tests.hostile.frames import VALUES, data, endless, framed, large
from tests.providers.openai_responses_samples import added, args, call_added, call_done, done, event, lifecycle
from tests.providers.openai_responses_samples import ended as end
from tests.providers.openai_responses_samples import text as said

PROVIDER = "openai-responses"
CREATED = data(lifecycle())
ASIDE = data({**lifecycle(background=True), "sequence_number": 0})
ASKED = {"extra": {"background": True}}
BIG = "x" * (2 * MIB)


def attack(make: Callable[[int], Any], *, first: bytes = CREATED, times: int = 100_000, **options: Any) -> Attack:
    """The event that `make` gives for each number, with a number of its own."""

    def pieces() -> Iterator[bytes]:
        yield first
        yield from framed({**make(number), "sequence_number": number + 1} for number in range(times))

    return Attack(provider=PROVIDER, pieces=pieces, options=options)


def a_frame_of_values() -> Iterator[bytes]:
    """One frame of millions of small values: few bytes on the wire, many as objects."""
    yield CREATED
    yield from large('{"type":"response.output_item.done","output_index":0,"item":{"type":"x","x":[', "[],", "[]]}}")


def endless_text() -> Iterator[bytes]:
    """Say text for ever, in plain deltas."""
    yield CREATED + data(added(0))
    yield from endless(data(said(0, "a" * 1000)))


def restarts() -> Iterator[bytes]:
    """Begin the answer again and again, behind much text."""
    yield CREATED + data(added(0))
    yield from [data(said(0, "a" * 65536))] * 128
    for number in range(100_000):
        yield data(lifecycle(id=f"resp_{number + 2}")) + data(added(0)) + data(said(0, "a"))


def a_call_that_is_closed() -> Iterator[bytes]:
    """Say long arguments in pieces, and all of them again at the end, three times."""
    whole = '{"a":"' + "x" * (2 * MIB - 100) + '"}'
    yield CREATED + data(call_added(0))
    yield from (data(args(0, whole[at : at + 1000])) for at in range(0, len(whole), 1000))
    yield data(event("function_call_arguments.done", output_index=0, arguments=whole))
    yield data(call_done(0, whole))
    yield data(end(output=[call_done(0, whole)["item"]]))


def an_end_that_repeats_everything() -> Iterator[bytes]:
    """Say many items, and all of them again at the end."""
    yield CREATED
    items = [{"type": "message", "content": [{"type": "output_text", "text": f"{at}" * 400}]} for at in range(4000)]
    for at, item in enumerate(items):
        yield data(said(at, "", content_index=at % 3))
        yield data(event("output_item.done", output_index=at, item=item))
    yield data(end(output=items))


def calls_that_wait() -> Iterator[bytes]:
    """End many calls without arguments at high indexes, and say much text below them."""
    yield CREATED + data(added(0))
    for at in range(1000):
        yield data(call_added(at + 5000, f"c{at}")) + data(call_done(at + 5000, "", f"c{at}"))
    yield from [data(said(0, "a")) * 100] * 300


def tiny(number: int) -> Any:
    """An item of its own with one letter of text, and open for ever."""
    return added(number) if number % 2 == 0 else said(number - 1, "a")


ATTACKS = {
    "endless text": Attack(provider=PROVIDER, pieces=endless_text),
    "a frame of values": Attack(provider=PROVIDER, pieces=a_frame_of_values),
    "restarts": Attack(provider=PROVIDER, pieces=restarts),
    "a call that is closed": Attack(provider=PROVIDER, pieces=a_call_that_is_closed),
    "an end that repeats everything": Attack(provider=PROVIDER, pieces=an_end_that_repeats_everything),
    "an end of many items": attack(lambda _: end(output=[{}] * 30_000), times=9),
    "calls that wait": Attack(provider=PROVIDER, pieces=calls_that_wait),
    "open items whose start is long": attack(lambda number: added(number, "web_search_call", action=BIG), times=40),
    "open tools whose arguments are long": attack(lambda number: added(number, "mcp_call", arguments=BIG), times=40),
    "ids of items": attack(lambda number: added(number, id=f"{number}{BIG}")),
    "ids of items within their bound": attack(lambda number: added(number, id=f"{number}{BIG[:4000]}")),
    "kinds of items": attack(lambda number: added(number, f"{number}{BIG}")),
    "ids of calls": attack(lambda number: call_added(number, f"{number}{BIG}")),
    "ids of calls within their bound": attack(lambda number: call_added(number, f"{number}{BIG[:4000]}")),
    "tokens of tools": attack(lambda number: added(number, "shell_call", call_id=f"{number}{BIG}")),
    "the id of the response": attack(lambda number: lifecycle(id=f"{number}{BIG}")),
    "arguments before a name": attack(lambda number: args(number, BIG[:MIB])),
    "whole arguments before a name": attack(
        lambda number: event("function_call_arguments.done", output_index=number, arguments=BIG[:MIB])
    ),
    "arguments before a name, letter by letter": attack(lambda number: args(number // 20_000, "é"), times=300_000),
    "ever new parts": attack(lambda number: said(number // 4000, "a", content_index=number), times=200_000),
    "whole items of values": attack(lambda number: done(number, "web_search_call", x=VALUES)),
    "whole calls of values": attack(
        lambda number: call_done(number, f'{{"a":[{"[]," * 30_000}[]]}}', f"c{number}"), times=500
    ),
    "sealed thoughts": attack(lambda number: done(number, "reasoning", encrypted_content=BIG), times=40),
    "unknown events": attack(lambda number: {"type": "response.new", "x": BIG * 3}, times=20),
    "unknown events of values": attack(lambda number: {"type": "response.new", "x": VALUES}, times=40),
    "in the background, unasked": attack(tiny, first=ASIDE, times=20_000),
    "in the background, asked": attack(tiny, first=ASIDE, times=20_000, **ASKED),
    "in the background, calls side by side": attack(
        lambda number: call_added(number, f"c{number}") if number < 900 else args(number % 900, "[" * 50),
        first=ASIDE, times=20_000, **ASKED,
    ),
    "in the background, long ids": attack(
        lambda number: added(number, id=f"{number}{BIG[:4000]}") if number < 15 else said(number % 15, "a"),
        first=ASIDE, times=20_000, **ASKED,
    ),
    "in the background, a long call": attack(
        lambda number: args(0, "x") if number else call_added(0), first=ASIDE, times=50_000, **ASKED
    ),
}  # fmt: skip
QUICK = {"a frame of values", "in the background, unasked"}
