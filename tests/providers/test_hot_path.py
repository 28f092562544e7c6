"""The hot paths read what parsing reads: the same events on any bytes; and no bytes make a decoder raise."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.providers.anthropic.decode import AnthropicDecoder
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from riverrun.providers.openai_chat.fast_path import learn
from tests.conftest import require_shared
from tests.providers.fold import decode
from tests.providers.samples import (
    ANTHROPIC_ANSWER,
    OPENAI_ANSWER,
    block_delta,
    block_start,
    call,
    chunk,
    message_start,
    sse,
)


def fail(_error: Any) -> Failure:
    return Failure(FailureKind.PROVIDER, "x")


def anthropic(is_fast: bool) -> Any:
    return AnthropicDecoder("anthropic/m", Limits(), read_error=fail, is_fast=is_fast)


def openai_chat(is_fast: bool) -> Any:
    return OpenAIChatDecoder(Limits(), read_error=fail, is_fast=is_fast)


MAKERS = {"anthropic": anthropic, "openai-chat": openai_chat}


def check_equal(make: Callable[[bool], Any], chunks: list[bytes]) -> None:
    fast, slow = make(True), make(False)
    assert decode(fast, chunks) == decode(slow, chunks)
    for name in ("is_complete", "defect", "ignored"):
        assert getattr(fast, name) == getattr(slow, name)


texts = st.text(st.sampled_from(["a", " ", '"', "\\", "\n", "\x7f", "\u2028", "é", "🌍", "\ud83c", "\udf0d", "{", "}"]))
fields = st.dictionaries(
    st.sampled_from(["obfuscation", "content", "usage", "error", "object", "id", "model", "x"]),
    st.none()
    | texts
    | st.dictionaries(st.sampled_from(["content", "prompt_tokens"]), texts | st.integers(), max_size=2),
    max_size=3,
)
says = st.sampled_from(["content", "reasoning", "reasoning_content", "refusal", "role", "tool_calls"])
deltas = st.dictionaries(says, texts, max_size=2) | st.builds(
    call, texts, index=st.integers(0, 2), call_id=texts, name=texts
)
finishes = st.sampled_from([None] * 8 + ["", "stop", "length", "error"])
chunks_of_openai = st.builds(lambda d, f, i, extra: {**chunk(d, f, index=i), **extra}, deltas, finishes,
                             st.sampled_from([0, 0, 0, 0, 1]), st.just({}) | fields)  # fmt: skip
plain_of_openai = texts.map(lambda text: chunk({"content": text}, obfuscation=text[:3]))
frames_of_openai = st.lists(plain_of_openai | plain_of_openai | chunks_of_openai | st.just("[DONE]"), max_size=12)

indexes = st.integers(0, 2)
kinds_of_block = st.sampled_from(["text", "thinking", "tool_use", "server_tool_use", "web_search_tool_result"])
kinds_of_delta = st.sampled_from(["text_delta"] * 3 + ["thinking_delta", "input_json_delta", "new"])


def start_of(index: int, kind: str) -> Any:
    return block_start(index, kind, **({"id": f"c{index}", "name": "n"} if "tool" in kind else {}))


frames_of_anthropic = st.lists(
    st.builds(start_of, indexes, kinds_of_block)
    | st.builds(block_delta, indexes, texts, kinds_of_delta)
    | st.builds(lambda i: {"type": "content_block_stop", "index": i}, indexes)
    | st.just({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})
    | st.just({"type": "message_stop"}) | st.just(message_start()),
    max_size=12,
)  # fmt: skip


def write(frames: list[Any], escape: bool, event: str | None = None) -> bytes:
    name = "" if event is None else f"event: {event}\n"
    rows = [f if isinstance(f, str) else json.dumps(f, ensure_ascii=escape, separators=(",", ":")) for f in frames]
    return "".join(f"{name}data: {row}\n\n" for row in rows).encode("utf-8", "surrogatepass")


@given(frames_of_openai, st.booleans(), st.sampled_from([None, None, "error"]))
@example([chunk({"content": "a"}), chunk({"content": "b"})], False, "error")
@example([chunk({"content": "a"}), chunk({"content": "\ud83c"}), chunk({"content": "b"})], True, None)
@settings(max_examples=300)
def test_openai_the_learned_shape_reads_what_parsing_reads(frames: list[Any], escape: bool, event: str | None) -> None:
    check_equal(openai_chat, [write(frames, escape, event)])


@given(frames_of_anthropic, st.booleans())
@settings(max_examples=300)
def test_anthropic_the_expression_reads_what_parsing_reads(frames: list[Any], escape: bool) -> None:
    check_equal(anthropic, [write([message_start(), *frames], escape)])


@given(st.sampled_from(["content", "reasoning"]), texts, texts, texts, texts, st.booleans())
def test_a_learned_shape_reads_another_chunk_as_parsing_does(
    key: str, text: str, padding: str, other: str, other_padding: str, escape: bool
) -> None:
    def row(said: str, padded: str) -> str:
        return json.dumps({"a": "b", **chunk({key: said}), "obfuscation": padded}, ensure_ascii=escape)

    shape = learn(row(text, padding), json.loads(row(text, padding)), key)
    assert shape is not None
    assert shape.read(row(other, other_padding)) in ("", other)
    assert shape.read(row("plain", "xyz")) == "plain"


AMBIGUOUS = [
    '{"choices":[{"index":0,"delta":{"a\\"content":"x"}}]}',
    '{"choices":[{"index":0,"delta":{"content":"x","content":"y"}}]}',
    '{"content":"x","choices":[{"index":0,"delta":{"CONTENT":"y"}}]}',
    '{"choices":[{"index":0,"delta":{"content":"x"}}],"obfuscation":"a","obfuscation":"b"}',
    '{"choices":[{"index":0,"delta":{"content":"x"}},{"obfuscation":"a"}]}',
]


@pytest.mark.parametrize("data", AMBIGUOUS)
def test_a_shape_whose_holes_are_not_sure_is_not_learned(data: str) -> None:
    shape = learn(data, json.loads(data), "content")
    assert shape is None


def test_a_server_whose_chunks_all_differ_is_read_all_the_same() -> None:
    frames = [{**chunk({"content": f"{n} "}), "created": n} for n in range(300)]
    decoder = openai_chat(True)
    text = "".join(event.text for event in decode(decoder, [sse(*frames)])[1:])
    assert text == "".join(f"{n} " for n in range(300))


PARTS = st.sampled_from(
    [b'"', b"\\", b"{", b"}", b"\n\n", b"data: ", b"null", b"\xff", b"1e999", b"\r", b"[]", b"\0", b",", b":"]
)
edits = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), PARTS | st.binary(max_size=3)), max_size=8)


def mutate(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, drop, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + drop :]
    return data


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@given(changes=edits, size=st.integers(1, 5000))
@settings(max_examples=200)
def test_mutated_answers_never_raise_and_read_the_same(
    make: Callable[[bool], Any], changes: list[tuple[int, int, bytes]], size: int
) -> None:
    data = mutate(ANTHROPIC_ANSWER if make is anthropic else OPENAI_ANSWER, changes)
    check_equal(make, [data[at : at + size] for at in range(0, len(data), size)])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@given(st.lists(st.binary(max_size=40) | PARTS, max_size=20))
def test_arbitrary_bytes_never_raise(make: Callable[[bool], Any], chunks: list[bytes]) -> None:
    check_equal(make, chunks)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["type", "index", "delta", "choices", "content", "tool_calls", "function", "id",
                                         "usage", "message", "content_block", "error", "finish_reason", "arguments"]),
                        inner, max_size=4)))  # fmt: skip
@settings(max_examples=200)
def test_any_json_in_any_place_never_raises(make: Callable[[bool], Any], value: Any) -> None:
    types = (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "error",
    )
    typed = [{**value, "type": kind} for kind in types] if isinstance(value, dict) else [value]
    check_equal(make, [sse(json.dumps(value)), *(sse(json.dumps(frame)) for frame in typed)])


@pytest.mark.recordings
@pytest.mark.parametrize("api", MAKERS)
def test_mutated_recordings_never_raise_and_read_the_same(api: str) -> None:
    files = sorted((require_shared() / "recordings" / api).glob("*.sse"))
    dice = random.Random(7)
    for path in files:
        data = path.read_bytes()[:40_000]
        for _ in range(6):
            changes = [
                (dice.randrange(40_000), dice.randrange(4), dice.choice([b'"', b"\\", b"}", b"x", b"", b"\n"]))
                for _ in range(2)
            ]
            check_equal(MAKERS[api], [mutate(data, changes)])


@pytest.mark.parametrize("raw", ["\t", "\0", "\x1f", "\x0b"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_raw_control_character_is_no_json_on_either_way(make: Callable[[bool], Any], raw: str) -> None:
    claude = sse(message_start(), block_start(0), block_delta(0, "HERE"), block_delta(0, "HERE"))
    stream = claude if make is anthropic else sse(chunk({"content": "x"}), chunk({"content": "HERE"}))
    data = stream.replace(b"HERE", raw.encode())
    check_equal(make, [data])
    decoder = make(True)
    decode(decoder, [data])
    assert decoder.defect is not None
