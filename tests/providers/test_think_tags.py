"""Thoughts between `<think>` tags: taken apart whole or in pieces, at the start only, and nothing lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import CursorMoved, ReasoningDelta, StreamEvent, TextDelta
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.testing.script.answers import Answer
from riverrun.engine.testing.wire.answers import answer_bytes
from riverrun.providers.by_name import provider_classes
from riverrun.providers.openai_chat.presets import VLLM
from riverrun.providers.openai_chat.provider import OpenAIChat
from riverrun.providers.wire.tagged import TaggedDecoder
from riverrun.providers.wire.think_tags import ThinkTagSplitter, split_thinking, splitter_of
from tests.providers.fold import decode, fold
from tests.providers.samples import call, chunk, sse

PIECES = ["<think>", "</think>", "<", ">", "/", "<th", "think", " ", "\n", "a", "ünd", "\ud83c", "\udf0d", " " * 65]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def split_in(pieces: list[str], *, is_open: bool = False) -> tuple[str, str]:
    splitter = ThinkTagSplitter(is_open=is_open)
    said = [*(splitter.take(piece) for piece in pieces), splitter.flush()]
    return "".join(reasoning for reasoning, _ in said), "".join(text for _, text in said)


SPLITS = {
    "a thought and an answer": ("<think>hm</think>So.", "hm", "So."),
    "white space before the tag": ("\n <think>hm</think>\n\nSo.", "\n hm", "\n\nSo."),
    "an unclosed thought": ("<think>hm", "hm", ""),
    "half a closing tag": ("<think>hm</thi", "hm</thi", ""),
    "half an opening tag": ("<thi", "", "<thi"),
    "an empty thought": ("<think></think>So.", "", "So."),
    "only the end of a thought": ("</think>So.", "", "So."),
    "no tags": ("So.", "", "So."),
    "text about tags": ("The tag <think>x</think> is", "", "The tag <think>x</think> is"),
    "a second thought": ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    "a late closing tag": ("Okay.</think>So.", "", "Okay.</think>So."),
    "a tag that is none": ("<thinking>a</thinking>", "", "<thinking>a</thinking>"),
    "an attribute": ("<think a=1>", "", "<think a=1>"),
    "nothing": ("", "", ""),
    "far white space": (" " * 65 + "<think>a</think>", "", " " * 65 + "<think>a</think>"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_text_is_split_where_its_thought_ends(name: str) -> None:
    text, reasoning, rest = SPLITS[name]
    assert split_thinking(text) == (reasoning, rest)


@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("Okay.</think>So.", "Okay.", "So."),
        ("<think>Okay.</think>So.", "Okay.", "So."),
        ("Okay, cut", "Okay, cut", ""),
        (" </think>So.", "", " So."),
        ("<th", "<th", ""),
    ],
)
def test_a_thought_that_the_template_opened_needs_no_opening_tag(text: str, reasoning: str, rest: str) -> None:
    assert split_thinking(text, is_open=True) == (reasoning, rest)


@given(texts, st.lists(st.integers(0, 200), max_size=8), st.booleans())
@example("<think>a</think>b", [3, 9, 12], False)
def test_any_cut_gives_the_same(text: str, places: list[int], is_open: bool) -> None:
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert split_in(pieces, is_open=is_open) == split_thinking(text, is_open=is_open)
    assert split_in(list(text), is_open=is_open) == split_thinking(text, is_open=is_open)


@given(texts, st.booleans())
def test_nothing_is_lost_but_one_tag_of_each_kind(text: str, is_open: bool) -> None:
    reasoning, rest = split_thinking(text, is_open=is_open)
    stripped = [text, text.replace("<think>", "", 1), text.replace("</think>", "", 1)]
    stripped.append(stripped[1].replace("</think>", "", 1))
    assert reasoning + rest in stripped


@given(st.text(min_size=1).filter(lambda text: not text.lstrip().startswith(("<", "</"))), texts)
def test_a_text_that_does_not_begin_with_a_tag_is_untouched(start: str, rest: str) -> None:
    start = start if start.strip() else start + "a"
    assert split_thinking(start + rest) == ("", start + rest)


@given(st.text(" \n\t"))
def test_white_space_is_held_no_longer_than_a_tag_may_follow_it(space: str) -> None:
    splitter = ThinkTagSplitter()
    held = len(space) - sum(len(text) for _, text in map(splitter.take, space))
    assert held <= 64


# -- in a stream --------------------------------------------------------------------------------------------------


def read(provider: Any, *payloads: Any) -> Any:
    return fold(decode(provider.decoder(Limits()), [sse(*payloads)]))


def said(*texts: str) -> list[Any]:
    return [chunk({"content": text}) for text in texts]


def test_a_stream_says_the_thought_as_reasoning() -> None:
    answer = read(VLLM("m"), *said("<th", "ink>", "hm", "</", "think", ">So", "."), chunk({}, "stop"), "[DONE]")
    assert (answer.reasoning, answer.text) == ("hm", "So.")


def test_a_stream_is_split_only_where_the_preset_says_so() -> None:
    asked = read(OpenAIChat("m", api_key="k", think_tags=True), *said("<think>hm</think>So."), chunk({}, "stop"))
    unasked = read(OpenAIChat("m", api_key="k"), *said("<think>hm</think>So."), chunk({}, "stop"))
    refused = read(VLLM("m", think_tags=False), *said("<think>hm</think>So."), chunk({}, "stop"))
    assert (asked.reasoning, asked.text) == ("hm", "So.")
    assert (unasked.reasoning, unasked.text) == (refused.reasoning, refused.text) == ("", "<think>hm</think>So.")


def test_a_stream_may_begin_inside_the_thought() -> None:
    answer = read(VLLM("m", opens_thinking=True), *said("Okay", ".</think>", "So."), chunk({}, "stop"))
    assert (answer.reasoning, answer.text) == ("Okay.", "So.")


def test_a_server_that_separates_is_not_second_guessed() -> None:
    frames = [chunk({"reasoning_content": "hm"}), *said("<think> is a tag."), chunk({}, "stop")]
    answer = read(VLLM("m"), *frames)
    assert (answer.reasoning, answer.text) == ("hm", "<think> is a tag.")


@pytest.mark.parametrize("end", [[chunk({}, "stop")], [], ["[DONE]"], [{"error": {"message": "x"}}]])
def test_what_was_held_is_said_at_the_end_of_any_kind(end: list[Any]) -> None:
    assert read(VLLM("m"), *said("<th"), *end).text == "<th"
    assert read(VLLM("m"), *said("<think>a</"), *end).reasoning == "a</"


def test_what_was_held_is_said_before_a_call() -> None:
    calls = [chunk(call("{}", call_id="c", name="look")), chunk({}, "tool_calls")]
    decoder = VLLM("m").decoder(Limits())
    events = decode(decoder, [sse(*said(" <thi"), *calls)])
    assert [type(event).__name__ for event in events][1:3] == ["TextDelta", "ToolCallStart"]


@given(texts, st.lists(st.integers(1, 5), max_size=30))
def test_a_stream_reads_what_the_splitter_reads(text: str, sizes: list[int]) -> None:
    text = text.replace("\ud83c", "x").replace("\udf0d", "y")
    pieces, at = [], 0
    for size in [*sizes, len(text)]:
        pieces.append(text[at : at + size])
        at += size
    answer = read(VLLM("m"), *said(*(piece for piece in pieces if piece)), chunk({}, "stop"), "[DONE]")
    assert (answer.reasoning, answer.text) == split_thinking(text)


# -- anywhere, and more than once, in every format --------------------------------------------------------------------

EVERYWHERE = {
    "before, a thought, after": ("prefix<think>thought</think>suffix", [False, True, False]),
    "two thoughts": ("<think>a</think>b<think>c</think>d", [True, False, True, False]),
    "a thought at the end": ("So.<think>was it</think>", [False, True]),
    "one that is never closed": ("So.<think>was", [False, True]),
    "a closing tag alone": ("a</think>b", [False]),
    "half a tag at the end": ("So.<thin", [False]),
    "a tag that is none": ("So.<thinking>a", [False]),
    "a tag in a thought": ("a<think>b<think>c</think>d", [False, True, False]),
}


def every_piece(pieces: list[str], *, is_open: bool = False) -> list[tuple[bool, str]]:
    splitter = splitter_of("anywhere", is_open=is_open)
    assert splitter is not None
    joined: list[tuple[bool, str]] = []
    for is_thought, text in [*(one for piece in pieces for one in splitter.split(piece)), *splitter.rest()]:
        if text and joined and joined[-1][0] is is_thought:
            joined[-1] = (is_thought, joined[-1][1] + text)
        elif text:
            joined.append((is_thought, text))
    return joined


@pytest.mark.parametrize("name", EVERYWHERE)
def test_thoughts_anywhere_are_taken_out_of_the_text(name: str) -> None:
    text, kinds = EVERYWHERE[name]
    pieces = every_piece([text])
    assert [is_thought for is_thought, _ in pieces] == kinds
    assert every_piece(list(text)) == pieces


@given(texts, st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_any_cut_gives_the_same_thoughts_anywhere_and_loses_tags_alone(
    text: str, places: list[int], is_open: bool
) -> None:
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    pieces = every_piece([text[a:b] for a, b in itertools.pairwise(edges)], is_open=is_open)
    assert pieces == every_piece([text], is_open=is_open)
    bare = "".join(said for _, said in pieces)
    tags = text.count("<think>") + text.count("</think>") - bare.count("<think>") - bare.count("</think>")
    assert len(text) - len(bare) <= tags * len("</think>")


TAGGED = "Well, <think>hm</think>so <think>hm, hm</think>it is."
PROVIDERS = ("anthropic", "openai", "openrouter", "openai-responses", "gemini", "gemini-interactions", "ollama", "vllm")


def made(name: str, **options: Any) -> Any:
    return provider_classes()[name]("some-model", api_key="k", base_url="https://a.test", **options)


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("seed", range(4))
def test_each_provider_takes_thoughts_out_of_its_text_by_a_switch(name: str, seed: int) -> None:
    body = answer_bytes(name, Answer("tagged", TAGGED, calls=(ToolCall("call_1", "look", {}),)), seed=seed)
    split = fold(decode(made(name, think_tags="anywhere").decoder(Limits()), [body]))
    assert (split.text, split.reasoning) == ("Well, so it is.", "hmhm, hm")
    assert [call.end for call in split.calls.values()] == ["closed"]
    assert fold(decode(made(name, think_tags=False).decoder(Limits()), [body])).text == TAGGED


@pytest.mark.parametrize("name", PROVIDERS)
def test_at_the_start_is_a_switch_of_each_provider_too(name: str) -> None:
    body = answer_bytes(name, Answer("tagged", "<think>hm</think>a <think>tag</think>."))
    split = fold(decode(made(name, think_tags=True).decoder(Limits()), [body]))
    assert (split.reasoning, split.text) == ("hm", "a <think>tag</think>.")


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_text_without_tags_is_said_alike_wherever_its_body_breaks(name: str) -> None:
    body = answer_bytes(name, Answer("plain", "a < b, <th is no tag, nor is </think>. <thin"))
    for end in range(0, len(body), 5):
        plain, tagged = (made(name, think_tags=tags).decoder(Limits()) for tags in (False, "anywhere"))
        assert fold(decode(tagged, [body[:end]])).text == fold(decode(plain, [body[:end]])).text
        assert tagged.is_complete is plain.is_complete


def test_a_place_to_read_on_from_is_none_inside_a_thought() -> None:
    class Plain:
        is_complete, defect = False, None

        def __init__(self) -> None:
            self.said = [[TextDelta("a<think>b"), CursorMoved("1")], [TextDelta("</think>c"), CursorMoved("2")], []]

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.said.pop(0)

        def close(self) -> Sequence[StreamEvent]:
            return []

    decoder = TaggedDecoder(Plain(), "anywhere")
    assert decoder.feed(b"") == [TextDelta("a"), ReasoningDelta("b"), CursorMoved(None)]
    assert decoder.feed(b"") == [TextDelta("c"), CursorMoved("2")]
    assert decoder.ignored == {}


def test_a_switch_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="think_tags is 'everywhere'; expected True, False, 'anywhere' or None"):
        made("anthropic", think_tags="everywhere")


def test_thoughts_between_words_are_told_where_they_stood() -> None:
    held = Accumulator(Limits(), origin="openai/some-model")
    held.begin_attempt()
    for event in decode(
        made("openai", think_tags="anywhere").decoder(Limits()), [answer_bytes("openai", Answer("t", TAGGED))]
    ):
        held.fold(event)
    assert [type(block).__name__ for block in held.snapshot().blocks] == [
        "TextBlock", "ReasoningBlock", "TextBlock", "ReasoningBlock", "TextBlock",
    ]  # fmt: skip
