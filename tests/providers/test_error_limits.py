"""Used-up money and contexts that are too long, in the words in use; pages of proxies; what sounds like them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from riverrun import LlamaCpp, LMStudio, Ollama
from riverrun.engine.core.failures import Failure
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import ErrorResponse
from riverrun.engine.core.stream_events import StreamFailed
from riverrun.providers.endpoint import Endpoint
from riverrun.providers.error_table.classify import failure_in_stream, failure_of_response

ENDPOINT = Endpoint("test", "https://example.com/v1", {})


def classify(status: int, body: Any, content_type: str = "application/json") -> Failure:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response = ErrorResponse(status, {"content-type": content_type}, data)
    return failure_of_response(response, ENDPOINT, "/x", now_unix_s=0.0)


def in_stream(body: Any) -> Failure:
    return failure_in_stream(body, ENDPOINT, "/x")


def error(message: str = "x", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


OVERFLOWS = [
    "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model "
    "with a larger context length, or provide a shorter input",
    "Trying to keep the first 15857 tokens when context the overflows. However, the model is loaded with context "
    "length of only 4096 tokens, which is not enough.",
    "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)",
    "Reached context length of 4096 tokens with model (arch: gpt-oss) that does not currently support mid-generation "
    "context overflow.",
    "This model's maximum prompt length is 131072 but the request contains 136973 tokens.",
    "You passed 98305 input tokens and requested 32768 output tokens. However, the model's context length is only "
    "131072 tokens, resulting in a maximum input length of 98304 tokens.",
    "Input is too long for requested model.",
    "An error occurred (ValidationException) when calling the InvokeModel operation: Input is too long for requested "
    "model.",
    "prompt tokens (1055489) exceed model maximum (1050000) for bedrock",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
    "Input token length too long",
    "invalid params, context window exceeds limit (2013)",
    "prompt token count of 93854 exceeds the limit of 90000",
    "Prompt exceeds max length",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 32768. Given: 40000 `inputs` tokens and 1 "
    "`max_new_tokens`",
    "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 289650 tokens.",
    "too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - received 6354.",
    "Requested generation length 1 is not possible! The provided prompt is 4309 tokens long, so generating 1 tokens "
    "requires a sequence length of 4310, but the maximum supported sequence length is just 4096!",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 983616]",
    "Input length 203743 exceeds the maximum length 202752",
    "prompt too long; exceeded max context length by 12 tokens (ref: 1)",
    "Context length exceeded",
    "ContextLengthExceeded",
    "the context length is 8192, and your messages have 9000 tokens",
    "maximum context reached",
    "9000 tokens exceeds what this model takes",
    "Your token count is over the limit of 8192",
    "Token limit exceeded",
    "The prompt exceeds the token limit of this model",
]
each_overflow = pytest.mark.parametrize("message", OVERFLOWS)


@each_overflow
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_context_that_is_too_long_is_known_by_its_sentence(message: str, status: int) -> None:
    failure = classify(status, error(message, type="invalid_request_error"))
    assert (failure.kind, failure.is_retryable) == ("context_overflow", False)
    assert classify(status, {"error": message}).kind == "context_overflow"


@each_overflow
def test_a_context_that_is_too_long_is_known_in_a_stream_of_status_200(message: str) -> None:
    assert in_stream(error(message)).kind == "context_overflow"
    assert in_stream(error(message, code=400, type="BadRequestError")).kind == "context_overflow"
    assert in_stream({"error": message}).kind == "context_overflow"


@each_overflow
def test_a_gateway_is_heard_for_an_overflow_of_its_upstream(message: str) -> None:
    for raw in (error(message), json.dumps(error(message)), message):
        wrapped = error("Provider returned error", code=400, metadata={"raw": raw, "provider_name": "x"})
        assert classify(400, wrapped).kind == in_stream(wrapped).kind == "context_overflow"


@each_overflow
def test_a_context_that_is_too_long_is_not_asked_again_beside_status_500(message: str) -> None:
    failure = classify(500, error(message, type="server_error"))
    assert (failure.kind, failure.is_retryable) == ("context_overflow", False)


@pytest.mark.parametrize("status", [400, 500])
def test_the_codes_of_an_overflow_are_known_in_their_spellings(status: int) -> None:
    for code in ("context_length_exceeded", "ContextLengthExceeded", "ContextWindowExceededError"):
        assert classify(status, error(code=code)).kind == "context_overflow"


UNDER_500 = [
    error("Context size has been exceeded.", code=500, type="server_error"),
    error("context shift is disabled", code=500, type="server_error"),
    error("x", code=500, type="exceed_context_size_error", n_prompt_tokens=1407, n_ctx=256),
    {"error": "prompt too long; exceeded max context length by 12 tokens (ref: 1)"},
    {"error": "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 2)"},
    error("litellm.APIConnectionError: Input is too long for requested model.", type="api_error"),
]  # fmt: skip


@pytest.mark.parametrize("body", UNDER_500)
def test_a_server_that_blames_itself_for_our_context_is_not_asked_again(body: Any) -> None:
    for failure in (classify(500, body), in_stream(body), classify(200, body)):
        assert (failure.kind, failure.is_retryable) == ("context_overflow", False)


BODIES = [
    (LMStudio("m"), b'event: error\ndata: {"error":{"message":"Reached context length of 4096 tokens"}}\n\n'),
    (
        LlamaCpp("m"),
        b'data: {"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}\n\n',
    ),
    (Ollama("m"), b'{"error":"prompt too long; exceeded max context length by 12 tokens (ref: 1)"}\n'),
]


@pytest.mark.parametrize(("provider", "body"), BODIES, ids=["lmstudio", "llamacpp", "ollama"])
def test_an_overflow_in_a_body_of_status_200_ends_the_stream_with_it(provider: Any, body: bytes) -> None:
    events = provider.decoder(Limits()).feed(body)
    failures = [event.failure for event in events if isinstance(event, StreamFailed)]
    assert [failure.kind for failure in failures] == ["context_overflow"]


BROKE = [
    (429, error("Your account x is suspended", type="exceeded_current_quota_error")),
    (403, error("Your account x is suspended", type="exceeded_current_quota_error")),
    (403, error("Your account org-1 <ak-1> is suspended due to insufficient balance, please recharge your account")),
    (429, error("Your account org-1 <ak-1> is suspended due to insufficient balance, please recharge your account")),
    (429, error("Insufficient balance or no resource package. Please recharge.", code="1113")),
    (429, {"type": "error", "error": {"type": "1113", "message": "Please recharge."}}),
    (429, error("Error from provider(zai: 429): Insufficient balance or no resource package. Please recharge.")),
    (429, error("Usage limit reached for 5 hour. Your limit will reset at 2026-09-09 05:38:28", code="1308")),
    (429, error("You've reached your usage limit for this period.")),
    (429, error("Your prepayment credits are depleted.", code=429, status="RESOURCE_EXHAUSTED")),
    (429, error("insufficient balance (1008)", http_code="429", type="insufficient_balance_error")),
    (402, error("Credit limit exceeded.", type="credit_limit")),
    (402, error("Insufficient Balance", type="unknown_error", code="invalid_request_error")),
    (400, error("Access denied, please make sure your account is in good standing.", code="Arrearage")),
    (403, error("The free tier of the model has been exhausted.", code="AllocationQuota.FreeTierOnly")),
    (403, {"code": "INSUFFICIENT_BALANCE", "message": "Insufficient account balance"}),
    (412, error("Account x is suspended, possibly due to reaching the monthly spending limit", type="error")),
    (403, error("Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys", code=403)),
    (429, error("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
                code=429, metadata={"headers": {"X-RateLimit-Remaining": "0"}})),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), BROKE)
def test_an_account_without_money_is_not_asked_again(status: int, body: Any) -> None:
    for failure in (classify(status, body), in_stream(body)):
        assert (failure.kind, failure.is_retryable) == ("quota_exhausted", False)


def test_a_gateway_is_heard_for_the_money_of_its_upstream() -> None:
    raw = json.dumps(error("Your account x is suspended", type="exceeded_current_quota_error"))
    wrapped = error("Error from provider: Provider returned error", code=429, metadata={"raw": raw})
    assert classify(429, wrapped).kind == in_stream(wrapped).kind == "quota_exhausted"


OTHERS = [
    (400, error("x", type="invalid_request_error", code="model_decommissioned"), "model_not_found"),
    (404, error("x", code="DeploymentNotFound"), "model_not_found"),
    (400, error("x", code="data_inspection_failed", type="data_inspection_failed"), "content_filtered"),
    (400, error("The response was filtered due to the prompt triggering Azure OpenAI's content management policy."),
     "content_filtered"),
    (400, error("Upstream request failed: [data_inspection_failed] <400> InternalError.Algo.DataInspectionFailed: "
                "Input text data may contain inappropriate content."), "content_filtered"),
    (429, error("x", type="engine_overloaded_error"), "overloaded"),
    (429, error("x", type="rate_limit_reached_error"), "rate_limited"),
    (500, {"detail": "An error occurred (ThrottlingException) when calling the Converse operation (reached max "
           "retries: 4): Too many tokens, please wait before trying again."}, "rate_limited"),
    (429, {"message": "Too many tokens, please wait before trying again."}, "rate_limited"),
    (500, {"detail": "An error occurred (ModelNotReadyException) when calling the Converse operation"}, "overloaded"),
    (400, error("Model Not Exist", type="invalid_request_error", code="invalid_request_error"), "model_not_found"),
    (400, error("The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed x.",
                type="invalid_request_error", code="invalid_request_error"), "model_not_found"),
    (400, {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None},
     "model_not_found"),
    (500, error("Limit of tokens per minute reached"), "rate_limited"),
    (424, {"message": "The request failed due to an error while processing the model."}, "provider"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), OTHERS)
def test_other_words_of_gateways_and_servers_mean_what_they_say(status: int, body: Any, kind: str) -> None:
    assert classify(status, body).kind == kind


TEMPLATES = [
    "tools param requires --jinja flag",
    "[json.exception.parse_error.101] parse error at line 1, column 2",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    "\n------------\nWhile executing CallExpression at line 47 in source:\nError: Jinja Exception: After the "
    "optional system message, conversation roles must alternate user and assistant roles",
    "Conversation roles must alternate user/assistant/user/assistant/... at row 19, column 27:",
    "Failed to parse tools: Missing 'type' in tool; tools = []",
    "Failed to parse messages: Unsupported content part type: 'video'",
    "Failed to initialize samplers: failed to parse grammar",
    "Cannot use custom grammar constraints with tools.",
    "Missing 'role' in message: {}",
]


@pytest.mark.parametrize("message", TEMPLATES)
def test_what_the_caller_did_wrong_is_not_asked_again_though_the_status_is_500(message: str) -> None:
    body = error(message, code=500, type="server_error")
    failures = (
        classify(500, body),
        LlamaCpp("m").classify(ErrorResponse(500, {}, json.dumps(body).encode()), now_unix_s=0),
    )
    for failure in failures:
        assert (failure.kind, failure.is_retryable) == ("invalid_request", False)


def test_an_answer_that_the_server_could_not_parse_is_its_own_failure() -> None:
    failure = classify(500, error("Failed to parse input at pos 12: <tool_call>", code=500, type="server_error"))
    assert (failure.kind, failure.is_retryable) == ("provider", True)


@pytest.mark.parametrize("message", ["Limit of tokens per minute reached", "You exceeded your requests per minute"])
def test_a_limit_of_a_minute_is_a_rate_limit_where_no_code_says_more(message: str) -> None:
    assert in_stream(error(message)).kind == in_stream({"error": message}).kind == "rate_limited"


# -- what must not be mixed up --------------------------------------------------------------------------------------

LOOK_ALIKES = [
    "streamGenerateContent is not enabled",
    "the fields must be separate",
    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-test",
    "The maximum tokens you requested exceeds the model limit of 32768",
    "context_size must be an integer",
    "n_keep must be less than n_ctx",
    "proposed_prompt exceeds max length 500",
    "prompt_cache_key exceeds the limit of 64 characters",
    "tools: 200 exceeds the maximum of 128",
    "input length must be a number",
    "max_new_tokens must be <= 192",
    "'insufficient balance' is not a valid enum value",
    "key limit is not a known field",
    "prepayment is not a known field",
    "usage limit is not a known field",
    "Your account is not active",
    "decommissioned is not a known field",
    "content_management_policy is not a known field",
    "Input should be a valid string",
    "context length must be a number",
    "max_tokens exceeds the token limit of this model",
    "The number of output tokens exceeds the limit",
    "access token exceeds the limit of 512 characters",
]


@pytest.mark.parametrize("message", LOOK_ALIKES)
def test_what_only_sounds_like_a_limit_is_none(message: str) -> None:
    assert classify(400, error(message)).kind == "invalid_request"
    assert in_stream(error(message)).kind == classify(500, error(message)).kind == "provider"


@pytest.mark.parametrize("message", [*OVERFLOWS, "insufficient balance (1008)", "Context size has been exceeded."])
def test_a_story_about_a_limit_under_200_is_none(message: str) -> None:
    story = {"choices": [{"message": {"content": message}}]}
    assert classify(200, story).kind == classify(200, {"message": message, "code": "1261"}).kind == "provider"


@pytest.mark.parametrize("message", OVERFLOWS)
@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (429, "rate_limited"), (503, "overloaded")])
def test_no_sentence_of_overflow_overrules_a_status_that_says_something(message: str, status: int, kind: str) -> None:
    assert classify(status, error(message)).kind == kind


@pytest.mark.parametrize("code", ["1113", "1211", "1261", "1301", "1302", "1305", "1308", "1310"])
def test_a_number_as_code_means_nothing_beside_another_status(code: str) -> None:
    assert classify(500, error(code=code)).kind == "provider"
    assert classify(401, error(code=code)).kind == "unauthorized"
    assert classify(400, error(code=int(code))).kind == "invalid_request"


def test_a_suspension_for_another_reason_is_no_matter_of_money() -> None:
    assert classify(403, error("Your account is suspended for a violation of our terms")).kind == "unauthorized"
    assert classify(412, error("x", code="PRECONDITION_FAILED")).kind == "invalid_request"


NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr><center>nginx</center>"
)
CLOUDFLARE = (
    "<!DOCTYPE html><title>api.example.com | {0}</title><h1>A timeout occurred</h1> Too many requests? Rate limit?"
)
PAGES = [
    (413, NGINX.format("413 Request Entity Too Large"), "invalid_request"),
    (502, NGINX.format("502 Bad Gateway"), "provider"),
    (503, NGINX.format("503 Service Temporarily Unavailable"), "overloaded"),
    (504, NGINX.format("504 Gateway Time-out"), "timeout"),
    (520, CLOUDFLARE.format("520: Web server is returning an unknown error"), "provider"),
    (522, CLOUDFLARE.format("522: Connection timed out"), "provider"),
    (524, CLOUDFLARE.format("524: A timeout occurred"), "timeout"),
]


@pytest.mark.parametrize(("status", "page", "kind"), PAGES)
def test_a_page_of_a_proxy_is_known_by_its_status_alone(status: int, page: str, kind: str) -> None:
    failure = classify(status, page, "text/html")
    assert (failure.kind, failure.status) == (kind, status)


def test_cloudflares_own_json_says_what_failed() -> None:
    said = {"type": "https://x", "title": "Error 522: Connection timed out", "status": 522, "detail": "The handshake."}
    failure = classify(522, {**said, "cloudflare_error": True, "retryable": True})
    assert (failure.kind, failure.is_retryable) == ("provider", True)
    assert "The handshake." in failure.message


def test_errors_in_a_list_are_said_as_words() -> None:
    failure = classify(400, {"success": False, "errors": [{"code": 5007, "message": "No such model"}, {"code": 1}]})
    assert failure.message.endswith("HTTP 400: No such model")
