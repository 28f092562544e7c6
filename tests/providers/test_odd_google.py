"""Calls and steps of both Gemini APIs, and of Ollama's, said in odd ways: taken where they have one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from riverrun import Gemini, GeminiInteractions, Ollama
from riverrun.engine.core.ignored import Ignored
from tests.providers.gemini_samples import (
    KEY,
    call,
    chunk,
    completed,
    created,
    delta,
    interactions_sse,
    piece,
    said,
    sse,
    start,
    stop,
    text,
)
from tests.providers.odd import Odd, read_odd

COLOGNE, BONN = {"city": "Köln"}, {"city": "Bonn"}
SAID, OTHER = '{"city":"Köln"}', '{"city":"Bonn"}'
LOOK = ("c1", "look", COLOGNE)

# -- streamGenerateContent --------------------------------------------------------------------------------------------


def gemini(*parts: Any, finish: str = "STOP") -> Odd:
    return read_odd(Gemini("gemini-test", api_key=KEY), sse(*map(chunk, parts), chunk(text(""), finish=finish)))


def test_gemini_two_calls_of_one_id_are_two() -> None:
    odd = gemini(call(id="c1", args=COLOGNE), call(id="c1", args=BONN))
    assert odd.calls == [LOOK, ("gemini-call-resp-1-1", "look", BONN)]
    assert (odd.ignored, odd.is_complete) == ({Ignored.CALL_ID_AGAIN: 1}, True)


def test_gemini_a_call_told_twice_is_released_once_and_the_answer_goes_on() -> None:
    odd = gemini(call(id="c1", args=COLOGNE), call(id="c1", args=COLOGNE), text("hello"))
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


def test_gemini_calls_without_ids_are_as_many_as_are_told() -> None:
    assert len(gemini(call(args=COLOGNE), call(args=COLOGNE)).calls) == 2


GEMINI_CALLS: dict[str, tuple[list[Any], dict[str, int]]] = {
    "null for no arguments yet": ([call(id="c1", args=None, willContinue=True), call(None, args=COLOGNE)], {}),
    "empty ones first": ([call(id="c1", args={}, willContinue=True), call(None, args=COLOGNE)], {}),
    "the whole once more": (
        [call(id="c1", args=COLOGNE, willContinue=True), call(None, args=COLOGNE)], {Ignored.TOLD_AGAIN: 1},
    ),
    "id and name on each part": (
        [call(id="c1", willContinue=True), call(id="c1", partialArgs=[piece("$.city", "Köln")])],
        {Ignored.TOLD_AGAIN: 1},
    ),
    "without its end": ([call(id="c1", args=COLOGNE, willContinue=True)], {Ignored.STOP_MISSING: 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", GEMINI_CALLS)
def test_gemini_one_call_is_one_call_however_it_is_told(name: str) -> None:
    parts, ignored = GEMINI_CALLS[name]
    odd = gemini(*parts)
    assert (odd.calls, odd.ignored, odd.defect, odd.is_complete) == ([LOOK], ignored, None, True)


@pytest.mark.parametrize("arguments", [{}, {"args": None}, {"args": {}}])
def test_gemini_no_arguments_are_an_empty_object(arguments: dict[str, Any]) -> None:
    assert gemini(call(id="c1", **arguments)).calls == [("c1", "look", {})]


GEMINI_TWO: dict[str, list[Any]] = {
    "a second call while one is open": [call(id="c1", willContinue=True), call(args=COLOGNE)],
    "a second name under one id": [call(id="c1", willContinue=True), call("time", id="c1", args=COLOGNE)],
    "other arguments after the whole": [call(id="c1", args=COLOGNE, willContinue=True), call(None, args=BONN)],
    "pieces and no end": [call(id="c1", willContinue=True, partialArgs=[piece("$.city", "Köln")])],
}


@pytest.mark.parametrize("name", GEMINI_TWO)
def test_gemini_what_has_two_meanings_is_a_defect_and_releases_nothing(name: str) -> None:
    odd = gemini(*GEMINI_TWO[name])
    assert (odd.calls, odd.is_complete) == ([], False)
    assert odd.defect is not None


# -- interactions -----------------------------------------------------------------------------------------------------


def interaction(*events: Any, status: str = "requires_action") -> Odd:
    body = interactions_sse(created(), *events, completed(status))
    return read_odd(GeminiInteractions("gemini-test", api_key=KEY), body)


def opened(index: int, call_id: str = "c1", name: str = "look", **fields: Any) -> dict[str, Any]:
    return start(index, "function_call", id=call_id, name=name, **fields)


def argued(index: int, *parts: Any) -> list[Any]:
    return [delta(index, "arguments_delta", arguments=part) for part in parts]


def a_step(index: int, *parts: Any, call_id: str = "c1") -> list[Any]:
    return [opened(index, call_id), *argued(index, *parts), stop(index)]


STEPS: dict[str, tuple[list[Any], dict[str, int]]] = {
    "after a gap": ([start(0), stop(0), *a_step(4, SAID)], {}),
    "backwards": ([start(5), stop(5), *a_step(4, SAID)], {Ignored.INDEX_ODD: 1}),
    "at an index used again": ([start(0), stop(0), *a_step(0, SAID)], {Ignored.INDEX_ODD: 1}),
    "with a stop of what was never open": ([*a_step(0, SAID), stop(7), stop(0)], {Ignored.STOP_UNKNOWN: 2}),
    "without its stop": (a_step(0, SAID)[:-1], {Ignored.STOP_MISSING: 1}),
    "without its stop, arguments in the start": ([opened(0, arguments=COLOGNE)], {Ignored.STOP_MISSING: 1}),
    "with empty arguments first": (a_step(0, "{}", '{"city":', '"Köln"}'), {Ignored.ARGUMENTS_LATE: 1}),
    "with all there is so far each time": (a_step(0, '{"ci', '{"city":"K', SAID), {Ignored.TOLD_AGAIN: 2}),
    "with null after arguments in the start": (
        [opened(0, arguments=COLOGNE), *argued(0, "null"), stop(0)], {Ignored.NULL_ARGUMENTS: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_interactions_one_call_is_one_call_however_its_step_is_told(name: str) -> None:
    events, ignored = STEPS[name]
    odd = interaction(*events)
    assert (odd.calls, odd.ignored, odd.defect, odd.is_complete) == ([LOOK], ignored, None, True)


def test_interactions_two_calls_of_one_id_are_two_and_one_told_twice_is_one() -> None:
    assert interaction(*a_step(0, SAID), *a_step(1, OTHER)).calls == [LOOK, ("call_v1abc_1", "look", BONN)]
    odd = interaction(*a_step(0, SAID), *a_step(1, SAID), start(2), said(2, "hello"), stop(2))
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


@pytest.mark.parametrize("parts", [(), ("null",), ("{}",)])
def test_interactions_no_arguments_are_an_empty_object(parts: tuple[str, ...]) -> None:
    assert interaction(*a_step(0, *parts)).calls == [("c1", "look", {})]


THOUGHT = delta(0, "thought_summary", content={"type": "text", "text": "hm"})


@pytest.mark.parametrize("kind", ["thought", "model_output"])
def test_interactions_the_kind_of_a_delta_counts_and_not_that_of_its_step(kind: str) -> None:
    odd = interaction(start(0, kind), THOUGHT, said(0, "Hel"), said(0, "lo"), stop(0), status="completed")
    assert (odd.reasoning, odd.text, odd.is_complete) == ("hm", "Hello", True)
    assert odd.ignored == {Ignored.OTHER_KIND: 1 + (kind == "model_output")}


INTERACTION_TWO: dict[str, list[Any]] = {
    "a second start of an open step": [opened(0), opened(0, "c2")],
    "text in a call": [opened(0), said(0, SAID), stop(0)],
    "arguments in a text": [start(0), *argued(0, SAID), stop(0)],
    "two objects in one call": a_step(0, SAID, OTHER),
    "a call without its stop, not whole": a_step(0, SAID[:-1])[:-1],
}


@pytest.mark.parametrize("name", INTERACTION_TWO)
def test_interactions_what_has_two_meanings_is_a_defect_and_releases_nothing(name: str) -> None:
    odd = interaction(*INTERACTION_TWO[name])
    assert (odd.calls, odd.is_complete) == ([], False)
    assert odd.defect is not None


# -- ollama -----------------------------------------------------------------------------------------------------------


def ollama(*calls: Any, content: str = "") -> Odd:
    at = "2026-11-01T00:00:00Z"
    lines = [{"model": "m", "created_at": at, "message": {"role": "assistant", "content": "", "tool_calls": [one]}}
             for one in calls]  # fmt: skip
    last = {"model": "m", "created_at": at, "message": {"content": content}, "done": True, "done_reason": "stop"}
    return read_odd(Ollama("m"), b"".join(json.dumps(line).encode() + b"\n" for line in [*lines, last]))


def asked(arguments: Any, call_id: str | None = "c1", name: str = "look") -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}} | ({} if call_id is None else {"id": call_id})


def test_ollama_two_calls_of_one_id_are_two_and_one_told_twice_is_one() -> None:
    odd = ollama(asked(COLOGNE), asked(BONN))
    assert odd.calls == [LOOK, ("call_20261101T000000Z_1", "look", BONN)]
    odd = ollama(asked(COLOGNE), asked(COLOGNE), content="hello")
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


def test_ollama_calls_without_ids_are_as_many_as_are_told() -> None:
    assert len(ollama(asked(COLOGNE, None), asked(COLOGNE, None)).calls) == 2


@pytest.mark.parametrize("arguments", [None, "null", "", {}])
def test_ollama_no_arguments_are_an_empty_object(arguments: Any) -> None:
    odd = ollama(asked(arguments))
    assert (odd.calls, odd.ignored.get(Ignored.NULL_ARGUMENTS, 0)) == ([("c1", "look", {})], arguments == "null")
