"""What a provider's complaint means: by its code first, then by its status, then, for want of a code, by its words.

Shared by all wire formats, for their codes do not contradict each other. Both ways in end here: an HTTP answer that is
no stream, and an error inside a stream.

Rules:
- Strong codes decide alone; weak ones ("invalid_request_error", "api_error") only where there is no status, because
  compatible servers send them with everything.
- Words are looked for only where a status leaves the kind open, and are whole phrases: "streamGenerateContent" holds
  "rate" and is no rate limit.
- `x-should-retry` is the provider's last word on retrying (Anthropic, OpenAI).

Source: wire-formats §1.4, §1.5, §2.3, §3 and §9 (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from ..engine.core.failures import Failure, FailureKind, printable
from ..engine.core.json_value import JSONObject, JSONValue
from ..engine.core.provider import WireRefusal
from ..engine.core.retry import hint_in_message, retry_after_s
from .endpoint import Endpoint
from .wire_json import count_at, object_at, read_value, text_at


@frozen
class Complaint:
    """What a provider says went wrong: its words, and every code it gives, the most telling first."""

    message: str
    codes: tuple[str, ...] = ()
    status: int | None = None


def _table(kinds: Mapping[FailureKind, str]) -> dict[str, FailureKind]:
    return {code: kind for kind, codes in kinds.items() for code in codes.split()}


_STRONG = _table(
    {
        FailureKind.QUOTA_EXHAUSTED: (
            "insufficient_quota billing_hard_limit_reached billing_not_active contract_spend_limit_reached "
            "enforced_spend_limit_reached billing_error payment_required insufficient_credits"
        ),
        FailureKind.CONTEXT_OVERFLOW: "context_length_exceeded exceed_context_size_error too_many_prompt_tokens",
        FailureKind.MODEL_NOT_FOUND: "model_not_found invalid_model not_found_error DeploymentNotFound",
        FailureKind.UNAUTHORIZED: (
            "invalid_api_key authentication_error permission_error permission_denied "
            "unsupported_country_region_territory"
        ),
        FailureKind.RATE_LIMITED: "rate_limit_exceeded rate_limit_error RateLimitReached ramp_limit_exceeded",
        FailureKind.OVERLOADED: (
            "overloaded_error slow_down server_is_overloaded capacity_exceeded provider_overloaded "
            "provider_unavailable unavailable_error insufficient_system_resource"
        ),
        FailureKind.CONTENT_FILTERED: "content_filter content_policy_violation ResponsibleAIPolicyViolation",
        FailureKind.PROVIDER: "tool_use_failed json_validate_failed",  # the model's fault under status 400 (Groq)
    }
)
_WEAK = _table(
    {
        FailureKind.INVALID_REQUEST: "invalid_request_error request_too_large",
        FailureKind.PROVIDER: "api_error server_error timeout_error",
    }
)
_CODE_STATUS = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504}
"""The statuses of the same errors outside a stream (wire-formats §1.4)."""

_STATUSES = {
    401: FailureKind.UNAUTHORIZED,
    402: FailureKind.QUOTA_EXHAUSTED,
    403: FailureKind.UNAUTHORIZED,
    404: FailureKind.MODEL_NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.PROVIDER,
    425: FailureKind.PROVIDER,
    429: FailureKind.RATE_LIMITED,
    498: FailureKind.OVERLOADED,
    499: FailureKind.PROVIDER,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}

_PREFILL_REFUSED = re.compile(
    r"prefilling assistant messages is not supported|does not support assistant message prefill|"
    r"conversation must end with a user message|final assistant content cannot end with trailing whitespace|"
    r"a final `?assistant`? message must start with a thinking block|prefill is incompatible with enable_thinking|"
    r"expected last role user or tool|requests ending with a model turn are not supported",
    re.IGNORECASE,
)
_OVERFLOW = re.compile(
    r"prompt is too long|prompt too long|maximum context length|max(?:imum)? context (?:length|window)|"
    r"exceeds? (?:the |its )?context (?:window|limit|length|size)|available context size|"
    r"input token count.{0,40}exceeds|total length of all messages is too long",
    re.IGNORECASE | re.DOTALL,
)
_WRONG_ENDPOINT = re.compile(
    r"not a chat model|not supported in the v1/|only supported in v1/responses|only supported with the responses api",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(r"is not a valid model id|\bmodel\b.{1,200}\bdoes not exist", re.IGNORECASE | re.DOTALL)
_WORDS_WITHOUT_STATUS = (
    (re.compile(r"\brate[ _-]?limit(?:ed|s)?\b|\btoo many requests\b", re.IGNORECASE), FailureKind.RATE_LIMITED),
    (re.compile(r"\boverloaded\b|\bat capacity\b", re.IGNORECASE), FailureKind.OVERLOADED),
)


def kind_of(complaint: Complaint) -> FailureKind:
    """Name a complaint; without code, status or telling words it is the provider's fault."""
    for code in complaint.codes:
        if code in _STRONG and not (code == "not_found_error" and complaint.status not in (None, 404)):
            return _STRONG[code]
    status = complaint.status
    weak = next((_WEAK[code] for code in complaint.codes if code in _WEAK), None)
    kind = (weak or FailureKind.PROVIDER) if status is None or 100 <= status < 300 else _by_status(status)
    if kind is FailureKind.INVALID_REQUEST:
        return _by_words(complaint.message)
    if weak is None and kind is FailureKind.PROVIDER and (status is None or status < 300):
        return next((kind for words, kind in _WORDS_WITHOUT_STATUS if words.search(complaint.message)), kind)
    return kind


def _by_status(status: int) -> FailureKind:
    if status in _STATUSES:
        return _STATUSES[status]
    return FailureKind.INVALID_REQUEST if 300 <= status < 500 else FailureKind.PROVIDER


def _by_words(message: str) -> FailureKind:
    if _PREFILL_REFUSED.search(message):
        return FailureKind.CONTINUATION_REFUSED
    if _OVERFLOW.search(message):
        return FailureKind.CONTEXT_OVERFLOW
    if _WRONG_ENDPOINT.search(message) or _NO_SUCH_MODEL.search(message):
        return FailureKind.MODEL_NOT_FOUND
    return FailureKind.INVALID_REQUEST


def read_complaint(value: JSONValue) -> Complaint:
    """Read the error out of any shape in use: `{error: {…}}`, `{error: "…"}`, `{message, type, code}`, `{detail}`.

    Never raises; what has no known shape is a complaint without words.
    """
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return Complaint(value)
    if not isinstance(value, dict):
        return Complaint("")
    error = value.get("error")
    if isinstance(error, str):
        return Complaint(error, _codes(value))
    holder = error if isinstance(error, dict) else value
    detail = holder.get("detail")
    message = text_at(holder, "message") or (detail if isinstance(detail, str) else "")
    return Complaint(message, _codes(holder), _status(holder))


def _codes(holder: JSONObject) -> tuple[str, ...]:
    details, metadata = object_at(holder, "details"), object_at(holder, "metadata")
    found = (
        text_at(details, "error_code"),
        text_at(holder, "code"),
        text_at(metadata, "error_type"),
        text_at(holder, "type"),
    )
    return tuple(code for code in found if code)


def _status(holder: JSONObject) -> int | None:
    for key in ("status_code", "raw_status_code", "status", "code"):
        status = count_at(holder, key)
        if status is not None and 400 <= status < 600:
            return status
    return None


def failure_in_stream(value: JSONValue, endpoint: Endpoint, path: str) -> Failure:
    """Name an error that came inside a stream. Its status, where the provider gives none, is that of its code."""
    complaint = read_complaint(value)
    code = next(iter(complaint.codes), None)
    status = complaint.status or next((_CODE_STATUS[word] for word in complaint.codes if word in _CODE_STATUS), None)
    words = printable(endpoint.scrub(complaint.message)) or "no message"
    return Failure(
        kind_of(complaint),
        f"{endpoint.name} {endpoint.path(path)} error in the stream: {words}",
        status=status,
        code=None if code is None else printable(endpoint.scrub(code), 64),
        retry_after_s=hint_in_message(complaint.message),
    )


def failure_of_refusal(refusal: WireRefusal, endpoint: Endpoint, path: str, *, now_unix_s: float) -> Failure:
    """Name an answer that is not a stream. Never raises."""
    text = refusal.body.decode("utf-8", "replace")
    said = read_complaint(read_value(text))
    complaint = Complaint(said.message or text.strip(), said.codes, refusal.status)
    kind = kind_of(complaint)
    hint_s = retry_after_s(refusal.headers, now_unix_s=now_unix_s)
    hint_s = hint_s if hint_s is not None else hint_in_message(complaint.message)
    code = next(iter(complaint.codes), None)
    return Failure(
        kind,
        _message(refusal, endpoint, path, complaint, hint_s),
        status=refusal.status,
        code=None if code is None else printable(endpoint.scrub(code), 64),
        retry_after_s=hint_s,
        retryable={"true": True, "false": False}.get(refusal.headers.get("x-should-retry", "").strip().lower()),
    )


def _message(refusal: WireRefusal, endpoint: Endpoint, path: str, complaint: Complaint, hint_s: float | None) -> str:
    full_path = endpoint.path(path)
    words = printable(endpoint.scrub(complaint.message)) or "no message"
    message = f"{endpoint.name} {full_path} HTTP {refusal.status}: {words}"
    if 200 <= refusal.status < 300:
        seen = printable(refusal.headers.get("content-type", "none"), 80)
        coding = printable(refusal.headers.get("content-encoding", ""), 80)
        coded = f", content-encoding seen: {coding}; expected: none" if coding else ""
        message += f" (content-type seen: {seen}; expected: text/event-stream{coded})"
    elif 300 <= refusal.status < 400:
        message += " (redirects are never followed: give the final address as base_url)"
    elif _WRONG_ENDPOINT.search(complaint.message):
        message += f" (this model is not served by {full_path}: take the provider class of the endpoint it names)"
    if hint_s is not None:
        message += f" (the provider suggests retrying after {hint_s:g} s)"
    return message
