"""Ollama's stream: what each line means, and what is no longer the wire format."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import ResponseStarted, StopReported
from riverrun.providers.ollama.provider import Ollama
from riverrun.providers.wire.think_tags import split_thinking
from tests.providers.fold import Answer, decode, fold
from tests.providers.recordings import cut, load, recordings

TIME = "2026-11-21T10:00:00.123456789Z"


def line(content: str = "", *, thinking: str | None = None, calls: Any = None, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    message |= {key: value for key, value in (("thinking", thinking), ("tool_calls", calls)) if value is not None}
    return {"model": "llama3.2", "created_at": TIME, "message": message, "done": False, **fields}


def call(name: str = "look", arguments: Any = None, **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": {} if arguments is None else arguments}, **fields}


def done(content: str = "", reason: str | None = "stop", **counts: Any) -> dict[str, Any]:
    reason_field = {} if reason is None else {"done_reason": reason}
    return line(content, done=True, total_duration=5, load_duration=1, **reason_field, **counts)


def ndjson(*lines: Any) -> bytes:
    rows = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in lines]
    return "".join(f"{row}\n" for row in rows).encode("utf-8", "surrogatepass")


ANSWER = ndjson(
    line(thinking="Let me "),
    line(thinking="see. “Über”"),
    line("Hello"),
    line(", wörld 🌍\u2028"),
    line(calls=[call("look", {"city": "São Paulo"}), call("go", id="given_1")]),
    line(calls=[call("look", {"city": "Rio"})]),
    done(" Bye.", eval_count=12, prompt_eval_count=9),
)


def new_decoder(**limits: int) -> Any:
    return Ollama("llama3.2").decoder(Limits(**limits))


def read(*lines: Any) -> tuple[Answer, Any]:
    decoder = new_decoder()
    return fold(decode(decoder, [ndjson(*lines)])), decoder


def defect_of(*lines: Any, **limits: int) -> str:
    decoder = new_decoder(**limits)
    decode(decoder, [ndjson(*lines)])
    assert not decoder.is_complete
    assert decoder.feed(ndjson(line("x"))) == []
    return str(decoder.defect)


def test_a_whole_answer_is_read() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [ANSWER]))
    assert (answer.reasoning, answer.text) == ("Let me see. “Über”", "Hello, wörld 🌍\u2028 Bye.")
    assert [c.arguments for c in answer.calls.values()] == [{"city": "São Paulo"}, {}, {"city": "Rio"}]
    assert answer.stop == StopReported(StopReason.TOOL_USE, "stop")
    assert (answer.usage.input, answer.usage.output, answer.usage.total) == (9, 12, 21)
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total(), answer.model) == (True, None, 0, "llama3.2")


@given(st.lists(st.integers(0, len(ANSWER)), max_size=12))
def test_an_answer_is_read_the_same_however_it_is_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(ANSWER)]
    chunks = [ANSWER[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(new_decoder(), chunks) == decode(new_decoder(), [ANSWER])


@pytest.mark.parametrize("at", range(0, ANSWER.rindex(b"}"), 11))
def test_an_answer_that_ends_early_is_never_complete(at: int) -> None:
    decoder = new_decoder()
    decode(decoder, [ANSWER[:at]])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_the_last_line_counts_without_its_end_if_its_json_is_whole() -> None:
    whole, short = new_decoder(), new_decoder()
    decode(whole, [ANSWER.rstrip(b"\n")])
    decode(short, [ANSWER.rstrip(b"\n")[:-1]])
    assert (whole.is_complete, short.is_complete, short.defect) == (True, False, None)


def test_made_up_ids_are_unique_in_an_answer_and_between_answers() -> None:
    lines = [line(calls=[call(), call("look", id="call_x")]), line(calls=[call()]), done()]
    first, _ = read(*lines)
    second, _ = read(*({**each, "created_at": "2026-11-21T10:00:01Z"} for each in lines))
    assert list(first.calls)[1] == "call_x"
    assert len({*first.calls, *second.calls}) == 5


def test_a_call_is_closed_as_soon_as_it_is_there() -> None:
    decoder = new_decoder()
    answer = fold(decoder.feed(ndjson(line(calls=[call("look", {"a": 1})]))))
    assert [(c.name, c.arguments, c.end) for c in answer.calls.values()] == [("look", {"a": 1}, "closed")]


def test_arguments_as_text_are_taken_as_they_are() -> None:
    answer, _ = read(line(calls=[call("look", '{"a": 1}')]), done())
    assert next(iter(answer.calls.values())).arguments == {"a": 1}


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReported(StopReason.END_TURN, "stop")),
        ("length", StopReported(StopReason.MAX_TOKENS, "length")),
        (None, StopReported(StopReason.END_TURN, "")),
        ("", StopReported(StopReason.END_TURN, "")),
        ("load", StopReported(StopReason.OTHER, "load")),
        ("something new", StopReported(StopReason.OTHER, "something new")),
    ],
)
def test_a_done_reason_has_its_meaning(reason: str | None, stop: StopReported) -> None:
    answer, decoder = read(line("a"), done(reason=reason))
    assert (answer.stop, decoder.is_complete) == (stop, True)


def test_an_absent_count_of_the_prompt_is_nothing() -> None:
    assert read(done(eval_count=3))[0].usage.total == 3
    assert read(done())[0].usage.total == 0


@pytest.mark.parametrize("error", ["model runner has unexpectedly stopped", {"message": "model runner stopped"}])
def test_an_error_line_is_a_failure_and_ends_the_stream(error: Any) -> None:
    answer, decoder = read(line("a"), {"error": error}, done())
    assert answer.text == "a"
    assert answer.failure.kind is FailureKind.PROVIDER
    assert "model runner" in answer.failure.message
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (False, None, 1)


def test_nothing_after_the_done_line_counts() -> None:
    answer, decoder = read(line("a"), done(), {"error": "late"}, line("b"), done(), "{")
    assert (answer.text, answer.failure) == ("a", None)
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 4)


def test_the_lines_of_generate_are_read_too() -> None:
    first = {"model": "m", "created_at": TIME, "response": "Hel", "done": False}
    last = {"model": "m", "created_at": TIME, "response": "lo", "done": True, "done_reason": "stop"}
    assert read(first, last)[0].text == "Hello"


def test_blank_lines_unknown_fields_and_odd_calls_change_nothing() -> None:
    answer, decoder = read("", line("a", new={"x": [1]}), line(calls=[7]), {"status": "loading"}, done())
    assert (answer.text, decoder.is_complete, decoder.ignored.total()) == ("a", True, 1)


DEFECTS: dict[str, tuple[Any, dict[str, int], str]] = {
    "no json": ("<html>", {}, "expected a JSON object"),
    "a list": ([1], {}, "expected a JSON object"),
    "a call without a name": (line(calls=[call("")]), {}, "expected function.name"),
    "arguments of another kind": (line(calls=[call("a", [1])]), {}, "expected an object"),
    "too many calls": (line(calls=[call(), call()]), {"calls_max": 1}, "calls_max"),
    "arguments too long": (line(calls=[call("a", "x" * 99)]), {"arguments_bytes_max": 50}, "arguments_bytes_max"),
    "a line too long": (line("x" * 999), {"line_bytes_max": 500}, "line_bytes_max"),
    "a key twice in arguments": (
        '{"message":{"tool_calls":[{"function":{"name":"a","arguments":{"a":1,"a":2}}}]}}', {}, "counts or arguments"
    ),
    "no number": ('{"done":true,"eval_count":1e999}', {}, "expected a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_what_is_not_the_wire_format_is_a_defect(name: str) -> None:
    lines, limits, told = DEFECTS[name]
    assert told in defect_of(lines, done(), **limits)


def test_halves_of_a_character_are_joined_over_lines() -> None:
    answer, _ = read(json.dumps(line("a\ud83c")), json.dumps(line("\udf0db")), done())
    assert answer.text == "a🌍b"


def test_tags_become_reasoning_where_that_is_asked_for() -> None:
    stream = ndjson(line("<think>h"), line("m</th"), line("ink>So."), done())
    assert fold(decode(Ollama("m").decoder(Limits()), [stream])).text == "<think>hm</think>So."
    split = fold(decode(Ollama("m", think_tags=True).decoder(Limits()), [stream]))
    assert (split.reasoning, split.text) == ("hm", "So.")


def test_an_answer_names_its_model_once() -> None:
    events = decode(new_decoder(), [ANSWER])
    assert [event for event in events if isinstance(event, ResponseStarted)] == [ResponseStarted("", "llama3.2")]


# -- fuzz ---------------------------------------------------------------------------------------------------------

PARTS = st.sampled_from([b'"', b"\\", b"{", b"}", b"\n", b"null", b"\xff", b"1e999", b"\r", b"[]", b"\0", b",", b":"])
edits = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), PARTS | st.binary(max_size=3)), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["message", "done", "tool_calls", "function", "arguments", "name", "id", "error", "content",
                         "thinking", "response", "done_reason", "eval_count", "created_at"]), inner, max_size=4),
)  # fmt: skip


def check_cuts(data: bytes, size: int) -> None:
    whole, small = new_decoder(), new_decoder()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert decode(small, chunks) == decode(whole, [data])
    assert [getattr(small, n) for n in ("is_complete", "defect", "ignored")] == [
        getattr(whole, n) for n in ("is_complete", "defect", "ignored")
    ]


@given(edits, st.integers(1, 4000))
@settings(max_examples=200)
def test_mutated_answers_never_raise_and_read_the_same(changes: list[tuple[int, int, bytes]], size: int) -> None:
    data = ANSWER
    for at, drop, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + drop :]
    check_cuts(data, size)


@given(st.lists(values, max_size=4), st.integers(1, 50))
@settings(max_examples=200)
def test_any_json_in_any_place_never_raises(lines: list[Any], size: int) -> None:
    check_cuts(ndjson(*lines), size)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_arbitrary_bytes_never_raise(data: bytes, size: int) -> None:
    check_cuts(data, size)


# -- recordings ---------------------------------------------------------------------------------------------------

each_recording = pytest.mark.parametrize("meta", recordings("ollama"))


@pytest.mark.recordings
@each_recording
def test_a_recording_decodes_to_what_is_written_beside_it(meta: Path | None) -> None:
    described, data = load(meta)
    decoder, expected = new_decoder(), described["expected"]
    answer = fold(decode(decoder, [data]))
    assert (decoder.defect, answer.failure, decoder.is_complete) == (None, None, expected["terminal_marker"] == "done")
    assert (answer.text, answer.reasoning) == (expected["text"], expected["reasoning"])
    assert answer.stop is not None
    assert answer.stop.word == expected["finish_reason"]
    usage = expected["usage"]
    assert (answer.usage.input, answer.usage.output) == (usage.get("prompt_eval_count", 0), usage["eval_count"])


@pytest.mark.recordings
@each_recording
def test_the_calls_of_a_recording_are_whole_and_have_ids(meta: Path | None) -> None:
    described, data = load(meta)
    answer = fold(decode(new_decoder(), [data]))
    told = described["expected"]["tool_calls"]
    assert [(c.name, c.arguments, c.end) for c in answer.calls.values()] == [
        (t["name"], t["args"], "closed") for t in told
    ]
    assert all(seen == told["id"] or not told["id"] for seen, told in zip(answer.calls, told, strict=True))


@pytest.mark.recordings
@pytest.mark.parametrize("how", ["lines", "bytes", "seed 1", "seed 2"])
@each_recording
def test_a_recording_decodes_the_same_however_it_is_cut(meta: Path | None, how: str) -> None:
    _, data = load(meta)
    whole, cut_up = new_decoder(), new_decoder()
    assert decode(cut_up, cut(data, how)) == decode(whole, [data])
    assert (cut_up.is_complete, cut_up.defect) == (whole.is_complete, whole.defect)


@pytest.mark.recordings
@each_recording
def test_a_recording_without_its_end_is_never_complete(meta: Path | None) -> None:
    _, data = load(meta)
    decoder = new_decoder()
    decode(decoder, [data[: data.rindex(b'"done":true')]])
    assert (decoder.is_complete, decoder.defect) == (False, None)


@pytest.mark.recordings
@each_recording
def test_tags_in_a_recording_are_split_as_in_its_text(meta: Path | None) -> None:
    described, data = load(meta)
    expected = described["expected"]
    is_open = "</think>" in expected["text"] and "<think>" not in expected["text"]  # the template wrote the opening one
    answer = fold(decode(Ollama("m", think_tags=True, opens_thinking=is_open).decoder(Limits()), [data]))
    reasoning, text = split_thinking(expected["text"], is_open=is_open)
    assert (answer.reasoning, answer.text) == (expected["reasoning"] + reasoning, text)
