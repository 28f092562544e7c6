"""How a run ends where two things happen at once: one end, the right one, and nothing of it lost or done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.stream_events import AnswerRestarted, OpaqueBlockReceived, ServerToolStarted, UsageReport
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import SentRequest, Silence, Step, response
from tests.engine.own_source import (
    ASK,
    END,
    OwnSource,
    all_events,
    call,
    engine_of,
    kinds,
    say,
    text_of,
)

WHOLE = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Whole."},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


# -- the answer's end, and somebody who ends the run ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "pause", "leave", "scope"])
async def test_an_answer_whose_last_event_was_seen_is_whole_whoever_ends_the_run_behind_it(
    how: str, autojump_clock: MockClock
) -> None:
    def script(_: SentRequest) -> Iterator[Step]:
        return iter(response([WHOLE, Silence(0.2)], headers={"content-type": "text/event-stream"}))

    network = ScriptedNetwork(script)
    async with network.client() as client:
        provider = rr.VLLM("m", base_url="http://127.0.0.1:9/v1", client=client)
        with trio.CancelScope() as scope:
            async with rr.Engine(provider).open_stream(ASK) as run:
                assert await run.receive() == rr.TextDelta("Whole.")
                if how == "scope":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
                elif how != "leave":
                    getattr(run, how)()
    result, requests = run.result, network.requests_taken
    assert (result.text, result.stop_reason, requests) == ("Whole.", rr.StopReason.END_TURN, 1)
    assert not result.is_partial


# -- sources that break while they are cleaned up ---------------------------------------------------------------------


class Untidy(OwnSource):
    """A source with a task in the background that raises when it is cancelled."""

    @asynccontextmanager
    async def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> Any:
        self.asked.append((request, form))

        async def background() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ConnectionError("the socket was closed")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(background)
            send, receive = trio.open_memory_channel[Any](9)
            for event in say("a"):
                send.send_nowait(event)
            yield receive
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("act", "reason"), [("cancel", "cancelled"), ("pause", "paused")])
async def test_who_ends_a_run_wins_over_what_its_source_raises_while_it_is_cleaned_up(
    act: str, reason: str, autojump_clock: MockClock
) -> None:
    async with engine_of(Untidy()).open_stream(ASK) as run:
        events = [await run.receive()]
        getattr(run, act)()
        events, result = events + await all_events(run), run.result
    assert (kinds(events), result.stop_reason.value) == ([rr.TextDelta, rr.Finished], reason)


async def test_a_stall_is_a_stall_whatever_its_source_raises_while_it_is_cleaned_up(autojump_clock: MockClock) -> None:
    source = Untidy()
    with pytest.raises(rr.StreamInterrupted) as caught:
        await engine_of(source, policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=2))).complete(ASK)
    assert isinstance(caught.value.cause, rr.causes.IdleStall)
    assert source.attempts == 2


async def test_an_outer_cancel_leaves_alone_whatever_a_source_raises_while_it_is_cleaned_up(
    autojump_clock: MockClock,
) -> None:
    with trio.move_on_after(1) as scope:
        async with engine_of(Untidy()).open_stream(ASK) as run:
            await all_events(run)
    assert scope.cancelled_caught


async def test_a_stop_that_was_taken_back_is_no_end(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("void"), END, AnswerRestarted(), *say("half")], [*say(" a whole"), END])
    assert (await engine_of(source).complete(ASK)).text == "half a whole"


async def test_a_released_call_without_arguments_ends_a_message_that_begins_again(autojump_clock: MockClock) -> None:
    source = OwnSource([*call("1", ""), AnswerRestarted(), *call("2", ""), END])
    result = await engine_of(source).complete(ASK)
    assert [made.id for made in result.tool_calls] == ["1"]


# -- planners ---------------------------------------------------------------------------------------------------------

ASKS_AGAIN: dict[str, Callable[[rr.InterruptSnapshot], rr.RecoveryPlan]] = {
    "goes on": lambda snapshot: rr.ContinueText(snapshot.text),
    "restarts": lambda _: rr.WholeRestart(()),
}


@pytest.mark.parametrize("name", ASKS_AGAIN)
async def test_no_planner_may_ask_again_after_a_released_call(name: str, autojump_clock: MockClock) -> None:
    source = OwnSource([*say("I pay."), *call("1", "{}")], [*call("2", "{}"), END])
    engine = engine_of(source, planner=lambda snapshot, _: ASKS_AGAIN[name](snapshot))
    with pytest.raises(rr.UsageError, match=f"the planner {name} after a call was released"):
        await engine.complete(ASK)
    assert source.attempts == 1


async def test_no_planner_may_call_half_a_text_a_tool_call(autojump_clock: MockClock) -> None:
    engine = engine_of(OwnSource(say("half")), planner=lambda *_: rr.SynthesizeToolUse(()))
    with pytest.raises(rr.UsageError, match="no call was released"):
        await engine.complete(ASK)


async def plan_later(*_: object) -> rr.RecoveryPlan:
    return rr.WholeRestart(())


@pytest.mark.parametrize(
    ("planner", "seen"),
    [
        (plan_later, "gave a coroutine; expected a RecoveryPlan: make it a plain function"),
        (lambda *_: 7, "gave a int; expected a RecoveryPlan"),
        (
            lambda *_: rr.ContinueText(cast("Any", None)),
            "continues a NoneType as the prefix; expected the 4 characters",
        ),
        (lambda *_: rr.ContinueText("hal"), "continues a prefix of 3 characters; expected the 4 characters"),
    ],
    ids=["async", "a number", "no text", "less text"],
)
async def test_what_is_no_plan_is_refused_by_what_it_is(planner: Any, seen: str, autojump_clock: MockClock) -> None:
    engine = engine_of(OwnSource(say("half")), planner=planner)
    with pytest.raises(rr.UsageError, match=f"the planner {seen}"):
        await engine.complete(ASK)


# -- budgets ----------------------------------------------------------------------------------------------------------


class Forgetful(OwnSource):
    """Says of its capabilities something else each time it is asked."""

    asked_for = 0

    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        self.asked_for += 1
        return Capabilities(forms=(ContinuationForm.PREFILL,), waiting_message=str(self.asked_for))


async def test_a_form_that_is_refused_again_and_again_spends_the_attempts(autojump_clock: MockClock) -> None:
    refusals = [rr.errors.ContinuationRefused("no prefill") for _ in range(9)]
    source = Forgetful(say("a"), *refusals)
    with pytest.raises(rr.StreamInterrupted):
        await engine_of(source, policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=3))).complete(ASK)
    assert source.attempts <= 4


async def test_a_run_that_can_not_go_on_takes_no_retry_from_the_others(autojump_clock: MockClock) -> None:
    engine = engine_of(
        OwnSource([ServerToolStarted("buy")]), policy=rr.Policy(retry=rr.RetryPolicy(engine_retries_max=1))
    )
    with pytest.raises(rr.StreamInterrupted, match="server-side tool"):
        await engine.complete(ASK)
    assert engine._context.retry_budget.left == 1


async def test_the_ceiling_of_the_next_request_does_not_count_an_echo(autojump_clock: MockClock) -> None:
    said = "".join(f"{number:05}" for number in range(400))  # 2,000 bytes: 500 tokens
    source = OwnSource(
        [UsageReport(input=1, output=500), *say(said)],
        [*say(said, " and on,"), UsageReport(input=1, output=502)],
        [*say("to the end."), END],
        forms=(ContinuationForm.QUOTE,),
    )
    await engine_of(source).complete(ASK)
    first, second, third = (request.max_tokens for request, _ in source.asked)
    assert (first, second) == (1000, 500)
    assert third is not None
    assert third == 498


# -- server-side tools ------------------------------------------------------------------------------------------------


async def test_a_server_tool_inside_another_does_not_end_it(autojump_clock: MockClock) -> None:
    result = OpaqueBlockReceived(OpaqueBlock("result", {}, "own/m-1"), closes_server_tool=True)
    source = OwnSource([*say("a"), ServerToolStarted("run"), ServerToolStarted("search"), result], [*say("b"), END])
    with pytest.raises(rr.StreamInterrupted, match="server-side tool"):
        await engine_of(source).complete(ASK)
    assert source.attempts == 1


async def test_a_run_that_was_paused_while_a_server_tool_ran_is_not_asked_again(autojump_clock: MockClock) -> None:
    source, store = OwnSource([ServerToolStarted("buy"), Silence()], [*say("again"), END]), rr.MemoryStore()

    with pytest.raises(rr.StreamInterrupted, match="server-side tool"):
        async with engine_of(source, store=store).open_stream(ASK, run_id="run") as run:
            await trio.sleep(1)
            run.pause()
        await engine_of(source, store=store).complete(ASK, run_id="run")
    assert source.attempts == 1


# -- consumers --------------------------------------------------------------------------------------------------------


async def test_a_consumer_that_left_before_it_took_a_reset_is_told_of_it_when_it_comes_back(
    autojump_clock: MockClock,
) -> None:
    store = rr.MemoryStore()
    restarts = engine_of(OwnSource(say("AAAA one answer."), [*say("bbbb another,"), Silence()], forms=()), store=store)
    goes_on = engine_of(OwnSource([*say(" and more."), END], forms=(ContinuationForm.PREFILL,)), store=store)

    async def main() -> tuple[str, str]:
        async with restarts.open_stream(ASK, run_id="run") as run:
            shown = await run.receive()
            await trio.sleep(60)  # meanwhile the answer is begun anew; the consumer hears of it no more
        assert shown == rr.TextDelta("AAAA one answer.")
        async with goes_on.open_stream(ASK, run_id="run", deliver_from=len("AAAA one answer.")) as run:
            return text_of([shown, *await all_events(run)]), run.result.text

    assert await main() == ("bbbb another, and more.",) * 2


async def test_a_consumer_that_left_before_it_took_the_reset_of_a_resume_is_told_again(
    autojump_clock: MockClock,
) -> None:
    store = rr.MemoryStore()

    async def opened(*script: Any) -> tuple[str, str]:
        async with engine_of(OwnSource([*script]), store=store).open_stream(ASK, run_id="run", deliver_from=9) as run:
            if script[-1] is END:
                return text_of([rr.TextDelta("123456789"), *await all_events(run)]), run.result.text
            await trio.sleep(1)
        return "", ""

    async def main() -> tuple[str, str]:
        async with engine_of(OwnSource([*say("1234"), Silence()]), store=store).open_stream(ASK, run_id="run") as run:
            await run.receive()
        await opened(*say("xyz and then some"), Silence())
        return await opened(*say("."), END)

    assert await main() == ("1234xyz and then some.",) * 2


async def test_iterating_does_not_end_because_another_task_took_what_there_was(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    async with engine_of(OwnSource([*say(*"abcdefghijkl"), Silence(1), *say("z"), END])).open_stream(ASK) as run:

        async def iterate() -> None:
            try:
                async for _ in run:
                    pass
            except trio.BusyResourceError:
                heard.append("busy")
            else:
                heard.append(f"over: {run.result.text}")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(iterate)
            try:
                while True:
                    await run.receive_many()
            except trio.BusyResourceError:
                heard.append("busy")
            except trio.EndOfChannel:
                pass
    assert heard
    assert all(word == "busy" or word == "over: abcdefghijklz" for word in heard)


# -- an end that is none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [trio.EndOfChannel, StopAsyncIteration])
@pytest.mark.parametrize("who", ["planner", "source"])
async def test_what_ends_a_loop_quietly_is_an_error_where_a_stranger_raises_it(
    kind: type[Exception], who: str, autojump_clock: MockClock
) -> None:
    def raises(*_asked: object) -> Any:
        raise kind

    with pytest.raises(RuntimeError, match=f"a planner or source of yours raised {kind.__name__}") as raised:
        source = OwnSource(say("Half a "), kind() if who == "source" else [END])
        options = {"planner": raises} if who == "planner" else {}
        async with engine_of(source, **options).open_stream(ASK) as run:
            async for _ in run:
                pass
    assert type(raised.value.__cause__) is kind
