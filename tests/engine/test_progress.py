"""What is progress: only what somebody could wait for, and each once. A drip of anything else ends in a stall."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.causes import IdleStall
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.progress import Progress
from riverrun.engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.engine.testing.network.script import Silence
from tests.engine.own_source import ASK, ONCE, OwnSource, Step, engine_of, say

A_WHILE_S = 50.0
"""Shorter than the idle clock."""

DRIPS: dict[str, list[StreamEvent]] = {
    "signatures": [ReasoningSignature("s")],
    "stop reasons": [StopReported(rr.StopReason.END_TURN, "x")],
    "empty blocks": [BlockStop()],
    "empty text": [TextDelta("")],
    "empty thoughts": [ReasoningDelta(""), ReasoningSignature("s"), BlockStop()],
    "sealed thoughts that are empty": [RedactedReasoning("")],
    "opaque blocks that are empty": [OpaqueBlockReceived(OpaqueBlock("x", {"type": "x"}, "p/m"))],
    "usage": [UsageReport(output=1)],
    "all of them": [ReasoningSignature("s"), BlockStop(), StopReported(rr.StopReason.END_TURN, "x"), TextDelta("")],
}


@pytest.mark.parametrize("name", DRIPS)
async def test_an_endless_drip_of_what_says_nothing_ends_in_a_stall(name: str, autojump_clock: MockClock) -> None:
    drip: list[Step] = [step for _ in range(60) for step in (Silence(A_WHILE_S), *DRIPS[name])]
    source = OwnSource([*say("Half"), *drip])
    with pytest.raises(rr.StreamInterrupted) as caught:
        await engine_of(source, policy=ONCE).complete(ASK)
    assert caught.value.cause == IdleStall("idle", 60.0)


async def test_an_endless_drip_of_restarts_ends_in_a_stall_too(autojump_clock: MockClock) -> None:
    drip: list[Step] = [step for _ in range(8) for step in (Silence(A_WHILE_S), AnswerRestarted())]
    with pytest.raises(rr.errors.InferenceTimeout, match="idle stall after 60 s"):
        await engine_of(OwnSource([*say("Half"), *drip]), policy=ONCE).complete(ASK)


async def test_what_goes_on_slowly_is_progress_each_time(autojump_clock: MockClock) -> None:
    slow: list[Step] = [step for _ in range(60) for step in (Silence(A_WHILE_S), TextDelta("a"))]
    source = OwnSource([*slow, StopReported(rr.StopReason.END_TURN, "x")])
    assert (await engine_of(source, policy=ONCE).complete(ASK)).text == "a" * 60


def test_what_replaces_is_progress_once_and_again_when_more_was_said() -> None:
    progress, sign = Progress(), ReasoningSignature("s")
    assert [progress.is_made_by(sign, said) for said in (3, 3, 3, 4, 4)] == [True, False, False, True, False]
    assert [progress.is_made_by(BlockStop(), said) for said in (4, 4)] == [True, False]


@pytest.mark.parametrize(
    "event", [ToolCallStart("c", "f"), BlockStop("c"), ToolCallDelta("c", "{"), ServerToolStarted("s"), TextDelta("a")]
)
def test_what_is_new_is_progress(event: StreamEvent) -> None:
    progress = Progress()
    assert progress.is_made_by(event, 0)
    assert progress.is_made_by(event, 0)
