"""A proxy that buffers is told by the pace at which an answer comes."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.buffering import BUFFERED, is_buffered
from riverrun.engine.testing.network.transport import Script, ScriptedTransport, Silence
from riverrun.engine.testing.network.transport import Step as NetworkStep
from tests.engine.own_source import ASK, END, OwnSource, all_events, engine_of, say

LINE = b'{"message":{"content":"word word word word "},"done":false}\n'
LAST = b'{"done":true,"done_reason":"stop","message":{"content":""}}\n'


@pytest.mark.parametrize(
    ("waited_s", "took_s", "useful_bytes", "expected"),
    [
        (60.0, 0.0, 4096, True),
        (60.0, 0.0625, 4096, True),
        (60.0, 0.07, 4096, False),
        (4.9, 0.0, 4096, False),
        (60.0, 0.0, 1023, False),
        (5.0, 0.0, 1024, True),
    ],
)
def test_it_takes_a_wait_a_burst_and_enough_of_it(
    waited_s: float, took_s: float, useful_bytes: int, expected: bool
) -> None:
    assert is_buffered(waited_s, took_s, useful_bytes) is expected


async def answer_of(*steps: NetworkStep, opens_after_s: float = 0.0) -> tuple[list[str], list[bool]]:
    """What a run is told by `Status`, and which of its attempts were held back."""
    transport = ScriptedTransport(lambda _: Script(steps, opens_after_s=opens_after_s))
    engine = rr.Engine(rr.Ollama("qwen3", base_url="http://localhost:11434"), transport=transport)
    async with engine.open_stream(ASK) as run:
        events = await all_events(run)
    told = [event.message for event in events if isinstance(event, rr.Status) and event.message == BUFFERED]
    return told, [attempt.buffered for attempt in run.result.attempts]


@pytest.mark.parametrize("headers_first", [True, False])
async def test_a_proxy_that_buffers_is_told_once(headers_first: bool, autojump_clock: MockClock) -> None:
    silence: list[NetworkStep] = [Silence(40.0)] if headers_first else []
    steps = (*silence, LINE * 50, LINE * 50, LAST)
    assert await answer_of(*steps, opens_after_s=0.0 if headers_first else 40.0) == ([BUFFERED], [True])


async def test_a_model_that_thinks_first_and_then_writes_is_none(autojump_clock: MockClock) -> None:
    written: list[NetworkStep] = [step for _ in range(100) for step in (LINE, Silence(0.005))]
    assert await answer_of(Silence(40.0), *written, LAST) == ([], [False])


async def test_pings_come_through_no_buffer(autojump_clock: MockClock) -> None:
    assert await answer_of(Silence(4.0), b"\n", Silence(40.0), LINE * 100, LAST) == ([], [False])


async def test_a_source_in_the_same_process_has_no_proxy(autojump_clock: MockClock) -> None:
    source = OwnSource([Silence(40.0), *say("x" * 9000), END])
    assert not (await engine_of(source).complete(ASK)).attempts[0].buffered
