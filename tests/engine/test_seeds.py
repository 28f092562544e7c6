"""The behaviours of the source documents, rows 000, 001 and 003, each by its own name, with what is better here."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.causes import InterruptCause
from riverrun.engine.core.replay import replay_events
from riverrun.engine.core.retry import delay_s
from riverrun.engine.core.stream_events import BlockStop
from riverrun.engine.core.usage import UsageReport
from riverrun.engine.http.transport import TransportError
from riverrun.engine.testing.network.script import Fails, Silence
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.engine.own_source import (
    ASK,
    END,
    ONCE,
    OwnSource,
    Step,
    all_events,
    call,
    engine_of,
    kinds,
    say,
    text_of,
    think,
)
from tests.engine.stores import WatchedStore
from tests.law_runs import PROVIDERS, QUESTION


async def seen(
    *scripts: list[Step] | Exception, policy: rr.Policy | None = None
) -> tuple[list[rr.Event], rr.StreamResult]:
    """What a consumer sees of a run of these attempts, and its result."""

    source = OwnSource(*scripts)
    async with engine_of(source, policy=policy).open_stream(ASK) as run:
        events = await all_events(run)
    assert source.scripts == [], "every attempt was asked for"
    return events, run.result


async def raised(*scripts: list[Step] | Exception, policy: rr.Policy | None = None) -> rr.InferenceError:
    with pytest.raises(rr.InferenceError) as caught:
        await seen(*scripts, policy=policy)
    return caught.value


# -- 000, the retry of opening ----------------------------------------------------------------------------------------


async def test_000_opening_is_retried_until_it_succeeds(autojump_clock: MockClock) -> None:
    events, result = await seen(rr.errors.ProviderError("down", status=500), [*say("ok"), END])
    assert (result.text, len(result.attempts)) == ("ok", 2)
    assert kinds(events) == [rr.RetryScheduled, rr.Resumed, rr.TextDelta, rr.Finished]


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_000_the_budget_counts_the_first_attempt(most: int, autojump_clock: MockClock) -> None:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=most))
    error = await raised(*[rr.errors.ProviderError("down", status=500)] * most, policy=policy)
    assert (type(error), error.snapshot) == (rr.errors.ProviderError, None)


@pytest.mark.parametrize("hint_s", [0.05, 7.0, 119.0])
async def test_000_the_server_s_hint_is_a_floor_to_which_chance_only_adds(
    hint_s: float, autojump_clock: MockClock
) -> None:
    _, result = await seen(rr.errors.RateLimited("slow", retry_after_s=hint_s), [*say("ok"), END])
    assert hint_s <= result.attempts[1].began_s <= hint_s * 1.1


async def test_000_a_hint_beyond_the_cap_is_raised_and_not_slept(autojump_clock: MockClock) -> None:
    error = await raised(rr.errors.RateLimited("slow", retry_after_s=1e9))
    assert (type(error), error.retry_after_s) == (rr.errors.RateLimited, 1e9)


async def stored_run_with_hint(hint_s: float) -> rr.StreamResult:
    """A run that is stored, whose source is told to wait this long in the middle."""
    source = OwnSource([*say("a"), rr.errors.RateLimited("slow", retry_after_s=hint_s)], [*say("b"), END])
    return await engine_of(source, store=WatchedStore()).complete(ASK, run_id="run")


@pytest.mark.parametrize("hint_s", [math.nan, -1.0, 0.0])
async def test_000_a_hint_that_says_nothing_leaves_the_wait_to_the_policy(
    hint_s: float, autojump_clock: MockClock
) -> None:
    result = await stored_run_with_hint(hint_s)
    assert (result.text, result.checkpoint_failures) == ("ab", 0)
    assert result.attempts[1].began_s >= 5.0


async def test_000_an_endless_hint_ends_the_run_and_nothing_else(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    with pytest.raises(rr.StreamInterrupted):
        await stored_run_with_hint(math.inf)
    assert caplog.records == []


@pytest.mark.parametrize(
    "error",
    [
        rr.errors.Unauthorized("bad key"),
        rr.errors.InvalidRequest("bad"),
        rr.errors.ModelNotFound("m"),
        rr.errors.QuotaExhausted("money"),
    ],
)
async def test_000_a_permanent_error_is_never_retried(error: rr.InferenceError, autojump_clock: MockClock) -> None:
    assert type(await raised(error)) is type(error)


async def test_000_an_error_in_the_middle_is_recovered_one_layer_up_and_not_asked_anew(
    autojump_clock: MockClock,
) -> None:
    events, result = await seen([*say("hello"), rr.errors.ProviderError("down", status=500)], [*say(" there"), END])
    assert (text_of(events), result.text) == ("hello there", "hello there")
    assert result.attempts[1].continuation is ContinuationForm.PREFILL


def test_000_delays_double_and_then_stay_at_their_maximum() -> None:
    policy = rr.RetryPolicy(base_delay_s=0.01, delay_s_max=0.04, jitter=rr.Jitter.NONE)
    assert [delay_s(policy, rr.causes.ConnectionReset(), attempt, 0.5) for attempt in (1, 2, 3, 4)] == [
        0.01,
        0.02,
        0.04,
        0.04,
    ]


# -- 001, the contract ------------------------------------------------------------------------------------------------


async def test_001_a_source_in_the_same_process_says_text(autojump_clock: MockClock) -> None:
    events, result = await seen([*say("Hello"), END])
    assert (text_of(events), result.stop_reason) == ("Hello", rr.StopReason.END_TURN)


async def test_001_a_source_in_the_same_process_calls_tools(autojump_clock: MockClock) -> None:
    _, result = await seen([*call("1", '{"city":"Köln"}'), END])
    assert result.tool_calls == (rr.ToolCall("1", "look", {"city": "Köln"}),)


async def test_001_what_a_request_overrides_reaches_the_source(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("x"), END])
    request = rr.InferenceRequest(
        [rr.Message.user("?")], temperature=0.1, max_tokens=9, reasoning_effort="high", system="s", prompt_cache=True
    )
    await engine_of(source).complete(request)
    assert source.asked[0][0] == request


async def test_001_a_source_names_itself_in_the_ledger(autojump_clock: MockClock) -> None:
    _, result = await seen([*say("x"), END])
    assert (result.attempts[0].provider, result.attempts[0].model) == ("own", "m-1")


async def test_001_a_collected_answer_is_replayed_as_events_and_is_the_same_answer(autojump_clock: MockClock) -> None:
    _, first = await seen([*think("hm"), *say("See:"), BlockStop(), *call("1", '{"a":1}'), UsageReport(3, 4), END])
    _, again = await seen(list(replay_events(first)))
    assert (again.blocks, again.tool_calls, again.usage) == (first.blocks, first.tool_calls, first.usage)
    assert (again.stop_reason, again.stop_word) == (first.stop_reason, first.stop_word)


def test_001_plans_follow_what_is_held() -> None:
    def plan(text: str, *partials: tuple[str, str, str]) -> rr.RecoveryPlan:
        return rr.plan_recovery(rr.InterruptSnapshot.from_partials(text, partials, 0))

    done, flying = ("1", "look", "{}"), ("2", "go", '{"a')
    assert isinstance(plan("said"), rr.ContinueText)
    assert isinstance(plan("said", done, flying), rr.SynthesizeToolUse)
    assert isinstance(plan("said", flying), rr.TruncateBeforeTool)
    assert isinstance(plan("", flying), rr.WholeRestart)
    assert isinstance(plan(""), rr.WholeRestart)


# -- 003, the streaming loop ------------------------------------------------------------------------------------------


async def test_003_text_is_collected_in_blocks_and_shown_as_it_comes(autojump_clock: MockClock) -> None:
    events, result = await seen([*say("Hello", " world"), BlockStop(), *say("!"), END])
    assert [event.text for event in events if isinstance(event, rr.TextDelta)] == ["Hello", " world", "!"]
    assert result.blocks == (rr.TextBlock("Hello world"), rr.TextBlock("!"))


async def test_003_usage_adds_up_and_negative_counts_are_nothing(autojump_clock: MockClock) -> None:
    reports = [UsageReport(100, -7, cumulative=False), UsageReport(-50, 50, cumulative=False)]
    _, result = await seen([*say("x"), *reports, END])
    assert (result.usage.input, result.usage.output) == (100, 50)


async def test_003_calls_keep_the_order_in_which_they_were_declared(autojump_clock: MockClock) -> None:
    interleaved = [*call("a", "{}")[:1], *call("b", "{}"), *call("a", "{}")[1:]]
    _, result = await seen([*interleaved, END])
    assert [block.id for block in result.blocks if isinstance(block, rr.ToolCall)] == ["a", "b"]


async def test_003_a_call_is_announced_as_it_begins_as_it_grows_and_when_it_is_whole(autojump_clock: MockClock) -> None:
    events, _ = await seen([*call("1", '{"a":1}'), END])
    assert kinds(events) == [rr.ToolCallStart, rr.ToolCallDelta, rr.ToolCallReady, rr.Finished]


async def test_003_a_call_with_truncated_arguments_is_counted_and_never_announced(autojump_clock: MockClock) -> None:
    events, result = await seen([*say("x"), *call("1", '{"a":'), END])
    assert (result.tool_calls, result.incomplete_tool_calls) == ((), 1)
    assert rr.ToolCallReady not in kinds(events)


async def test_003_a_cancelled_run_keeps_its_text_drops_its_open_calls_and_says_so(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a"), *call("1", "{")[:2], Silence()])).open_stream(ASK) as run:
        await trio.sleep(1)
        run.cancel()
        await all_events(run)
    result = run.result
    assert (result.text, result.tool_calls, result.stop_reason) == ("a", (), rr.StopReason.CANCELLED)


async def test_003_reasoning_is_shown_and_kept(autojump_clock: MockClock) -> None:
    events, result = await seen([*think("hm"), *say("so"), END])
    assert kinds(events) == [rr.ReasoningDelta, rr.TextDelta, rr.Finished]
    assert result.blocks[0] == rr.ReasoningBlock("hm", origin="own/m-1")


async def test_003_a_stream_that_ends_without_anything_is_no_answer(autojump_clock: MockClock) -> None:
    assert type(await raised([END], policy=ONCE)) is rr.errors.EmptyResponse
    assert type(await raised([], policy=ONCE)) is rr.errors.ProviderError


async def test_003_text_without_a_block_stop_is_whole_at_the_end(autojump_clock: MockClock) -> None:
    assert (await seen([*say("no block stop"), END]))[1].blocks == (rr.TextBlock("no block stop"),)


async def test_003_an_error_of_the_source_s_own_passes_through(autojump_clock: MockClock) -> None:
    mine = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught:
        await seen([*say("a"), mine])
    assert caught.value is mine


@pytest.mark.parametrize(
    "error",
    [
        rr.errors.RateLimited("slow"),
        rr.errors.InferenceTimeout("late"),
        rr.errors.ProviderError("down"),
        rr.errors.Overloaded("busy"),
    ],
)
async def test_003_an_error_at_the_opening_is_raised_as_what_it_is(
    error: rr.InferenceError, autojump_clock: MockClock
) -> None:
    last = await raised(error, policy=ONCE)
    assert (type(last), last.message) == (type(error), error.message)


async def test_003_cancelling_is_heard_while_opening(autojump_clock: MockClock) -> None:
    transport = ScriptedTransport(lambda _wire: Script([], opens_after_s=1e6))
    engine = rr.Engine(PROVIDERS["anthropic, by prefill"][1](), transport=transport)
    async with engine.open_stream(QUESTION) as run:
        await trio.sleep(5)
        run.cancel()
        assert kinds(await all_events(run)) == [rr.Finished]
    assert (run.result.stop_reason, run.result.blocks) == (rr.StopReason.CANCELLED, ())
    assert trio.current_time() < 1e6


async def test_003_text_only_is_recovered_by_a_continuation_and_the_result_holds_both_halves(
    autojump_clock: MockClock,
) -> None:
    events, result = await seen(say("the first half,"), [*say(" the second half."), END])
    assert text_of(events) == result.text == "the first half, the second half."
    assert kinds(events)[1:4] == [rr.Interrupted, rr.RetryScheduled, rr.Resumed]


async def test_003_a_completed_call_ends_the_run_with_tool_use_and_without_another_attempt(
    autojump_clock: MockClock,
) -> None:
    script = [*say("See:"), *call("a", '{"q":"x"}', "search"), *call("b", '{"q')[:2]]
    events, result = await seen(script, policy=ONCE)
    assert (result.stop_reason, [c.name for c in result.tool_calls]) == (rr.StopReason.TOOL_USE, ["search"])
    assert [event.id for event in events if isinstance(event, rr.ToolCallCancel)] == ["b"]
    assert result.text == "See:"


async def test_003_a_call_under_way_is_cancelled_and_the_text_before_it_goes_on(autojump_clock: MockClock) -> None:
    events, result = await seen([*say("Let me "), *call("a", '{"q')[:2]], [*say("see."), END])
    assert [event.id for event in events if isinstance(event, rr.ToolCallCancel)] == ["a"]
    assert (result.text, result.tool_calls) == ("Let me see.", ())


async def test_003_where_nothing_can_be_kept_the_answer_starts_over_with_a_reset_if_anything_was_shown(
    autojump_clock: MockClock,
) -> None:
    events, result = await seen(think("hm"), [*say("fresh"), END])
    assert (text_of(events), result.text) == ("fresh", "fresh")
    assert rr.StreamReset in kinds(events)
    assert [record.kept for record in result.attempts] == [False, True]
    assert rr.StreamReset not in kinds((await seen([], [*say("fresh"), END]))[0])


async def test_003_attempts_used_up_are_an_error_with_cause_and_everything_said(autojump_clock: MockClock) -> None:
    error = await raised(say("a"), say("b"), say("c"))
    assert isinstance(error, rr.StreamInterrupted)
    assert (error.cause, error.snapshot and error.snapshot.text) == (rr.causes.PrematureEnd(), "abc")
    assert str(error).startswith("stream interrupted (premature end) after 3 attempts")


async def test_003_a_stall_is_recovered_after_200_ms(autojump_clock: MockClock) -> None:
    _, result = await seen([*say("a"), Silence()], [*say("b"), END])
    first, second = result.attempts
    assert (first.cause, result.text) == (rr.causes.IdleStall("idle", 60.0), "ab")
    assert second.began_s - first.ended_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("provider", "effort", "reasons"),
    [
        (rr.OpenAIChat("gpt-4o", api_key="k"), None, False),
        (rr.OpenAIChat("gpt-4o", api_key="k"), "high", True),
        (rr.OpenAIChat("o1-mini", api_key="k"), None, True),
        (rr.OpenAIChat("o3", api_key="k"), None, True),
        (rr.OpenAIChat("o4-mini", api_key="k"), None, True),
        (rr.OpenAIChat("qwen-thinking", api_key="k"), None, True),
        (rr.OpenAIChat("x-reasoning", api_key="k"), None, True),
        (rr.Anthropic("claude-sonnet-4-5", api_key="k"), None, False),
    ],
)
def test_003_patience_doubles_for_models_that_think_and_when_effort_is_asked(
    provider: rr.OpenAIChat | rr.Anthropic, effort: str | None, reasons: bool
) -> None:
    request = rr.InferenceRequest([rr.Message.user("?")], reasoning_effort=effort)
    assert provider.capabilities(request).reasons is reasons


@pytest.mark.parametrize(
    "cause",
    [rr.causes.GoAway(), rr.causes.ConnectionReset(), rr.causes.Provider5xx(503), rr.causes.PrematureEnd()],
    ids=str,
)
async def test_003_how_a_stream_broke_is_told_by_its_type_and_recovered(
    cause: InterruptCause, autojump_clock: MockClock
) -> None:
    transport = ScriptedTransport(lambda _wire: Script([Fails(TransportError(cause))]))
    engine = rr.Engine(PROVIDERS["openai, by quote"][1](), transport=transport)
    with pytest.raises(rr.errors.ProviderError, match=str(cause)):
        await engine.complete(QUESTION)
    assert len(transport.requests) == 3


@pytest.mark.parametrize(
    "error", [rr.errors.Unauthorized("x"), rr.errors.ContextOverflow("x"), rr.errors.InferenceCancelled("x")]
)
async def test_003_a_permanent_error_in_the_middle_is_not_recovered(
    error: rr.InferenceError, autojump_clock: MockClock
) -> None:
    last = await raised([*say("a"), error])
    assert last.snapshot is not None
    assert last.snapshot.text == "a"


async def test_003_a_checkpoint_is_written_at_an_interruption(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    policy = rr.Policy(checkpoint=rr.CheckpointPolicy(lag_s=1e6, lag_bytes=10**9))
    engine = engine_of(OwnSource(say("kept"), [Silence()]), store=store, policy=policy)
    async with engine.open_stream(ASK, run_id="run") as run:
        while not isinstance(await run.receive(), rr.RetryScheduled):
            pass
        await trio.sleep(0.1)
        assert store.text == "kept"


async def test_003_another_process_goes_on_from_the_checkpoint_and_deletes_it_on_success(
    autojump_clock: MockClock,
) -> None:
    store, source = WatchedStore(), OwnSource([*say(" conclusion."), END])
    first = engine_of(OwnSource([*say("Premise,"), Silence()]), store=store)
    async with first.open_stream(ASK, run_id="run") as run:
        await run.receive()
    async with engine_of(source, store=store).open_stream(ASK, run_id="run") as run:
        assert text_of(await all_events(run)) == run.result.text == "Premise, conclusion."
    assert source.asked[0][0].messages == (*ASK.messages, rr.Message.assistant("Premise,"))
    assert await store.list_runs() == ()


async def test_003_a_checkpoint_with_a_completed_call_finishes_without_opening_a_stream(
    autojump_clock: MockClock,
) -> None:
    store, source = WatchedStore(), OwnSource()
    script = [*say("Thinking."), *call("1", '{"q":"x"}', "search"), Silence()]
    async with engine_of(OwnSource(script), store=store).open_stream(ASK, run_id="run"):
        await trio.sleep(1)
    result = await engine_of(source, store=store).complete(ASK, run_id="run")
    assert (result.stop_reason, result.text, source.attempts) == (rr.StopReason.TOOL_USE, "Thinking.", 0)
    assert [c.name for c in result.tool_calls] == ["search"]
    assert await store.list_runs() == ()


async def test_003_resuming_from_a_checkpoint_spends_nothing_of_the_budget(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    async with engine_of(OwnSource([*say("a"), Silence()]), store=store).open_stream(ASK, run_id="run") as run:
        await run.receive()
    source = OwnSource([*say("b"), END])
    assert (await engine_of(source, store=store, policy=ONCE).complete(ASK, run_id="run")).text == "ab"


async def test_003_a_failing_store_never_stops_the_stream(autojump_clock: MockClock) -> None:
    store = WatchedStore(failing=OSError("full"))
    result = await engine_of(OwnSource(say("a"), [*say("b"), END]), store=store).complete(ASK, run_id="run")
    assert (result.text, result.checkpoint_failures > 0) == ("ab", True)


@pytest.mark.parametrize("outside", [True, False])
async def test_003_cancelling_during_the_backoff_stops_the_retries_and_keeps_the_partial(
    outside: bool, autojump_clock: MockClock
) -> None:
    source = OwnSource([*say("kept"), rr.errors.RateLimited("slow", retry_after_s=60.0)])
    with trio.CancelScope() as scope:
        async with engine_of(source).open_stream(ASK) as run:
            while not isinstance(await run.receive(), rr.RetryScheduled):
                pass
            scope.cancel() if outside else run.cancel()
            events = await all_events(run)
            assert kinds(events) == [rr.Finished]
    assert (scope.cancelled_caught, source.attempts) == (outside, 1)
    assert (run.result.text, run.result.stop_reason) == ("kept", rr.StopReason.CANCELLED)
