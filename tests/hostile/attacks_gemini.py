"""What a hostile server can say in the format of Gemini's streamGenerateContent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import MIB, Attack
from tests.hostile.frames import VALUES, data, endless, framed, large
from tests.providers.gemini_samples import call, chunk, piece, text, thought, usage

PROVIDER = "gemini"
BIG = "x" * (2 * MIB)
HEAD = '{"candidates":[{"content":{"parts":['


def attack(make: Callable[[int], Any], *, times: int = 100_000) -> Attack:
    """The chunk that `make` gives for each number."""
    return Attack(provider=PROVIDER, pieces=lambda: framed(map(make, range(times))))


def sent(pieces: Callable[[], Iterator[bytes]]) -> Attack:
    """These very bytes."""
    return Attack(provider=PROVIDER, pieces=pieces)


def made_up_ids() -> Iterator[bytes]:
    """Name the response at length, and call without ids: each is made up, of the response's."""
    yield data(chunk(text("a"), responseId=BIG[:4000]))
    yield from framed(chunk(call("look", args={"a": number})) for number in range(100_000))


def ever_new_keys() -> Iterator[bytes]:
    """Stream one call whose arguments have ever new keys."""
    yield data(chunk(call("look", willContinue=True)))
    yield from framed(
        chunk(call(None, partialArgs=[piece(f"$.k{number}", 0)], willContinue=True)) for number in range(1_000_000)
    )


def a_call_that_is_closed() -> Iterator[bytes]:
    """Stream a call of long arguments in small pieces, and close it."""
    yield data(chunk(call("look", willContinue=True)))
    more = {"partialArgs": [piece("$.a", "x" * 1000, willContinue=True)], "willContinue": True}
    yield from framed(chunk(call(None, **more)) for _ in range(2000))
    yield data(chunk(call(None, partialArgs=[piece("$.a", "x")]), finish="STOP", **usage()))


def an_array_of_brackets() -> Iterator[bytes]:
    """Answer with an array, of one chunk that is all brackets."""
    yield b'[{"candidates":['
    for _ in range(15):
        yield b"[]," * (MIB // 3)
    yield b"[]]}]"


def an_array_of_nothing() -> Iterator[bytes]:
    """Answer with an array of ever so many empty chunks."""
    yield b"[{}"
    for _ in range(100):
        yield b",{}" * 20_000


def white_space() -> Iterator[bytes]:
    """Answer with an array that does not go on."""
    yield b"["
    for _ in range(300):
        yield b" " * 65536


ATTACKS = {
    "endless text": sent(lambda: endless(data(chunk(text("a" * 1000))))),
    "endless thoughts and text in turn": attack(lambda number: chunk(thought("a"), text("b")), times=50_000),
    "a frame of values": sent(lambda: large(f'{HEAD}{{"x":[', "[],", "[]]}]}}]}")),
    "a frame of parts": sent(lambda: large(HEAD, "{},", "{}]}}]}")),
    "a frame of texts": sent(lambda: large(HEAD, '{"text":"a"},', '{"text":"a"}]}}]}')),
    "frames of parts within the bound": attack(lambda _: chunk(*[text("a")] * 4000), times=40),
    "a frame of candidates": sent(lambda: large('{"candidates":[', "{},", "{}]}")),
    "frames of candidates within the bound": attack(lambda _: {"candidates": [{}] * 30_000}, times=40),
    "frames of pieces": attack(
        lambda number: chunk(call(None if number else "f", partialArgs=[{}] * 30_000, willContinue=True)), times=100
    ),
    "ids of calls": attack(lambda number: chunk(call(id=f"{number}{BIG}", args={}))),
    "ids of calls within their bound": attack(lambda number: chunk(call(id=f"{number}{BIG[:4000]}", args={}))),
    "names of calls": attack(lambda number: chunk(call(f"{number}{BIG}", args={}))),
    "the id of the response": attack(lambda number: chunk(call(), responseId=BIG)),
    "ids that are made up": sent(made_up_ids),
    "ever new keys": sent(ever_new_keys),
    "long keys": attack(
        lambda number: chunk(
            call(None if number else "f", partialArgs=[piece(f"$['{number}{BIG}']", 0)], willContinue=True)
        )
    ),
    "long paths of escapes": attack(
        lambda number: chunk(
            call(None if number else "f", partialArgs=[piece("$['" + "\\\\" * MIB + "']", 0)], willContinue=True)
        ),
        times=20,
    ),
    "a call that is closed": sent(a_call_that_is_closed),
    "whole calls of values": attack(lambda number: chunk(call(args={"a": VALUES})), times=40),
    "whole long calls": attack(lambda number: chunk(call(args={"a": BIG[: MIB // 2]})), times=300),
    "parts of values": attack(lambda number: chunk({"new": VALUES}), times=40),
    "tools that never answer": attack(lambda number: chunk({"executableCode": {"code": BIG}}), times=40),
    "signatures": attack(lambda number: chunk(text("a", BIG)), times=40),
    "unknown fields": attack(lambda number: {"new": BIG * 3}, times=20),
    "unknown fields of values": attack(lambda number: {"new": VALUES}, times=40),
    "an array of brackets": sent(an_array_of_brackets),
    "an array of nothing": sent(an_array_of_nothing),
    "white space": sent(white_space),
}
QUICK = {"a frame of texts"}
