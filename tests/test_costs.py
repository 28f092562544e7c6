"""Complexity as counted work, never as time: a long run costs an event what a short one costs."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from types import FrameType

import pytest
import trio

import riverrun as rr
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.journal import (
    SCHEMA_VERSION,
    AnswerReset,
    AttemptBegan,
    AttemptEnded,
    Entry,
    JournalHeader,
    encode_entry,
    restore,
)
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.result import AttemptRecord
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.engine.testing.wire.formats import Reply, Wire, events_of
from tests.engine.own_source import ASK, END, OwnSource, Step, engine_of, played, say, think
from tests.law_runs import QUESTION, KeepingStore

READ_EVENTS = 100


PROVIDERS = {
    Wire.ANTHROPIC: rr.Anthropic("claude-sonnet-4-5", base_url="http://127.0.0.1:9"),
    Wire.OPENAI: rr.OpenAIChat("gpt-4o", base_url="http://127.0.0.1:9/v1"),
}
both_wires = pytest.mark.parametrize("wire", PROVIDERS)


def script_of(events: int, wire: Wire = Wire.ANTHROPIC, read_events: int = READ_EVENTS) -> Script:
    """An answer of that many text deltas, a hundred to a read."""
    said = events_of(wire, Reply(1, "m", [f"{n % 100_000:05}" for n in range(events)]))
    return Script([b"".join(said[at : at + read_events]) for at in range(0, len(said), read_events)])


class CountingStore(KeepingStore):
    """Counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_written = 0

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        self.bytes_written += len(entry)
        await super().append(run_id, fence, sequence, entry)


def calls_made(work: Callable[[], object]) -> int:
    """How many functions were called, ours and C's, while it worked."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def run_of(events: int, store: CountingStore, wire: Wire = Wire.ANTHROPIC) -> Callable[[], object]:
    script = script_of(events, wire)

    async def main() -> None:
        engine = rr.Engine(PROVIDERS[wire], store=store, transport=ScriptedTransport(lambda _wire: script))
        result = await engine.complete(QUESTION, run_id="long")
        assert len(result.text) == 5 * events

    return lambda: trio.run(main)


def batches_of(script: Script, wire: Wire) -> list[int]:
    """How many events each `receive_many` of a run brought; the events themselves are dropped."""
    batches: list[int] = []

    async def main() -> None:
        engine = rr.Engine(PROVIDERS[wire], transport=ScriptedTransport(lambda _wire: script))
        async with engine.open_stream(QUESTION) as run:
            is_over = False
            while not is_over:
                events = await run.receive_many()
                batches.append(len(events))
                is_over = isinstance(events[-1], rr.Finished)

    trio.run(main)
    return batches


def bytes_grown(work: Callable[[], object]) -> int:
    """How many bytes were held at once, at most, while it worked."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@both_wires
def test_a_run_of_very_many_events_costs_an_event_what_a_run_of_few_costs(wire: Wire) -> None:
    few, many = CountingStore(), CountingStore()
    calls_few = calls_made(run_of(2_000, few, wire)) / 2_000
    calls_many = calls_made(run_of(100_000, many, wire)) / 100_000
    assert calls_many <= calls_few * 1.02


def test_what_is_written_to_the_store_is_linear_in_what_was_said() -> None:
    few, many = CountingStore(), CountingStore()
    run_of(2_000, few)()
    run_of(100_000, many)()
    assert many.bytes_written <= few.bytes_written * 50 * 1.1


def broken_often(times: int, store: rr.MemoryStore | None, each: Sequence[Step] = ()) -> Callable[[], object]:
    """A run of that many attempts, of which each says a little more."""
    patient = rr.Policy(retry=rr.RetryPolicy(attempts_max=times, base_delay_s=0, engine_retries_max=None))
    scripts = [each or say("x" * 100) for _ in range(times - 1)]

    async def main() -> None:
        engine = engine_of(OwnSource(*scripts, [*say("end"), END]), policy=patient, store=store)
        assert len((await engine.complete(ASK, run_id="often")).attempts) == times

    return lambda: played(main)


def test_what_is_written_to_the_store_is_linear_in_how_often_an_answer_broke() -> None:
    few, many = CountingStore(), CountingStore()
    broken_often(20, few)()
    broken_often(200, many)()
    assert many.bytes_written <= few.bytes_written * 10 * 1.1


def test_an_attempt_costs_what_the_first_ones_cost_however_often_the_answer_is_taken_back() -> None:
    thought = [*think("hm"), trio.BrokenResourceError("cut")]  # ended in order, the second would be the answer
    few = calls_made(broken_often(50, None, thought)) / 50
    many = calls_made(broken_often(500, None, thought)) / 500
    assert many <= few * 1.05


def test_restoring_an_answer_that_was_taken_back_again_and_again_is_linear() -> None:
    def restoring(times: int) -> Callable[[], object]:
        line = AttemptEnded(AttemptRecord(1, "p", "m", None, 0.0, 1.0, rr.TokenUsage(), plan=rr.WholeRestart()))
        said: list[Entry] = [AttemptBegan(1, "p/m"), *([rr.ReasoningDelta("hm"), line, AnswerReset()] * times)]
        entry = encode_entry([JournalHeader(SCHEMA_VERSION, "run", "f", "p", "m", 0.0), *said])
        return lambda: restore([entry], Limits())

    assert calls_made(restoring(1000)) <= calls_made(restoring(100)) * 10 * 1.05


def test_reading_the_text_of_a_long_run_joins_it_once() -> None:
    accumulator = Accumulator()
    accumulator.begin_attempt()
    for n in range(10_000):
        accumulator.fold(rr.TextDelta(f"{n:05}"))
    first = calls_made(lambda: accumulator.text)
    assert calls_made(lambda: accumulator.text) <= first <= 20


@both_wires
def test_the_events_of_a_network_read_cross_to_the_consumer_in_one_hop(wire: Wire) -> None:
    script = script_of(10_000, wire)
    batches = batches_of(script, wire)
    assert sum(batches) >= 10_000
    assert len(batches) <= len(script.steps) + 1


@both_wires
def test_what_a_run_holds_is_its_content_and_not_its_events(wire: Wire) -> None:
    few, many = script_of(10_000, wire), script_of(40_000, wire)
    batches_of(few, wire)  # what is made once is made
    grown = bytes_grown(lambda: batches_of(many, wire)) - bytes_grown(lambda: batches_of(few, wire))
    assert grown / 30_000 <= 4 * 5  # an event is five characters; its object alone weighs a hundred bytes
