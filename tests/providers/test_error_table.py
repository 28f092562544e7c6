"""The table of errors: a test a row, no row in the shadow of another, look-alikes, and what others recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.failures import Failure
from riverrun.engine.core.provider import ErrorResponse
from riverrun.providers.endpoint import Endpoint
from riverrun.providers.error_table.classify import (
    Complaint,
    failure_in_stream,
    failure_of_response,
    read_complaint,
    row_of,
)
from riverrun.providers.error_table.row import Row
from riverrun.providers.error_table.table import TABLE
from tests.conftest import shared_path

ENDPOINT = Endpoint("test", "https://example.com/v1", {})
CODES = [pytest.param(row, code, id=code) for row in TABLE for code in row.codes]


def classify(status: int, body: Any, headers: dict[str, str] | None = None) -> Failure:
    response = ErrorResponse(status, headers or {}, json.dumps(body).encode())
    return failure_of_response(response, ENDPOINT, "/x", now_unix_s=0.0)


def parts(row: Row) -> tuple[int | None, dict[str, str], Any]:
    """The status, headers and body of a row's example."""
    first, *words = row.example.partition("{")[0].rstrip(" [").split()
    headers = dict(word.split(":") for word in words)
    body = json.loads(row.example.removeprefix(" ".join([first, *words])))
    return None if first == "stream" else int(first), headers, body


def named(row: Row) -> str:
    return f"{row.kind}-{row.at.partition(',')[0]}-{next(iter(row.codes), '') or row.statuses}"


each_row = pytest.mark.parametrize("row", TABLE, ids=named)


@each_row
def test_a_row_means_what_it_says(row: Row) -> None:
    status, headers, body = parts(row)
    inside = failure_in_stream(body, ENDPOINT, "/x")
    failure = inside if status is None else classify(status, body, headers)
    assert failure.kind == row.kind
    assert (row.advice in failure.message) is True


@each_row
def test_no_row_is_in_the_shadow_of_another(row: Row) -> None:
    status, headers, body = parts(row)
    assert row_of(evolve(read_complaint(body), status=status, is_hinted="retry-after" in headers)) is row


@each_row
def test_a_row_has_a_source_and_names_something(row: Row) -> None:
    assert row.source
    assert row.at
    assert row.codes or row.code_part or row.phrase or row.statuses


@pytest.mark.parametrize(("row", "code"), CODES)
def test_each_code_means_what_its_row_says(row: Row, code: str) -> None:
    status = next((status for status in row.statuses if status is not None), 400 if not row.statuses else None)
    assert row_of(Complaint("x", (code,), status)) is row


def test_no_code_is_in_two_rows() -> None:
    codes = [code for row in TABLE for code in row.codes]
    assert sorted(codes) == sorted(set(codes))


@given(st.text(max_size=300), st.sampled_from([None, 200, 302, 400, 404, 418, 429, 500, 502]))
def test_words_never_raise_and_never_overrule_a_status(text: str, status: int | None) -> None:
    row, bare = row_of(Complaint(text, (), status)), row_of(Complaint("", (), status))
    if status in (302, 502):
        assert row is bare is None
    if status in (404, 429) and row is not bare:
        assert row is not None
        assert row.phrase is not None


PHRASES = {
    "continuation_refused": [
        "Prefilling assistant messages is not supported for this model.",
        "messages: final assistant content cannot end with trailing whitespace",
        "messages.1.content.0.type: a final `assistant` message must start with a thinking block",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Please ensure that multiturn requests end with a user role or a function response.",
        "Requests ending with a model turn are not supported unless the last part is a function response.",
        "Corrupted thought signature.",
        "Thought signature is not valid",
        "Last message must have role `user` or `tool`.",
        "Cannot have 2 or more assistant messages at the end of the list.",
        "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
        "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.",
    ],
    "context_overflow": [
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "litellm.ContextWindowExceededError: x",
        "Your input exceeds the context window of this model.",
        "The prompt (total length 9) is too long to fit into the model (context length 8).",
        "The decoder prompt (length 9) is longer than the maximum model length of 8.",
        "Prompt contains 9 tokens, too large for model with 8 maximum context length",
        "the input token count is 9 but model only supports up to 8",
        "The total length of all messages is too long",
        "request (9 tokens) exceeds the available context size (8 tokens), try increasing it",
        'Upstream: {"code": "context_length_exceeded"}',
    ],
    "model_not_found": [
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        "openai/gpt-0 is not a valid model ID",
        "The requested model 'gpt-0' does not exist.",
        "Invalid model name passed in model=gpt-0",
        "models/x is not found for API version v1beta, or is not supported for generateContent.",
    ],
    "quota_exhausted": [
        "Your credit balance is too low to access the Anthropic API.",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
    ],
    "unauthorized": [
        "User location is not supported for the API use.",
        "API key not valid. Please pass a valid API key.",
    ],
    "content_filtered": [
        "Output blocked by content filtering policy",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    ],
}


@pytest.mark.parametrize(("kind", "message"), [(kind, words) for kind, all_ in PHRASES.items() for words in all_])
def test_a_phrase_is_known_outside_and_inside_a_stream(kind: str, message: str) -> None:
    assert classify(400, error(message, type="invalid_request_error")).kind == kind
    assert failure_in_stream(error(message, type="invalid_request_error"), ENDPOINT, "/x").kind == kind
    assert classify(500, error(message)).kind == (kind if kind == "context_overflow" else "provider")


INSIDE = {
    "rate_limited": [
        "Rate limit reached for x",
        "You have been rate limited",
        "Too Many Requests",
        "rate_limit_exceeded",
    ],
    "overloaded": ["Overloaded", "The model is temporarily overloaded. Please try again.", "We are at capacity"],
}


@pytest.mark.parametrize(("kind", "message"), [(kind, words) for kind, all_ in INSIDE.items() for words in all_])
def test_inside_a_stream_words_tell_what_a_status_would(kind: str, message: str) -> None:
    assert failure_in_stream(error(message), ENDPOINT, "/x").kind == kind
    assert failure_in_stream({"error": message}, ENDPOINT, "/x").kind == kind


# -- what must not be mixed up --------------------------------------------------------------------------------------


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


def quota(*ids: str) -> dict[str, Any]:
    violations = [{"quotaMetric": "x", "quotaId": each} for each in ids]
    said = "You exceeded your current quota, please check your plan and billing details."
    return error(said, code=429, status="RESOURCE_EXHAUSTED", details=[{"violations": violations}])


MIXED_UP = [
    (429, quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), "rate_limited"),
    (429, quota("GenerateRequestsPerDayPerProjectPerModel"), "quota_exhausted"),
    (429, quota("InputTokensPerMinute", "GenerateRequestsPerDay"), "quota_exhausted"),
    (429, quota(), "rate_limited"),
    (429, error("You exceeded your current quota", type="insufficient_quota"), "quota_exhausted"),
    (429, error("You exceeded your current quota"), "rate_limited"),
    (402, error("Insufficient Balance", code="invalid_request_error"), "quota_exhausted"),
    (402, error("x", metadata={"limit_source": "openrouter_credits"}), "quota_exhausted"),
    (413, error("Request exceeds the maximum size", type="request_too_large"), "invalid_request"),
    (413, error("Request too large for gpt-4o on tokens per min", code="rate_limit_exceeded"), "context_overflow"),
    (400, error("API key not valid.", code=400, status="INVALID_ARGUMENT"), "unauthorized"),
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: a."}, "unauthorized"),
    (400, {"code": "invalid-argument", "error": "The model grok-0 does not exist or no access"}, "model_not_found"),
    (400, {"code": "invalid-argument", "error": "Argument not supported on this model: stop"}, "invalid_request"),
    (400, {"object": "error", "message": "max_tokens must be at least 1", "code": 400}, "invalid_request"),
    (400, {"object": "error", "message": "This model's maximum context length is 8 tokens."}, "context_overflow"),
    (400, {"object": "error", "message": "The input (9 tokens) is longer than the model's context length (8 tokens)."},
     "context_overflow"),
    (401, {"detail": "Unauthorized"}, "unauthorized"),
    (404, {"error": "model 'x' not found"}, "model_not_found"),
    (503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, "overloaded"),
    (400, {"error": "registry.ollama.ai/library/x does not support tools"}, "invalid_request"),
    (500, error("failed to parse: [json.exception.parse_error.101] at line 1", type="server_error"), "invalid_request"),
    (500, error("image input is not supported - hint: provide the mmproj", type="server_error"), "invalid_request"),
    (500, error("error: cannot make GET request", type="server_error"), "provider"),
    (501, error("x", type="not_supported_error"), "invalid_request"),
    (400, error("Unknown parameter: 'continue_final_message'.", code="unknown_parameter"), "continuation_refused"),
    (400, error("The reasoning_content in the thinking mode must be passed back to the API."), "invalid_request"),
    (400, error("Function call is missing a thought_signature in functionCall parts."), "continuation_refused"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), MIXED_UP)
def test_what_looks_alike_is_told_apart(status: int, body: Any, kind: str) -> None:
    assert classify(status, body).kind == kind


def test_a_402_that_says_when_to_come_back_is_a_rate_limit() -> None:
    assert classify(402, error("x"), {"retry-after": "3"}).is_retryable
    assert not classify(402, error("x"), {"retry-after": "0"}).is_retryable
    assert not classify(402, error("x")).is_retryable


LOOK_ALIKES = [
    "streamGenerateContent is not enabled",
    "separate the overloaded operator from the function",
    "the corporate limit of unlimited rates",
    "Overloaded operator in tool schema",
    "rate_limiter is not a known field",
    "model is a required property",
    "This model can not use the file: it does not exist",
    "The model's tool does not exist",
    "Invalid model_config: extra inputs",
    "context is a required property",
    "quota is not a parameter",
    "'prompt' must be a string",
    "the field prefix must be a boolean",
]


@pytest.mark.parametrize("message", LOOK_ALIKES)
def test_a_look_alike_is_the_callers_outside_and_the_providers_inside_a_stream(message: str) -> None:
    assert classify(400, error(message)).kind == "invalid_request"
    assert failure_in_stream(error(message), ENDPOINT, "/x").kind == "provider"


# -- recorded by others ---------------------------------------------------------------------------------------------

DOCUMENTED = [
    # status, what the body holds, what the provider's documentation calls it; the first that fits
    (401, "", "unauthorized"),
    (403, "", "unauthorized"),
    (404, "", "model_not_found"),
    (429, "", "rate_limited"),
    (400, "API_KEY_INVALID", "unauthorized"),
    (400, '"model_not_found"', "model_not_found"),
    (400, '"invalid_model"', "model_not_found"),
    (400, "is not a valid model ID", "model_not_found"),
    (400, "exceeded max context length", "context_overflow"),
    (400, "", "invalid_request"),
    (500, "", "provider"),
]


def documented(status: int, body: str) -> str:
    return next(kind for known, holds, kind in DOCUMENTED if known == status and holds in body)


def recorded() -> list[Any]:
    root = shared_path()
    files = [] if root is None else sorted((root / "recordings" / "http-errors").glob("*.json"))
    return [pytest.param(path, id=path.stem) for path in files]


@pytest.mark.recordings
@pytest.mark.parametrize("path", recorded() or [pytest.param(None, marks=pytest.mark.skip("no recordings"))])
def test_a_recorded_error_is_what_its_documentation_calls_it(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    response = ErrorResponse(told["status"], told["headers"], told["body"].encode())
    failure = failure_of_response(response, ENDPOINT, "/x", now_unix_s=0.0)
    assert failure.kind == documented(told["status"], told["body"])
    assert failure.is_retryable == (told["status"] in (429, 500))
    assert (failure.retry_after_s is None) == (told["status"] != 429)
