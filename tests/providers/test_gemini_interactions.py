"""The Interactions stream: what each event means, how it is read on after a cursor, and how it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.messages import (
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    CursorMoved,
    OpaqueBlockReceived,
    ProviderStatus,
    ReasoningSignature,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.gemini_interactions.decode import InteractionCursor
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.providers.fold import decode, fold
from tests.providers.gemini_samples import (
    DONE,
    INTERACTION,
    KEY,
    TOTALS,
    completed,
    created,
    delta,
    event,
    interaction_events_of,
    interactions_sse,
    new_interactions_decoder,
    numbered,
    said,
    start,
    stop,
)

ORIGIN = "gemini-interactions/gemini-test"
LOOK = Tool("look", "Looks.", {"type": "object", "properties": {}})


def provider(model: str = "gemini-test") -> GeminiInteractions:
    return GeminiInteractions(model, api_key=KEY)


def request(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or (Message.user("Hi"),), **fields)


def encode(asked: InferenceRequest, model: str = "gemini-2.5-flash") -> Any:
    return json.loads(provider(model).encode(asked).body)


def defect_of(*events: Any, **limits: int) -> str:
    decoder = new_interactions_decoder(**limits)
    decode(decoder, [interactions_sse(created(), *events)])
    assert not decoder.is_complete
    return decoder.defect or ""


# -- events -----------------------------------------------------------------------------------------------------------


def test_an_interaction_decodes_to_all_it_says() -> None:
    decoder = new_interactions_decoder()
    answer = fold(decode(decoder, [interactions_sse(*INTERACTION, DONE)]))
    assert answer.text == "Hello, wörld 🌍\n“”\u2028🌍!"
    assert answer.reasoning == "Let me see. “Über”"
    assert [(c.id, c.name, c.arguments, c.end) for c in answer.calls.values()] == [
        ("c1", "look", {"city": "São Paulo"}, "closed"),
        ("c2", "go", {"n": 1}, "closed"),
    ]
    assert (answer.signatures, answer.server_tools) == (["c2lnMQ=="], ["code_execution"])
    assert answer.stop == StopReported(StopReason.TOOL_USE, "requires_action")
    assert (answer.response_id, answer.model) == ("v1_abc", "gemini-test")
    assert (decoder.is_complete, decoder.defect) == (True, None)


@given(st.lists(st.integers(1, 60), max_size=200))
def test_how_the_bytes_are_cut_changes_nothing(sizes: list[int]) -> None:
    data, at, chunks = interactions_sse(*numbered(INTERACTION), DONE), 0, []
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    cut_up = new_interactions_decoder()
    assert decode(cut_up, [*chunks, data[at:]]) == decode(new_interactions_decoder(), [data])
    assert cut_up.is_complete


def test_server_steps_are_kept_whole() -> None:
    kept = [event for event in interaction_events_of(*INTERACTION[1:]) if isinstance(event, OpaqueBlockReceived)]
    ran = {"type": "code_execution_call", "id": "s1", "arguments": {"code": "print(1)", "language": "python"}}
    result = {"type": "code_execution_result", "call_id": "s1", "result": "1\n", "is_error": False}
    assert kept == [
        OpaqueBlockReceived(OpaqueBlock("code_execution_call", ran, ORIGIN)),
        OpaqueBlockReceived(OpaqueBlock("code_execution_result", result, ORIGIN), closes_server_tool=True),
    ]


def test_lists_of_a_result_grow_and_arguments_in_pieces_are_joined() -> None:
    kept = interaction_events_of(
        start(0, "google_search_result", call_id="s", result=[{"a": 1}]),
        delta(0, "google_search_result", result=[{"b": 2}]),
        stop(0),
        start(1, "mcp_server_tool_call", id="m", name="find", server_name="s", arguments={}),
        delta(1, "arguments_delta", arguments='{"q":'),
        delta(1, "arguments_delta", arguments="1}"),
        stop(1),
    )
    assert kept[0].block.data["result"] == [{"a": 1}, {"b": 2}]
    assert kept[1] == ServerToolStarted("find")
    assert kept[2].block.data["arguments"] == {"q": 1}


def test_a_server_tool_is_over_when_every_call_has_its_result() -> None:
    asked = [one for i in (0, 1) for one in (start(i, "google_search_call", id=f"s{i}", arguments={}), stop(i))]
    told = [one for i in (2, 3) for one in (start(i, "google_search_result", call_id=f"s{i - 2}"), stop(i))]
    received = fold(interaction_events_of(*asked, *told)).opaque
    assert [one.closes_server_tool for one in received] == [False, False, False, True]


def test_content_that_comes_with_a_start_is_said() -> None:
    answer = fold(
        interaction_events_of(
            start(0, "thought", summary=[{"type": "text", "text": "hm"}], signature="s"),
            stop(0),
            start(1, content=[{"type": "text", "text": "a"}]),
            said(1, "b"),
            stop(1),
        )
    )
    assert (answer.reasoning, answer.signatures, answer.text) == ("hm", ["s"], "ab")


def test_an_image_is_kept_as_it_came_between_the_texts() -> None:
    shown = {"type": "image", "data": "AAE=", "mime_type": "image/png"}
    events = interaction_events_of(start(0), said(0, "a"), delta(0, "image", data="AAE=", mime_type="image/png"))
    assert events == [TextDelta("a"), OpaqueBlockReceived(OpaqueBlock("image", shown, ORIGIN))]


def test_a_signature_on_a_call_is_a_block_before_it() -> None:
    events = interaction_events_of(start(0, "function_call", id="c", name="look", signature="s"))
    assert events[:2] == [ReasoningSignature("s"), BlockStop()]


def test_arguments_of_the_start_count_where_no_others_came() -> None:
    opened = start(0, "function_call", id="c", name="look", arguments={"a": 1})
    assert ToolCallDelta("c", '{"a":1}') in interaction_events_of(opened, stop(0))
    more = delta(0, "arguments_delta", arguments='{"b":2}')
    (call,) = fold(interaction_events_of(opened, more, stop(0))).calls.values()
    assert call.arguments == {"b": 2}


def test_usage_is_read_wherever_it_stands_and_the_last_counts() -> None:
    early = {"total_input_tokens": 12, "total_output_tokens": 0, "total_thought_tokens": 68, "total_tokens": 80}
    events = interaction_events_of(
        start(0), {**said(0, "a"), "metadata": {"total_usage": early}}, stop(0, usage=early), completed()
    )
    assert [event for event in events if isinstance(event, UsageReport)] == [
        UsageReport(input=12, output=68, cached_input=0, reasoning=68, total=80),
        UsageReport(input=12, output=445, cached_input=0, reasoning=391, total=TOTALS["total_tokens"]),
    ]


def test_a_wait_in_the_queue_is_told_and_is_no_progress() -> None:
    queued = event("interaction.status_update", interaction_id="v1_abc", status="queued")
    assert interaction_events_of(queued) == [ProviderStatus("the interaction is queued")]


def test_what_is_not_known_is_counted_and_changes_nothing() -> None:
    decoder = new_interactions_decoder()
    known = [created(), start(0), said(0, "x")]
    strange = [known[0], event("weather"), known[1], delta(0, "text_annotation_delta", annotations=[]), known[2], {}]
    thought = [start(1, "thought"), delta(1, "thought_summary", content={"type": "image"}), delta(1, "smell")]
    events = decode(decoder, [interactions_sse(*strange[:-1], *thought)])
    assert events == decode(new_interactions_decoder(), [interactions_sse(*known)])
    assert decoder.ignored.total() == 3


def test_steps_of_the_callers_own_say_nothing() -> None:
    echoed = [start(0, "user_input", content=[{"type": "text", "text": "Hi"}]), stop(0)]
    assert interaction_events_of(*echoed, start(3), said(3, "a")) == [TextDelta("a")]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", StopReason.END_TURN),
        ("requires_action", StopReason.TOOL_USE),
        ("incomplete", StopReason.MAX_TOKENS),
        ("cancelled", StopReason.OTHER),
        ("budget_exceeded", StopReason.OTHER),
        ("brand_new", StopReason.OTHER),
    ],
)
def test_a_status_is_the_end_it_means(status: str, reason: StopReason) -> None:
    assert interaction_events_of(completed(status))[-1] == StopReported(reason, status)


def test_an_answer_with_a_call_ended_with_tool_use() -> None:
    called = [start(0, "function_call", id="c", name="look"), stop(0)]
    assert interaction_events_of(*called, completed())[-1] == StopReported(StopReason.TOOL_USE, "completed")


@pytest.mark.parametrize("status", ["failed", "requires_continuation"])
def test_what_is_not_finished_is_a_failure_to_be_tried_again(status: str) -> None:
    decoder = new_interactions_decoder()
    events = decode(decoder, [interactions_sse(created(), start(0), said(0, "half"), completed(status), DONE)])
    assert events[-1].failure.is_retryable
    assert not decoder.is_complete
    assert fold(events).text == "half"


def test_a_call_that_is_open_when_the_answer_is_cut_is_cut() -> None:
    opened = [start(0, "function_call", id="c", name="look"), delta(0, "arguments_delta", arguments='{"a":')]
    assert BlockStop("c", is_cut=True) in interaction_events_of(*opened, completed("incomplete"))
    assert "expected its step.stop first" in defect_of(*opened, completed())


def test_an_error_in_the_stream_is_a_failure_and_ends_it() -> None:
    decoder = new_interactions_decoder()
    error = event("error", error={"code": "internal_error", "message": "no\nluck"})
    failed = decode(decoder, [interactions_sse(created(), error, completed(), DONE)])[-1]
    assert isinstance(failed, StreamFailed)
    assert failed.failure.kind is FailureKind.PROVIDER
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_nothing_after_the_end_counts() -> None:
    decoder = new_interactions_decoder()
    error = event("error", error={"code": "late", "message": "late"})
    decode(decoder, [interactions_sse(created(), completed(), error, completed(), DONE) + b"data: {\n\n"])
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 4)


def test_a_done_without_a_completion_is_no_success() -> None:
    decoder = new_interactions_decoder()
    decode(decoder, [interactions_sse(created(), start(0), said(0, "x"), stop(0), DONE)])
    assert (decoder.is_complete, decoder.defect) == (False, None)


DEFECTS: dict[str, list[Any]] = {
    "a delta of a step that never began": [said(0, "x")],
    "a delta after the stop": [start(0), stop(0), said(0, "x")],
    "a second start of a step": [start(0), start(0)],
    "an index below none": [start(-1)],
    "arguments of two minds": [
        start(0, "function_call", id="c", name="look", arguments={"a": 1}),
        delta(0, "arguments_delta", arguments="{}"),
        stop(0),
    ],
    "a start without an index": [event("step.start", step={"type": "thought"})],
    "a call without a name": [start(0, "function_call", id="c")],
    "a step without a type": [event("step.start", index=0, step={})],
    "a call's id twice": [start(0, "function_call", id="c", name="a"), start(1, "function_call", id="c", name="a")],
    "another interaction": [created("v1_other")],
}


@pytest.mark.parametrize("name", DEFECTS)
def test_what_is_not_the_wire_format_is_a_defect(name: str) -> None:
    defect = defect_of(*DEFECTS[name], completed())
    assert "seen" in defect
    assert "expected" in defect


def test_counts_and_arguments_are_read_strictly() -> None:
    for text in ('{"event_type":"x","usage":{"a":1,"a":2}}', '{"event_type":"x","step":{"arguments":{"a":1,"a":2}}}'):
        decoder = new_interactions_decoder()
        decode(decoder, [f"data: {text}\n\n".encode()])
        assert "a key twice" in (decoder.defect or "")


def test_steps_calls_arguments_and_kept_steps_are_bounded() -> None:
    call = start(0, "function_call", id="c", name="a")
    assert "blocks_max" in defect_of(start(0), stop(0), start(1), blocks_max=1)
    assert "calls_max" in defect_of(call, start(1, "function_call", id="d", name="a"), calls_max=1)
    long = delta(0, "arguments_delta", arguments="x" * 11)
    assert "arguments_bytes_max" in defect_of(call, long, arguments_bytes_max=10)
    result = [delta(0, "google_search_result", result=[{"a": "x" * 100}])] * 9
    assert "held_bytes_max" in defect_of(start(0, "google_search_result"), *result, held_bytes_max=2000)


# -- re-attaching -----------------------------------------------------------------------------------------------------


def folded(events: list[Any]) -> Accumulator:
    accumulator = Accumulator(origin=ORIGIN)
    for one in events:
        accumulator.fold(one)
    assert accumulator.defect is None
    return accumulator


def without_cursors(events: list[Any]) -> list[Any]:
    return [event for event in events if not isinstance(event, CursorMoved)]


@pytest.mark.parametrize("seen", range(1, len(INTERACTION)))
def test_what_was_seen_and_the_rest_after_the_cursor_is_the_whole(seen: int) -> None:
    events = numbered(INTERACTION)
    before = new_interactions_decoder().feed(interactions_sse(*events[:seen]))
    cursor = next(event.cursor for event in reversed(before) if isinstance(event, CursorMoved))
    assert cursor is not None
    wire, decoder = provider().reattach(cursor, Limits())
    place = int(json.loads(cursor)["event"][3:-1])
    after = decode(decoder, [interactions_sse(*events[place + 1 :], DONE)])
    whole = decode(new_interactions_decoder(), [interactions_sse(*events, DONE)])
    assert wire.url.endswith(f"/v1beta/interactions/v1_abc?stream=true&last_event_id=ev%2F{place}%3F")
    assert folded([*before, *after]).blocks() == folded(whole).blocks()
    assert (decoder.is_complete, decoder.defect) == (True, None)
    if place == seen - 1:
        assert without_cursors([*before, *after]) == without_cursors(whole)


@pytest.mark.parametrize("seen", range(3, 8))
def test_calls_of_one_id_are_read_on_under_their_own(seen: int) -> None:
    opened = [start(at, "function_call", id="c", name="look") for at in (0, 1)]
    pieces = [delta(at, "arguments_delta", arguments=part) for part in ('{"n":', "1}") for at in (0, 1)]
    events = numbered([created(), *opened, *pieces, stop(0), stop(1), completed("requires_action")])
    before = new_interactions_decoder().feed(interactions_sse(*events[:seen]))
    cursor = next(event.cursor for event in reversed(before) if isinstance(event, CursorMoved))
    assert cursor is not None
    after = decode(provider().reattach(cursor, Limits())[1], [interactions_sse(*events[seen:], DONE)])
    whole = decode(new_interactions_decoder(), [interactions_sse(*events, DONE)])
    assert without_cursors([*before, *after]) == without_cursors(whole)


def test_a_server_step_is_read_again_from_its_start() -> None:
    opened = [start(1, "google_search_call", id="s"), delta(1, "google_search_call", arguments={"q": 1})]
    events = numbered([created(), start(0), said(0, "a"), stop(0), *opened, stop(1)])
    moved = [e for e in decode(new_interactions_decoder(), [interactions_sse(*events)]) if isinstance(e, CursorMoved)]
    places = [json.loads(one.cursor)["event"] for one in moved if one.cursor is not None]
    assert places == ["ev/0?", "ev/1?", "ev/2?", "ev/3?", "ev/6?"]


def test_there_is_no_cursor_while_something_is_said_beside_an_open_server_step() -> None:
    events = numbered(
        [created(), start(0), start(1, "google_search_call", id="s"), said(0, "a"), said(0, "b"), stop(1)]
    )
    moved = [e.cursor for e in new_interactions_decoder().feed(interactions_sse(*events)) if isinstance(e, CursorMoved)]
    assert [cursor is None for cursor in moved] == [False, False, True, False]


def test_a_cursor_is_small_ascii_without_secrets() -> None:
    events = decode(new_interactions_decoder(), [interactions_sse(*numbered(INTERACTION))])
    cursors = [event.cursor for event in events if isinstance(event, CursorMoved) and event.cursor]
    assert all(cursor.isascii() and len(cursor) < 300 and KEY not in cursor for cursor in cursors)


def test_without_ids_there_is_no_cursor() -> None:
    assert not any(isinstance(event, CursorMoved) for event in interaction_events_of(*INTERACTION[1:]))
    long = {**start(0), "event_id": "x" * 2000}
    assert not any(isinstance(event, CursorMoved) for event in interaction_events_of(long))


def test_the_request_that_reads_on_holds_the_key_in_a_header_only() -> None:
    wire, _ = provider().reattach(InteractionCursor("v1/../a?key=1", "e&x=1").to_text(), Limits())
    host = "https://generativelanguage.googleapis.com/v1beta/interactions"
    assert wire.url == f"{host}/v1%2F..%2Fa%3Fkey%3D1?stream=true&last_event_id=e%26x%3D1"
    assert (wire.method, wire.body) == ("GET", b"")
    assert "canary" not in repr(wire)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "resp_1:7",
        "[]",
        '{"interaction":"a"}',
        '{"interaction":"a","event":"b","open":[1]}',
        '{"interaction":"a","event":"b","open":[[0,{"kind":"hologram"}]]}',
    ],
)
def test_a_cursor_of_another_kind_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        provider().reattach(cursor, Limits())


def test_a_stored_interaction_can_be_read_on() -> None:
    assert provider().capabilities(request()).can_reattach
    assert provider().capabilities(request(extra={"store": True, "background": True})).can_reattach
    assert not provider().capabilities(request(extra={"store": False})).can_reattach


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_whole_request() -> None:
    asked = InferenceRequest(
        (Message.user("Hi", ImageBlock("image/png", b"\x00\x01")),),
        system=["Be brief.", "Be kind."],
        tools=[LOOK],
        tool_choice=ToolChoice.tool("look"),
        max_tokens=100,
        temperature=0.5,
        stop_sequences=["END"],
        reasoning_effort="high",
        extra={"store": False, "generation_config": {"seed": 1}},
    )
    image = {"type": "image", "mime_type": "image/png", "data": "AAE="}
    assert encode(asked) == {
        "model": "gemini-2.5-flash",
        "stream": True,
        "store": False,
        "input": [{"type": "user_input", "content": [{"type": "text", "text": "Hi"}, image]}],
        "system_instruction": "Be brief.\n\nBe kind.",
        "tools": [{"type": "function", "name": "look", "description": "Looks.", "parameters": LOOK.input_schema}],
        "generation_config": {
            "max_output_tokens": 100,
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "tool_choice": {"allowed_tools": {"mode": "any", "tools": ["look"]}},
            "thinking_level": "high",
            "thinking_summaries": "auto",
            "seed": 1,
        },
    }


def test_a_conversation_is_written_as_steps() -> None:
    own, ran = "gemini-interactions/gemini-2.5-flash", {"type": "code_execution_call", "id": "s", "arguments": {}}
    turn = Message.assistant(
        ReasoningBlock("why", "sig", origin=own),
        ReasoningBlock("x", "foreign", origin="gemini/gemini-2.5-flash"),
        "a",
        "b",
        OpaqueBlock("code_execution_call", ran, own),
        ToolCall("c", "look", {"at": 1}),
    )
    results = Message.tool_results(ToolResult("c", (TextBlock("see"),), is_error=True), ToolResult("c", "text"))
    assert encode(request(Message.user("Hi"), turn, results))["input"][1:] == [
        {"type": "thought", "signature": "sig", "summary": [{"type": "text", "text": "why"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ran,
        {"type": "function_call", "id": "c", "name": "look", "arguments": {"at": 1}},
        {"type": "function_result", "call_id": "c", "result": [{"type": "text", "text": "see"}], "is_error": True},
        {"type": "function_result", "call_id": "c", "result": "text"},
    ]


@pytest.mark.parametrize(("choice", "word"), [("auto", "auto"), ("none", "none"), ("required", "any")])
def test_tool_choices(choice: str, word: str) -> None:
    assert encode(request(tools=[LOOK], tool_choice=choice))["generation_config"] == {"tool_choice": word}


def test_the_callers_own_level_is_kept() -> None:
    asked = request(reasoning_effort="low", extra={"generation_config": {"thinking_level": "high"}})
    assert encode(asked)["generation_config"] == {"thinking_level": "high"}


@pytest.mark.parametrize("fields", [{"stop_sequences": list("abcdef")}, {"extra": {"stream": False}}])
def test_what_can_not_be_asked_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        encode(request(**fields))


@pytest.mark.parametrize("form", [ContinuationForm.NATIVE, ContinuationForm.PREFILL, ContinuationForm.CURSOR])
def test_a_form_it_does_not_have_is_refused(form: ContinuationForm) -> None:
    with pytest.raises(UsageError, match=form.value):
        provider().encode(request(), form)


def test_nothing_to_answer_is_refused() -> None:
    with pytest.raises(UsageError, match="empty texts only"):
        encode(request(Message.user("")))


@pytest.mark.parametrize(
    "extra",
    [
        {"response_format": {"type": "text", "mime_type": "application/json"}},
        {"response_mime_type": "application/json"},
        {"generation_config": {"tool_choice": "any"}},
        {"generation_config": {"tool_choice": {"allowed_tools": {"mode": "any", "tools": ["x"]}}}},
    ],
)
def test_what_can_only_be_had_whole_says_so(extra: dict[str, Any]) -> None:
    assert provider().capabilities(request(extra=extra)).whole_only
    assert provider().capabilities(request()).whole_only is None


def test_an_answer_names_its_interaction() -> None:
    events = decode(new_interactions_decoder(), [interactions_sse(created(), created())])
    assert events == [ResponseStarted("v1_abc", "gemini-test")]
