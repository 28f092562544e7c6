"""An answer that begins anew inside one response: bounded, and what stood before it is not copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.answer_blocks import AnswerBlocks, TextParts
from riverrun.engine.core.stream_events import AnswerRestarted, CursorMoved, StreamEvent, TextDelta
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.engine.generation import LineDecoder, LineProvider
from tests.engine.own_source import ASK, END, ONCE, Channelled, OwnSource, engine_of, say

RESTARTS_MAX = rr.Limits().restarts_max


def begun_anew(times: int, text: str = "void") -> list[Any]:
    return [step for _ in range(times) for step in (*say(text), AnswerRestarted())]


async def test_as_many_restarts_as_are_admitted_cost_nothing_but_what_they_take_back(autojump_clock: MockClock) -> None:
    source = OwnSource([*begun_anew(RESTARTS_MAX), *say("whole"), END])
    assert (await engine_of(source, policy=ONCE).complete(ASK)).text == "whole"


async def test_one_restart_more_is_a_malformed_stream(autojump_clock: MockClock) -> None:
    source = OwnSource([*begun_anew(RESTARTS_MAX + 1), *say("whole"), END])
    with pytest.raises(rr.StreamInterrupted, match="restarts_max") as caught:
        await engine_of(source, policy=ONCE).complete(ASK)
    assert isinstance(caught.value.cause, rr.causes.MalformedStream)


async def test_restarts_are_counted_over_all_attempts_of_a_run(autojump_clock: MockClock) -> None:
    broken = rr.Policy(retry=rr.RetryPolicy(attempts_max=2))
    source = OwnSource(
        [*begun_anew(6), rr.errors.ProviderError("down", status=500)], [*begun_anew(3), *say("whole"), END]
    )
    with pytest.raises(rr.InferenceError, match="restarts_max"):
        await engine_of(source, policy=broken).complete(ASK)


def test_a_restart_is_given_back_the_very_strings_that_stood_before_it() -> None:
    accumulator = Accumulator()
    before = "x" * 100_000
    accumulator.fold(TextDelta(before))
    accumulator.begin_attempt()
    for _ in range(5):
        for _ in range(10):
            accumulator.fold(TextDelta("void"))
        assert accumulator.has_kept
        assert accumulator.rewind()
        assert accumulator.text is before


def test_going_back_past_a_reading_in_between_gives_the_same_text() -> None:
    held, text = AnswerBlocks(), TextParts()
    held.append(text)
    text.append("before")
    held.begin_attempt(reattaches=False)
    text.append(" and after")
    assert (text.read(), held.has_kept) == ("before and after", True)
    held.cut_back()
    assert (text.read(), held.has_kept) == ("before", False)


async def test_a_place_in_what_was_taken_back_in_the_same_read_is_no_place_to_read_on_from(
    autojump_clock: MockClock,
) -> None:
    send, receive = trio.open_memory_channel[StreamEvent](10)
    for event in (TextDelta("void"), CursorMoved("behind void"), AnswerRestarted(), TextDelta("new")):
        send.send_nowait(event)
    with send:
        async with engine_of(Channelled(receive)).open_stream(ASK) as run:
            await run.receive_many()
            snapshot = run.snapshot()
    assert (snapshot.text, snapshot.cursor) == ("new", None)


class Deep(LineDecoder):
    """Runs out of stack, or of memory, as it reads."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        raise self._error


class DeepProvider(LineProvider):
    """Reads with that."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def decoder(self, limits: rr.Limits) -> Deep:
        return Deep(self._error)


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
async def test_an_answer_that_takes_all_memory_or_stack_is_a_malformed_stream(
    error: type[Exception], autojump_clock: MockClock
) -> None:
    transport = ScriptedTransport(lambda _: Script([b"x"]))
    engine = rr.Engine(DeepProvider(error), policy=ONCE, transport=transport)
    with pytest.raises(rr.InferenceError, match=error.__name__):
        await engine.complete(ASK)
