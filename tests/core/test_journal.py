"""The journal: what is stored folds back to what was held, whatever it holds and however it was merged."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.causes import ConnectionReset, RateLimited
from riverrun.engine.core.codec import CodecError
from riverrun.engine.core.journal import (
    SCHEMA_VERSION,
    STEP_CHARS,
    AnswerEnded,
    AnswerReset,
    AttemptBegan,
    AttemptEnded,
    AttemptRewound,
    CallsCancelled,
    Entry,
    JournalHeader,
    RestoredRun,
    decode_entry,
    encode_entries,
    encode_entry,
    fingerprint,
    header_of,
    merge_deltas,
    restore,
    restore_in_steps,
)
from riverrun.engine.core.messages import Message, Tool, ToolCall
from riverrun.engine.core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.result import AttemptRecord
from riverrun.engine.core.snapshot import InFlightTool
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    CursorMoved,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StopReported,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import TokenUsage, UsageReport
from riverrun.engine.core.usage_error import UsageError

HEADER = JournalHeader(SCHEMA_VERSION, "run", "f" * 64, "scripted", "m-1", 1.5)
NAUGHTY = [
    "\x00", "\x1b[31m", "\ud800", "\udfffx", "\u2028\u2029", "\ufeff", "\ufffe", "👩\u200d👧", "Z\u0351\u036b",
    "\u202eabc", '"\\', "\\u0000", "\\ud83d", "${jndi}",
    "<script>", "' OR 1=1 --", "undefined", "1e999", "\r\n", "\U0001d573", "ﷺ",
]  # fmt: skip
# A lone surrogate is followed by something else: two that are neighbours spell one character in any JSON.
texts = st.one_of(st.sampled_from([text + "." for text in NAUGHTY]), st.text(max_size=6))
spans = st.lists(
    st.one_of(
        texts.map(TextDelta),
        texts.map(ReasoningDelta),
        st.just(BlockStop()),
        texts.map(ReasoningSignature),
        texts.map(RedactedReasoning),
        st.builds(UsageReport, output=st.integers(-5, 99), cumulative=st.booleans()),
        st.builds(ToolCallStart, st.sampled_from("ab"), texts),
        st.builds(ToolCallDelta, st.sampled_from("ab"), st.sampled_from(["{", '"k":"\\ud800"', "}", " "])),
        st.builds(BlockStop, st.sampled_from("ab"), st.booleans()),
    ),
    max_size=25,
)
record = AttemptRecord(1, "scripted", "m-1", None, 0.0, 1.0, TokenUsage(output=3), cause=ConnectionReset())


def live(items: list[Entry]) -> Accumulator:
    """What the run itself held: one fold for each event as it came."""
    accumulator = Accumulator(origin="scripted/m-1")
    accumulator.begin_attempt()
    for item in items:
        accumulator.fold(item)  # type: ignore[arg-type]
    return accumulator


def stored(*entries: list[Entry], header: JournalHeader = HEADER) -> RestoredRun:
    """Write the entries after the header, and read them back."""
    began: list[list[Entry]] = [[header, AttemptBegan(1, "scripted/m-1")], *entries]
    restored = restore([encode_entry(items) for items in began], Limits())
    assert restored is not None
    return restored


# -- round trips ------------------------------------------------------------------------------------------------------


@given(spans, st.data())
def test_what_was_held_is_what_is_restored_however_it_was_cut_into_entries(
    items: list[Entry], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(items)))
    restored, held = stored(items[:cut], items[cut:]).accumulator, live(items)
    assert restored.snapshot() == held.snapshot()
    assert (restored.total_usage, restored.defect) == (held.total_usage, held.defect)


@pytest.mark.parametrize("text", NAUGHTY)
def test_any_text_survives_as_text_as_reasoning_as_a_name_and_as_an_argument(text: str) -> None:
    arguments = json.dumps({"k": text})
    items: list[Entry] = [ReasoningDelta(text), BlockStop(), TextDelta(text), ToolCallStart("1", text)]
    snapshot = stored([*items, ToolCallDelta("1", arguments), BlockStop("1")]).accumulator.snapshot()
    assert (snapshot.text, snapshot.reasoning) == (text, text)
    assert snapshot.completed_tool_calls == (ToolCall("1", text, {"k": text}),)


@given(spans)
def test_merging_changes_nothing_that_the_fold_can_tell_and_leaves_no_neighbours(items: list[Entry]) -> None:
    merged = merge_deltas(items)
    assert live(merged).snapshot() == live(items).snapshot()
    assert merge_deltas(merged) == merged


def test_neighbouring_deltas_of_one_kind_and_one_call_are_joined() -> None:
    deltas: list[Entry] = [TextDelta("a"), TextDelta("b"), ReasoningDelta("c"), TextDelta("d"), TextDelta("e")]
    calls: list[Entry] = [ToolCallDelta("1", "x"), ToolCallDelta("1", "y"), ToolCallDelta("2", "z")]
    assert merge_deltas([*deltas, *calls]) == [
        TextDelta("ab"), ReasoningDelta("c"), TextDelta("de"), ToolCallDelta("1", "xy"), ToolCallDelta("2", "z"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "item",
    [
        HEADER,
        AttemptBegan(2, "a/b"),
        AttemptEnded(record),
        CallsCancelled(),
        AnswerReset(),
        AttemptRewound(),
        AnswerEnded(),
    ],
)
def test_every_item_comes_back_as_it_was(item: Entry) -> None:
    entry = encode_entry([item, TextDelta("t")])
    assert entry.isascii()
    assert decode_entry(entry) == [item, TextDelta("t")]


@pytest.mark.parametrize("hint_s", [math.inf, -math.inf, 1e308])
def test_a_number_that_json_has_no_word_for_is_stored_all_the_same(hint_s: float) -> None:
    ended = AttemptEnded(AttemptRecord(1, "p", "m", None, 0, 1, TokenUsage(), cause=RateLimited(hint_s)))
    assert decode_entry(encode_entry([ended])) == [ended]


@given(spans)
def test_a_record_comes_back_with_its_cause_and_its_whole_plan(items: list[Entry]) -> None:
    ended = evolve(record, plan=plan_recovery(live(items).snapshot()))
    assert stored(items, [AttemptEnded(ended), CallsCancelled()]).attempts == (ended,)


@pytest.mark.parametrize(
    "plan",
    [
        ContinueText("said"),
        TruncateBeforeTool("said", (InFlightTool("1", "said", "said"),)),
        SynthesizeToolUse((ToolCall("1", "said", {"said": 1}),), (InFlightTool("1", "said", "said"),)),
        WholeRestart((InFlightTool("1", "said", "said"),)),
    ],
    ids=lambda plan: str(type(plan).__name__),
)
def test_what_was_said_is_not_stored_again_with_the_plan_of_an_interruption(plan: RecoveryPlan) -> None:
    entry = encode_entry([AttemptEnded(evolve(record, plan=plan))])
    assert b"said" not in entry
    assert type(plan).__name__.encode() in entry


def test_a_plan_to_read_on_comes_back_with_its_cursor() -> None:
    ended = evolve(record, plan=Reattach("place 7"))
    assert stored([TextDelta("x"), AttemptEnded(ended)]).attempts == (ended,)


# -- the size of an entry ---------------------------------------------------------------------------------------------


@given(spans, st.integers(60, 400))
def test_items_cut_into_entries_fold_to_what_they_are_in_one(items: list[Entry], bytes_max: int) -> None:
    entries = [*encode_entries(items, bytes_max)]
    folded = live([item for entry in entries for item in decode_entry(entry)])
    assert folded.snapshot() == live(items).snapshot()


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta, lambda text: ToolCallDelta("1", text)])
@pytest.mark.parametrize("text", ["x" * 5000, "日本" * 3000, "\U0001d573\ud800." * 500])
def test_no_entry_is_beyond_its_bound_however_long_one_text_is(kind: Callable[[str], Entry], text: str) -> None:
    entries = encode_entries([BlockStop(), kind(text), BlockStop()], 1000)
    assert max(map(len, entries)) <= 1000
    assert kind(text) in merge_deltas([item for entry in entries for item in decode_entry(entry)])


def test_entries_are_cut_after_a_cursor_where_there_are_cursors() -> None:
    said: list[Entry] = [item for n in range(40) for item in (TextDelta("x" * 40), CursorMoved(str(n)))]
    entries = encode_entries(said, 700)
    assert 3 <= len(entries) <= 8
    for entry in entries:
        text, cursor = decode_entry(entry)
        assert isinstance(text, TextDelta)
        assert isinstance(cursor, CursorMoved)


def test_a_half_without_a_cursor_of_its_own_has_none_instead_of_an_older_one() -> None:
    entries = encode_entries([TextDelta("x" * 900), TextDelta("y" * 900), CursorMoved("1")], 1200)
    cursors = [[item for item in decode_entry(entry) if isinstance(item, CursorMoved)] for entry in entries]
    assert cursors == [[CursorMoved(None)], [CursorMoved("1")]]


def test_what_fits_is_one_entry() -> None:
    said = [HEADER, TextDelta("a"), CursorMoved("1"), TextDelta("b")]
    assert encode_entries(said, 10_000) == [encode_entry(said)]


def test_an_item_that_is_no_text_is_an_entry_whatever_its_size() -> None:
    items: list[Entry] = [RedactedReasoning("x" * 500), TextDelta("y")]
    assert [decode_entry(entry) for entry in encode_entries(items, 100)] == [items[:1], items[1:]]


# -- the story --------------------------------------------------------------------------------------------------------


def test_the_story_of_the_attempts_is_restored() -> None:
    again: list[Entry] = [AttemptEnded(record), AttemptBegan(2, "scripted/m-2"), TextDelta("cause")]
    run = stored([TextDelta("Be")], again)
    assert (run.header, run.attempts, run.attempt_open, run.ended) == (HEADER, (record,), True, False)
    assert (run.accumulator.text, run.accumulator.origin) == ("Because", "scripted/m-2")


def test_an_ended_answer_is_restored_with_its_reason() -> None:
    end: list[Entry] = [
        TextDelta("x"),
        StopReported(StopReason.MAX_TOKENS, "length"),
        AttemptEnded(record),
        AnswerEnded(),
    ]
    run = stored(end)
    assert (run.ended, run.attempt_open) == (True, False)
    assert run.accumulator.final_stop() == (StopReason.MAX_TOKENS, "length")


@pytest.mark.parametrize(
    ("taken_back", "text"),
    [(AnswerReset(), "new"), (AttemptRewound(), "kept new"), (CallsCancelled(), "kept void new")],
)
def test_what_was_taken_back_stays_taken_back(taken_back: Entry, text: str) -> None:
    first: list[Entry] = [TextDelta("kept "), AttemptEnded(record), AttemptBegan(2, "scripted/m-1")]
    run = stored([*first, TextDelta("void "), ToolCallStart("1", "t"), taken_back, TextDelta("new")])
    assert (run.accumulator.text, run.accumulator.snapshot().in_flight_tools) == (text, ())


def test_the_bytes_of_the_attempts_that_ended_are_counted() -> None:
    ended = AttemptEnded(AttemptRecord(1, "p", "m", None, 0, 1, TokenUsage(), bytes_received=700))
    assert stored([TextDelta("x"), ended]).accumulator.bytes_received == 700


def test_the_header_is_read_of_the_first_entry_alone() -> None:
    assert header_of(encode_entry([HEADER, AttemptBegan(1, "a/b"), TextDelta("x")])) == HEADER


@pytest.mark.parametrize("entry", [b"", b"\x00", b"[]", b"[7]", encode_entry([TextDelta("x"), HEADER])])
def test_an_entry_that_begins_no_journal_has_no_header(entry: bytes) -> None:
    assert header_of(entry) is None


# -- in steps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [1, 40])
def test_a_long_journal_is_read_back_in_steps_of_its_size_however_it_was_cut(entries: int) -> None:
    said = [[ToolCallStart(str(n), "t"), ToolCallDelta(str(n), '{"k":1}'), BlockStop(str(n))] for n in range(1000)]
    size = len(said) // entries
    cut = [[item for call in said[at : at + size] for item in call] for at in range(0, len(said), size)]
    stored = [encode_entry([HEADER, AttemptBegan(1, "a/b")]), *map(encode_entry, cut)]
    steps = restore_in_steps(stored, Limits())
    count = sum(1 for _ in steps)
    assert sum(map(len, stored)) / STEP_CHARS - 2 <= count <= sum(map(len, stored)) / STEP_CHARS + 1


def test_reading_back_holds_one_item_at_a_time_beside_what_it_makes() -> None:
    rewound: list[Entry] = [ToolCallStart("1", "t"), ToolCallDelta("1", "x" * 50), CallsCancelled()] * 5000
    entry = encode_entry([HEADER, AttemptBegan(1, "a/b"), *rewound])
    tracemalloc.start()
    restore([entry], Limits())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(entry)


def test_a_journal_of_the_version_before_is_read() -> None:
    entry = (
        b'[["item","JournalHeader",{"schema":1,"run_id":"r","fingerprint":"f","provider":"p","model":"m",'
        b'"began_unix_s":1.5}], ["item","AttemptBegan",{"number":1,"origin":"p/m"}],'
        b'["said",{"text":"a","type":"TextDelta"}],["said",{"cursor":"1","type":"CursorMoved"}],\n["said",{"output":3,"type":"UsageReport"}],'
        b'["said",{"output":4,"type":"UsageReport"}],["said",{"text":"b","type":"TextDelta"}]]'
    )
    restored = restore([entry], Limits())
    assert restored is not None
    accumulator = restored.accumulator
    assert (accumulator.text, accumulator.cursor, accumulator.usage.output) == ("ab", "1", 4)


# -- what can not be read ---------------------------------------------------------------------------------------------


def test_nothing_stored_is_nothing_restored() -> None:
    assert restore([], Limits()) is None
    assert restore([encode_entry([])], Limits()) is None


@pytest.mark.parametrize("schema", [SCHEMA_VERSION + 1, 0])
def test_a_journal_of_another_schema_is_refused(schema: int) -> None:
    with pytest.raises(CodecError, match=f"schema {SCHEMA_VERSION}"):
        stored(header=JournalHeader(schema, "run", "f", "p", "m", 0))


def test_a_journal_without_its_header_is_refused() -> None:
    with pytest.raises(CodecError, match="does not begin with a header"):
        restore([encode_entry([TextDelta("x"), HEADER])], Limits())


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\x00\xff",
        b"{}",
        b"null",
        b"[7]",
        b"[[]]",
        b'[["said"]]',
        b'[["said", {"type": "Novelty"}]]',
        b'[["item", "Novelty", {}]]',
        b'[["item", "AttemptBegan", {}]]',
        b'[["item", ["AttemptBegan"], {}]]',
        b'[["said", {"type": "TextDelta", "text": null}]]',
        b'[["said", {"type": "TextDelta", "text": 7}]]',
        b'[["other", {"type": "TextDelta", "text": "x"}]]',
        b"[" * 100_000,
        b'[["said", {"type": "TextDelta", "text": "x"}]',
        b'[["said", {"type": "TextDelta", "text": "x"}],]',
        b'[["said", {"type": "TextDelta", "text": "x"}]] x',
        b'[["said", {"type": "TextDelta", "text": "x"}]["said", {"type": "TextDelta", "text": "x"}]]',
    ],
)
def test_an_entry_that_was_not_written_here_is_refused(entry: bytes) -> None:
    with pytest.raises(CodecError):
        decode_entry(entry)


@given(st.data())
def test_an_entry_cut_anywhere_is_refused(data: st.DataObject) -> None:
    entry = encode_entry([HEADER, AttemptBegan(1, "a/b"), TextDelta("said")])
    with pytest.raises(CodecError):
        decode_entry(entry[: data.draw(st.integers(0, len(entry) - 1))])


# -- fingerprints -----------------------------------------------------------------------------------------------------

REQUEST = InferenceRequest([Message.user("Why?")], tools=[Tool("t", "d", {"a": 1, "b": 2})], extra={"x": 1, "y": 2})


def test_equal_requests_have_equal_fingerprints_and_nothing_can_be_read_in_them() -> None:
    same = InferenceRequest([Message.user("Why?")], tools=[Tool("t", "d", {"b": 2, "a": 1})], extra={"y": 2, "x": 1})
    assert fingerprint(REQUEST) == fingerprint(same)
    assert len(bytes.fromhex(fingerprint(REQUEST))) == 32


@pytest.mark.parametrize(
    "other",
    [
        InferenceRequest([Message.user("Why")]),
        InferenceRequest([Message.user("Why?")], max_tokens=1),
        InferenceRequest([Message.user("Why?")], system="s"),
        InferenceRequest([Message.user("W", "hy?")]),
        InferenceRequest([Message.assistant("Why?")]),
        InferenceRequest([Message.user("\ud800")]),
    ],
)
def test_another_request_has_another_fingerprint(other: InferenceRequest) -> None:
    assert fingerprint(other) != fingerprint(InferenceRequest([Message.user("Why?")]))


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_none_is_a_mistake_that_is_named(number: float) -> None:
    with pytest.raises(UsageError, match="extra of the request"):
        fingerprint(InferenceRequest([Message.user("Why?")], extra={"x": [number]}))


def test_a_journal_holds_nothing_of_the_request_but_its_fingerprint() -> None:
    header = JournalHeader(SCHEMA_VERSION, "run", fingerprint(REQUEST), "p", "m", 0.0)
    assert b"Why" not in encode_entry([header])
