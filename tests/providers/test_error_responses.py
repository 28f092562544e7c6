"""What an error response means: statuses, codes, hints, and look-alikes that mean something else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic, OpenAIChat
from riverrun.engine.core.failures import Failure
from riverrun.engine.core.provider import ErrorResponse
from riverrun.providers.endpoint import Endpoint
from riverrun.providers.error_table.classify import failure_in_stream

KEY = "sk-canary-0123456789"
CLAUDE = Anthropic("claude-test", api_key=KEY)
OPENAI = OpenAIChat("gpt-test", api_key=KEY)
ENDPOINT = Endpoint("test", "https://example.com/v1", {})


def classify(status: int, body: Any = b"", provider: Any = OPENAI, **headers: str) -> Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    failure: Failure = provider.classify(ErrorResponse(status, named, data), now_unix_s=0.0)
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


@pytest.mark.parametrize(("status", "words"), [(429, "prompt is too long"), (500, "rate limit"), (401, "overloaded")])
def test_words_do_not_overrule_a_status(status: int, words: str) -> None:
    assert classify(status, error(f"{words}, overloaded")).kind == STATUSES[status]


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


HEADERS = ["retry-after", "retry-after-ms", "x-should-retry", "content-type", "content-encoding"]
HEADERS += ["x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"]
bodies = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())


@given(st.integers(100, 999), bodies, st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=20) | st.just("0")))
def test_any_answer_has_a_kind_and_a_short_message(status: int, body: bytes, headers: dict[str, str]) -> None:
    failure = OPENAI.classify(ErrorResponse(status, headers, body), now_unix_s=0.0)
    assert failure.message.startswith("openai /v1/chat/completions HTTP")
    assert len(failure.message) < 700
    assert failure.retry_after_s is None or failure.retry_after_s >= 0


@given(json_values)
def test_any_error_inside_a_stream_has_a_kind_and_a_short_message(value: Any) -> None:
    failure = failure_in_stream(value, ENDPOINT, "/x")
    assert failure.message.startswith("test /v1/x error in the stream: ")
    assert len(failure.message) < 400


@given(st.text(max_size=300), st.text(max_size=300), st.integers(9, len(KEY)), st.sampled_from(["%s", "code"]))
def test_no_key_and_no_cut_key_is_ever_repeated(before: str, after: str, chars: int, where: str) -> None:
    echo = f"{before}{KEY[:chars]} {after}"
    failure = classify(400, error(echo) if where == "%s" else error("x", code=echo), content_type=echo)
    assert KEY[:9] not in repr(failure)
    assert KEY[:9] not in repr(classify(200, b"<html>", content_type=echo))


@pytest.mark.parametrize("masked", ["na***ys", "sk-inval************-key", "****-key", "<not-a-r****key>"])
def test_a_key_that_the_provider_masked_is_masked_whole(masked: str) -> None:
    message = classify(401, error(f"Incorrect API key provided: {masked}. See x.ai")).message
    assert "provided: ***" in message.replace("<***>", "***")
    assert not any(part in message for part in ("na*", "*ys", "inval", "-key", "not-a-r"))


# -- hints ----------------------------------------------------------------------------------------------------------


def retry_info(delay: Any, **more: Any) -> Any:
    return error(
        "x", code=429, details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}], **more
    )


@pytest.mark.parametrize(("delay", "hint_s"), [("48s", 48.0), ("3.5s", 3.5), ("soon", None), (48, None), ("-1s", None)])
def test_a_retry_info_is_the_hint_where_no_header_has_one(delay: Any, hint_s: float | None) -> None:
    assert classify(429, retry_info(delay)).retry_after_s == hint_s
    assert classify(429, [retry_info(delay)]).retry_after_s == hint_s
    assert classify(429, retry_info(delay), retry_after="7").retry_after_s == 7.0


def test_a_used_up_limit_says_when_it_is_whole_again() -> None:
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}
    left = {"x-ratelimit-remaining-tokens": "89985", "x-ratelimit-reset-tokens": "6m0s"}
    assert classify(429, **used_up, **left).retry_after_s == 62.0
    assert classify(429, **left).retry_after_s is None
    assert classify(429, **used_up, retry_after="3").retry_after_s == 3.0
    assert classify(400, **used_up).retry_after_s is None


@pytest.mark.parametrize("reset", ["1735689600000", "12", "-1", "", "2026-01-01T00:00:00Z", "5m-", "nan"])
def test_a_reset_that_may_be_a_date_is_no_hint(reset: str) -> None:
    used_up = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}
    assert classify(429, **used_up).retry_after_s is None


# -- what is said by way of others ----------------------------------------------------------------------------------


def test_an_envelope_under_200_has_the_status_it_names() -> None:
    failure = classify(200, error("slow", code=429))
    assert (failure.kind, failure.status) == ("rate_limited", 429)
    assert classify(200, error("slow", code="503")).kind == "overloaded"


STORIES = [
    {"choices": [{"message": {"content": "A story: the rate limit exceeded all. Too many requests."}}]},
    {"message": "prompt is too long, rate limit reached", "code": "insufficient_quota"},
    "Too many requests",
    ["rate limit reached"],
]


@pytest.mark.parametrize("story", STORIES)
def test_a_story_about_rate_limits_under_200_is_none(story: Any) -> None:
    failure = classify(200, story)
    assert (failure.kind, failure.code, failure.retry_after_s) == ("provider", None, None)


UPSTREAM = {"error": {"message": "This model's maximum context length is 8 tokens", "code": "context_length_exceeded"}}


@pytest.mark.parametrize("raw", [json.dumps(UPSTREAM), UPSTREAM, "prompt is too long: 9 tokens > 8 maximum"])
def test_a_gateway_is_heard_for_its_upstream(raw: Any) -> None:
    failure = classify(400, error("Provider returned error", code=400, metadata={"raw": raw, "provider_name": "x"}))
    assert failure.kind == "context_overflow"
    assert "Provider returned error: " in failure.message


def test_json_instead_of_words_is_read() -> None:
    inner = retry_info("9s", status="RESOURCE_EXHAUSTED")
    failure = classify(429, error(json.dumps(inner, indent=1), code=429))
    assert (failure.kind, failure.retry_after_s) == ("rate_limited", 9.0)


def test_a_list_of_what_is_wrong_where_is_said() -> None:
    body = {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]}
    assert classify(422, body).message.endswith("HTTP 422: body.messages.0: field required")


def test_a_timeout_inside_a_stream_is_the_providers_failure() -> None:
    failure = failure_in_stream(error("late", code=504, status="DEADLINE_EXCEEDED"), ENDPOINT, "/x")
    assert (failure.kind, failure.status, failure.is_retryable) == ("provider", 504, True)


def test_an_error_inside_a_stream_says_what_to_take_instead() -> None:
    failure = failure_in_stream(error("This model is only supported in v1/responses"), ENDPOINT, "/x")
    assert (failure.kind, "OpenAIResponses" in failure.message) == ("model_not_found", True)
