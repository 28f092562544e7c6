"""The bytes that every contestant reads: answers of text deltas of five characters, in both wire formats.

The chunks are what the two providers send (fields, order, spacing): Chat Completions with a null `usage` on every chunk
and, if asked for, the `obfuscation` string that pads it to an even length; Messages with the named events and the
padding spaces before the closing braces that its API sends since 2024.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

WIRES = ("openai", "anthropic")
DELTA_CHARS = 5
WORDS = "the river goes on past the mill and under the old stone bridge, and brings its news along "
_PADDING = "k3XvQ9ZpLm2Rt7"


def pieces(events: int) -> list[str]:
    """Cut an endless text into deltas of five characters, no two neighbours alike."""
    text = WORDS * (events * DELTA_CHARS // len(WORDS) + 2)
    return [text[at : at + DELTA_CHARS] for at in range(0, events * DELTA_CHARS, DELTA_CHARS)]


def openai_delta(text: str, obfuscation: str | None = None) -> bytes:
    """Encode one chunk of Chat Completions as the API writes it."""
    end = b"" if obfuscation is None else b',"obfuscation":"%b"' % obfuscation.encode()
    return (
        b'data: {"id":"chatcmpl-C4Hq5a6K3RaPMymUv70btQNYv6SvY","object":"chat.completion.chunk","created":1755137921,'
        b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{'
        b'"index":0,"delta":{"content":%b},"logprobs":null,"finish_reason":null}],"usage":null%b}\n\n'
    ) % (json.dumps(text, ensure_ascii=False).encode(), end)


def anthropic_delta(text: str, padding_spaces: int = 0) -> bytes:
    """Encode one `content_block_delta` of the Messages API as the API writes it."""
    return (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}%b}\n\n'
    ) % (json.dumps(text, ensure_ascii=False).encode(), b" " * padding_spaces)


def _openai_chunk(rest: str) -> bytes:
    head = '"id":"chatcmpl-C4Hq5a6K3RaPMymUv70btQNYv6SvY","object":"chat.completion.chunk","created":1755137921'
    return f'data: {{{head},"model":"gpt-4o-mini-2024-07-18",{rest}}}\n\n'.encode()


def _anthropic_event(kind: str, rest: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}"{rest}}}\n\n'.encode()


def _openai_events(texts: Iterable[str], *, obfuscation: bool) -> list[bytes]:
    padding = [_PADDING[:size] if obfuscation else None for size in range(len(_PADDING))]
    deltas = [openai_delta(text, padding[number % len(padding)]) for number, text in enumerate(texts)]
    usage = f'"usage":{{"prompt_tokens":12,"completion_tokens":{len(deltas)},"total_tokens":{len(deltas) + 12}}}'
    return [
        _openai_chunk(
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,'
            '"finish_reason":null}],"usage":null'
        ),
        *deltas,
        _openai_chunk('"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null'),
        _openai_chunk(f'"choices":[],{usage}'),
        b"data: [DONE]\n\n",
    ]


def _anthropic_events(texts: Iterable[str]) -> list[bytes]:
    deltas = [anthropic_delta(text, number % 15) for number, text in enumerate(texts)]
    return [
        _anthropic_event(
            "message_start",
            ',"message":{"model":"claude-sonnet-4-5-20250929","id":"msg_01EXAMPLE","type":"message","role":"assistant",'
            '"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}',
        ),
        _anthropic_event("content_block_start", ',"index":0,"content_block":{"type":"text","text":""}'),
        _anthropic_event("ping", ""),
        *deltas,
        _anthropic_event("content_block_stop", ',"index":0'),
        _anthropic_event(
            "message_delta",
            f',"delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"output_tokens":{len(deltas)}}}',
        ),
        _anthropic_event("message_stop", ""),
    ]


def stream_events(wire: str, texts: Iterable[str], *, obfuscation: bool = False) -> list[bytes]:
    """Encode an answer of these deltas, one item an event, first to last."""
    return _openai_events(texts, obfuscation=obfuscation) if wire == "openai" else _anthropic_events(texts)
