"""An answer in one piece is the same answer as its stream, in every format; and what is no answer says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import riverrun as rr
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StopReported
from riverrun.engine.testing.strategies import answers, texts
from riverrun.engine.testing.wire.formats import Reply, Wire, events_of, whole_of
from tests.providers.fold import Answer, fold

LIMITS = Limits()
KEY = {"api_key": "k" * 20, "base_url": "https://api.example"}
MODELS: dict[Wire, Any] = {
    Wire.ANTHROPIC: rr.Anthropic("claude-x", **KEY),
    Wire.OPENAI: rr.OpenRouter("some-model", **KEY),
    Wire.RESPONSES: rr.OpenAIResponses("gpt-x", **KEY),
    Wire.GEMINI: rr.Gemini("gemini-x", **KEY),
    Wire.INTERACTIONS: rr.GeminiInteractions("gemini-x", **KEY),
    Wire.OLLAMA: rr.Ollama("llama", **KEY),
}
TRANSLATED = [wire for wire in Wire if wire not in (Wire.GEMINI, Wire.OLLAMA)]


def decoder_of(wire: Wire, limits: Limits = LIMITS) -> Any:
    provider = MODELS[wire]
    return provider.whole_decoder(limits) or provider.decoder(limits)


def whole(wire: Wire, body: bytes, size: int = 10**9, limits: Limits = LIMITS) -> tuple[Any, list[Any]]:
    decoder, events = decoder_of(wire, limits), list[Any]()
    for at in range(0, len(body), size):
        events += decoder.feed(body[at : at + size])
    return decoder, [*events, *decoder.close()]


def streamed(wire: Wire, reply: Reply) -> list[Any]:
    decoder = MODELS[wire].decoder(LIMITS)
    return [*decoder.feed(b"".join(events_of(wire, reply))), *decoder.close()]


def read(answer: Answer) -> tuple[Any, ...]:
    calls = [(call.id, call.name, call.arguments, call.end) for call in answer.calls.values()]
    said = answer.text, answer.reasoning, calls, answer.signatures, answer.redacted
    return *said, answer.response_id, answer.model, answer.stop, answer.usage, answer.failure


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    answer = draw(answers())
    pieces = [piece for piece in draw(st.lists(texts(), max_size=3)) if piece]
    thoughts, hides, has_details = (
        [answer.reasoning] if answer.reasoning else [],
        *draw(st.tuples(*[st.booleans()] * 2)),
    )
    return Reply(7, "m", pieces, thoughts, answer.calls, 9, hides=hides, has_details=has_details)


@pytest.mark.parametrize("wire", Wire)
@given(reply=replies())
def test_an_answer_in_one_piece_is_the_answer_of_its_stream(wire: Wire, reply: Reply) -> None:
    decoder, events = whole(wire, whole_of(wire, reply))
    assert (decoder.is_complete, decoder.defect) == (True, None)
    assert read(fold(events)) == read(fold(streamed(wire, reply)))


@pytest.mark.parametrize("wire", Wire)
@given(reply=replies(), size=st.integers(1, 40))
def test_it_is_the_same_for_every_cut_of_its_bytes(wire: Wire, reply: Reply, size: int) -> None:
    body = whole_of(wire, reply)
    assert whole(wire, body, size)[1] == whole(wire, body)[1]


@pytest.mark.parametrize("wire", Wire)
@given(st.data())
def test_a_part_of_it_is_no_answer_and_says_nothing(wire: Wire, data: st.DataObject) -> None:
    body = whole_of(wire, Reply(1, "m", ["The Rhine"], ["hm"]))
    decoder, events = whole(wire, body[: data.draw(st.integers(0, len(body) - 1))])
    assert not decoder.is_complete
    assert fold(events).text == ""


@pytest.mark.parametrize("wire", TRANSLATED)
@pytest.mark.parametrize(
    "said", [{"error": {"message": "no", "code": 500}}, {"ok": True}, {"base_resp": {"status_code": 1}}]
)
def test_what_is_no_answer_is_handed_back(wire: Wire, said: Any) -> None:
    decoder, events = whole(wire, json.dumps(said).encode())
    assert json.loads(decoder.refusal) == said
    assert (events, decoder.is_complete, decoder.defect) == ([], False, None)


@pytest.mark.parametrize("wire", TRANSLATED)
def test_an_error_beside_an_answer_is_an_error(wire: Wire) -> None:
    answer = json.loads(whole_of(wire, Reply(1, "m", ["half"])))
    decoder, events = whole(wire, json.dumps({**answer, "error": {"message": "no"}}).encode())
    assert decoder.refusal
    assert events == []


@pytest.mark.parametrize("wire", TRANSLATED)
def test_a_key_twice_in_it_leaves_two_meanings(wire: Wire) -> None:
    body = whole_of(wire, Reply(1, "m", ["a"], calls=[rr.ToolCall("c1", "look", {"city": "Bern"})]))
    twice = body.replace(b'"m"', b'"m","model":"n"', 1)
    decoder, events = whole(wire, twice)
    assert "twice" in decoder.defect or "key" in decoder.defect
    assert events == []


CALL = rr.ToolCall("c1", "look", {"city": "Bern"})
COUNT = {Wire.ANTHROPIC: b'"output_tokens"', Wire.OPENAI: b'"completion_tokens"', Wire.RESPONSES: b'"output_tokens"',
         Wire.GEMINI: b'"candidatesTokenCount"', Wire.INTERACTIONS: b'"total_output_tokens"',
         Wire.OLLAMA: b'"eval_count"'}  # fmt: skip
MODEL = {Wire.GEMINI: b'"modelVersion"'}


def again(body: bytes, key: bytes, value: bytes | None = None) -> bytes:
    """Write a key once more, with its own value or another one."""
    at = body.index(key)
    end = at + len(key) + body[at + len(key) :].index(b":") + 1
    length = len(json.dumps(json.JSONDecoder().raw_decode(body[end:].decode().lstrip())[0]))
    own = body[end:].lstrip()[:length]
    return body[:at] + key + b":" + (own if value is None else value) + b"," + body[at:]


@pytest.mark.parametrize("wire", Wire)
def test_a_key_twice_in_it_with_one_value_is_one_and_counted(wire: Wire) -> None:
    body = whole_of(wire, Reply(1, "m", ["a"], calls=[CALL]))
    plain = whole(wire, body)
    for key in (MODEL.get(wire, b'"model"'), b'"city"' if b'"city":' in body.replace(b" ", b"") else COUNT[wire]):
        decoder, events = whole(wire, again(body, key))
        assert (events, decoder.defect, decoder.is_complete) == (plain[1], None, True)
        assert decoder.ignored["a key twice in one object, with one value"] == 1


@pytest.mark.parametrize("wire", Wire)
@pytest.mark.parametrize("value", [b"77", b"NaN", b"1e999", b"9" * 5000])
def test_counts_that_can_not_be_believed_in_it_are_not(wire: Wire, value: bytes) -> None:
    body = whole_of(wire, Reply(1, "m", ["a"], calls=[CALL]))
    decoder, events = whole(wire, again(body, COUNT[wire], value))
    assert (fold(events).text, len(fold(events).calls), decoder.is_complete) == ("a", 1, True)
    assert decoder.ignored["counts that can not be believed"] == 1
    assert fold(events).usage.output == 0


@pytest.mark.parametrize("wire", TRANSLATED)
@pytest.mark.parametrize("number", [b"0.10", b"-0", b"1e2", b"12345678901234567890", b"1.0"])
def test_a_number_where_its_text_is_keeps_its_characters(wire: Wire, number: bytes) -> None:
    body = whole_of(wire, Reply(1, "m", ["price"])).replace(b'"price"', number)
    decoder, events = whole(wire, body)
    assert (fold(events).text, decoder.defect) == (number.decode(), None)


@pytest.mark.parametrize("wire", TRANSLATED)
def test_it_is_bounded_as_an_event_is(wire: Wire) -> None:
    body = whole_of(wire, Reply(1, "m", ["x" * 5000]))
    decoder, events = whole(wire, body, limits=Limits(event_bytes_max=4000))
    assert "event_bytes_max" in decoder.defect
    assert events == []
    decoder, _ = whole(wire, body, limits=Limits(event_bytes_max=10_000, line_bytes_max=100))
    assert decoder.is_complete


@pytest.mark.parametrize("wire", TRANSLATED)
def test_what_follows_it_is_counted(wire: Wire) -> None:
    body = whole_of(wire, Reply(1, "m", ["a"]))
    decoder = decoder_of(wire)
    decoder.feed(body)
    assert decoder.feed(b"\n") == decoder.feed(body) == ()
    assert sum(decoder.ignored.values()) == 1


def test_a_completion_without_choices_is_an_empty_answer() -> None:
    decoder, events = whole(Wire.OPENAI, b'{"id":"c","choices":[]}')
    assert decoder.is_complete
    assert [type(event) for event in events][-1] is StopReported


@pytest.mark.parametrize("status", ["queued", "in_progress"])
@pytest.mark.parametrize("wire", [Wire.RESPONSES, Wire.INTERACTIONS])
def test_an_answer_that_is_still_made_is_none(wire: Wire, status: str) -> None:
    answer = json.loads(whole_of(wire, Reply(1, "m", ["a"])))
    decoder, events = whole(wire, json.dumps({**answer, "status": status}).encode())
    assert (decoder.refusal is not None, events) == (True, [])


@pytest.mark.parametrize("wire", Wire)
def test_a_request_in_one_piece_asks_for_no_stream_and_is_the_same_otherwise(wire: Wire) -> None:
    request = rr.InferenceRequest([rr.Message.user("?")], max_tokens=9)
    asked, plain = MODELS[wire].encode(request), MODELS[wire].encode_whole(request)
    fields, bare = json.loads(asked.body), json.loads(plain.body)
    assert {name: value for name, value in fields.items() if not name.startswith("stream")} == {
        name: value for name, value in bare.items() if name != "stream"
    }
    assert bare.get("stream", False) is False
    assert plain.headers["accept"] == "application/json"


@pytest.mark.parametrize("wire", Wire)
@pytest.mark.parametrize("how", [{"streams": False}, {"capabilities": rr.Capabilities(streams=False)}])
def test_a_provider_without_streams_asks_for_none(wire: Wire, how: dict[str, Any]) -> None:
    request = rr.InferenceRequest([rr.Message.user("?")])
    provider = type(MODELS[wire])("m", **KEY, **how)
    assert provider.encode(request) == provider.encode_whole(request)
    assert not provider.capabilities(request).streams


def test_a_stream_that_is_refused_in_extra_is_told_the_option() -> None:
    request = rr.InferenceRequest([rr.Message.user("?")], extra={"stream": False})
    with pytest.raises(rr.UsageError, match="streams=False"):
        MODELS[Wire.OPENAI].encode(request)
    assert b"stream" not in rr.OpenAIChat("m", **KEY, streams=False).encode(request).body


def test_a_background_response_has_to_be_a_stream() -> None:
    request = rr.InferenceRequest([rr.Message.user("?")], extra={"background": True})
    with pytest.raises(rr.UsageError, match="background"):
        MODELS[Wire.RESPONSES].encode_whole(request)
