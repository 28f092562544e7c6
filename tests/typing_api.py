"""Pins the types of the public calls: mypy and pyright check this file, nothing runs it."""

from __future__ import annotations

from typing import assert_never, assert_type

import riverrun as rr
from riverrun.testing import RIVERS, AskedRequest, Fault, ScriptedSource


async def stream_an_answer(engine: rr.Engine, request: rr.InferenceRequest) -> None:
    async with engine.open_stream(request, run_id="answer-42", deliver_from=10) as run:
        assert_type(run, rr.Run)
        assert_type(await run.receive(), rr.Event)
        assert_type(await run.receive_many(), list[rr.Event])
        async for event in run:
            assert_type(event, rr.Event)
        assert_type(run.run_id, str)
        assert_type(run.attempts, tuple[rr.AttemptRecord, ...])
        assert_type(run.checkpoint_failures, int)
        assert_type(run.snapshot(), rr.InterruptSnapshot)
        run.cancel()
        run.pause()
        await run.aclose()
    assert_type(run.result, rr.StreamResult)


async def have_a_whole_answer(engine: rr.Engine, request: rr.InferenceRequest) -> None:
    async with engine:
        assert_type(await engine.complete(request, run_id="answer-42"), rr.StreamResult)
    await engine.aclose()


def read_a_result(result: rr.StreamResult) -> None:
    assert_type(result.text, str)
    assert_type(result.tool_calls, tuple[rr.ToolCall, ...])
    assert_type(result.usage, rr.TokenUsage)
    assert_type(result.usage + result.usage, rr.TokenUsage)
    assert_type(result.stop_reason, rr.StopReason)
    assert_type(result.stop_word, str | None)
    assert_type(result.is_partial, bool)
    assert_type(result.to_message(), rr.Message)
    for attempt in result.attempts:
        assert_type(attempt.cause, rr.InterruptCause | None)
        assert_type(attempt.plan, rr.RecoveryPlan | None)
        assert_type(attempt.seam, rr.SeamVerdict | None)
        assert_type(attempt.continuation, rr.ContinuationForm | None)


def match_every_event(event: rr.Event) -> str:
    match event:
        case rr.TextDelta(text) | rr.ReasoningDelta(text):
            return text
        case rr.ToolCallStart(call_id, name):
            return call_id + name
        case rr.ToolCallDelta(call_id, args_delta):
            return call_id + args_delta
        case rr.ToolCallReady(call):
            return assert_type(call, rr.ToolCall).id
        case rr.ToolCallCancel(call_id, name, reason):
            return call_id + name + reason
        case rr.StreamReset(reason):
            return reason
        case rr.Interrupted(cause, plan):
            return str(assert_type(cause, rr.InterruptCause)) + match_every_plan(plan)
        case rr.RetryScheduled(attempt, attempts_max, delay_s, cause):
            return f"{attempt} of {attempts_max} in {delay_s:g} s: {cause}"
        case rr.Resumed(attempt, model, continuation, seam):
            return f"{attempt} {model} {assert_type(continuation, rr.ContinuationForm)} {seam}"
        case rr.UsageUpdate(usage):
            return str(assert_type(usage, rr.TokenUsage).total)
        case rr.Status(message):
            return message
        case rr.Finished(result):
            return result.text
        case _:
            assert_never(event)


def match_every_plan(plan: rr.RecoveryPlan) -> str:
    match plan:
        case rr.Reattach(cursor):
            return cursor
        case rr.SynthesizeToolUse(completed, cancelled):
            assert_type(completed, tuple[rr.ToolCall, ...])
            return str(len(assert_type(cancelled, tuple[rr.InFlightTool, ...])))
        case rr.TruncateBeforeTool(prefix, _) | rr.ContinueText(prefix):
            return prefix
        case rr.WholeRestart(cancelled):
            return str(len(cancelled))
        case _:
            assert_never(plan)


def match_every_cause(cause: rr.InterruptCause) -> float | None:
    match cause:
        case rr.causes.RateLimited(retry_after_s) | rr.causes.Overloaded(retry_after_s):
            return retry_after_s
        case rr.causes.IdleStall(clock, waited_s):
            assert_type(clock, str)
            return waited_s
        case rr.causes.Provider5xx(status):
            return status
        case rr.causes.MalformedStream() | rr.causes.FormRefused() | rr.causes.ConnectionReset() | rr.causes.GoAway():
            return None
        case rr.causes.PrematureEnd() | rr.causes.EmptyAnswer() | rr.causes.ResumedFromCheckpoint():
            return None
        case _:
            assert_never(cause)


def plan_by_hand() -> None:
    snapshot = rr.InterruptSnapshot.from_partials("text", [("id", "tool", '{"a": 1}')], 100)
    assert_type(snapshot, rr.InterruptSnapshot)
    assert_type(rr.plan_recovery(snapshot), rr.RecoveryPlan)
    assert_type(rr.plan_recovery(snapshot, capabilities=rr.Capabilities()), rr.RecoveryPlan)


def ask_in_every_way() -> None:
    tool = rr.Tool("look", "Look.", {"type": "object"})
    choice = rr.ToolChoice.tool("look")
    image = rr.ImageBlock(data=b"\x89PNG")
    one = rr.InferenceRequest(rr.Message.user("What is this?", image), system="Be brief.", tools=[tool])
    many = rr.InferenceRequest([rr.Message.user("Hi."), rr.Message.assistant("Hello.")], tool_choice="auto")
    assert_type(one.messages, tuple[rr.Message, ...])
    assert_type(many.tool_choice, rr.ToolChoice | None)
    rr.InferenceRequest([rr.Message.tool_results(rr.ToolResult("id", "42"))], tools=(tool,), tool_choice=choice)


def read_an_error(error: rr.InferenceError) -> None:
    assert_type(error.is_retryable, bool)
    assert_type(error.counts_toward_breaker, bool)
    assert_type(error.retry_after_s, float | None)
    assert_type(error.snapshot, rr.InterruptSnapshot | None)
    if isinstance(error, rr.StreamInterrupted):
        assert_type(error.cause, rr.InterruptCause)


def build_an_engine(store: rr.abc.CheckpointStore, source: rr.abc.EventSource) -> None:
    assert_type(rr.Engine(rr.Anthropic("claude-sonnet-4-5", api_key="k"), store=store), rr.Engine)
    assert_type(rr.Engine(rr.OpenAIChat("gpt-4.1", api_key="k"), policy=rr.Policy()), rr.Engine)
    assert_type(rr.Engine(source, store=rr.MemoryStore()), rr.Engine)
    rr.Engine(source, store=rr.SQLiteStore("runs.db"), chance=lambda: 0.5, wall_clock=lambda: 0.0)


def script_a_source() -> None:
    source = ScriptedSource(RIVERS, [Fault("reset", at=5)], capabilities=rr.Capabilities(), seed=1, model="m")
    assert_type(rr.Engine(source), rr.Engine)
    assert_type(source.requests, list[AskedRequest])
    assert_type(source.requests[0].said, str)
    assert_type(source.requests[0].form, rr.ContinuationForm | None)
    assert_type(source.faults_happened, list[Fault])
    assert_type(source.open_answers, int)
