"""What an accumulator counts: bytes, tokens and calls, of each attempt and of all; a limit may be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.answer_blocks import PARTS_MAX
from riverrun.engine.core.events import ToolCallCancel, ToolCallReady
from riverrun.engine.core.json_bounds import VALUE_BYTES
from riverrun.engine.core.messages import OpaqueBlock, TextBlock, ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    CursorMoved,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.tool_json import explain_arguments
from riverrun.engine.core.usage import TokenUsage, UsageReport

WHOLE = "text, reasoning, calls and opaque blocks"
TAIL = "is the limit (Policy.limits); what was received is kept"


def folded(*events: StreamEvent, limits: Limits | None = None) -> Accumulator:
    """One attempt of these events."""
    accumulator = Accumulator(limits)
    accumulator.begin_attempt()
    for event in events:
        accumulator.fold(event)
    return accumulator


# -- before anything was said -----------------------------------------------------------------------------------------


def test_a_new_accumulator_holds_nothing_and_has_counted_nothing() -> None:
    new = Accumulator()
    assert (new.said_bytes, new.wasted_bytes, new.bytes_received, new.calls_started, new.odd_usage) == (0,) * 5
    assert (new.server_tool, new.cursor, new.response_id, new.model, new.stop, new.defect) == (None,) * 6
    assert (new.usage, new.usage_before, new.total_usage) == (TokenUsage(),) * 3
    assert (new.usage_reported, new.is_over_limit) == (False, False)
    assert new.snapshot() == InterruptSnapshot()


@pytest.mark.parametrize("is_reset", [False, True])
def test_before_the_first_attempt_and_after_a_reset_rewinding_comes_back_to_nothing(is_reset: bool) -> None:
    accumulator = folded(TextDelta("gone"), ToolCallStart("0", "t")) if is_reset else Accumulator()
    if is_reset:
        accumulator.reset()
    kept_before = accumulator.has_kept
    for event in (TextDelta("a"), ToolCallStart("1", "t")):
        accumulator.fold(event)
    assert (kept_before, accumulator.has_kept) == (False, True)
    assert accumulator.rewind()
    assert (accumulator.blocks(), accumulator.calls_started, accumulator.snapshot().in_flight_tools) == ((), 0, ())


# -- many texts at once -----------------------------------------------------------------------------------------------


def test_texts_of_the_open_block_are_taken_at_once_and_counted() -> None:
    accumulator = folded(TextDelta("a"))
    assert accumulator.fold_texts([TextDelta("b"), TextDelta("é")]) == "bé"
    assert (accumulator.blocks(), accumulator.said_bytes) == ((TextBlock("abé"),), 4)


@pytest.mark.parametrize("before", [(), (TextDelta("a"), BlockStop()), (TextDelta("a"), ReasoningDelta("hm"))])
def test_texts_that_begin_a_block_are_not_taken_at_once(before: tuple[StreamEvent, ...]) -> None:
    accumulator = folded(*before)
    held = accumulator.blocks()
    assert accumulator.fold_texts([TextDelta("b")]) is None
    assert accumulator.blocks() == held


def test_texts_at_once_are_taken_up_to_the_limit_and_not_beyond_it() -> None:
    accumulator = folded(TextDelta("a"), limits=Limits(text_bytes_max=6))
    assert accumulator.fold_texts([TextDelta("bc"), TextDelta("d")]) == "bcd"
    assert accumulator.fold_texts([TextDelta("efg")]) is None
    assert accumulator.fold_texts([TextDelta("ef")]) == "ef"
    assert (accumulator.text, accumulator.defect) == ("abcdef", None)
    accumulator.fold(TextDelta("g"))
    assert accumulator.defect == f"{WHOLE}: 7 bytes seen, 6 {TAIL}"


# -- limits -----------------------------------------------------------------------------------------------------------

AT_THE_LIMIT: dict[str, tuple[Limits, list[StreamEvent]]] = {
    f"{WHOLE}: 4 bytes seen, 3": (Limits(text_bytes_max=3), [TextDelta("ab"), TextDelta("c"), TextDelta("d")]),
    f"{WHOLE}: 5 bytes seen, 4": (
        Limits(text_bytes_max=4),
        [TextDelta("a"), ReasoningDelta("bc"), ReasoningDelta("d"), ReasoningDelta("e")],
    ),
    "the arguments of a call: 4 bytes seen, 3": (
        Limits(arguments_bytes_max=3),
        [ToolCallStart("1", "t"), ToolCallDelta("1", "[["), ToolCallDelta("1", "["), ToolCallDelta("1", "[")],
    ),
    "calls: 2 calls seen, 1": (Limits(calls_max=1), [ToolCallStart("1", "t"), ToolCallStart("2", "t")]),
    "blocks: 2 blocks seen, 1": (Limits(blocks_max=1), [TextDelta("a"), ToolCallStart("1", "t")]),
}


@pytest.mark.parametrize("defect", AT_THE_LIMIT)
def test_a_limit_may_be_reached_and_is_told_with_both_numbers_once_it_is_passed(defect: str) -> None:
    limits, events = AT_THE_LIMIT[defect]
    accumulator = folded(*events[:-1], limits=limits)
    assert (accumulator.defect, accumulator.is_over_limit) == (None, False)
    accumulator.fold(events[-1])
    assert (accumulator.defect, accumulator.is_over_limit) == (f"{defect} {TAIL}", True)


def a_call(call_id: str, arguments: str, *, whole: str | None = None) -> list[StreamEvent]:
    """Of the name "t", whose id, name and arguments count."""
    return [ToolCallStart(call_id, "t"), ToolCallDelta(call_id, arguments), BlockStop(call_id, arguments=whole)]


def opaque(data: str) -> StreamEvent:
    return OpaqueBlockReceived(OpaqueBlock("search", {"d": data}, "p/m"))


SUMS: dict[str, tuple[int, list[StreamEvent]]] = {
    "a text": (3, [TextDelta("aé")]),
    "a thought": (3, [ReasoningDelta("aé")]),
    "a call: its id, name and arguments": (6, a_call("1", "{ é")[:-1]),
    "a call that was released": (4 + VALUE_BYTES, a_call("1", "{}")),
    "a call whose arguments came whole at the end": (9 + VALUE_BYTES, a_call("1", "{", whole='{"a":2}')),
    "a call of which nothing but its name came": (5, [ToolCallStart("id", "éa"), ToolCallDelta("id", "")]),
    "two calls at once": (8 + VALUE_BYTES, [*a_call("1", "{}")[:-1], *a_call("2", "{}")]),
    "a thought that is sealed": (4, [RedactedReasoning("seal")]),
    "a signature": (5, [ReasoningDelta("a"), ReasoningSignature("sign")]),
    "the last signature of a thought": (5, [ReasoningDelta("a"), ReasoningSignature("me"), ReasoningSignature("sign")]),
    "an opaque block, as JSON in UTF-8": (11 + VALUE_BYTES, [opaque("é")]),
    "all together": (
        8 + VALUE_BYTES,
        [TextDelta("a"), ReasoningDelta("b"), *a_call("1", "{}"), RedactedReasoning("c"), TextDelta("d")],
    ),
}


@pytest.mark.parametrize("kind", SUMS)
def test_everything_that_is_held_of_an_answer_counts_in_bytes(kind: str) -> None:
    size, events = SUMS[kind]
    for bytes_max in (size, size + 100):
        assert folded(*events, limits=Limits(text_bytes_max=bytes_max)).defect is None
    passed = folded(*events, TextDelta("x"), limits=Limits(text_bytes_max=size))
    assert (passed.defect, passed.is_over_limit) == (f"{WHOLE}: {size + 1} bytes seen, {size} {TAIL}", True)


GIVEN_UP: dict[str, tuple[StreamEvent, ...]] = {
    "a call that was never whole": tuple(a_call("1", "[[[")),
    "a call that was cut": (*a_call("1", '{"a')[:-1], BlockStop("1", is_cut=True)),
}


@pytest.mark.parametrize("events", GIVEN_UP.values(), ids=GIVEN_UP)
def test_a_call_that_is_given_up_at_its_end_does_not_count_against_the_limits(events: tuple[StreamEvent, ...]) -> None:
    assert folded(*(events * 9), limits=Limits(text_bytes_max=5)).defect is None


def test_a_call_that_is_cancelled_does_not_count_against_the_limits() -> None:
    accumulator = folded(limits=Limits(text_bytes_max=12))
    for _ in range(9):
        for event in [*a_call("1", "[[[")[:-1], *a_call("2", "[[[")[:-1]]:
            accumulator.fold(event)
        assert len(accumulator.cancel_open_calls("gone")) == 2
    assert accumulator.defect is None


def test_a_signature_that_its_attempt_did_not_confirm_does_not_count_against_the_limits() -> None:
    accumulator = folded(limits=Limits(text_bytes_max=13))
    for _ in range(9):
        accumulator.fold(ReasoningDelta("a"))
        accumulator.fold(ReasoningSignature("sign"))
        accumulator.end_attempt()
        accumulator.begin_attempt()
    assert accumulator.defect is None


def test_calls_thoughts_and_blocks_that_were_rewound_or_reset_do_not_count_against_the_limits() -> None:
    accumulator = folded(limits=Limits(text_bytes_max=30 + VALUE_BYTES))
    for take_back in (accumulator.rewind, accumulator.reset) * 5:
        for event in (*a_call("1", "[[[")[:-1], RedactedReasoning("seal"), ReasoningSignature("sign"), opaque("a")):
            accumulator.fold(event)
        take_back()
    assert accumulator.defect is None


def test_arguments_that_come_whole_at_the_stop_are_bounded_like_those_in_pieces() -> None:
    accumulator = folded(*a_call("1", "", whole='{"a":2}'), limits=Limits(arguments_bytes_max=6))
    assert accumulator.defect == f"the arguments of a call: 7 bytes seen, 6 {TAIL}"


@pytest.mark.parametrize(
    "flood",
    [
        lambda number: a_call(str(number), f'{{"a":"{"x" * 70_000}"}}'),
        lambda _number: [RedactedReasoning("x" * 70_000)],
        lambda _number: [opaque("x" * 70_000)],
    ],
    ids=["calls", "sealed thoughts", "opaque blocks"],
)
def test_a_flood_of_what_is_small_enough_by_itself_ends_at_the_bound_of_the_answer(
    flood: Callable[[int], list[StreamEvent]],
) -> None:
    accumulator = folded(limits=Limits(text_bytes_max=640_000, arguments_bytes_max=80_000))
    taken = 0
    while accumulator.defect is None:
        for event in flood(taken):
            accumulator.fold(event)
        taken += 1
    assert taken == 10
    assert accumulator.defect.startswith(WHOLE)


def test_only_a_defect_that_is_a_limit_is_over_the_limit() -> None:
    accumulator = folded(BlockStop("9"), limits=Limits(text_bytes_max=3))
    assert not accumulator.is_over_limit
    accumulator.fold(TextDelta("abcd"))  # what came first is what is told
    assert not accumulator.is_over_limit
    twice = folded(TextDelta("abcd"), TextDelta("e"), limits=Limits(text_bytes_max=3))
    assert twice.is_over_limit


def test_what_was_reset_does_not_count_against_the_limits() -> None:
    accumulator = folded(TextDelta("abcd"), ToolCallStart("1", "t"), limits=Limits(text_bytes_max=6, calls_max=1))
    accumulator.reset()
    for event in (TextDelta("efgh"), ToolCallStart("2", "t")):
        accumulator.fold(event)
    assert accumulator.defect is None


@pytest.mark.parametrize(
    "events",
    [
        [ToolCallStart("i" * 81, "t")] * 2,
        [ToolCallDelta("i" * 81, "{")],
        [BlockStop("i" * 81)],
    ],
)
def test_a_defect_quotes_eighty_characters_of_an_id_at_most(events: list[StreamEvent]) -> None:
    defect = folded(*events).defect or ""
    assert f"'{'i' * 80}…'" in defect


# -- calls ------------------------------------------------------------------------------------------------------------


def test_arguments_that_come_whole_at_the_stop_take_the_place_of_their_pieces() -> None:
    accumulator = folded(ToolCallStart("1", "t"), ToolCallDelta("1", '{"a":'))
    ready = accumulator.fold(BlockStop("1", arguments='{"a":2}'))
    assert ready == ToolCallReady(ToolCall("1", "t", {"a": 2}))


@pytest.mark.parametrize("arguments", ['{"a":', "[]", "nul", '{"a":1,"a":2}'])
def test_a_call_that_is_cancelled_at_its_stop_says_why(arguments: str) -> None:
    accumulator = folded(ToolCallStart("1", "t"), ToolCallDelta("1", arguments))
    why = explain_arguments(arguments)
    assert why
    assert accumulator.fold(BlockStop("1")) == ToolCallCancel("1", "t", why)


def test_each_call_that_was_never_whole_is_counted() -> None:
    calls = [e for n in "123" for e in (ToolCallStart(n, "t"), ToolCallDelta(n, "["), BlockStop(n))]
    assert folded(*calls).incomplete_calls == 3


# -- attempts ---------------------------------------------------------------------------------------------------------


def test_an_attempt_begins_with_no_cursor_no_usage_and_no_name_of_its_response() -> None:
    accumulator = folded(ResponseStarted("r-1", "m-1"), CursorMoved("7"), UsageReport(output=3), TextDelta("abcd"))
    accumulator.wasted_bytes = 4
    accumulator.begin_attempt()
    assert (accumulator.cursor, accumulator.response_id, accumulator.usage) == (None, None, TokenUsage())
    assert (accumulator.said_bytes, accumulator.wasted_bytes, accumulator.usage_reported) == (0, 0, False)


def test_an_attempt_that_reattaches_goes_on_with_all_of_them() -> None:
    accumulator = folded(ResponseStarted("r-1", "m-1"), CursorMoved("7"), UsageReport(output=3), TextDelta("abcd"))
    accumulator.fold(StopReported(StopReason.END_TURN, "stop"))
    accumulator.begin_attempt(reattaches=True)
    assert (accumulator.cursor, accumulator.response_id, accumulator.usage.output) == ("7", "r-1", 3)
    assert (accumulator.said_bytes, accumulator.usage_reported) == (4, True)
    assert accumulator.end_attempt() == (TokenUsage(output=3, total=3), False)


def test_the_usage_of_attempts_is_summed_and_a_journal_s_word_counts_over_our_own() -> None:
    accumulator = folded(UsageReport(output=3), TextDelta("x" * 40))
    assert accumulator.end_attempt(TokenUsage(output=7, total=7))[0] == TokenUsage(output=7, total=7)
    accumulator.begin_attempt()
    accumulator.fold(UsageReport(output=5))
    accumulator.end_attempt()
    assert accumulator.usage_before == TokenUsage(output=12, total=12)


def test_what_was_said_and_not_kept_is_paid_and_does_not_count_as_emitted() -> None:
    accumulator = folded(TextDelta("8 bytes!"))
    accumulator.wasted_bytes += 5
    usage, is_estimated = accumulator.end_attempt()
    assert (usage.output, is_estimated) == (4, True)
    assert accumulator.snapshot().output_tokens == 2
    accumulator.begin_attempt()
    accumulator.wasted_bytes += 4  # an echo that the seam swallowed, and then the cut
    assert accumulator.end_attempt()[0].output == 1
    assert accumulator.snapshot().output_tokens == 2


def test_what_is_rewound_is_wasted_each_time() -> None:
    accumulator = folded(TextDelta("abc"))
    for _ in range(2):
        assert accumulator.rewind()
        accumulator.fold(TextDelta("abcd"))
    assert (accumulator.wasted_bytes, accumulator.said_bytes) == (7, 4)


def test_all_reasoning_of_an_attempt_is_said() -> None:
    accumulator = folded(ReasoningDelta("hm"), ReasoningDelta("é"), TextDelta("a"))
    assert accumulator.said_bytes == 5


# -- the snapshot -----------------------------------------------------------------------------------------------------


def test_the_snapshot_tells_everything_that_is_held() -> None:
    call: list[StreamEvent] = [ToolCallStart("1", "t"), ToolCallDelta("1", '{"a":1}'), BlockStop("1")]
    accumulator = folded(ReasoningDelta("h"), BlockStop(), ReasoningDelta("m"), TextDelta("a"), *call, TextDelta("b"))
    accumulator.fold(ServerToolStarted("search"))
    accumulator.bytes_received = 99
    snapshot = accumulator.snapshot()
    assert (snapshot.text, snapshot.reasoning, snapshot.bytes_received) == ("ab", "hm", 99)
    assert snapshot.completed_tool_calls == (ToolCall("1", "t", {"a": 1}),)
    assert snapshot.server_tool_in_flight == "search"


def test_without_a_stop_released_calls_make_it_tool_use() -> None:
    assert folded(ToolCallStart("1", "t"), BlockStop("1")).final_stop() == (StopReason.TOOL_USE, None)


def test_a_text_of_single_characters_is_held_in_few_parts_whatever_else_is_folded() -> None:
    accumulator = folded(TextDelta("a"))
    for number in range(20_000):
        accumulator.fold(TextDelta("b"))
        if number == 9_000:
            assert len(accumulator.text) == 9_002
    assert len(accumulator._open_text or ()) < 2 * PARTS_MAX
    assert accumulator.text == "a" + "b" * 20_000


def test_values_of_a_call_that_was_released_count_beside_its_text() -> None:
    limits = Limits(text_bytes_max=64_000)
    accumulator = folded(*a_call("1", '{"a":[' + ",".join(["[]"] * 900) + "]}"), limits=limits)
    assert accumulator.is_over_limit
    assert folded(*a_call("1", '{"a":"' + "[]," * 900 + '"}'), limits=limits).defect is None
