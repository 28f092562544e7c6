"""The ends of Chat Completions: finish words of all kinds, where they stand, and bodies that end without one."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun import StopReason
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StopReported, StreamFailed
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from riverrun.providers.wire.finish_words import FAULT_WORDS, STOP_REASONS
from tests.providers.fold import Answer, decode, fold
from tests.providers.samples import call, chunk, sse


def new_decoder() -> OpenAIChatDecoder:
    return OpenAIChatDecoder(Limits(), read_error=lambda error: Failure(FailureKind.PROVIDER, str(error)))


def read(*payloads: Any, broken: bool = False) -> tuple[Answer, OpenAIChatDecoder]:
    """Decode a body that ended in order, or that broke."""
    decoder = new_decoder()
    events = list(decoder.feed(sse(*payloads)))
    events += decoder.close_broken() if broken else decoder.close()
    return fold(events), decoder


def stop_of(*payloads: Any, broken: bool = False) -> tuple[StopReason, str] | None:
    """How an answer ended; None where it did not."""
    answer, decoder = read(*payloads, broken=broken)
    assert decoder.is_complete == (answer.stop is not None)
    return None if answer.stop is None else (answer.stop.reason, answer.stop.word)


def released(answer: Answer) -> dict[str, Any]:
    """The calls that were closed as whole, by name, and their arguments."""
    return {made.name: made.arguments for made in answer.calls.values() if made.end == "closed"}


SAID, MORE, DONE = chunk({"content": "The Rhine"}), chunk({"content": " rises"}), "[DONE]"
LOOK = chunk(call('{"city":"Köln"}', call_id="a", name="look"))
EMPTY = chunk(call("", call_id="a", name="time"))
TURN = (StopReason.END_TURN, "stop")


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted(FAULT_WORDS))
def test_a_word_that_names_a_failure_is_one(word: str) -> None:
    for written in (word, word.upper(), word.replace("_", "-")):
        decoder = new_decoder()
        events = decode(decoder, [sse(SAID, chunk({}, written), DONE)])
        assert isinstance(events[-1], StreamFailed)
        assert not decoder.is_complete


@pytest.mark.parametrize(("word", "reason"), STOP_REASONS.items())
def test_a_word_that_names_an_end_is_it_however_it_is_written(word: str, reason: StopReason) -> None:
    for written in (word, word.upper()):
        assert stop_of(SAID, chunk({}, written), DONE) == (reason, written)


def test_a_word_that_nobody_knows_ends_an_answer_unconfirmed() -> None:
    assert stop_of(SAID, chunk({}, "vibes"), DONE) == (StopReason.OTHER, "vibes")
    assert stop_of(SAID, chunk({}, "vibes")) == (StopReason.OTHER, "vibes")
    assert stop_of(SAID, chunk({}, "vibes"), broken=True) is None


@pytest.mark.parametrize("word", ["null", "None", ""])
def test_a_word_that_says_none_is_none(word: str) -> None:
    assert stop_of(chunk({"content": "x"}, word), chunk({"content": "y"}, word)) is None
    assert stop_of(chunk({"content": "x"}, word), chunk({}, "stop")) == TURN


# -- the word behind the gateway's ------------------------------------------------------------------------------------


def native(word: str, finish: str = "stop") -> Any:
    written = chunk({"content": ""}, finish)
    written["choices"][0]["native_finish_reason"] = word
    return written


@pytest.mark.parametrize("word", ["network_error", "error", "MALFORMED_FUNCTION_CALL"])
def test_a_fault_behind_a_clean_stop_is_a_failure(word: str) -> None:
    events = decode(decoder := new_decoder(), [sse(SAID, native(word), DONE)])
    assert isinstance(events[-1], StreamFailed)
    assert not decoder.is_complete


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("SAFETY", StopReason.CONTENT_FILTER),
        ("sensitive", StopReason.CONTENT_FILTER),
        ("refusal", StopReason.REFUSAL),
        ("model_context_window_exceeded", StopReason.CONTEXT_WINDOW),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("completed", StopReason.END_TURN),
        ("vibes", StopReason.END_TURN),
    ],
)
def test_a_stricter_end_behind_a_clean_stop_is_the_end(word: str, reason: StopReason) -> None:
    assert stop_of(SAID, native(word), DONE) == (reason, "stop")


# -- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "closed"),
    [
        ("tool_calls", {"look": {"city": "Köln"}, "time": {}}),
        ("stop", {"look": {"city": "Köln"}, "time": {}}),
        ("stop_sequence", {"look": {"city": "Köln"}}),
        ("vibes", {"look": {"city": "Köln"}}),
    ],
)
def test_no_arguments_are_none_only_under_a_word_that_says_that_the_call_is_whole(
    word: str, closed: dict[str, Any]
) -> None:
    second = chunk(call("", index=1, call_id="b", name="time"))
    answer, _ = read(LOOK, second, chunk({}, word), DONE)
    assert released(answer) == closed


def test_an_unknown_word_and_the_end_of_the_body_close_no_call() -> None:
    answer, _ = read(LOOK, chunk({}, "vibes"))
    assert released(answer) == {}


def test_the_mark_closes_a_call_with_an_object_and_ends_the_answer() -> None:
    answer, decoder = read(LOOK, DONE)
    assert released(answer) == {"look": {"city": "Köln"}}
    assert decoder.is_complete


@pytest.mark.parametrize("opened", [EMPTY, chunk(call('{"city":"K', call_id="a", name="look"))])
def test_the_mark_alone_closes_no_other_call(opened: Any) -> None:
    answer, decoder = read(opened, DONE)
    assert released(answer) == {}
    assert not decoder.is_complete


def test_the_end_of_the_body_alone_closes_no_call() -> None:
    answer, decoder = read(LOOK)
    assert released(answer) == {}
    assert not decoder.is_complete


def in_one_chunk(opened: Any, word: str) -> Any:
    return chunk(opened["choices"][0]["delta"], word)


def test_a_call_in_the_chunk_of_its_finish_is_whole_where_its_arguments_are() -> None:
    for broken in (False, True):
        answer, decoder = read(in_one_chunk(LOOK, "tool_calls"), broken=broken)
        assert (len(released(answer)), decoder.is_complete) == (1, True)
        answer, decoder = read(in_one_chunk(EMPTY, "tool_calls"), broken=broken)
        assert (len(released(answer)), decoder.is_complete) == (0, False)
    answer, _ = read(in_one_chunk(EMPTY, "tool_calls"), DONE)
    assert released(answer) == {"time": {}}


def test_fragments_of_a_call_that_all_have_a_finish_word_are_one_call() -> None:
    begun = in_one_chunk(chunk(call('{"city":', call_id="a", name="look")), "tool_calls")
    answer, _ = read(begun, in_one_chunk(chunk(call('"Köln"}')), "tool_calls"), DONE)
    assert released(answer) == {"look": {"city": "Köln"}}


# -- where the word stands -------------------------------------------------------------------------------------------


STOPPED, STOPPED_MORE = chunk({"content": "The Rhine"}, "stop"), chunk({"content": " rises"}, "stop")


def test_a_word_on_every_chunk_counts_with_the_mark_and_all_of_the_text() -> None:
    answer, decoder = read(chunk({"reasoning_content": "hm"}, "stop"), STOPPED, STOPPED_MORE, DONE)
    assert (answer.text, answer.reasoning, decoder.is_complete) == ("The Rhine rises", "hm", True)
    assert answer.stop == StopReported(StopReason.END_TURN, "stop")


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("said", [[STOPPED], [STOPPED, STOPPED_MORE], [STOPPED, MORE, chunk({}, "stop")]])
def test_a_word_that_came_with_text_or_had_text_after_it_does_not_count_without_the_mark(
    said: list[Any], broken: bool
) -> None:
    assert stop_of(*said, broken=broken) is None
    assert stop_of(*said, DONE) == TURN


def test_text_after_a_finish_is_text() -> None:
    answer, _ = read(SAID, chunk({}, "stop"), MORE, DONE)
    assert answer.text == "The Rhine rises"


@pytest.mark.parametrize("broken", [False, True])
def test_a_word_alone_counts_without_the_mark(broken: bool) -> None:
    assert stop_of(SAID, chunk({}, "stop"), broken=broken) == TURN


@pytest.mark.parametrize("mark", ["data: [DONE", "data: [D", "data: [DONE]\n"])
def test_what_a_proxy_left_of_the_mark_is_the_mark(mark: str) -> None:
    decoder = new_decoder()
    decoder.feed(sse(STOPPED) + mark.encode())
    decoder.close()
    assert decoder.is_complete


def test_half_a_frame_at_the_end_is_told() -> None:
    decoder = new_decoder()
    decoder.feed(sse(SAID) + b'data: {"choices":[{"delta":{"content":"wor')
    decoder.close()
    assert (decoder.is_cut, decoder.is_complete) == (True, False)
