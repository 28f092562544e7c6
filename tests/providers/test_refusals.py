"""What a refusal means: statuses, codes, hints, and look-alikes that mean something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.failures import Failure
from riverrun.engine.core.provider import WireRefusal
from riverrun.providers import Anthropic, OpenAIChat
from tests.conftest import shared_path

KEY = "sk-canary-0123456789"
CLAUDE = Anthropic("claude-test", api_key=KEY)
OPENAI = OpenAIChat("gpt-test", api_key=KEY)


def classify(status: int, body: Any = b"", provider: Any = OPENAI, **headers: str) -> Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    failure: Failure = provider.classify(WireRefusal(status, named, data), now_unix_s=0.0)
    return failure


def error(message: str = "x", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


STATUSES = {
    400: "invalid_request", 401: "unauthorized", 402: "quota_exhausted", 403: "unauthorized", 404: "model_not_found",
    405: "invalid_request", 408: "timeout", 409: "provider", 413: "invalid_request", 418: "invalid_request",
    422: "invalid_request", 429: "rate_limited", 500: "provider", 502: "provider", 503: "overloaded", 504: "timeout",
    520: "provider", 524: "timeout", 529: "overloaded", 599: "provider", 301: "invalid_request", 307: "invalid_request",
    200: "provider", 204: "provider",
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("provider", [CLAUDE, OPENAI])
def test_a_status_without_a_body_has_a_kind(provider: Any, status: int) -> None:
    failure = classify(status, provider=provider)
    assert (failure.kind, failure.status) == (STATUSES[status], status)


CODES = [
    (429, "insufficient_quota", "quota_exhausted"),
    (429, "billing_hard_limit_reached", "quota_exhausted"),
    (429, "rate_limit_exceeded", "rate_limited"),
    (400, "context_length_exceeded", "context_overflow"),
    (400, "model_not_found", "model_not_found"),
    (400, "content_filter", "content_filtered"),
    (400, "invalid_request_error", "invalid_request"),
    (503, "slow_down", "overloaded"),
    (500, "server_error", "provider"),
    (429, "server_error", "rate_limited"),
    (401, "api_error", "unauthorized"),
    (400, "tool_use_failed", "provider"),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_a_strong_code_decides_and_a_weak_one_does_not(status: int, code: str, kind: str) -> None:
    failure = classify(status, error(code=code))
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.parametrize("code", ["contract_spend_limit_reached", "enforced_spend_limit_reached"])
def test_a_spend_limit_is_no_rate_limit(code: str) -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "x", "details": {"error_code": code}}}
    failure = classify(429, body, CLAUDE)
    assert failure.kind == "quota_exhausted"
    assert not failure.is_retryable


OVERFLOWS = [
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "This model's maximum context length is 128000 tokens. However, you requested 130000 tokens",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "prompt too long; exceeded max context length by 12 tokens",
    "the request exceeds the available context size, try increasing it",
    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
]
NO_OVERFLOWS = [
    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-test",
    "Unsupported parameter: 'max_tokens' is not supported with this model.",
    "context is a required property",
    "Invalid 'messages[0].content': string too long.",
]


@pytest.mark.parametrize("message", OVERFLOWS)
def test_an_overflow_is_known_by_its_phrase(message: str) -> None:
    failure = classify(400, error(message, type="invalid_request_error"))
    assert failure.kind == "context_overflow"
    assert not failure.is_retryable


@pytest.mark.parametrize("message", NO_OVERFLOWS)
def test_what_only_looks_like_an_overflow_is_none(message: str) -> None:
    assert classify(400, error(message)).kind == "invalid_request"


@pytest.mark.parametrize("status", [429, 500, 401])
def test_words_do_not_overrule_a_status(status: int) -> None:
    assert classify(status, error("prompt is too long, rate limit, overloaded")).kind == STATUSES[status]


@pytest.mark.parametrize("text", ["streamGenerateContent failed", "unlimited rate", "corporate limited", "429"])
def test_a_look_alike_is_no_rate_limit(text: str) -> None:
    assert classify(400, error(text)).kind == "invalid_request"
    assert classify(200, error(text)).kind == "provider"


@pytest.mark.parametrize(
    "message",
    [
        "Prefilling assistant messages is not supported for this model.",
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        "messages: final assistant content cannot end with trailing whitespace",
        "Assistant response prefill is incompatible with enable_thinking.",
    ],
)
def test_a_refused_prefill_is_a_refused_continuation(message: str) -> None:
    assert classify(400, error(message, type="invalid_request_error"), CLAUDE).kind == "continuation_refused"


def test_a_model_of_another_endpoint_points_there() -> None:
    message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
    failure = classify(404, error(message, code=None))
    assert failure.kind == "model_not_found"
    assert "not served by /v1/chat/completions" in failure.message


@pytest.mark.parametrize(("word", "retryable"), [("true", True), ("False", False), ("", None), ("maybe", None)])
def test_x_should_retry_is_the_last_word(word: str, retryable: bool | None) -> None:
    assert classify(400, x_should_retry=word).retryable is retryable
    assert classify(500, x_should_retry=word).is_retryable is (retryable is not False)


def test_the_hint_is_read_from_headers_then_from_the_message() -> None:
    assert classify(429, retry_after="7").retry_after_s == 7.0
    assert classify(429, retry_after="1", retry_after_ms="0").retry_after_s == 1.0
    assert classify(429, error("Please try again in 1m2s.")).retry_after_s == 62.0
    assert classify(429, retry_after="nan").retry_after_s is None


def test_a_message_names_provider_endpoint_status_words_and_hint() -> None:
    failure = classify(429, error("slow\ndown"), retry_after="12")
    expected = "openai /v1/chat/completions HTTP 429: slow\\ndown (the provider suggests retrying after 12 s)"
    assert failure.message == expected


def test_a_redirect_is_named_and_not_retried() -> None:
    failure = classify(307, location="https://evil.example/")
    assert "redirects are never followed" in failure.message
    assert not failure.is_retryable


def test_a_success_that_is_no_stream_is_the_providers_failure() -> None:
    failure = classify(200, b"<html>hi</html>", content_type="text/html")
    assert failure.is_retryable
    assert "seen: text/html; expected: text/event-stream" in failure.message


def test_a_code_inside_a_success_counts() -> None:
    assert classify(200, error(code="insufficient_quota")).kind == "quota_exhausted"


def test_a_strangers_words_are_cut_escaped_and_less_the_key() -> None:
    failure = classify(401, error(f"bad key {KEY}\x1b[31m" + "x" * 9999))
    assert "canary" not in repr(failure)
    assert "\x1b" not in failure.message
    assert len(failure.message) < 300
    edge = classify(401, error("x" * 190 + KEY))
    assert "sk-ca" not in edge.message


SHAPES = [
    {"error": {"message": "boom"}}, {"error": "boom"}, {"message": "boom", "type": "x"}, {"detail": "boom"},
    [{"error": {"message": "boom"}}], {"object": "error", "message": "boom", "code": 400},
]  # fmt: skip


@pytest.mark.parametrize("body", SHAPES)
def test_every_shape_of_body_gives_its_words(body: Any) -> None:
    assert classify(400, body).message.endswith("HTTP 400: boom")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "details", "status", "metadata"]), inner)
    ),
)


@given(st.integers(100, 999), st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
def test_any_answer_has_a_kind(status: int, body: bytes) -> None:
    assert classify(status, body).message.startswith("openai /v1/chat/completions HTTP")


KLASSES = {
    "invalid-request": "invalid_request",
    "auth": "unauthorized",
    "not-found": "model_not_found",
    "rate-limit": "rate_limited",
    "context-overflow": "context_overflow",
    "server-error": "provider",
}
# xAI, Gemini, Vertex and Mistral have formats of their own; what speaks Chat Completions is classified here too.
SPEAKERS = ("anthropic", "azure", "deepseek", "llamacpp", "ollama", "openai", "openrouter", "perplexity", "together")


def recorded_errors() -> list[Any]:
    root = shared_path()
    files = [] if root is None else sorted((root / "recordings" / "http-errors").glob("*.json"))
    return [pytest.param(path, id=path.stem) for path in files if path.name.split("-")[0] in SPEAKERS]


@pytest.mark.recordings
@pytest.mark.parametrize("path", recorded_errors() or [pytest.param(None, marks=pytest.mark.skip("no recordings"))])
def test_a_recorded_refusal_is_classified_as_it_was_by_hand(path: Path) -> None:
    recorded = json.loads(path.read_text("utf-8"))
    provider = CLAUDE if recorded["provider"] == "anthropic" else OPENAI
    refusal = WireRefusal(recorded["status"], recorded["headers"], recorded["body"].encode())
    failure = provider.classify(refusal, now_unix_s=0.0)
    assert failure.kind == KLASSES[recorded["klass"]]
