"""Answers as their provider writes them, made odd in ways that were seen in the field, and what must hold then.

The oracle: what is read is the answer that was written, whole; or it is no success, and what was said of it is a
beginning of it, with only such calls as were written. So nothing that is tolerated loses, doubles or invents a
character or a call.

An oddity edits the events of an answer. `leaves_one` says that it leaves one meaning, so that the answer has to come
out whole; the others may as well break the stream.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

from attrs import frozen

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.testing.script.answers import Answer
from riverrun.engine.testing.wire.answers import answer_events, whole_answer
from tests.fuzz.decoding import provider

Events: TypeAlias = list[bytes]
Dice: TypeAlias = random.Random

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?|true|false")
_SAID = frozenset(
    ["content", "text", "delta", "thinking", "reasoning_content", "reasoning", "refusal", "partial_json", "arguments"]
)
"""Under which keys text is said, in all formats."""

_USERS = frozenset(["arguments", "args", "input"])
"""Under which keys objects are the model's own: a field more would be another call."""

_USAGES = frozenset(["usage", "usageMetadata"])


# -- JSON that is written as it was read ------------------------------------------------------------------------------


class Pairs(list[tuple[str, Any]]):
    """An object as the pairs that stand in it."""


class Raw(str):
    """What stands in the text as it is."""


def read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs, parse_float=Raw, parse_int=Raw)


def write_json(value: Any) -> str:
    match value:
        case Pairs():
            return "{" + ",".join(f"{json.dumps(key)}: {write_json(each)}" for key, each in value) + "}"
        case list():
            return "[" + ", ".join(map(write_json, value)) + "]"
        case Raw():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def objects_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Pairs]]:
    """Walk all objects in a value, each with the keys that lead to it."""
    if isinstance(value, Pairs):
        yield path, value
        for key, each in value:
            yield from objects_of(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from objects_of(each, path)


def edit(event: bytes, change: Callable[[Any], None]) -> bytes:
    """Change the JSON of an event; one without any stays."""
    lines = event.split(b"\n")
    for at, line in enumerate(lines):
        start = line.find(b"{")
        if start >= 0 and line[:start] in (b"", b"data: "):
            try:
                value = read_json(line[start:].decode())
            except ValueError:  # half a frame
                continue
            change(value)
            lines[at] = line[:start] + write_json(value).encode()
    return b"\n".join(lines)


def edit_some(change: Callable[[Any, Dice], None], events: Events, dice: Dice) -> Events:
    return [edit(event, lambda value: change(value, dice)) if dice.random() < 0.4 else event for event in events]


# -- oddities ---------------------------------------------------------------------------------------------------------


def with_numbers(value: Any, _dice: Dice) -> None:
    """Write text that looks like a number as one."""
    for path, held in list(objects_of(value)):
        for at, (key, said) in enumerate(held):
            is_said = key in _SAID and type(said) is str and not _USERS.intersection(path)
            if is_said and _NUMBER.fullmatch(said):
                held[at] = key, Raw(said)


def with_parts(value: Any, _dice: Dice) -> None:
    """Write text as a list of parts."""
    for path, held in list(objects_of(value)):
        for at, (key, said) in enumerate(held):
            is_argued = key in ("partial_json", "arguments") or "arguments" in str(held)
            if key in _SAID and type(said) is str and said and not is_argued and not _USERS.intersection(path):
                held[at] = key, [Pairs([("type", "text"), ("text", said[:2])]), said[2:]]


def with_keys_twice(value: Any, dice: Dice) -> None:
    """Write a key again, with its value."""
    _, held = dice.choice(list(objects_of(value)))
    if held:
        held.insert(dice.randrange(len(held) + 1), dice.choice(held))


def with_two_values(value: Any, dice: Dice) -> None:
    """Write a key again, with another value: two meanings, unless nobody reads it."""
    _, held = dice.choice(list(objects_of(value)))
    if held:
        key, said = dice.choice(held)
        other = dice.choice([None, Raw("7"), "x", [], Pairs()])
        if write_json(other) != write_json(said):
            held.insert(dice.randrange(len(held) + 1), (key, other))


def with_counts_twice(value: Any, dice: Dice) -> None:
    """Write a count again, with another number, or none."""
    for path, held in list(objects_of(value)):
        if held and path and path[-1] in _USAGES:
            held.append((dice.choice(held)[0], Raw(dice.choice(["NaN", "1e999", "12345678", "-Infinity"]))))


def with_fields(value: Any, dice: Dice) -> None:
    """Write fields that nobody knows."""
    path, held = dice.choice(list(objects_of(value)))
    if not _USERS.intersection(path):
        held.append(("x_gateway", dice.choice([None, "x", Raw("1"), Pairs([("content", "x")])])))


def with_objects(value: Any, dice: Dice) -> None:
    """Write an object where text is: no meaning at all."""
    for _, held in list(objects_of(value)):
        for at, (key, said) in enumerate(held):
            is_argued = key in ("partial_json", "arguments") or "arguments" in str(held)  # there it has a meaning
            if key in _SAID and type(said) is str and said and not is_argued and dice.random() < 0.5:
                held[at] = key, Pairs([("x", "y")])


def with_lines(lines: tuple[bytes, ...], blank: bytes, events: Events, dice: Dice) -> Events:
    """Put lines between the events; in NDJSON they are blank."""
    made: Events = []
    for event in events:
        made += [dice.choice(lines) if is_sse(events) else blank] * (dice.random() < 0.3)
        made.append(event)
    return made


def is_sse(events: Events) -> bool:
    return events[0].startswith((b"data:", b"event:", b":", b"id:"))


def with_crlf(events: Events, _dice: Dice) -> Events:
    return [event.replace(b"\n", b"\r\n") for event in events]


def with_cr(events: Events, _dice: Dice) -> Events:
    return [event.replace(b"\n", b"\r") for event in events] if is_sse(events) else events


def with_bom(events: Events, _dice: Dice) -> Events:
    return [b"\xef\xbb\xbf" + events[0], *events[1:]] if is_sse(events) else events


def without_spaces(events: Events, _dice: Dice) -> Events:
    return [event.replace(b"data: ", b"data:") for event in events]


def with_prefix_twice(events: Events, dice: Dice) -> Events:
    return [event.replace(b"data: {", b"data: data: {") if dice.random() < 0.3 else event for event in events]


def without_names(events: Events, _dice: Dice) -> Events:
    """Leave out the names of events, which stand in their JSON as well."""
    return [re.sub(rb"(?m)^event: .*\n", b"", event) for event in events]


def with_ids(events: Events, _dice: Dice) -> Events:
    marked = [b"id: %d\nretry: 9\n%b" % (number, event) for number, event in enumerate(events)]
    return marked if is_sse(events) else events


def without_trailer(events: Events, _dice: Dice) -> Events:
    return events[:-1]


def cut(events: Events, dice: Dice) -> Events:
    body = b"".join(events)
    return [body[: dice.randrange(len(body))]]


def with_broken_frame(events: Events, dice: Dice) -> Events:
    """Put half a frame between two."""
    at = dice.randrange(len(events) + 1)
    half = dice.choice([b'{"ch', b"{", b"[1", b'{"choices":[{"delta":{"content":"x"', b'x {"text":"y"}', b"{}{}"])
    return [*events[:at], b"data: %b\n\n" % half if is_sse(events) else half + b"\n", *events[at:]]


@frozen
class Oddity:
    """One way in which an answer comes oddly."""

    change: Callable[[Events, Dice], Events]
    leaves_one: bool = True


LIFE = (
    b"data:\n\n",
    b"data: \n\n",
    b"data: ping\n\n",
    b"data: null\n\n",
    b": ping\n\n",
    b"\n",
    b"data: keep-alive\n\n",
)
UNKNOWN = (
    b'data: {"type":"x.unknown","event_type":"x.unknown","n":1}\n\n',
    b'event: x\ndata: {"type":"x","event_type":"x"}\n\n',
)

ODDITIES: dict[str, Oddity] = {
    "signs of life": Oddity(partial(with_lines, LIFE, b" \r\n")),
    "unknown events": Oddity(partial(with_lines, UNKNOWN, b'{"x":1}\n')),
    "unknown fields": Oddity(partial(edit_some, with_fields)),
    "numbers as text": Oddity(partial(edit_some, with_numbers)),
    "lists of parts": Oddity(partial(edit_some, with_parts)),
    "keys twice": Oddity(partial(edit_some, with_keys_twice)),
    "counts twice": Oddity(partial(edit_some, with_counts_twice)),
    "CRLF": Oddity(with_crlf),
    "CR": Oddity(with_cr),
    "a BOM": Oddity(with_bom),
    "no space after the colon": Oddity(without_spaces),
    "data: twice": Oddity(with_prefix_twice),
    "events without names": Oddity(without_names),
    "ids and retries": Oddity(with_ids),
    "no trailer": Oddity(without_trailer, leaves_one=False),
    "cut": Oddity(cut, leaves_one=False),
    "half a frame": Oddity(with_broken_frame, leaves_one=False),
    "two values": Oddity(partial(edit_some, with_two_values), leaves_one=False),
    "an object as text": Oddity(partial(edit_some, with_objects), leaves_one=False),
}

ORDER = ("keys twice", "two values", "CRLF", "CR", "a BOM", "no space after the colon", "cut")
"""What is done when all else is: a field more in one of two equal values makes two of them, and bytes come last."""


# -- the oracle -------------------------------------------------------------------------------------------------------


@frozen
class Read:
    """What was read of a body: what was said, the calls that are whole, and whether all of it was."""

    text: str
    reasoning: str
    calls: tuple[tuple[str, Any], ...]
    is_whole: bool
    why: str | None


def read_body(name: str, body: bytes, cuts: tuple[int, ...] = (), *, is_broken: bool = False) -> Read:
    """Decode a body in these cuts, as a run does; `is_broken` says that the connection broke at its end."""
    return read_with(provider(name).decoder(Limits()), body, cuts, is_broken=is_broken)


def read_whole(name: str, body: bytes, cuts: tuple[int, ...] = (), *, is_broken: bool = False) -> Read:
    """Decode an answer in one piece, likewise."""
    decoder = provider(name).whole_decoder(Limits()) or provider(name).decoder(Limits())
    return read_with(decoder, body, cuts, is_broken=is_broken)


def read_with(decoder: Any, body: bytes, cuts: tuple[int, ...] = (), *, is_broken: bool = False) -> Read:
    """Decode a body with a decoder in these cuts."""
    accumulator = Accumulator(Limits())
    accumulator.begin_attempt()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    events = [event for start, end in pairwise(edges) for event in decoder.feed(body[start:end])]
    for event in [*events, *(decoder.close_broken() if is_broken else decoder.close())]:
        accumulator.fold(event)
    told = accumulator.snapshot()
    calls = tuple((call.name, call.arguments) for call in told.completed_tool_calls)
    why = decoder.defect or accumulator.defect
    return Read(told.text, told.reasoning, calls, decoder.is_complete and why is None, why)


def check_tolerance(name: str, answer: Answer, oddities: list[str], dice: Dice) -> None:
    """Write an answer, make it odd, and hold what is read against what was written."""
    check_odd(name, answer, answer_events(name, answer, seed=dice.randrange(1000)), oddities, dice, read_body)


def check_whole(name: str, answer: Answer, oddities: list[str], dice: Dice) -> None:
    """Do the same with an answer in one piece."""
    check_odd(name, answer, [whole_answer(name, answer)], oddities, dice, read_whole)


def check_odd(
    name: str, answer: Answer, events: Events, oddities: list[str], dice: Dice, read_body: Callable[..., Read]
) -> None:
    """Hold what is read of these events, made odd, against what is read of them as they are, and what was written."""
    written = read_body(name, b"".join(events))
    calls = tuple((call.name, call.arguments) for call in answer.calls)
    assert (written.text, written.calls, written.is_whole) == (answer.text, calls, True), written
    for oddity in sorted(oddities, key=lambda oddity: ORDER.index(oddity) if oddity in ORDER else -1):
        events = ODDITIES[oddity].change(events, dice)
    body = b"".join(events)
    is_broken = "cut" in oddities
    read = read_body(name, body, is_broken=is_broken)
    told = (name, oddities, body, read)
    if read.is_whole or all(ODDITIES[oddity].leaves_one for oddity in oddities):
        assert (read.text, read.reasoning, read.calls) == (written.text, written.reasoning, written.calls), told
        assert read.is_whole, told
    assert written.text.startswith(read.text), told
    assert written.reasoning.startswith(read.reasoning), told
    assert written.calls[: len(read.calls)] == read.calls, told
    cuts = tuple(dice.randrange(len(body) + 1) for _ in range(4))
    assert read_body(name, body, cuts, is_broken=is_broken) == read, told


CALLS = (
    ToolCall("call_a", "look", {"city": "Rome", "n": 7, "deep": {"usage": [1, 0.5, None, True]}}),
    ToolCall("call_b", "go", {}),
    ToolCall("call_c", "7", {"x": "12"}),
)


WORDS = (
    "It costs $",
    "0.10",
    "7",
    " [",
    "1",
    "]. ",
    "-0",
    "1e2",
    "true",
    "é🌍",
    '"',
    "\\",
    "\n",
    "12.50",
    " and ",
    "0",
)


NUMBERS = ("0", "1", "7", ".", "0.1", "0", "12", "e2", "-", "true")
"""What an answer of numbers is made of: most pieces of it are one."""


def draw_answer(dice: Dice) -> Answer:
    """Draw an answer with numbers in its text, as prices and lists have."""
    words = dice.choice((WORDS, NUMBERS))
    text = "".join(dice.choice(words) for _ in range(dice.randint(1, 30)))
    reasoning = "".join(dice.choice(words) for _ in range(dice.randint(0, 9)))
    return Answer("drawn", text, reasoning, tuple(dice.sample(CALLS, dice.choice([0, 0, 1, 2, 3]))))


WHOLE = (
    "unknown fields", "numbers as text", "lists of parts", "keys twice", "counts twice", "two values",
    "an object as text", "cut",
)  # fmt: skip
"""What is odd of an answer in one piece as it is of one event."""


def draw_whole_oddities(dice: Dice) -> list[str]:
    return dice.sample(WHOLE, dice.choice([1, 1, 2, 3]))


def draw_oddities(dice: Dice) -> list[str]:
    return dice.sample(sorted(ODDITIES), dice.choice([1, 1, 1, 2, 3]))
