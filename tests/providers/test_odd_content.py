"""What was said in odd ways is what stood in the body, or an interruption: numbers as text, lists of parts, keys twice.

Sources: cloudflare/ai#651, mastra-ai/mastra#18289 (numbers); netease-lcap/wave-agent#1326, Growth-Circle/cadis#362,
moeru-ai/airi#2589 (lines without content).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.ignored import Ignored
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import KeepAlive
from tests.fuzz.decoding import provider
from tests.providers.fold import Answer, decode, fold
from tests.providers.odd_frames import ARGUMENTS, NAMES, OBJECTS, REASONING, TEXT, Place

SPOKEN = (*TEXT, *REASONING)
ALL = (*SPOKEN, *ARGUMENTS, *NAMES)
SSE = tuple(place for place in ALL if place.provider != "ollama")


def read(place: Place, value: str, *between: str) -> tuple[Answer, Any]:
    decoder = provider(place.provider).decoder(Limits())
    return fold(decode(decoder, [place.stream(value, *between)])), decoder


def said(answer: Answer, place: Place) -> str:
    """What stood in the place."""
    calls = list(answer.calls.values())
    match place.kind:
        case "text":
            return answer.text
        case "reasoning":
            return answer.reasoning
        case "name":
            return calls[0].name
        case _:
            return "".join(calls[0].fragments).removeprefix('{"n": ').removesuffix("}")


def places(where: tuple[Place, ...]) -> Any:
    return pytest.mark.parametrize("place", where, ids=lambda p: f"{p.provider}-{p.kind}")


NUMBERS = ["0.10", "1e2", "1E+2", "-0", "-0.0", "7", "0", "true", "false", "100000000000000000000", "1.0"]


@places(ALL)
@pytest.mark.parametrize("written", NUMBERS)
def test_a_number_or_a_boolean_is_text_by_the_characters_that_stood_in_the_body(place: Place, written: str) -> None:
    answer, decoder = read(place, written)
    if place.kind == "name" and not said(answer, place):
        pytest.fail("the name is gone")
    assert (said(answer, place), decoder.defect, decoder.is_complete) == (written, None, True)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(st.sampled_from(SPOKEN), numbers)
def test_no_digit_is_lost_or_made_up(place: Place, written: str) -> None:
    answer, decoder = read(place, written)
    assert (said(answer, place), decoder.is_complete) == (written, True)


@places(SPOKEN)
def test_a_list_of_parts_is_its_parts(place: Place) -> None:
    answer, decoder = read(place, '[{"type":"text","text":"It costs $"},{"text":0.10}," [",1,"]."]')
    assert (said(answer, place), decoder.is_complete) == ("It costs $0.10 [1].", True)


@places(SPOKEN)
@pytest.mark.parametrize("odd", ['{"x":1}', '[{"type":"image","url":"u"}]', "[[1]]"])
def test_what_is_no_text_is_an_interruption_and_not_a_shorter_answer(place: Place, odd: str) -> None:
    if odd.startswith("[{") and place in TEXT[:2]:
        odd = '[{"type":"image","text":"u"}]'  # parts have kinds there: one without a text is counted
    answer, decoder = read(place, odd)
    assert not decoder.is_complete
    assert "expected a string" in decoder.defect
    assert said(answer, place) == ""


@places((*SPOKEN, *ARGUMENTS))
@pytest.mark.parametrize("nothing", ["null", '""'])
def test_nothing_says_nothing(place: Place, nothing: str) -> None:
    answer, decoder = read(place, nothing)
    assert (said(answer, place), decoder.defect) == ("", None)


@places(OBJECTS)
def test_whole_arguments_may_be_an_object(place: Place) -> None:
    answer, decoder = read(place, '{"city":"Rome","n":0.5}')
    (call,) = answer.calls.values()
    assert (call.arguments, call.end, decoder.defect) == ({"city": "Rome", "n": 0.5}, "closed", None)


@places(OBJECTS)
@pytest.mark.parametrize("twice", ['{"a":1,"a":2}', '{"a":{"b":1,"b":true}}', '{"a":NaN}', '{"usage":{"x":1,"x":2}}'])
def test_arguments_that_two_readers_could_read_differently_are_an_interruption(place: Place, twice: str) -> None:
    _, decoder = read(place, twice)
    assert (decoder.is_complete, "expected" in str(decoder.defect)) == (False, True)


def test_a_zero_beside_the_text_is_said_each_time_and_is_more_of_the_answer_after_its_end() -> None:
    both = TEXT[0].frame.replace('"content":', '"reasoning_content":0,"content":')
    answer, _ = read(Place("vllm", "text", (both.replace("§", '"a"'),) * 3, both, TEXT[0].after), '"b"')
    assert (answer.text, answer.reasoning) == ("aaab", "0000")
    _, decoder = read(Place("openai", "text", TEXT[0].after[:1], TEXT[0].frame, ()), "0")
    assert not decoder.is_complete


# -- lines that are no frames -----------------------------------------------------------------------------------------

LINES = ["", "ping", "null", "   ", '"ping"', "keep-alive", "12", ": ping", "OK [x]"]


@places(SSE)
@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_object_is_a_sign_of_life_and_is_counted(place: Place, line: str) -> None:
    decoder = provider(place.provider).decoder(Limits())
    events = decode(decoder, [place.stream('"7"', line, line)])
    assert (said(fold(events), place), decoder.defect, decoder.is_complete) == ("7", None, True)
    assert [event for event in events if isinstance(event, KeepAlive)] == [KeepAlive()] * 2
    kind = Ignored.NO_FRAME if line.strip() else Ignored.EMPTY_LINE
    assert +decoder.ignored == {kind: 2}


@places(SSE)
@pytest.mark.parametrize("line", ["{", "{oops}", "[1,", '["ping"]', "[1]", 'x {"a":1}', '12:{"b":2}', "{}}"])
def test_a_frame_that_can_not_be_read_is_an_interruption(place: Place, line: str) -> None:
    _, decoder = read(place, '"7"', line)
    assert (decoder.is_complete, "expected" in str(decoder.defect)) == (False, True)


@places(tuple(place for place in TEXT if place.provider not in ("openai-responses", "gemini-interactions", "ollama")))
def test_behind_the_stop_reason_it_is_counted_and_the_answer_is_whole(place: Place) -> None:
    *stop, last = place.after if len(place.after) > 1 else (*place.after, "")
    stream = Place(place.provider, place.kind, place.before, place.frame, (*stop, '{"type":"m', "null", last))
    answer, decoder = read(stream, '"7"')
    assert (said(answer, place), decoder.defect, decoder.is_complete) == ("7", None, True)
    assert decoder.ignored[Ignored.BROKEN_FRAME] == 1


@places(SSE)
def test_a_prefix_that_stands_twice_hides_nothing(place: Place) -> None:
    stream = place.stream('"7"').replace(b"data: ", b"data: data: ").replace(b"data: [DONE]", b"[DONE]")
    decoder = provider(place.provider).decoder(Limits())
    answer = fold(decode(decoder, [stream]))
    assert (said(answer, place), decoder.is_complete) == ("7", True)
    assert decoder.ignored[Ignored.PREFIX_TWICE] >= 1


def test_a_blank_line_of_ndjson_is_a_sign_of_life() -> None:
    place = next(place for place in TEXT if place.provider == "ollama")
    for blank in ("", "  ", "\r"):
        decoder = provider("ollama").decoder(Limits())
        events = decode(decoder, [place.stream('"7"', blank)])
        assert (fold(events).text, events.count(KeepAlive()), +decoder.ignored) == ("7", 1, {Ignored.EMPTY_LINE: 1})


# -- a key twice ------------------------------------------------------------------------------------------------------


@places(ALL)
def test_a_key_twice_with_one_value_is_one(place: Place) -> None:
    name = place.frame[: place.frame.index("§")].rsplit(",", 1)[-1].rsplit("{", 1)[-1]
    doubled = Place(place.provider, place.kind, place.before, place.frame.replace("§", f"§,{name}§"), place.after)
    answer, decoder = read(doubled, '"7"')
    assert (said(answer, place), decoder.defect, decoder.is_complete) == ("7", None, True)
    assert +decoder.ignored == {Ignored.KEY_TWICE: 1}


@places(ALL)
@pytest.mark.parametrize("other", ['"8"', "7", "null", '"7 "', '["7"]'])
def test_a_key_twice_with_two_values_is_an_interruption(place: Place, other: str) -> None:
    name = place.frame[: place.frame.index("§")].rsplit(",", 1)[-1].rsplit("{", 1)[-1]
    doubled = Place(place.provider, place.kind, place.before, place.frame.replace("§", f"{other},{name}§"), place.after)
    _, decoder = read(doubled, '"7"')
    assert (decoder.is_complete, "a key twice" in str(decoder.defect)) == (False, True)


COUNTS = {
    "openai": '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":§,"total_tokens":10}}',
    "anthropic": '{"type":"message_delta","delta":{},"usage":{"output_tokens":§}}',
    "openai-responses": '{"type":"response.completed","response":{"status":"completed","usage":'
    '{"input_tokens":9,"output_tokens":§}}}',
    "gemini": '{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":§}}',
    "gemini-interactions": '{"event_type":"x","usage":{"total_input_tokens":9,"total_output_tokens":§}}',
    "ollama": '{"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":§}',
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("odd", ['1,"x":1,"x":2', "1e999", "NaN", "9" * 5000])
def test_counts_that_can_not_be_believed_are_not_and_the_answer_goes_on(name: str, odd: str) -> None:
    place = next(place for place in TEXT if place.provider == name)
    key = COUNTS[name].split('":§', maxsplit=1)[0].rsplit('"', 1)[-1]
    counted = COUNTS[name].replace("§", odd.replace('"x"', f'"{key}"'))
    frames = Place(name, "text", place.before, place.frame, (counted, *place.after))
    answer, decoder = read(frames, '"7"')
    assert (answer.text, decoder.defect, decoder.is_complete) == ("7", None, True)
    assert (answer.usage.input, answer.usage.output) == (0, 0)
    assert decoder.ignored[Ignored.COUNTS] == 1


def test_what_nobody_reads_may_be_odd() -> None:
    frame = '{"created":1,"created":2,"choices":[{"index":0,"delta":{"content":§},"logprobs":{"a":-Infinity}}]}'
    answer, decoder = read(Place("vllm", "text", (), frame, TEXT[0].after), '"7"')
    assert (answer.text, decoder.defect, +decoder.ignored) == ("7", None, {})


@places(tuple(place for place in TEXT if place.after[-1] != "[DONE]"))
@pytest.mark.parametrize("odd", ['"usage":{"n":NaN},', '"created":1,"created":1,', '"usage":{"n":1},"usage":{"n":2},'])
def test_a_last_frame_without_its_end_is_read_though_something_in_it_is_odd(place: Place, odd: str) -> None:
    head, _, last = place.stream('"Hi"').rstrip(b"\n").rpartition(b"{" + place.after[-1][1:12].encode())
    decoder = provider(place.provider).decoder(Limits())
    body = head + b"{" + odd.encode() + place.after[-1][1:12].encode() + last
    assert (fold(decode(decoder, [body])).text, decoder.is_complete, decoder.is_cut) == ("Hi", True, False)
