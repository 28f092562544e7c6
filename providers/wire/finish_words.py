"""What a finish word says, in whatever format it comes: gateways let through their upstreams' own words.

A format's own table comes first; this one is for the words that it does not know. Case and the kind of dash make no
difference. In three kinds:

- a stop: the answer ended, and why;
- a fault: the generation broke, however orderly that is told. It is the provider's failure, never an answer's end;
- a word that nobody knows: no evidence of a whole answer. What was said is kept, and its end is `OTHER`.
"""

from __future__ import annotations

from ...engine.core.json_value import JSONObject
from ...engine.core.printable import named
from ...engine.core.stop import StopReason

_STOPS = {
    StopReason.END_TURN: "stop end_turn eos eos_token complete completed",
    StopReason.TOOL_USE: "tool_calls tool_use tool_call function_call requires_action",
    StopReason.MAX_TOKENS: "length max_tokens max_output_tokens max_length token_limit",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.REFUSAL: "refusal",
    StopReason.CONTENT_FILTER: (
        "content_filter content_filtered sensitive safety recitation blocklist prohibited_content spii language "
        "guardrail_intervened error_toxic moderation"
    ),
    StopReason.CONTEXT_WINDOW: "model_length model_context_window_exceeded context_length_exceeded context_window",
    StopReason.PAUSE_TURN: "pause_turn",
}
"""Source: wire-formats §8; docs.z.ai finish_reason (sensitive, model_context_window_exceeded); Cohere's and Bedrock's
stop reasons; vLLM, SGLang and text-generation-inference (2026-11)."""

_FAULTS = (
    "error abort aborted network_error insufficient_system_resource cancelled canceled user_cancel capacity timeout "
    "server_error internal_error internal_server_error upstream_error provider_error engine_error generation_error "
    "failed failure overloaded engine_overloaded unavailable service_unavailable rate_limit disconnected "
    "connection_error error_limit malformed_function_call malformed_response malformed_model_output malformed_tool_use "
    "unexpected_tool_call"
)
"""Source: wire-formats §8; docs.z.ai (network_error); vLLM and SGLang (error, abort); Cohere's (error, timeout,
user_cancel, error_limit); Gemini's and Bedrock's malformed ones (2026-11)."""

_NONE = frozenset({"", "null", "none", "unspecified", "finish_reason_unspecified"})
"""What some servers write where nothing has ended yet."""

STOP_REASONS = {word: reason for reason, words in _STOPS.items() for word in words.split()}
FAULT_WORDS = frozenset(_FAULTS.split())

WHOLE_STOPS = frozenset({StopReason.END_TURN, StopReason.TOOL_USE})
"""Ends that say that the calls before them are whole, also one without a word of arguments."""

STRICTER_STOPS = frozenset(
    {StopReason.MAX_TOKENS, StopReason.CONTENT_FILTER, StopReason.REFUSAL, StopReason.CONTEXT_WINDOW}
)
"""Ends that a gateway may hide behind a word of its own that sounds better."""


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def says_nothing(word: str) -> bool:
    """Whether a word says that nothing has ended."""
    return _plain(word) in _NONE


def is_fault(word: str) -> bool:
    """Whether a word names a failure."""
    return _plain(word) in FAULT_WORDS


def stop_of(word: str) -> StopReason:
    """Return why the answer ended; OTHER for a word that nobody knows, and for a fault."""
    return STOP_REASONS.get(_plain(word), StopReason.OTHER)


def fault_of(word: str, where: str = "finish reason") -> JSONObject:
    """Write a fault as an error that can be classified."""
    return {"message": f"the answer ended with the {where} {named(word)}", "code": _plain(word)}
