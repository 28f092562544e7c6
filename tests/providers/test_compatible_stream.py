"""What compatible servers send otherwise than OpenAI: one sample of our own for each oddity."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.messages import ReasoningBlock, TextBlock
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import KeepAlive, StopReported, StreamFailed, TextDelta
from riverrun.engine.core.usage import UsageReport
from riverrun.providers.openai_chat.azure import AzureOpenAI
from riverrun.providers.openai_chat.presets import VLLM, DeepSeek, Grok, Groq, LlamaCpp, Mistral, OpenRouter, SGLang
from riverrun.providers.openai_chat.provider import OpenAIChat
from tests.providers.fold import Answer, decode, fold
from tests.providers.samples import call, chunk, sse

KEY = "sk-canary-key"
ROUTER = OpenRouter("vendor/model", api_key=KEY)
COUNTS = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
COUNTED = {"id": "chatcmpl-1", "model": "m", "choices": [], "usage": COUNTS}
DONE = [chunk({}, "stop"), "[DONE]"]


def read(provider: Any, *payloads: Any) -> tuple[Answer, Any]:
    decoder = provider.decoder(Limits())
    data = payloads[0] if isinstance(payloads[0], bytes) else sse(*payloads)
    return fold(decode(decoder, [data])), decoder


def blocks_of(provider: Any, *payloads: Any) -> tuple[Any, ...]:
    accumulator = Accumulator(Limits(), origin=provider.origin)
    accumulator.begin_attempt()
    for event in decode(provider.decoder(Limits()), [sse(*payloads)]):
        accumulator.fold(event)
    assert accumulator.defect is None
    return accumulator.blocks()


# -- keep-alives --------------------------------------------------------------------------------------------------

KEPT_ALIVE = (
    b": OPENROUTER PROCESSING\n\n:\n\n" + sse(chunk({"content": "a"}), chunk({"content": "b"}))
    + b": keep-alive\r\n\r\n" + sse(chunk({"content": "c"}))[:-1] + b": between the lines\n\n" + sse(*DONE)
)  # fmt: skip


@pytest.mark.parametrize("provider", [ROUTER, DeepSeek("m", api_key=KEY), LlamaCpp("m"), Grok("m", api_key=KEY)])
def test_a_comment_shows_that_the_server_lives_where_it_came(provider: Any) -> None:
    events = decode(provider.decoder(Limits()), [KEPT_ALIVE])
    shown = ["ping" if isinstance(e, KeepAlive) else e.text for e in events if isinstance(e, KeepAlive | TextDelta)]
    assert shown == ["ping", "ping", "a", "b", "ping", "ping", "c"]


def test_openais_own_servers_send_none_and_none_are_shown() -> None:
    assert read(OpenAIChat("m", api_key=KEY), KEPT_ALIVE)[0].pings == 0


@given(st.lists(st.integers(0, len(KEPT_ALIVE)), max_size=12), st.sampled_from([b"", b"\xef\xbb\xbf"]))
@example([1, 2, len(KEPT_ALIVE) - 9], b"\xef\xbb\xbf")
def test_comments_keep_their_place_however_the_bytes_are_cut(places: list[int], start: bytes) -> None:
    data = start + KEPT_ALIVE
    edges = [0, *sorted(places), len(data)]
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(ROUTER.decoder(Limits()), chunks) == decode(ROUTER.decoder(Limits()), [data])


def test_comments_after_the_end_say_nothing() -> None:
    assert read(ROUTER, sse(chunk({"content": "a"}), *DONE) + b": late\n\n")[0].pings == 0


# -- ends and failures --------------------------------------------------------------------------------------------


def test_a_finish_that_is_repeated_with_the_counts_closes_once() -> None:
    last = chunk({"role": "assistant", "content": ""}, "stop", usage={**COUNTS, "cost": 0.01})
    answer, decoder = read(ROUTER, chunk({"content": "a"}), chunk({"content": ""}, "stop"), last, "[DONE]")
    assert (answer.stop, answer.usage.total) == (StopReported(StopReason.END_TURN, "stop"), 21)
    assert (decoder.is_complete, decoder.defect) == (True, None)


@pytest.mark.parametrize("word", ["error", None])
def test_an_error_after_the_finish_fails_and_its_counts_are_kept(word: str | None) -> None:
    error = {"error": {"code": 502, "message": "x", "metadata": {"provider_name": "Up"}}, "usage": COUNTS}
    frames = [chunk({"content": "a"}), chunk({}, "length"), chunk({"content": ""}, word, **error), "[DONE]"]
    events = decode(ROUTER.decoder(Limits()), [sse(*frames)])
    assert [type(event) for event in events[-2:]] == [UsageReport, StreamFailed]
    assert (events[-1].failure.status, fold(events).usage.total) == (502, 21)
    assert not read(ROUTER, *frames)[1].is_complete


def test_an_error_whose_counts_are_odd_is_still_a_failure() -> None:
    frame = '{"error":{"message":"x"},"usage":{"prompt_tokens":1,"prompt_tokens":2}}'
    answer, decoder = read(ROUTER, chunk({"content": "a"}), frame)
    assert (answer.failure.kind, answer.usage.total, decoder.defect) == (FailureKind.PROVIDER, 0, None)


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        (ROUTER, "error"),
        (SGLang("m"), "abort"),
        (DeepSeek("m", api_key=KEY), "insufficient_system_resource"),
        (Mistral("m", api_key=KEY), "error"),
    ],
)
def test_a_finish_that_is_a_fault_is_a_failure_that_may_be_tried_again(provider: Any, word: str) -> None:
    answer, decoder = read(provider, chunk({"content": "a"}), chunk({}, word), "[DONE]")
    assert answer.failure.is_retryable
    assert not decoder.is_complete


ERRORS: dict[str, tuple[Any, bytes, FailureKind]] = {
    "vllm, then [DONE]": (
        VLLM("m"), sse({"error": {"message": "x", "type": "InternalServerError", "code": 500}}, "[DONE]"),
        FailureKind.PROVIDER,
    ),
    "vllm, older": (VLLM("m"), sse({"object": "error", "message": "x", "code": 400}, "[DONE]"),
                    FailureKind.INVALID_REQUEST),
    "groq, by event": (
        Groq("m", api_key=KEY),
        b'event: error\ndata: {"error":{"message":"x","code":"tool_use_failed","status_code":400}}\n\n',
        FailureKind.PROVIDER,
    ),
    "xai, a string": (Grok("m", api_key=KEY), sse({"code": "x", "error": "Rate limit reached"}),
                      FailureKind.RATE_LIMITED),
    "openrouter, in the choice": (
        ROUTER, sse({"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 402, "message": "x"}}]}),
        FailureKind.QUOTA_EXHAUSTED,
    ),
    "llama.cpp": (
        LlamaCpp("m"), sse({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}),
        FailureKind.CONTEXT_OVERFLOW,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_the_stream_is_a_failure(name: str) -> None:
    provider, error, kind = ERRORS[name]
    answer, decoder = read(provider, sse(chunk({"content": "a"})) + error)
    assert (answer.text, answer.failure.kind) == ("a", kind)
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_an_error_in_a_field_of_its_own_is_an_interruption() -> None:
    answer, decoder = read(LlamaCpp("m"), sse(chunk({"content": "a"})) + b'error: {"message":"x"}\n\n')
    assert (answer.failure, decoder.is_complete, decoder.defect) == (None, False, None)


def test_a_server_that_never_gives_a_finish_ends_with_its_counts() -> None:
    frames = [chunk({"content": "a"}), chunk(call('{"n":1}', call_id="c", name="look")), COUNTED, "[DONE]"]
    answer, decoder = read(ROUTER, *frames)
    assert ([c.end for c in answer.calls.values()], answer.stop) == (["closed"], None)
    assert (decoder.is_complete, decoder.defect) == (True, None)


UNFINISHED: dict[str, list[Any]] = {
    "no counts": [chunk({"content": "a"}), "[DONE]"],
    "no [DONE]": [chunk({"content": "a"}), COUNTED],
    "counts on every chunk": [chunk({"content": "a"}, usage=COUNTS), "[DONE]"],
    "more after the counts": [COUNTED, chunk({"content": "a"}), "[DONE]"],
    "counts of nothing": [chunk({"content": "a"}), {**COUNTED, "usage": {"completion_tokens": 0}}, "[DONE]"],
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_without_a_finish_less_than_that_is_an_interruption(name: str) -> None:
    assert not read(VLLM("m"), *UNFINISHED[name])[1].is_complete


def test_openai_itself_always_gives_a_finish() -> None:
    assert not read(OpenAIChat("m", api_key=KEY), chunk({"content": "a"}), COUNTED, "[DONE]")[1].is_complete


# -- counts -------------------------------------------------------------------------------------------------------


def test_groq_gives_its_counts_twice_and_they_count_once() -> None:
    finish = chunk({}, "stop", x_groq={"id": "req_1", "usage": {**COUNTS, "queue_time": 0.1}})
    answer, _ = read(Groq("m", api_key=KEY), chunk({"content": "a"}), finish, COUNTED, "[DONE]")
    assert (answer.usage.input, answer.usage.output, answer.usage.total) == (9, 12, 21)


def test_counts_on_every_chunk_are_cumulative() -> None:
    frames = [chunk({"content": str(n)}, usage={**COUNTS, "completion_tokens": n}) for n in range(1, 5)]
    assert read(VLLM("m"), *frames, *DONE)[0].usage.output == 4


def test_deepseek_has_a_name_of_its_own_for_cached_input() -> None:
    usage = {**COUNTS, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}
    assert read(DeepSeek("m", api_key=KEY), chunk({}, "stop", usage=usage), "[DONE]")[0].usage.cached_input == 4


def test_llamacpps_timings_change_nothing() -> None:
    answer, decoder = read(LlamaCpp("m"), chunk({"content": "a"}), chunk({}, "stop"),
                           {**COUNTED, "timings": {"cache_n": 3, "predicted_per_second": 9.5}}, "[DONE]")  # fmt: skip
    assert (answer.usage.total, decoder.is_complete) == (21, True)


# -- azure --------------------------------------------------------------------------------------------------------

SAFE = {"hate": {"filtered": False, "severity": "safe"}}


def test_azures_filter_frames_change_nothing() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    said = chunk({"content": "a"})
    said["choices"][0]["content_filter_results"] = SAFE
    noted = {"id": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_results": SAFE,
                                    "content_filter_offsets": {"check_offset": 44, "end_offset": 99}}]}  # fmt: skip
    empty = {"id": "", "model": "", "choices": [], "content_filter_results": SAFE}
    provider = AzureOpenAI("d", azure_endpoint="https://r.openai.azure.com", api_key=KEY)
    answer, decoder = read(provider, first, said, chunk({}, "stop"), noted, empty, COUNTED, "[DONE]")
    assert (answer.text, answer.response_id, answer.model) == ("a", "chatcmpl-1", "gpt-test")
    assert (answer.usage.total, decoder.is_complete, decoder.defect) == (21, True, None)


def test_azures_filter_cuts_an_answer() -> None:
    provider = AzureOpenAI("d", azure_endpoint="https://r.openai.azure.com", api_key=KEY)
    answer, _ = read(provider, chunk(call('{"a', call_id="c", name="look")), chunk({}, "content_filter"), "[DONE]")
    assert answer.stop == StopReported(StopReason.CONTENT_FILTER, "content_filter")
    assert answer.calls["c"].end == "cut"


# -- calls --------------------------------------------------------------------------------------------------------


def test_a_gateway_that_repeats_id_and_name_has_one_call() -> None:
    frames = [chunk(call(part, call_id="c", name="look")) for part in ('{"a"', ":1", "}")]
    answer, decoder = read(ROUTER, *frames, chunk({}, "tool_calls"), "[DONE]")
    assert ([c.arguments for c in answer.calls.values()], decoder.defect) == ([{"a": 1}], None)


@pytest.mark.parametrize("native", ["length", "max_output_tokens", "max_tokens", "MAX_TOKENS"])
def test_the_upstreams_word_tells_that_a_call_was_cut(native: str) -> None:
    finish = chunk({}, "tool_calls")
    finish["choices"][0]["native_finish_reason"] = native
    answer, _ = read(ROUTER, chunk(call('{"a": "b', call_id="c", name="look")), finish, "[DONE]")
    assert answer.stop == StopReported(StopReason.MAX_TOKENS, "tool_calls")
    assert answer.calls["c"].end == "cut"


def test_mistrals_calls_come_whole_with_the_finish_and_without_an_index() -> None:
    calls = [{"id": f"abcdefgh{n}", "function": {"name": "look", "arguments": {"n": n}}} for n in range(2)]
    answer, _ = read(Mistral("m", api_key=KEY), chunk({"tool_calls": calls}, "tool_calls", usage=COUNTS), "[DONE]")
    assert [(c.id, c.arguments) for c in answer.calls.values()] == [("abcdefgh0", {"n": 0}), ("abcdefgh1", {"n": 1})]
    assert answer.usage.total == 21


# -- reasoning ----------------------------------------------------------------------------------------------------


def thought(text: str, **fields: Any) -> dict[str, Any]:
    return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}], **fields}]}


def test_mistral_switches_from_lists_to_strings() -> None:
    answer, decoder = read(
        Mistral("m", api_key=KEY), chunk(thought("h")), chunk(thought("m", closed=True)),
        chunk({"content": [{"type": "text", "text": "S"}]}), chunk({"content": "o."}), *DONE,
    )  # fmt: skip
    assert (answer.reasoning, answer.text, decoder.ignored.total()) == ("hm", "So.", 0)


def test_mistral_may_sign_a_thought() -> None:
    provider = Mistral("m", api_key=KEY)
    blocks = blocks_of(provider, chunk(thought("hm")), chunk(thought("", signature="sig")), chunk({"content": "a"}))
    assert blocks == (ReasoningBlock("hm", "sig", origin="mistral/m"), TextBlock("a"))


def test_databricks_sums_a_thought_up() -> None:
    part = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "sig"}]}
    provider = VLLM("m", base_url="http://127.0.0.1:9/v1")
    blocks = blocks_of(provider, chunk({"content": [part]}), chunk({"content": [{"type": "text", "text": "a"}]}))
    assert blocks == (ReasoningBlock("hm", "sig", origin="vllm/m"), TextBlock("a"))


def test_reasoning_may_be_an_object_that_holds_it() -> None:
    answer, _ = read(VLLM("m"), chunk({"reasoning_content": {"text": "hm"}}), chunk({"content": "a"}), *DONE)
    assert (answer.reasoning, answer.text) == ("hm", "a")


def test_a_choice_without_a_number_is_the_first() -> None:
    assert read(VLLM("m"), chunk({"content": "a"}, index=None), *DONE)[0].text == "a"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "reasoning_text"])
@pytest.mark.parametrize("provider", [VLLM("m"), SGLang("m"), Groq("m", api_key=KEY), DeepSeek("m", api_key=KEY)])
def test_reasoning_is_read_under_any_of_its_names(provider: Any, field: str) -> None:
    answer, _ = read(provider, *(chunk({field: text}) for text in "hm!"), chunk({"content": "a"}), *DONE)
    assert (answer.reasoning, answer.text) == ("hm!", "a")


def detail(kind: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"reasoning.{kind}", "format": "f-v1", "index": index, **fields}


def reasoned(*details: Any, **fields: Any) -> dict[str, Any]:
    return chunk({"role": "assistant", "content": "", "reasoning_details": list(details), **fields})


ITEMS = [
    reasoned(detail("text", text="h"), reasoning="h"),
    reasoned(detail("text", text="m"), reasoning="m"),
    reasoned(detail("text", signature="sig")),
    reasoned(detail("summary", 1, summary="Short."), reasoning="Short."),
    reasoned(detail("encrypted", 1, data="ÿ==", id="rs_1")),
    reasoned(detail("encrypted", 1, data="zz==", id="rs_2")),
    chunk({"role": "assistant", "content": "So."}),
    chunk({"content": " Yes."}),
    reasoned(detail("server_tool_call", 2, name="search")),
    *DONE,
]


def opaque(block: Any) -> Any:
    return json.loads(block.signature or block.redacted)


def test_openrouters_items_become_blocks_in_order() -> None:
    blocks = blocks_of(ROUTER, *ITEMS)
    assert [getattr(block, "text", None) for block in blocks] == ["hm", "Short.", "", "", "So. Yes.", ""]
    assert [opaque(block) for block in blocks if isinstance(block, ReasoningBlock)] == [
        detail("text", signature="sig"), detail("summary", 1), detail("encrypted", 1, data="ÿ==", id="rs_1"),
        detail("encrypted", 1, data="zz==", id="rs_2"), detail("server_tool_call", 2, name="search"),
    ]  # fmt: skip


def test_an_item_is_signed_before_the_text_and_not_when_it_is_cut() -> None:
    cut_short = blocks_of(ROUTER, *ITEMS[:2])
    assert cut_short == (ReasoningBlock("hm", origin=ROUTER.origin),)
    assert opaque(blocks_of(ROUTER, *ITEMS[:3], chunk({"content": "a"}))[0])["signature"] == "sig"


def test_text_that_was_read_by_its_shape_does_not_hide_a_thought() -> None:
    said = [chunk({"content": text}) for text in "abcd"]
    blocks = blocks_of(ROUTER, *said, reasoned(detail("text", text="hm", signature="s")), *said, *DONE)
    assert [type(block) for block in blocks] == [TextBlock, ReasoningBlock, TextBlock]
    assert opaque(blocks[1])["signature"] == "s"


def test_an_item_is_closed_before_a_call() -> None:
    frames = [*ITEMS[:3], chunk(call("{}", call_id="c", name="look")), chunk({}, "tool_calls"), "[DONE]"]
    assert opaque(blocks_of(ROUTER, *frames)[0]) == detail("text", signature="sig")


def test_reasoning_without_items_and_items_without_text_are_read() -> None:
    answer, _ = read(ROUTER, chunk({"reasoning": "h"}), reasoned(detail("encrypted", data="x"), reasoning="m"), *DONE)
    assert (answer.reasoning, len(answer.redacted)) == ("hm", 1)


def test_only_openrouter_reads_items() -> None:
    answer, _ = read(VLLM("m"), *ITEMS)
    assert (answer.reasoning, answer.signatures, answer.redacted) == ("hmShort.", [], [])


def test_odd_items_are_counted_and_sealed_data_is_bounded() -> None:
    answer, decoder = read(ROUTER, reasoned(7, "x", detail("text", text="a")), *DONE)
    assert (answer.reasoning, decoder.ignored.total(), decoder.is_complete) == ("a", 2, True)
    bounded = ROUTER.decoder(Limits(held_bytes_max=100))
    decode(bounded, [sse(reasoned(detail("encrypted", data="x" * 100)))])
    assert "held_bytes_max" in str(bounded.defect)
