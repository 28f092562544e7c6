"""No bytes make the decoder of compatible servers raise, and any cut of them, fast or slow, reads the same."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from riverrun.providers.wire.think_tags import ThinkTagSplitter
from tests.providers.fold import decode
from tests.providers.samples import call, chunk, sse
from tests.providers.test_compatible_stream import COUNTED, ITEMS, KEPT_ALIVE, detail, reasoned, thought


def fail(_error: Any) -> Failure:
    return Failure(FailureKind.PROVIDER, "x")


def new_decoder(is_fast: bool) -> OpenAIChatDecoder:
    return OpenAIChatDecoder(
        Limits(), read_error=fail, is_compatible=True, has_details=True, tags=ThinkTagSplitter(), is_fast=is_fast
    )


def check_equal(data: bytes, size: int) -> None:
    whole, small, slow = new_decoder(True), new_decoder(True), new_decoder(False)
    events = decode(whole, [data])
    assert decode(small, [data[at : at + size] for at in range(0, len(data), size)]) == events
    assert decode(slow, [data]) == events
    for name in ("is_complete", "defect", "ignored"):
        assert getattr(whole, name) == getattr(small, name) == getattr(slow, name)


CALLS = [chunk(call('{"a":', call_id="c", name="look")), chunk(call("1}")), chunk({}, "tool_calls"), COUNTED, "[DONE]"]
SAMPLE = KEPT_ALIVE[: KEPT_ALIVE.index(b": keep")] + sse(chunk(thought("x", signature="s")), *ITEMS[:-2], *CALLS)
PARTS = st.sampled_from([b'"', b"\\", b"}", b"\n\n", b"\n:", b": ", b"data: ", b"null", b"\xff", b"\r", b"<think>"])
edits = st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 3), PARTS | st.binary(max_size=3)), max_size=8)


@given(edits, st.integers(1, 4000))
@example([], 1)
@settings(max_examples=200)
def test_mutated_answers_never_raise_and_read_the_same(changes: list[tuple[int, int, bytes]], size: int) -> None:
    data = SAMPLE
    for at, drop, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + drop :]
    check_equal(data, size)


texts = st.sampled_from(["<think>", "</think>", "a", "<th", "ink>", " ", "\ud83c", "\udf0d", '"', ""])
details = st.builds(
    detail, st.sampled_from(["text", "summary", "encrypted", "new"]), st.integers(0, 1), text=texts, summary=texts,
    signature=st.none() | texts, data=texts,
)  # fmt: skip
frames = st.lists(
    st.builds(lambda t: chunk({"content": t}), texts)
    | st.builds(lambda t: chunk({"reasoning": t}), texts)
    | st.builds(lambda d: reasoned(*d), st.lists(details, max_size=2))
    | st.builds(lambda t: chunk(thought(t, signature=t)), texts)
    | st.builds(lambda t: chunk(call(t, call_id="c", name="n")), texts)
    | st.sampled_from([COUNTED, "[DONE]", chunk({}, "stop"), chunk({}, "error"), {"error": "x"}]),
    max_size=10,
)


@given(frames, st.integers(1, 300))
@example([chunk({"reasoning": text}) for text in ("a", "\ud83c", "b")], 1)
@settings(max_examples=200)
def test_any_frames_read_the_same_fast_and_slow_whole_and_cut(payloads: list[Any], size: int) -> None:
    rows = [row if isinstance(row, str) else json.dumps(row) for row in payloads]
    check_equal(sse(*rows), size)


@given(frames)
def test_any_frames_fold_without_contradiction(payloads: list[Any]) -> None:
    accumulator = Accumulator(Limits(), origin="openrouter/m")
    accumulator.begin_attempt()
    for event in decode(new_decoder(True), [sse(*(p if isinstance(p, str) else json.dumps(p) for p in payloads))]):
        accumulator.fold(event)
    assert accumulator.defect is None


@given(st.binary(max_size=300), st.integers(1, 50))
def test_arbitrary_bytes_never_raise(data: bytes, size: int) -> None:
    check_equal(data, size)
