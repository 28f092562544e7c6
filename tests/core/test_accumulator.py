"""The accumulator: one fold from events to what a run holds; nothing received is lost, nothing is released twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallCancel, ToolCallReady, UsageUpdate
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.snapshot import InFlightTool
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    CursorMoved,
    KeepAlive,
    OpaqueBlockReceived,
    ProviderStatus,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import TokenUsage, UsageReport

ORIGIN = "scripted/m-1"
SEARCH = OpaqueBlock("search_result", {"hits": 2}, ORIGIN)
NAUGHTY = [
    "",
    "\x00",
    "\ud800",
    "\udfff tail",
    "a\u2028b\u2029c",
    "\ufeff",
    "👩\u200d👩\u200d👧",
    "'; DROP--",
    "%s{0}",
    "\r\n",
]
texts = st.one_of(st.sampled_from(NAUGHTY), st.text(st.characters(), max_size=12))


def folded(*events: StreamEvent, limits: Limits | None = None) -> Accumulator:
    """One attempt of these events."""
    accumulator = Accumulator(limits, origin=ORIGIN)
    accumulator.begin_attempt()
    for event in events:
        accumulator.fold(event)
    return accumulator


def a_call(call_id: str, arguments: str, *, name: str = "look") -> list[StreamEvent]:
    return [ToolCallStart(call_id, name), ToolCallDelta(call_id, arguments), BlockStop(call_id)]


def reads_back(accumulator: Accumulator) -> tuple[AnswerBlock, ...]:
    assert accumulator.defect is None
    return accumulator.blocks()


# -- text, reasoning, order -------------------------------------------------------------------------------------------


@given(st.lists(texts))
def test_the_text_is_every_delta_in_order_whatever_it_holds(parts: list[str]) -> None:
    accumulator = folded(*map(TextDelta, parts))
    assert accumulator.text == accumulator.snapshot().text == "".join(parts)
    assert accumulator.said_bytes == len("".join(parts).encode("utf-8", "surrogatepass"))


@given(st.lists(texts), st.lists(st.integers(0, 20)))
def test_reading_in_between_changes_nothing(parts: list[str], reads: list[int]) -> None:
    accumulator = Accumulator()
    for position, part in enumerate(parts):
        accumulator.fold(TextDelta(part))
        if position in reads:
            assert accumulator.text == "".join(parts[: position + 1])
    assert accumulator.blocks() == ((TextBlock("".join(parts)),) if "".join(parts) else ())


def test_what_is_shown_for_a_delta_is_the_delta_itself() -> None:
    accumulator = Accumulator()
    for event in (TextDelta("a"), ReasoningDelta("b"), ToolCallStart("1", "t"), ToolCallDelta("1", "{"), TextDelta("")):
        assert accumulator.fold(event) is (None if event == TextDelta("") else event)


def test_blocks_stay_in_the_order_they_began() -> None:
    accumulator = folded(
        ReasoningDelta("hm"), BlockStop(), TextDelta("one"), BlockStop(), *a_call("1", "{}"), TextDelta("two"),
        RedactedReasoning("xyz"), OpaqueBlockReceived(SEARCH), TextDelta("three"),
    )  # fmt: skip
    assert reads_back(accumulator) == (
        ReasoningBlock("hm", origin=ORIGIN), TextBlock("one"), ToolCall("1", "look", {}), TextBlock("two"),
        ReasoningBlock(redacted="xyz", origin=ORIGIN), SEARCH, TextBlock("three"),
    )  # fmt: skip


def test_a_block_stop_parts_two_texts_and_an_empty_delta_makes_no_block() -> None:
    accumulator = folded(TextDelta(""), TextDelta("a"), TextDelta("b"), BlockStop(), TextDelta(""), TextDelta("c"))
    assert reads_back(accumulator) == (TextBlock("ab"), TextBlock("c"))


def test_text_that_continues_over_an_interruption_goes_on_in_the_same_block() -> None:
    accumulator = folded(TextDelta("half a "))
    accumulator.end_attempt()
    accumulator.begin_attempt()
    accumulator.fold(TextDelta("sentence"))
    assert reads_back(accumulator) == (TextBlock("half a sentence"),)


def calls_made(action: Callable[[], object]) -> int:
    """How many function calls an action makes: work, counted and not timed."""
    count = 0

    def profile(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def test_each_of_many_deltas_costs_the_same_as_each_of_few() -> None:
    few, many = ([TextDelta("tok"), ReasoningDelta("hm"), ToolCallDelta("1", "x")] * n for n in (10, 1000))
    accumulators = [folded(ToolCallStart("1", "t")) for _ in range(2)]
    works = [
        calls_made(lambda accumulator=accumulator, events=events: [accumulator.fold(e) for e in events])  # type: ignore[misc]
        for accumulator, events in zip(accumulators, (few, many), strict=True)
    ]
    assert works[1] <= works[0] * 100


@given(st.lists(st.one_of(texts.map(TextDelta), st.sampled_from([BlockStop(), ReasoningDelta("hm"), KeepAlive()]))))
def test_many_texts_at_once_are_taken_as_one_by_one_or_not_at_all(events: list[StreamEvent]) -> None:
    limits = Limits(text_bytes_max=40)
    at_once, one_by_one = folded(TextDelta("a"), limits=limits), folded(TextDelta("a"), *events, limits=limits)
    taken = at_once.fold_texts(events)
    assert taken is None or all(type(event) is TextDelta for event in events)
    if taken is None:
        assert at_once.snapshot() == folded(TextDelta("a")).snapshot()
    else:
        assert (at_once.snapshot(), at_once.defect) == (one_by_one.snapshot(), one_by_one.defect)


def test_the_text_is_joined_once_and_then_only_read() -> None:
    accumulator = folded(*[TextDelta("tok")] * 1000)
    first, second = accumulator.text, accumulator.text
    assert first == second == "tok" * 1000
    assert calls_made(lambda: accumulator.text) < 20


# -- reasoning --------------------------------------------------------------------------------------------------------


def test_a_signature_counts_at_the_stop_of_its_block_and_the_last_one_counts() -> None:
    said: list[StreamEvent] = [ReasoningDelta("hm"), ReasoningSignature("old"), ReasoningSignature("new")]
    assert reads_back(folded(*said)) == (ReasoningBlock("hm", origin=ORIGIN),)
    assert reads_back(folded(*said, BlockStop())) == (ReasoningBlock("hm", signature="new", origin=ORIGIN),)


@pytest.mark.parametrize("after", [TextDelta("so"), ToolCallStart("1", "t"), RedactedReasoning("x")])
def test_a_thought_that_something_else_cuts_off_is_never_signed(after: StreamEvent) -> None:
    accumulator = folded(ReasoningDelta("hm"), ReasoningSignature("half"), after, BlockStop())
    assert reads_back(accumulator)[0] == ReasoningBlock("hm", origin=ORIGIN)


def test_a_thought_that_the_end_of_the_attempt_cuts_off_is_never_signed() -> None:
    accumulator = folded(ReasoningDelta("hm"), ReasoningSignature("half"))
    accumulator.end_attempt()
    accumulator.begin_attempt()
    accumulator.fold(ReasoningDelta("again"))
    accumulator.fold(BlockStop())
    assert [block.signature for block in accumulator.blocks() if isinstance(block, ReasoningBlock)] == [None, None]


def test_a_signature_without_a_thought_is_kept_as_a_block_of_its_own() -> None:
    assert reads_back(folded(ReasoningSignature("s"), BlockStop())) == (
        ReasoningBlock("", signature="s", origin=ORIGIN),
    )


def test_a_thought_keeps_the_origin_of_its_own_attempt() -> None:
    accumulator = folded(ReasoningDelta("hm"), ReasoningSignature("s"), BlockStop(), RedactedReasoning("x"))
    accumulator.end_attempt()
    accumulator.origin = "another/model"
    accumulator.begin_attempt()
    accumulator.fold(ReasoningDelta("so"))
    origins = [block.origin for block in accumulator.blocks() if isinstance(block, ReasoningBlock)]
    assert origins == [ORIGIN, ORIGIN, "another/model"]


# -- calls ------------------------------------------------------------------------------------------------------------


def test_interleaved_calls_are_released_in_the_order_of_their_starts() -> None:
    accumulator = folded(ToolCallStart("a", "x"), ToolCallStart("b", "y"))
    for event in (ToolCallDelta("b", '{"n":'), ToolCallDelta("a", "{}"), ToolCallDelta("b", "2}")):
        accumulator.fold(event)
    assert accumulator.fold(BlockStop("b")) is None
    assert accumulator.snapshot().in_flight_tools
    assert accumulator.fold(BlockStop("a")) == ToolCallReady(ToolCall("a", "x", {}))
    assert accumulator.take_ready() == [ToolCallReady(ToolCall("b", "y", {"n": 2}))]
    assert [call.id for call in accumulator.completed_calls] == ["a", "b"]
    assert reads_back(accumulator) == (ToolCall("a", "x", {}), ToolCall("b", "y", {"n": 2}))


def test_calls_are_released_by_the_places_that_the_provider_gives_them() -> None:
    accumulator = folded(ToolCallStart("b", "x", index=1), ToolCallStart("a", "x", index=0), BlockStop("b"))
    assert accumulator.fold(BlockStop("a")) == ToolCallReady(ToolCall("a", "x", {}))
    assert accumulator.take_ready() == [ToolCallReady(ToolCall("b", "x", {}))]
    assert [call.id for call in accumulator.completed_calls] == ["a", "b"]


def test_a_whole_call_that_waits_is_kept_and_told_when_the_attempt_is_over() -> None:
    accumulator = folded(ToolCallStart("a", "x"), *a_call("b", "{}"))
    assert (accumulator.ready, [call.id for call in accumulator.completed_calls]) == ([], ["b"])
    assert accumulator.take_ready(is_over=True) == [ToolCallReady(ToolCall("b", "look", {}))]
    assert accumulator.take_ready(is_over=True) == []


def test_a_call_that_is_cut_frees_those_that_waited_for_it() -> None:
    accumulator = folded(ToolCallStart("a", "x"), *a_call("b", "{}"))
    assert accumulator.fold(BlockStop("a", is_cut=True)) == ToolCallCancel("a", "x", "the answer ended inside it")
    assert accumulator.take_ready() == [ToolCallReady(ToolCall("b", "look", {}))]


@pytest.mark.parametrize(("arguments", "released"), [('{"n":1}', 1), ('{ "n" : 1 }', 1), ('{"n":true}', 2)])
def test_a_call_of_a_repeated_id_is_that_one_told_again_if_it_asks_the_same(arguments: str, released: int) -> None:
    accumulator = folded(*a_call("a", '{"n":1}'), ToolCallStart("b", "look"), ToolCallDelta("b", arguments))
    accumulator.fold(BlockStop("b", repeats="a"))
    assert len(accumulator.completed_calls) == released
    assert (accumulator.incomplete_calls, accumulator.defect) == (0, None)


@pytest.mark.parametrize("arguments", ["null", " null ", "", " "])
def test_a_closed_call_without_arguments_has_none(arguments: str) -> None:
    assert folded(*a_call("1", arguments)).completed_calls == (ToolCall("1", "look", {}),)


@given(st.permutations([(c, step) for c in "abc" for step in range(4)]))
def test_however_calls_interleave_each_gets_its_own_arguments(order: list[tuple[str, int]]) -> None:
    seen = dict.fromkeys("abc", 0)
    accumulator = folded()
    for call_id, _ in order:
        pieces: list[StreamEvent] = [
            ToolCallStart(call_id, "t"),
            ToolCallDelta(call_id, '{"is":"'),
            ToolCallDelta(call_id, call_id + '"}'),
        ]
        accumulator.fold([*pieces, BlockStop(call_id)][seen[call_id]])
        seen[call_id] += 1
    assert {call.id: call.arguments for call in accumulator.completed_calls} == {c: {"is": c} for c in "abc"}


@pytest.mark.parametrize("arguments", ["", " \n"])
def test_a_closed_call_without_arguments_is_complete_with_an_empty_object(arguments: str) -> None:
    assert reads_back(folded(*a_call("1", arguments))) == (ToolCall("1", "look", {}),)


@pytest.mark.parametrize("arguments", ['{"a":', "nul", "[]", "7", '{"a":NaN}', '{"a":1,"a":2}', "{}{}"])
def test_a_closed_call_whose_arguments_are_no_object_is_cancelled_and_counted(arguments: str) -> None:
    accumulator = folded(TextDelta("t"), *a_call("1", arguments)[:-1])
    shown = accumulator.fold(BlockStop("1"))
    assert isinstance(shown, ToolCallCancel)
    assert shown.reason
    assert (accumulator.incomplete_calls, accumulator.completed_calls) == (1, ())
    assert reads_back(accumulator) == (TextBlock("t"),)


@pytest.mark.parametrize("arguments", ["", '{"a":'])
def test_a_call_that_the_output_ceiling_cut_is_not_released(arguments: str) -> None:
    accumulator = folded(*a_call("1", arguments)[:-1])
    assert accumulator.fold(BlockStop("1", is_cut=True)) == ToolCallCancel("1", "look", "the answer ended inside it")


def test_a_cut_call_whose_arguments_are_whole_all_the_same_is_released() -> None:
    accumulator = folded(*a_call("1", '{"a":1}')[:-1])
    assert accumulator.fold(BlockStop("1", is_cut=True)) == ToolCallReady(ToolCall("1", "look", {"a": 1}))


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        ([ToolCallStart("1", "t"), ToolCallStart("1", "t")], "a second start of call '1'"),
        ([*a_call("1", "{}"), ToolCallStart("1", "t")], "a second start of call '1'"),
        ([*a_call("1", "{}"), ToolCallDelta("1", "x")], "arguments for call '1', which is not open"),
        ([*a_call("1", "{}"), BlockStop("1")], "a stop of call '1', which is not open"),
        ([ToolCallDelta("9", "x")], "arguments for call '9', which is not open"),
    ],
)
def test_an_event_that_contradicts_what_was_said_is_a_defect_and_shows_nothing(
    events: list[StreamEvent], seen: str
) -> None:
    accumulator = folded(*events[:-1])
    before = accumulator.blocks()
    assert accumulator.fold(events[-1]) is None
    assert accumulator.defect is not None
    assert accumulator.defect.startswith(seen)
    assert accumulator.blocks() == before


def test_the_first_defect_is_the_one_that_is_told() -> None:
    accumulator = folded(BlockStop("first"), BlockStop("second"))
    assert accumulator.defect is not None
    assert "'first'" in accumulator.defect


@given(st.lists(st.sampled_from([e for c in "ab" for e in a_call(c, "{}")]), max_size=14))
def test_a_call_is_released_at_most_once_in_any_order_of_events(events: list[StreamEvent]) -> None:
    accumulator = Accumulator()
    shown = [event for said in events for event in (accumulator.fold(said), *accumulator.take_ready())]
    shown += accumulator.take_ready(is_over=True)
    released = [event.call.id for event in shown if isinstance(event, ToolCallReady)]
    assert len(released) == len(set(released))
    assert sorted(released) == sorted(call.id for call in accumulator.completed_calls)


def test_cancelling_forgets_the_calls_under_way_and_keeps_the_released_ones() -> None:
    accumulator = folded(TextDelta("t"), *a_call("1", "{}"), ToolCallStart("2", "u"), ToolCallDelta("2", "{"))
    assert accumulator.snapshot().in_flight_tools == (InFlightTool("2", "u", "{"),)
    assert accumulator.cancel_open_calls("gone") == [ToolCallCancel("2", "u", "gone")]
    assert accumulator.cancel_open_calls("gone") == []
    assert reads_back(accumulator) == (TextBlock("t"), ToolCall("1", "look", {}))
    assert not accumulator.snapshot().in_flight_tools


def test_a_cancelled_call_s_id_may_be_used_again() -> None:
    accumulator = folded(ToolCallStart("call_0", "t"))
    accumulator.cancel_open_calls("gone")
    assert accumulator.fold(ToolCallStart("call_0", "t")) == ToolCallStart("call_0", "t")
    assert accumulator.defect is None


# -- server-side tools, cursors, the rest -----------------------------------------------------------------------------


def test_a_server_tool_is_in_flight_until_its_result_and_not_until_any_opaque_block() -> None:
    accumulator = folded(ServerToolStarted("web_search"), OpaqueBlockReceived(SEARCH))
    assert accumulator.snapshot().server_tool_in_flight == "web_search"
    accumulator.fold(OpaqueBlockReceived(SEARCH, closes_server_tool=True))
    assert accumulator.snapshot().server_tool_in_flight is None
    assert reads_back(accumulator) == (SEARCH, SEARCH)


@pytest.mark.parametrize(
    "event",
    [
        KeepAlive(),
        ProviderStatus("loading"),
        AnswerRestarted(),
        StreamFailed(Failure(FailureKind.PROVIDER, "x")),
        ResponseStarted("r-1", "m-1"),
        CursorMoved("7"),
    ],
)
def test_what_is_no_content_shows_nothing_and_parts_nothing(event: StreamEvent) -> None:
    accumulator = folded(TextDelta("a"))
    assert accumulator.fold(event) is None
    accumulator.fold(TextDelta("b"))
    assert reads_back(accumulator) == (TextBlock("ab"),)


def test_the_response_names_itself_and_the_cursor_moves() -> None:
    accumulator = folded(ResponseStarted("r-1", "m-1"), CursorMoved("7"), ResponseStarted("", ""), CursorMoved("8"))
    assert (accumulator.response_id, accumulator.model, accumulator.cursor) == ("r-1", "m-1", "8")
    assert accumulator.snapshot().cursor == "8"


@pytest.mark.parametrize(
    ("said", "is_empty"),
    [
        ([], True),
        ([ReasoningDelta("hm")], False),
        ([ToolCallStart("1", "t")], True),
        ([TextDelta("t")], False),
        (a_call("1", "{}"), False),
        ([OpaqueBlockReceived(SEARCH)], False),
    ],
)
def test_an_answer_is_empty_until_text_reasoning_a_whole_call_or_something_opaque_was_said(
    said: list[StreamEvent], is_empty: bool
) -> None:
    assert folded(*said).is_empty is is_empty


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], (StopReason.OTHER, None)),
        ([StopReported(StopReason.MAX_TOKENS, "length")], (StopReason.MAX_TOKENS, "length")),
        ([*a_call("1", "{}"), StopReported(StopReason.END_TURN, "stop")], (StopReason.TOOL_USE, "stop")),
        ([*a_call("1", "{}"), StopReported(StopReason.MAX_TOKENS, "length")], (StopReason.MAX_TOKENS, "length")),
        ([*a_call("1", "{")[:-1], StopReported(StopReason.END_TURN, "stop")], (StopReason.END_TURN, "stop")),
        ([StopReported(StopReason.OTHER, "?"), StopReported(StopReason.REFUSAL, "no")], (StopReason.REFUSAL, "no")),
    ],
)
def test_a_released_call_makes_a_plain_end_a_tool_use_and_the_last_report_counts(
    said: list[StreamEvent], expected: tuple[StopReason, str | None]
) -> None:
    assert folded(*said).final_stop() == expected


# -- usage ------------------------------------------------------------------------------------------------------------


def test_a_cumulative_report_replaces_and_a_delta_adds() -> None:
    accumulator = folded(UsageReport(input=10, output=1), UsageReport(output=5), UsageReport(output=5))
    assert accumulator.usage == TokenUsage(input=10, output=5, total=15)
    accumulator.fold(UsageReport(output=2, cumulative=False))
    assert accumulator.usage == TokenUsage(input=10, output=7, total=17)
    assert accumulator.odd_usage == 0


def test_negative_and_shrinking_counts_are_clamped_and_counted_as_odd() -> None:
    accumulator = folded(
        UsageReport(input=-5, output=9), UsageReport(output=4), UsageReport(input=-1, cumulative=False)
    )
    assert accumulator.odd_usage == 3
    assert accumulator.usage == TokenUsage(input=0, output=4, total=4)


def test_usage_belongs_to_its_attempt_and_the_update_shows_the_sum() -> None:
    accumulator = folded(UsageReport(input=10, output=5), StopReported(StopReason.END_TURN, "x"))
    assert accumulator.end_attempt() == (TokenUsage(input=10, output=5, total=15), False)
    accumulator.begin_attempt()
    assert accumulator.fold(UsageReport(input=20)) == UsageUpdate(TokenUsage(input=30, output=5, total=35))
    assert accumulator.total_usage == TokenUsage(input=30, output=5, total=35)


@pytest.mark.parametrize(
    ("events", "output", "is_estimated"),
    [
        ([TextDelta("x" * 41)], 11, True),
        ([TextDelta("x" * 41), UsageReport(output=1)], 11, True),
        ([TextDelta("x" * 41), UsageReport(output=50)], 50, False),
        ([TextDelta("x" * 41), UsageReport(output=3), StopReported(StopReason.END_TURN, "x")], 3, False),
        ([ReasoningDelta("hmmm"), ToolCallStart("1", "t"), ToolCallDelta("1", '{"é"')], 3, True),
        ([], 0, False),
    ],
)
def test_the_output_of_a_broken_attempt_is_estimated_where_more_was_said_than_reported(
    events: list[StreamEvent], output: int, is_estimated: bool
) -> None:
    usage, estimated = folded(*events).end_attempt()
    assert (usage.output, estimated) == (output, is_estimated)


@given(st.lists(st.integers(0, 80), max_size=5))
def test_the_snapshot_counts_what_each_attempt_emitted_once_before_and_after_its_end(sizes: list[int]) -> None:
    accumulator = Accumulator()
    tokens = 0
    for size in sizes:
        accumulator.begin_attempt()
        accumulator.fold(TextDelta("x" * size))
        tokens += -(-size // 4)
        expected = tokens if accumulator.text else None
        assert accumulator.snapshot().output_tokens == expected
        accumulator.end_attempt()
        assert accumulator.snapshot().output_tokens == expected


# -- rewind, reset, limits --------------------------------------------------------------------------------------------


def test_rewind_drops_what_this_attempt_said_and_nothing_of_the_attempts_before() -> None:
    accumulator = folded(ReasoningDelta("hm"), BlockStop(), TextDelta("kept "))
    accumulator.end_attempt()
    accumulator.begin_attempt()
    for event in (TextDelta("void"), ReasoningDelta("void"), ToolCallStart("1", "t"), ServerToolStarted("s")):
        accumulator.fold(event)
    assert accumulator.rewind()
    accumulator.fold(TextDelta("text"))
    assert reads_back(accumulator) == (ReasoningBlock("hm", origin=ORIGIN), TextBlock("kept text"))
    assert (accumulator.said_bytes, accumulator.server_tool, accumulator.snapshot().in_flight_tools) == (4, None, ())


def test_rewind_refuses_once_a_call_of_this_attempt_was_released_and_drops_nothing() -> None:
    accumulator = folded(TextDelta("t"), *a_call("1", "{}"))
    assert not accumulator.rewind()
    assert reads_back(accumulator) == (TextBlock("t"), ToolCall("1", "look", {}))


def test_rewind_forgets_the_cursor_which_stands_after_what_was_dropped() -> None:
    accumulator = folded(TextDelta("t"), CursorMoved("7"))
    assert accumulator.rewind()
    assert accumulator.snapshot().cursor is None


@pytest.mark.parametrize("attempts", range(1, 4))
def test_rewind_drops_what_the_generation_said_to_all_its_attempts(attempts: int) -> None:
    accumulator = folded(TextDelta("kept "))
    accumulator.end_attempt()
    for number in range(attempts):
        accumulator.begin_attempt(reattaches=number > 0)
        accumulator.fold(TextDelta("void"))
    assert (accumulator.has_begun, accumulator.goes_on) == (True, True)
    assert accumulator.rewind()
    assert (accumulator.text, accumulator.has_begun, accumulator.has_kept) == ("kept ", False, False)


def test_what_was_rewound_does_not_count_against_the_limits() -> None:
    accumulator = folded(limits=Limits(text_bytes_max=10, calls_max=1))
    for _ in range(3):
        accumulator.fold(TextDelta("8 bytes!"))
        accumulator.fold(ToolCallStart("1", "t"))
        assert accumulator.rewind()
    assert accumulator.defect is None


def test_reset_drops_everything_said_and_keeps_the_ledger() -> None:
    accumulator = folded(TextDelta("gone"), ToolCallStart("1", "t"), ServerToolStarted("s"), UsageReport(output=9))
    accumulator.end_attempt()
    accumulator.reset()
    assert not accumulator.snapshot().anything_shown
    assert accumulator.snapshot().server_tool_in_flight is None
    assert accumulator.total_usage.output == 9
    accumulator.begin_attempt()
    accumulator.fold(TextDelta("anew"))
    assert accumulator.snapshot().output_tokens == 1


WHOLE = "text, reasoning, calls and opaque blocks"


@pytest.mark.parametrize(
    ("limits", "events", "seen"),
    [
        (
            Limits(text_bytes_max=3),
            [TextDelta("ab"), TextDelta("é")],
            f"{WHOLE}: 4 bytes seen, 3 is the limit",
        ),
        (
            Limits(text_bytes_max=3),
            [TextDelta("ab"), ReasoningDelta("cd")],
            f"{WHOLE}: 4 bytes",
        ),
        (Limits(arguments_bytes_max=3), a_call("1", "[[[[")[:-1], "the arguments of a call: 4 bytes"),
        (Limits(calls_max=1), [ToolCallStart("1", "t"), ToolCallStart("2", "t")], "calls: 2 calls"),
        (Limits(blocks_max=1), [TextDelta("a"), BlockStop(), TextDelta("b")], "blocks: 2 blocks"),
    ],
)
def test_passing_a_limit_is_a_defect_with_both_numbers_and_drops_nothing(
    limits: Limits, events: list[StreamEvent], seen: str
) -> None:
    accumulator, free = folded(*events, limits=limits), folded(*events)
    assert accumulator.defect is not None
    assert accumulator.defect.startswith(seen)
    assert accumulator.snapshot() == free.snapshot()
    assert free.defect is None


def test_a_first_delta_that_is_too_long_by_itself_is_a_defect() -> None:
    assert folded(TextDelta("abcd"), limits=Limits(text_bytes_max=3)).defect is not None


def every_prefix(events: list[StreamEvent]) -> Iterable[list[StreamEvent]]:
    return (events[:end] for end in range(len(events) + 1))


def test_at_every_moment_the_snapshot_is_the_blocks_joined() -> None:
    said = [ReasoningDelta("hm"), TextDelta("a"), *a_call("1", "{}"), TextDelta("b"), ToolCallStart("2", "t")]
    for events in every_prefix(said):
        accumulator = folded(*events)
        snapshot = accumulator.snapshot()
        assert snapshot.blocks == accumulator.blocks()
        assert snapshot.text == accumulator.text
        assert snapshot.text == "".join(block.text for block in snapshot.blocks if isinstance(block, TextBlock))


@pytest.mark.parametrize(("wide", "width"), [("é", 1), ("川", 2), ("🌊", 4)])
def test_one_wide_character_makes_all_that_it_is_joined_with_as_wide(wide: str, width: int) -> None:
    accumulator = Accumulator(Limits(text_bytes_max=4000))
    for text in (wide, *["a" * 100] * 39):
        accumulator.fold(TextDelta(text))
    assert (accumulator.defect is not None) == (width > 1)
    assert accumulator.text == wide + "a" * 3900
