"""What replaces is stored once an entry, and what is left of any items folds to what all of them do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.journal import AttemptRewound, CallsCancelled, Entry, encode_entry, merge_deltas
from riverrun.engine.core.journal_merge import split_replaceable
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    CursorMoved,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    StopReported,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport

counts = st.none() | st.integers(-3, 50) | st.just(2**63 - 2)
reports = st.builds(UsageReport, counts, counts, counts, counts, counts, counts, st.booleans())
replacing: st.SearchStrategy[Entry] = st.one_of(
    reports,
    st.sampled_from(["", "s", "t"]).map(ReasoningSignature),
    st.sampled_from([None, "1", "2"]).map(CursorMoved),
    st.builds(StopReported, st.sampled_from([StopReason.END_TURN, StopReason.MAX_TOKENS]), st.just("word")),
    st.builds(ResponseStarted, st.sampled_from(["", "a", "b"]), st.sampled_from(["", "m", "n"])),
)
lasting: st.SearchStrategy[Entry] = st.one_of(
    st.sampled_from(["", "x"]).map(TextDelta),
    st.sampled_from(["", "y"]).map(ReasoningDelta),
    st.just(BlockStop()),
    st.just(RedactedReasoning("r")),
    st.just(ToolCallStart("1", "t")),
    st.just(ToolCallDelta("1", "{}")),
    st.just(BlockStop("1")),
    st.just(CallsCancelled()),
    st.just(AttemptRewound()),
)
items_of_any_kind = st.lists(st.one_of(replacing, replacing, lasting), max_size=24)


def told(items: Sequence[Entry]) -> tuple[object, ...]:
    """Everything that the fold of an attempt's items says."""
    held = Accumulator(origin="p/m")
    held.begin_attempt()
    for item in items:
        match item:
            case CallsCancelled():
                held.cancel_open_calls("")
            case AttemptRewound():
                held.rewind()
            case _:
                held.fold(item)  # type: ignore[arg-type]
    return held.snapshot(), held.usage, held.usage_reported, held.stop, held.response_id, held.model, held.defect


@given(items_of_any_kind)
def test_what_is_left_of_any_items_folds_to_what_all_of_them_do(items: list[Entry]) -> None:
    merged = merge_deltas(items)
    assert told(merged) == told(items)
    assert merge_deltas(merged) == merged


@given(items_of_any_kind)
def test_what_may_be_replaced_can_as_well_come_after_all_that_lasts(items: list[Entry]) -> None:
    last, replaceable = split_replaceable(merge_deltas(items))
    assert told([*last, *replaceable]) == told(items)


@given(items_of_any_kind, items_of_any_kind)
def test_what_was_held_back_is_in_the_place_of_what_it_was(first: list[Entry], then: list[Entry]) -> None:
    last, held_back = split_replaceable(merge_deltas(first))
    assert told([*last, *merge_deltas([*held_back, *then])]) == told([*first, *then])


FLOODS: dict[str, list[Entry]] = {
    "signatures": [ReasoningSignature("s" * 1000), ReasoningDelta("")],
    "signatures and usage": [ReasoningSignature("s" * 1000), UsageReport(output=7)],
    "usage": [UsageReport(input=3, output=9)],
    "usage that is added": [UsageReport(output=1, cumulative=False)],
    "cursors": [CursorMoved("c" * 1000)],
    "stop reasons": [StopReported(StopReason.OTHER, "w" * 1000)],
    "names of the response": [ResponseStarted("r" * 1000, "m" * 1000)],
    "stops of nothing": [BlockStop(), UsageReport(output=1)],
    "empty deltas": [TextDelta(""), ReasoningDelta("")],
    "empty arguments of two calls": [ToolCallDelta("1", ""), ToolCallDelta("2", "")],
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_what_says_nothing_new_is_stored_once_however_often_it_is_said(flood: list[Entry]) -> None:
    once, often = encode_entry([TextDelta("x"), *flood]), encode_entry([TextDelta("x"), *flood * 5000])
    assert len(often) <= len(once) + 10  # a sum of 5,000 has more digits
