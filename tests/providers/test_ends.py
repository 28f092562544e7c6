"""The ends of an answer in the other formats: words that name failures, words nobody knows, bodies without a trailer.

Those of Chat Completions and of Messages are in `test_openai_chat_ends` and `test_anthropic`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from riverrun import StopReason
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StopReported, StreamFailed
from riverrun.providers.ollama.provider import Ollama
from riverrun.providers.wire.finish_words import FAULT_WORDS, fault_of, is_fault, says_nothing, stop_of
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses
from tests.providers.fold import fold
from tests.providers.samples import sse


def read(decoder: Any, data: bytes, *, is_broken: bool = False) -> list[Any]:
    """Decode a body that ended in order, or that broke."""
    events = list(decoder.feed(data))
    return events + list(decoder.close_broken() if is_broken else decoder.close())


# -- the words ---------------------------------------------------------------------------------------------------------


def test_a_word_is_of_one_kind() -> None:
    assert not any(stop_of(word) is not StopReason.OTHER or says_nothing(word) for word in FAULT_WORDS)
    assert is_fault("Network-Error")
    assert not is_fault("vibes")
    assert fault_of("vibes") == {"message": "the answer ended with the finish reason vibes", "code": "vibes"}


# -- Gemini ------------------------------------------------------------------------------------------------------------


def gemini_ends(*chunks: Any, is_broken: bool = False) -> bool:
    decoder = gemini.new_decoder()
    read(decoder, gemini.sse(*chunks), is_broken=is_broken)
    return bool(decoder.is_complete)


RHINE, RISES = gemini.text("The Rhine"), gemini.text(" rises")


def test_geminis_finish_beside_text_counts_at_an_end_in_order_only() -> None:
    whole = [gemini.chunk(RHINE), gemini.chunk(RISES, finish="STOP")]
    assert gemini_ends(*whole)
    assert not gemini_ends(*whole, is_broken=True)
    assert not gemini_ends(*whole, gemini.chunk(usageMetadata=gemini.usage()), is_broken=True)
    assert gemini_ends(gemini.chunk(RHINE), gemini.chunk(finish="STOP"), is_broken=True)


def test_geminis_finish_on_every_chunk_loses_no_text() -> None:
    every = [gemini.chunk(RHINE, finish="STOP"), gemini.chunk(RISES, finish="STOP"), gemini.chunk(finish="STOP")]
    decoder = gemini.new_decoder()
    assert fold(read(decoder, gemini.sse(*every))).text == "The Rhine rises"
    assert decoder.is_complete
    assert not gemini_ends(*every, is_broken=True)


def test_geminis_unknown_word_counts_at_an_end_in_order_only() -> None:
    assert gemini_ends(gemini.chunk(RHINE), gemini.chunk(finish="VIBES"))
    assert not gemini_ends(gemini.chunk(RHINE), gemini.chunk(finish="VIBES"), is_broken=True)


@pytest.mark.parametrize("word", ["network_error", "ERROR", "CANCELLED"])
def test_geminis_words_of_failure_are_failures(word: str) -> None:
    assert isinstance(
        read(gemini.new_decoder(), gemini.sse(gemini.chunk(RHINE), gemini.chunk(finish=word)))[-1], StreamFailed
    )


def test_geminis_half_chunk_at_the_end_is_told() -> None:
    decoder = gemini.new_decoder()
    read(decoder, gemini.sse(gemini.chunk(RHINE)) + b'data: {"candidates": [')
    assert (decoder.is_cut, decoder.is_complete) == (True, False)


# -- Responses ---------------------------------------------------------------------------------------------------------

MESSAGE = (responses.added(0), responses.text(0, "The Rhine"), responses.message_done(0, "The Rhine"))


def responses_end(*payloads: Any, rest: str = "", is_broken: bool = False) -> StopReported | None:
    decoder = responses.new_decoder()
    stop = fold(read(decoder, sse(*payloads) + rest.encode(), is_broken=is_broken)).stop
    assert (stop is not None) is decoder.is_complete
    return stop


WHOLE = StopReported(StopReason.END_TURN, "completed")


FINAL = (*MESSAGE[:-1], responses.message_done(0, "The Rhine", phase="final_answer"))
COMMENT = (*MESSAGE[:-1], responses.message_done(0, "The Rhine", phase="commentary"))


def test_a_body_that_ends_in_order_where_its_last_item_is_known_is_whole() -> None:
    half = 'event: response.completed\ndata: {"type":"response.com'
    tools = responses.lifecycle(tools=[{"type": "function", "name": "look"}])
    assert responses_end(responses.CREATED, *MESSAGE, rest=half) == WHOLE
    assert responses_end(tools, *MESSAGE, rest=half) is None  # a call may have followed
    for created in (responses.CREATED, tools):
        assert responses_end(created, *FINAL) == WHOLE
        assert responses_end(created, *FINAL, rest="data: [DON") == WHOLE


def test_behind_any_other_item_another_may_follow_and_the_end_is_unconfirmed() -> None:
    for message in (MESSAGE, COMMENT):
        assert responses_end(responses.CREATED, *message) is None
        assert responses_end(responses.CREATED, *message, rest="data: [DONE]\n\n") is None
    assert responses_end(responses.CREATED, *FINAL, responses.added(1)) is None


def test_a_body_that_ends_anywhere_else_is_not() -> None:
    created = responses.CREATED
    assert responses_end(created, *FINAL, is_broken=True) is None
    assert responses_end(created, *FINAL[:-1]) is None
    assert responses_end(created, *FINAL, responses.added(1, "reasoning")) is None
    assert responses_end(created, responses.reasoning_done(0, "hm")) is None
    assert responses_end(created, *FINAL, rest='event: response.output_item.added\ndata: {"type":"resp') is None


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({"incomplete_details": {"reason": "max_output_tokens"}}, StopReason.MAX_TOKENS),
        ({"incomplete_details": {"reason": "model_context_window_exceeded"}}, StopReason.CONTEXT_WINDOW),
        ({"incomplete_details": {"reason": "sensitive"}}, StopReason.CONTENT_FILTER),
    ],
)
def test_a_ceiling_behind_completed_is_the_end(fields: dict[str, Any], stop: StopReason) -> None:
    for kind in ("completed", "incomplete"):
        told = responses_end(responses.CREATED, *MESSAGE, responses.ended(kind, **fields))
        assert told == StopReported(stop, "incomplete")


@pytest.mark.parametrize("fields", [{"incomplete_details": {"reason": "network_error"}}, {"status": "server_error"}])
def test_a_fault_behind_completed_is_a_failure(fields: dict[str, Any]) -> None:
    for kind in ("completed", "incomplete"):
        body = sse(responses.CREATED, *MESSAGE, responses.ended(kind, **fields))
        assert isinstance(read(responses.new_decoder(), body)[-1], StreamFailed)


# -- Interactions ------------------------------------------------------------------------------------------------------

SAID = (gemini.created(), gemini.start(0), gemini.said(0, "The Rhine"), gemini.stop(0))


@pytest.mark.parametrize("status", ["failed", "network_error", "error"])
def test_an_interaction_that_ends_with_a_word_of_failure_failed(status: str) -> None:
    body = gemini.interactions_sse(*SAID, gemini.completed(status))
    assert isinstance(read(gemini.new_interactions_decoder(), body)[-1], StreamFailed)


def test_an_interaction_that_ends_with_another_word_ends_as_it_says() -> None:
    for status, reason in (("sensitive", StopReason.CONTENT_FILTER), ("vibes", StopReason.OTHER)):
        events = read(gemini.new_interactions_decoder(), gemini.interactions_sse(*SAID, gemini.completed(status)))
        assert StopReported(reason, status) in events


# -- Ollama ------------------------------------------------------------------------------------------------------------


def line(content: str = "", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content}, "done": False, **fields}


def ollama(*lines: Any, is_broken: bool = False) -> tuple[Any, Any]:
    decoder = Ollama("m").decoder(Limits())
    data = "".join(f"{json.dumps(each)}\n" for each in lines).encode()
    return read(decoder, data, is_broken=is_broken), decoder


@pytest.mark.parametrize("word", sorted(FAULT_WORDS))
def test_ollamas_words_of_failure_are_failures(word: str) -> None:
    events, decoder = ollama(line("The Rhine"), line(done=True, done_reason=word, eval_count=2))
    assert isinstance(events[-1], StreamFailed)
    assert not decoder.is_complete
    assert fold(events).usage.output == 2


def test_ollamas_other_words_end_as_they_say() -> None:
    for word, reason in (("sensitive", StopReason.CONTENT_FILTER), ("vibes", StopReason.OTHER)):
        events, _ = ollama(line("The Rhine"), line(done=True, done_reason=word))
        assert events[-1] == StopReported(reason, word)


def test_ollamas_last_line_with_text_counts_at_an_end_in_order_only() -> None:
    said = [line("The Rhine", done=True, done_reason="stop"), line(" rises", done=True, done_reason="stop")]
    events, decoder = ollama(*said)
    assert (fold(events).text, decoder.is_complete) == ("The Rhine rises", True)
    assert events[-1] == StopReported(StopReason.END_TURN, "stop")
    assert not ollama(*said, is_broken=True)[1].is_complete
    assert ollama(*said, line(done=True), is_broken=True)[1].is_complete
