"""The floor for useful bytes: it counts everything that came in this attempt, and nothing that came before."""

from __future__ import annotations

import json
import random

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.codec import unstructure
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.stream_events import StreamEvent, TextDelta
from riverrun.engine.testing.network.script import Silence
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.engine.generation import RESET, LineProvider
from tests.engine.own_source import ASK, END, OwnSource, Step, engine_of

FLOOR = rr.StallPolicy(throughput=rr.Throughput(bytes_min=100, window_s=10))


async def test_a_healthy_echo_that_the_seam_holds_is_no_stall(autojump_clock: MockClock) -> None:
    said = "".join(random.Random(1).choices("abcdefghijklmnop ", k=5000))
    whole = said + " and the rest."
    echo: list[Step] = [
        step for at in range(0, len(whole), 100) for step in (TextDelta(whole[at : at + 100]), Silence(0.5))
    ]
    source = OwnSource([TextDelta(said)], [*echo, END], forms=(ContinuationForm.QUOTE,))
    result = await engine_of(source, policy=rr.Policy(stall=FLOOR)).complete(ASK)
    assert (result.text, source.attempts) == (whole, 2)


def row(number: int, text: str) -> bytes:
    return json.dumps([0, number, unstructure(TextDelta(text), StreamEvent)]).encode() + b"\n"


def trickling(wire: WireRequest) -> Script:
    """A good beginning that breaks; read on, a character a second."""
    if wire.url.endswith("new"):
        return Script([row(0, "x" * 5000), RESET])
    return Script([step for number in range(1, 60) for step in (row(number, "y"), Silence(1.0))])


async def test_a_generation_that_is_read_on_has_no_window_for_what_an_earlier_attempt_brought(
    autojump_clock: MockClock,
) -> None:
    policy = rr.Policy(stall=FLOOR, retry=rr.RetryPolicy(attempts_max=2))
    engine = rr.Engine(LineProvider(), policy=policy, transport=ScriptedTransport(trickling))

    async with engine.open_stream(ASK) as run:
        with pytest.raises(rr.StreamInterrupted):
            [event async for event in run]
    last = run.attempts[-1]
    assert last.cause == rr.causes.IdleStall("throughput", 10)
    assert last.ended_s - last.began_s == pytest.approx(10)
