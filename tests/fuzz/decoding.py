"""What fuzzers do to every decoder: any bytes in any cut, and what must hold whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StreamEvent
from riverrun.engine.testing.wire.formats import Reply, Wire, whole_of
from riverrun.providers.by_name import provider_classes
from tests.providers import gemini_samples, samples

NARROW = Limits(
    line_bytes_max=4096,
    event_bytes_max=8192,
    arguments_bytes_max=512,
    text_bytes_max=4096,
    calls_max=4,
    blocks_max=16,
)
"""Bounds that a fuzzer's inputs reach."""

SEEDS = (
    samples.ANTHROPIC_ANSWER,
    samples.OPENAI_ANSWER,
    gemini_samples.ANSWER,
    gemini_samples.interactions_sse(*gemini_samples.INTERACTION),
    b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n'
    b'{"model":"m","message":{"role":"assistant","tool_calls":[{"function":{"name":"look","arguments":{"a":1}}}]}}\n'
    b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":9}\n',
    samples.sse(
        {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "m"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"},
        {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": []}},
    ),
    samples.sse(
        samples.chunk({"content": "<think>Hm.</th"}),
        samples.chunk({"content": "ink>\n\nHi"}),
        samples.chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
        samples.chunk(
            {"reasoning": "So", "reasoning_details": [{"type": "reasoning.text", "text": "So", "index": 0}]},
        ),
        samples.chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "c2ln", "index": 0}]}),
        samples.chunk(samples.call('{"a":1}', call_id="call_c", name="look"), "tool_calls", usage={"total_tokens": 9}),
        {"error": {"code": 502, "message": "upstream"}, "choices": []},
        "[DONE]",
    ),
    b': PROCESSING\r\n\r\n[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}\r\n,\r\n'
    b'{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":3}}\r\n]',
    b'{"error": "model runner has unexpectedly stopped"}\n{"error":{"code":503,"status":"UNAVAILABLE","message":"m"}}',
)
"""Whole answers in each of the formats, to begin from; every decoder meets those of the others, too."""


WHOLE_SEEDS = tuple(
    whole_of(wire, Reply(1, "m", ["Hi"], ["Hm."], (ToolCall("call_a", "look", {"a": 1}),), 9)) for wire in Wire
)
"""The same in one piece."""


@cache
def provider(name: str) -> Any:
    """Make the provider of that name, at a server on this machine."""
    return provider_classes()[name]("some-model", base_url="http://127.0.0.1:9", api_key="test-key-0123")


def decode(
    name: str, data: bytes, cuts: Sequence[int] = (), *, is_whole: bool = False
) -> tuple[list[StreamEvent], tuple[bool, str | None]]:
    """Decode bytes that come in these cuts, as a stream or as an answer in one piece; also returns how it ended."""
    decoder = (provider(name).whole_decoder(NARROW) if is_whole else None) or provider(name).decoder(NARROW)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    events = [event for start, end in pairwise(edges) for event in decoder.feed(data[start:end])]
    events += decoder.close()
    return events, (decoder.is_complete, decoder.defect)


def check(name: str, data: bytes, cuts: Sequence[int], *, is_whole: bool = False) -> None:
    """Decoding raises nothing, does not depend on the cuts, and what it gives can be folded and kept."""
    events, end = decode(name, data, is_whole=is_whole)
    assert decode(name, data, cuts, is_whole=is_whole) == (events, end)
    accumulator = Accumulator(NARROW)
    accumulator.begin_attempt()
    for event in events:
        accumulator.fold(event)
    accumulator.snapshot().text.encode()
    accumulator.end_attempt()
