"""When a run gives up: attempts without progress, attempts in all, and the retries that an engine's runs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.reach import PROGRESS_BYTES
from riverrun.engine.core.stream_events import KeepAlive, TextDelta, ToolCallDelta, ToolCallStart
from riverrun.engine.testing.network.transport import Script, ScriptedTransport, Silence
from tests.engine.own_source import ASK, END, OwnSource, Step, all_events, call, engine_of, say, think

EXACT = rr.Policy(retry=rr.RetryPolicy(jitter=rr.Jitter.NONE))
KIB = "x" * PROGRESS_BYTES
RESET = rr.errors.ProviderError("connection reset", status=502)


def cut(script: Any) -> Any:
    """The script, and then a reset where it does not end: a body that ends in order is another story."""
    if isinstance(script, Exception) or (script and script[-1] is END):
        return script
    return [*script, trio.BrokenResourceError()]


async def ended(*scripts: Sequence[Step] | Exception, policy: rr.Policy = EXACT) -> tuple[OwnSource, Any]:
    """The source that was asked, and the answer's result or error."""
    source = OwnSource(*map(cut, scripts))
    try:
        return source, await engine_of(source, policy=policy).complete(ASK)
    except rr.InferenceError as error:
        return source, error


# -- attempts in a row, and in all ------------------------------------------------------------------------------------


async def test_an_answer_of_five_minutes_behind_a_proxy_that_cuts_each_minute_arrives(
    autojump_clock: MockClock,
) -> None:
    minute = [step for second in range(60) for step in (Silence(1.0), TextDelta(f"{second:03d} " * 10))]
    source, result = await ended(*[minute[:118]] * 5, [*say("end"), END])
    assert (source.attempts, result.text.count("057 ")) == (6, 50)
    assert result.text.endswith("end")
    assert {record.cause for record in result.attempts[:-1]} == {rr.causes.ConnectionReset()}


@pytest.mark.parametrize("dead", [[], RESET, rr.errors.Overloaded("busy"), say("a"), [ToolCallStart("c", "look")]])
async def test_a_dead_provider_is_asked_three_times(dead: Any, autojump_clock: MockClock) -> None:
    source, error = await ended(*[dead] * 9)
    assert isinstance(error, rr.InferenceError)
    assert source.attempts == 3


async def test_after_progress_a_dead_provider_is_asked_three_times_more(autojump_clock: MockClock) -> None:
    source, error = await ended(say(KIB), *[[]] * 9)
    assert isinstance(error, rr.StreamInterrupted)
    assert (source.attempts, error.snapshot and error.snapshot.text) == (4, KIB)
    assert str(error).startswith("stream interrupted (connection reset) after 4 attempts")


@pytest.mark.parametrize(("size", "attempts"), [(PROGRESS_BYTES - 1, 3), (PROGRESS_BYTES, 4)])
async def test_progress_is_a_kib_beyond_all_earlier_attempts(
    size: int, attempts: int, autojump_clock: MockClock
) -> None:
    source, _ = await ended(say("y" * size), *[[]] * 9)
    assert source.attempts == attempts


async def test_a_closed_block_is_progress_and_the_same_block_again_is_none(autojump_clock: MockClock) -> None:
    source, _ = await ended(*[think("hm")] * 9)
    assert source.attempts == 4


async def test_a_call_that_breaks_at_the_same_place_each_time_is_no_progress(autojump_clock: MockClock) -> None:
    broken: list[Step] = [ToolCallStart("c", "look"), ToolCallDelta("c", '{"a": "' + KIB)]
    source, error = await ended(*[broken] * 9)
    assert (source.attempts, type(error)) == (4, rr.StreamInterrupted)


async def test_an_answer_that_starts_over_has_to_come_further_than_it_was(autojump_clock: MockClock) -> None:
    source = OwnSource(*[cut(say(KIB))] * 9, forms=())
    with pytest.raises(rr.StreamInterrupted):
        await engine_of(source, policy=EXACT).complete(ASK)
    assert source.attempts == 4
    source = OwnSource(*[cut(say(KIB * n)) for n in range(1, 7)], [*say("whole"), END], forms=())
    assert (await engine_of(source, policy=EXACT).complete(ASK)).text == "whole"


async def test_all_attempts_together_are_bounded_by_twenty(autojump_clock: MockClock) -> None:
    source, error = await ended(*[say(KIB)] * 30)
    assert source.attempts == 20
    assert "20 attempts in all, attempts_total_max" in str(error)


@pytest.mark.parametrize("total", [1, 2, 5])
async def test_the_bound_on_all_attempts_is_the_policy_s_rate_limits_included(
    total: int, autojump_clock: MockClock
) -> None:
    policy = evolve(EXACT, retry=rr.RetryPolicy(attempts_total_max=total))
    source, error = await ended(*[rr.errors.RateLimited("slow")] * 9, policy=policy)
    assert (source.attempts, type(error)) == (total, rr.errors.RateLimited)


async def test_a_rate_limit_has_a_budget_of_eight_and_doubles_from_five_seconds(autojump_clock: MockClock) -> None:
    source, error = await ended(*[rr.errors.RateLimited("slow")] * 30)
    assert (source.attempts, type(error)) == (8, rr.errors.RateLimited)
    assert trio.current_time() == pytest.approx(5 + 10 + 20 + 40 + 60 * 3)


async def test_who_asks_for_one_attempt_has_one(autojump_clock: MockClock) -> None:
    once = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    for script in (say(KIB * 3), [], rr.errors.RateLimited("slow"), RESET):
        source, error = await ended(script, policy=once)
        assert (source.attempts, isinstance(error, rr.InferenceError)) == (1, True)


async def test_delays_begin_anew_after_progress(autojump_clock: MockClock) -> None:
    source = OwnSource(*map(cut, ([], say(KIB), [], say(KIB), say(KIB), [*say("end"), END])))
    async with engine_of(source, policy=EXACT).open_stream(ASK) as run:
        waits = [event for event in await all_events(run) if isinstance(event, rr.RetryScheduled)]
    assert [wait.delay_s for wait in waits] == [1, 1, 1, 1, 1]
    assert [(wait.attempt, wait.attempts_max) for wait in waits] == [(2, 3), (3, 5), (4, 5), (5, 7), (6, 8)]


# -- the retries of an engine -----------------------------------------------------------------------------------------


class Crowd(OwnSource):
    """A model that many ask at once: each answer is one `first`, and then what `then` says; each delay is noted."""

    def __init__(self, first: Sequence[Step] | Exception, then: Sequence[Step] | Exception) -> None:
        super().__init__()
        self.first, self.then = first, then

    def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> Any:
        """Begin the first script, or go on with the second."""
        self.scripts = [self.first if form is None else self.then]
        return super().open_events(request, form)


async def answers_of(source: OwnSource, runs: int, *, policy: rr.Policy | None = None) -> list[str | Exception]:
    """What so many runs of one engine get that begin in one instant."""
    dice = iter([n / runs for n in range(runs)] * 30)
    engine, got = rr.Engine(source, policy=policy, chance=lambda: next(dice)), list[str | Exception]()

    async def ask() -> None:
        try:
            got.append((await engine.complete(ASK)).text)
        except rr.InferenceError as error:
            got.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(runs):
            nursery.start_soon(ask)
    return got


async def test_five_hundred_healthy_answers_that_are_reset_in_one_instant_all_go_on(autojump_clock: MockClock) -> None:
    source = Crowd([*say("half "), Silence(10.0), trio.BrokenResourceError()], [*say("an answer"), END])
    assert await answers_of(source, 500) == ["half an answer"] * 500
    assert source.attempts == 1000


async def test_two_hundred_long_answers_with_a_break_each_all_go_on(autojump_clock: MockClock) -> None:
    long: list[Step] = [step for _ in range(30) for step in (Silence(10.0), TextDelta("word "))]
    source = Crowd(long, [*long, END])
    assert await answers_of(source, 200) == ["word " * 60] * 200


@pytest.mark.parametrize("down", [RESET, rr.errors.Overloaded("busy"), rr.errors.RateLimited("slow"), []])
async def test_an_outage_is_not_doubled(down: Any, autojump_clock: MockClock) -> None:
    source = Crowd(down, down)
    got = await answers_of(source, 500)
    assert all(isinstance(answer, rr.InferenceError) for answer in got)
    assert source.attempts == 500 + 100
    assert sum("engine_retries_max" in str(answer) for answer in got) >= 400


async def test_continuations_that_meet_a_dead_provider_are_retries_like_others(autojump_clock: MockClock) -> None:
    source = Crowd([*say("half "), RESET], RESET)
    got = await answers_of(source, 500)
    assert source.attempts == 500 * 2 + 100
    assert all(isinstance(answer, rr.StreamInterrupted) for answer in got)


async def test_after_an_overload_without_a_hint_no_two_runs_come_back_together(autojump_clock: MockClock) -> None:
    asked_at = list[float]()

    class Timed(Crowd):
        def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> Any:
            asked_at.append(trio.current_time())
            self.scripts = [rr.errors.Overloaded("busy") if len(asked_at) <= 100 else [*say("a"), END]]
            return OwnSource.open_events(self, request, form)

    assert await answers_of(Timed([], []), 100) == ["a"] * 100
    again = asked_at[100:]
    assert (len(again), len({round(at, 6) for at in again})) == (100, 100)
    assert 5.0 <= min(again) <= max(again) <= 6.25


# -- silence inside a call or a thought -------------------------------------------------------------------------------

PINGING: list[Step] = [step for _ in range(33) for step in (Silence(10.0), KeepAlive())]


async def test_a_call_that_is_composed_in_330_s_of_silence_with_pings_is_paid_once(autojump_clock: MockClock) -> None:
    begun: list[Step] = [ToolCallStart("c", "write"), ToolCallDelta("c", '{"file": ')]
    source, result = await ended([*begun, *PINGING, *call("c", '"36,000 tokens"}')[1:], END])
    assert (source.attempts, result.tool_calls[0].arguments) == (1, {"file": "36,000 tokens"})
    assert trio.current_time() == pytest.approx(330.0)


async def test_a_thought_may_be_silent_as_long(autojump_clock: MockClock) -> None:
    source, result = await ended([*think("hm")[:1], *PINGING, *say("a"), END])
    assert (source.attempts, result.text) == (1, "a")


@pytest.mark.parametrize("open_block", [[ToolCallStart("c", "write")], think("hm")[:1]])
async def test_without_a_byte_it_ends_at_first_event_s(open_block: list[Step], autojump_clock: MockClock) -> None:
    once = evolve(EXACT, retry=rr.RetryPolicy(attempts_max=1))
    _, error = await ended([*open_block, Silence()], policy=once)
    assert (error.cause, trio.current_time()) == (rr.causes.IdleStall("idle", 180.0), pytest.approx(180.0))
    assert "idle stall after 180 s (first_event_s)" in str(error)


async def test_pings_extend_it_up_to_first_event_s_max(autojump_clock: MockClock) -> None:
    once = evolve(EXACT, retry=rr.RetryPolicy(attempts_max=1))
    _, error = await ended([ToolCallStart("c", "write"), *PINGING, *PINGING], policy=once)
    assert (error.cause, trio.current_time()) == (rr.causes.IdleStall("idle", 600.0), pytest.approx(600.0))
    assert "(first_event_s_max)" in str(error)


async def test_text_ends_at_idle_s_though_pings_come_and_a_call_was_open_before(autojump_clock: MockClock) -> None:
    once = evolve(EXACT, retry=rr.RetryPolicy(attempts_max=1))
    _, error = await ended([*think("hm"), *say("a"), *PINGING], policy=once)
    assert (error.cause, trio.current_time()) == (rr.causes.IdleStall("idle", 60.0), pytest.approx(60.0))
    assert "idle stall after 60 s (idle_s)" in str(error)


async def test_a_clock_that_is_longer_in_text_is_not_shorter_in_a_call(autojump_clock: MockClock) -> None:
    for stall, waited_s in (
        (rr.StallPolicy(idle_s=60, first_event_s=5), 60.0),
        (rr.StallPolicy(idle_s=60, first_event_s=None), 60.0),
        (rr.StallPolicy(idle_s=None, first_event_s=70), 70.0),
    ):
        policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1), stall=stall)
        _, error = await ended([ToolCallStart("c", "write"), Silence()], policy=policy)
        assert error.cause == rr.causes.IdleStall("idle", waited_s)


# -- a model that has to be loaded ------------------------------------------------------------------------------------


async def opened_after(wait_s: float, provider: rr.abc.Provider, policy: rr.Policy | None = None) -> Exception | None:
    """What a run raises whose headers come so late, if anything."""
    body = b'{"message":{"content":"hi"},"done":false}\n{"done":true,"done_reason":"stop","message":{"content":""}}\n'
    transport = ScriptedTransport(lambda _: Script([body], opens_after_s=wait_s))
    once = policy or rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    try:
        assert (await rr.Engine(provider, policy=once, transport=transport).complete(ASK)).text == "hi"
    except rr.errors.InferenceTimeout as error:
        return error
    return None


async def test_the_headers_of_a_model_that_is_loaded_may_take_300_s(autojump_clock: MockClock) -> None:
    assert await opened_after(299.0, rr.Ollama("qwen3")) is None
    late = await opened_after(301.0, rr.Ollama("qwen3"))
    assert "ollama/qwen3: headers stall after 300 s (headers_s)" in str(late)


async def test_a_setting_of_one_s_own_is_stretched_likewise_and_none_is_none(autojump_clock: MockClock) -> None:
    for headers_s, waited in ((10.0, 26.0), (None, 9000.0)):
        stall = rr.StallPolicy(headers_s=headers_s, first_event_s=None)
        policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1), stall=stall)
        late = await opened_after(waited, rr.Ollama("qwen3"), policy)
        assert (late is None) is (headers_s is None)


async def test_others_have_120_s(autojump_clock: MockClock) -> None:
    late = await opened_after(121.0, rr.OpenAIChat("gpt-4o", api_key="k"))
    assert "headers stall after 120 s (headers_s)" in str(late)
