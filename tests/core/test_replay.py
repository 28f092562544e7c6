"""A collected answer replayed as events folds back to itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from riverrun.engine.core.replay import block_events, replay_events
from riverrun.engine.core.result import StreamResult
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StopReported,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import TokenUsage, UsageReport

ORIGIN = "own/model"
arguments = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=3)
# Reasoning that says nothing and is not signed is no block; neither is an empty text.
blocks = st.lists(
    st.one_of(
        st.text(min_size=1).map(TextBlock),
        st.builds(ReasoningBlock, st.text(min_size=1), st.none() | st.just("s"), origin=st.just(ORIGIN)),
        st.builds(ReasoningBlock, redacted=st.text(min_size=1), origin=st.just(ORIGIN)),
        st.builds(OpaqueBlock, st.just("search"), arguments, st.just(ORIGIN)),
        st.builds(ToolCall, st.uuids().map(str), st.text(max_size=5), arguments),
    ),
    max_size=8,
)


def folded(result: StreamResult) -> Accumulator:
    accumulator = Accumulator(origin=ORIGIN)
    accumulator.begin_attempt()
    for event in replay_events(result):
        accumulator.fold(event)
    return accumulator


@given(
    blocks, st.builds(TokenUsage, st.integers(0, 99), st.integers(0, 99), st.integers(0, 9), total=st.integers(0, 99))
)
def test_the_fold_of_a_replay_is_the_answer_again(said: list[AnswerBlock], usage: TokenUsage) -> None:
    calls = tuple(block for block in said if isinstance(block, ToolCall))
    result = StreamResult(tuple(said), calls, usage, StopReason.MAX_TOKENS, stop_word="length")
    accumulator = folded(result)
    assert accumulator.defect is None
    assert (accumulator.blocks(), accumulator.completed_calls) == (result.blocks, calls)
    assert (accumulator.usage, accumulator.final_stop()) == (usage, (StopReason.MAX_TOKENS, "length"))


def test_usage_and_stop_come_last_and_the_stop_has_a_word() -> None:
    result = StreamResult((TextBlock("hi"),), usage=TokenUsage(3, 4, total=7), stop_reason=StopReason.END_TURN)
    assert replay_events(result) == (
        TextDelta("hi"),
        BlockStop(),
        UsageReport(3, 4, 0, 0, 0, 7),
        StopReported(StopReason.END_TURN, "end_turn"),
    )


def test_the_arguments_of_a_call_are_one_delta() -> None:
    assert block_events(ToolCall("1", "look", {"at": ["é"]})) == (
        ToolCallStart("1", "look"),
        ToolCallDelta("1", '{"at":["\\u00e9"]}'),
        BlockStop("1"),
    )


def test_what_says_nothing_is_skipped() -> None:
    assert block_events(TextBlock("")) == ()
    assert block_events(ReasoningBlock("")) == ()


def test_reasoning_comes_with_its_signature_or_redacted() -> None:
    assert block_events(ReasoningBlock("hm", "s")) == (ReasoningDelta("hm"), ReasoningSignature("s"), BlockStop())
    assert block_events(ReasoningBlock("", "s")) == (ReasoningSignature("s"), BlockStop())
    assert block_events(ReasoningBlock(redacted="x")) == (RedactedReasoning("x"),)


def test_an_opaque_block_is_whole_and_leaves_no_server_side_tool_in_flight() -> None:
    block = OpaqueBlock("search", {}, ORIGIN)
    assert block_events(block) == (OpaqueBlockReceived(block, closes_server_tool=True),)
