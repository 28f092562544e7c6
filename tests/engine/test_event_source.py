"""A model in the same process, plugged in where a provider goes: recovered, refused and raised like any other."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.stream_events import AnswerRestarted, ProviderStatus, StreamEvent, StreamFailed, TextDelta
from riverrun.engine.source import READ_EVENTS_MAX
from riverrun.engine.testing.network.script import Silence
from tests.engine.own_source import (
    ASK,
    END,
    ONCE,
    Breaking,
    Channelled,
    OwnSource,
    Step,
    all_events,
    call,
    channel_of,
    engine_of,
    kinds,
    say,
    text_of,
)


async def watched(source: OwnSource, policy: rr.Policy | None = None) -> tuple[list[rr.Event], rr.StreamResult]:
    async with engine_of(source, policy=policy).open_stream(ASK) as run:
        events = await all_events(run)
    assert source.open == 0
    return events, run.result


async def test_its_events_are_the_consumer_s_events_and_its_stop_is_the_end(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("Hel", "lo"), *call("1", "{}"), END])
    events, result = await watched(source)
    assert kinds(events) == [
        rr.TextDelta, rr.TextDelta, rr.ToolCallStart, rr.ToolCallDelta, rr.ToolCallReady, rr.Finished,
    ]  # fmt: skip
    assert (result.text, result.stop_reason, result.stop_word) == ("Hello", rr.StopReason.TOOL_USE, "done")
    assert source.asked == [(ASK, None)]


async def test_it_is_asked_to_go_on_from_what_was_said_when_it_ends_before_its_stop(autojump_clock: MockClock) -> None:
    source = OwnSource(say("Half a "), [*say("sentence."), END])
    events, result = await watched(source)
    asked, form = source.asked[1]
    assert form is ContinuationForm.PREFILL
    assert asked.messages[-1] == rr.Message.assistant("Half a ")
    assert result.text == "Half a sentence."
    assert result.attempts[0].cause == rr.causes.PrematureEnd()
    assert kinds(events)[1:4] == [rr.Interrupted, rr.RetryScheduled, rr.Resumed]


async def test_a_stop_without_the_end_of_the_channel_is_no_end(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("Whole."), END, Silence()], [END])
    _, result = await watched(source)
    assert [str(attempt.cause) for attempt in result.attempts] == ["idle stall", "None"]
    assert result.text == "Whole."


async def test_its_silence_is_a_stall_and_what_it_says_of_itself_is_no_progress(autojump_clock: MockClock) -> None:
    statuses: list[Step] = [step for _ in range(9) for step in (ProviderStatus("thinking"), Silence(10))]
    source = OwnSource([*say("a"), *statuses], [*say("b"), END])
    _, result = await watched(source)
    assert result.attempts[0].cause == rr.causes.IdleStall("idle", 60.0)
    assert result.text == "ab"


async def test_a_model_that_is_loading_is_named_every_half_minute_until_something_comes(
    autojump_clock: MockClock,
) -> None:
    source = OwnSource([Silence(100), *say("a"), Silence(50), END])
    source.declared = evolve(source.declared, waiting_message="own is loading the model")
    events, _ = await watched(source)
    statuses = [event for event in events if isinstance(event, rr.Status)]
    assert statuses == [rr.Status("own is loading the model")] * 3
    assert kinds(events) == [rr.TextDelta, rr.Finished]


async def test_a_message_about_loading_is_no_progress(autojump_clock: MockClock) -> None:
    source = OwnSource([Silence()], [*say("a"), END])
    source.declared = evolve(source.declared, waiting_message="own is loading the model")
    _, result = await watched(source)
    assert isinstance(result.attempts[0].cause, rr.causes.IdleStall)


@pytest.mark.parametrize("where", ["before", "in the middle"])
async def test_an_inference_error_that_may_pass_is_retried_after_its_hint(
    where: str, autojump_clock: MockClock
) -> None:
    busy = rr.errors.RateLimited("busy", retry_after_s=7.0)
    first: list[Step] | Exception = busy if where == "before" else [*say("a"), busy]
    source = OwnSource(first, [*say("b"), END])
    _, result = await watched(source)
    assert str(result.attempts[0].cause) == "rate limited"
    assert result.attempts[1].began_s >= 7.0
    assert result.text == ("b" if where == "before" else "ab")


@pytest.mark.parametrize(
    "refusal",
    [
        rr.errors.Unauthorized("no key"),
        rr.errors.ContextOverflow("too long", status=400),
        rr.errors.ContentFiltered("no"),
    ],
)
async def test_an_inference_error_that_will_not_pass_is_raised_with_what_was_said(
    refusal: rr.InferenceError, autojump_clock: MockClock
) -> None:
    source = OwnSource([*say("a"), refusal])
    with pytest.raises(type(refusal), match=refusal.message) as caught:
        await watched(source)
    assert caught.value.snapshot is not None
    assert (caught.value.snapshot.text, caught.value.status) == ("a", refusal.status)
    assert source.attempts == 1


async def test_a_failure_given_as_an_event_is_a_failure_like_any_other(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("a"), StreamFailed(Failure(FailureKind.OVERLOADED, "busy"))], [*say("b"), END])
    _, result = await watched(source)
    assert (str(result.attempts[0].cause), result.text) == ("overloaded", "ab")


async def test_its_own_exception_is_raised_as_it_is_after_what_it_said(autojump_clock: MockClock) -> None:
    mine = KeyError("mine")
    source = OwnSource([*say("a"), mine])
    seen: list[rr.Event] = []

    with pytest.raises(KeyError) as caught:
        async with engine_of(source).open_stream(ASK) as run:
            async for event in run:
                seen.append(event)
    assert caught.value is mine
    assert seen == [TextDelta("a")]
    assert source.open == 0


async def test_a_group_of_one_from_inside_it_is_raised_as_the_one(autojump_clock: MockClock) -> None:
    mine = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        await watched(OwnSource([ExceptionGroup("", [ExceptionGroup("", [mine])])]))
    assert caught.value is mine


async def test_a_form_that_it_refuses_gives_way_to_the_next_and_costs_nothing(autojump_clock: MockClock) -> None:
    refuses = rr.errors.ContinuationRefused("no prefill here")
    source = OwnSource(
        say("a quiet "), refuses, [*say("river"), END], forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE)
    )
    _, result = await watched(source, rr.Policy(retry=rr.RetryPolicy(attempts_max=2)))
    assert [form for _, form in source.asked] == [None, ContinuationForm.PREFILL, ContinuationForm.QUOTE]
    assert result.text == "a quiet river"


async def test_leaving_early_closes_its_answer(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("a"), Silence()])

    async with engine_of(source).open_stream(ASK) as run:
        await run.receive()
        assert source.open == 1
    assert source.open == 0


async def test_attempts_used_up_are_a_stream_interrupted_with_everything(autojump_clock: MockClock) -> None:
    with pytest.raises(rr.StreamInterrupted) as caught:
        await watched(OwnSource(say("a", "b")), ONCE)
    assert caught.value.cause == rr.causes.PrematureEnd()
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.text == "ab"


async def test_events_of_a_memory_channel_will_do(autojump_clock: MockClock) -> None:
    result = await engine_of(Channelled(channel_of(*say("hi"), END))).complete(ASK)
    assert result.text == "hi"


# -- many events in one go --------------------------------------------------------------------------------------------


def numbers(count: int) -> list[Step]:
    """Texts that say where they belong."""
    return say(*(f"{n} " for n in range(count)))


class Reads(trio.abc.Instrument):
    """Counts how often tasks ran."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


@pytest.fixture
def reads() -> Reads:
    """An instrument that is a fixture is given to the test's run."""
    return Reads()


async def test_what_is_ready_in_a_channel_is_taken_in_one_go(reads: Reads) -> None:
    result = await engine_of(Channelled(channel_of(*numbers(2000), END))).complete(ASK)
    assert result.text == "".join(f"{n} " for n in range(2000))
    assert reads.count < 2000 / READ_EVENTS_MAX * 12


async def test_a_channel_that_ends_without_a_stop_is_cut_and_what_it_gave_is_kept(autojump_clock: MockClock) -> None:
    result = await engine_of(Channelled(channel_of(*numbers(3)), channel_of(*numbers(1), END))).complete(ASK)
    assert result.text == "0 1 2 0 "
    assert result.attempts[0].cause == rr.causes.PrematureEnd()


async def test_what_came_before_a_channel_broke_is_kept(autojump_clock: MockClock) -> None:
    result = await engine_of(Channelled(Breaking(*say("Half a ", "sent")), channel_of(*numbers(1), END))).complete(ASK)
    assert result.text == "Half a sent0 "
    assert result.attempts[0].cause == rr.causes.ConnectionReset()


class Louder(trio.abc.ReceiveChannel[StreamEvent]):
    """Changes what a channel gives, and hands on all else that it is asked."""

    def __init__(self, channel: trio.abc.ReceiveChannel[StreamEvent]) -> None:
        self.channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self.channel, name)

    async def receive(self) -> StreamEvent:
        event = await self.channel.receive()
        return TextDelta(event.text.upper()) if isinstance(event, TextDelta) else event

    async def aclose(self) -> None:
        await self.channel.aclose()


async def test_a_channel_that_changes_what_another_gives_is_not_passed_by(autojump_clock: MockClock) -> None:
    receive = channel_of(*say("a", "b"), END)
    assert (await engine_of(Channelled(Louder(receive))).complete(ASK)).text == "AB"


BREAKS = {
    "a call begins twice": [*call("1", "{}"), *call("1", "{}"), *call("2", "{}"), *say("after"), END],
    "more text than may be": [*say(*["x" * 10] * 100), END],
    "more calls than may be": [*call("1", "{}"), *call("2", "{}"), *call("3", "{}"), *say("after"), END],
    "a failure": [*say("a"), StreamFailed(Failure(FailureKind.OVERLOADED, "busy")), *call("1", "{}"), END],
    "begun again after a call": [*call("1", "{}"), AnswerRestarted(), *call("2", "{}"), END],
}


async def told(source: OwnSource, policy: rr.Policy) -> tuple[list[rr.Event], str]:
    """What a run hands over, and how it ends."""
    events: list[rr.Event] = []
    try:
        async with engine_of(source, policy=policy).open_stream(ASK) as run:
            async for event in run:
                events.append(evolve(event, result=None) if isinstance(event, rr.Finished) else event)
    except rr.InferenceError as error:
        return events, str(error)
    return events, run.result.stop_reason.value


@pytest.mark.parametrize("name", BREAKS)
async def test_how_much_is_ready_makes_no_difference(name: str, autojump_clock: MockClock) -> None:
    steps = BREAKS[name]
    policy = evolve(ONCE, limits=evolve(rr.Policy().limits, text_bytes_max=25, calls_max=2))
    one_by_one = await told(OwnSource(steps), policy)
    assert await told(Channelled(channel_of(*steps)), policy) == one_by_one
    assert "after" not in text_of(one_by_one[0])


# -- what a source raises ---------------------------------------------------------------------------------------------


async def test_a_source_s_own_interruption_keeps_its_cause(autojump_clock: MockClock) -> None:
    held = rr.InterruptSnapshot.from_partials("", [], 0)
    broken = rr.StreamInterrupted("the worker went away", cause=rr.causes.GoAway(), snapshot=held)
    result = await engine_of(OwnSource([*say("half "), broken], [*say("more"), END])).complete(ASK)
    assert (result.text, result.attempts[0].cause) == ("half more", rr.causes.GoAway())
    with pytest.raises(rr.errors.ProviderError, match="own/m-1: the worker went away"):
        await engine_of(OwnSource(broken, broken, broken)).complete(ASK)


async def test_a_source_that_cancels_is_not_asked_again(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("half"), rr.errors.InferenceCancelled("stopped by the operator")])
    with pytest.raises(rr.errors.InferenceCancelled, match="stopped by the operator") as caught:
        await engine_of(source).complete(ASK)
    assert (source.attempts, caught.value.snapshot and caught.value.snapshot.text) == (1, "half")
    assert not caught.value.is_retryable
