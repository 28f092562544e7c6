"""What a provider's complaint means, read from any shape in use and looked up in the table of errors.

Shared by all wire formats, for their codes do not contradict each other. Both ways in end here: an HTTP answer that is
no stream, and an error inside a stream.

Rules:
- The first row of the table that fits decides; what no row knows is the caller's (3xx, 4xx) or the provider's.
- An answer under status 2xx is a complaint only if it has the shape of one: a story about rate limits is none.
- `x-should-retry` is the provider's last word on retrying (Anthropic, OpenAI).
- A hint when to come back is taken from the headers, else from the body, else from the words, else from the limits
  that are used up.

Source: wire-formats §1.4, §1.5, §2.3, §3 to §6 and §9 (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from ...engine.core.failures import Failure, FailureKind
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.printable import printable
from ...engine.core.provider import ErrorResponse
from ...engine.core.retry import duration_s, hint_in_message, reset_hint_s, retry_after_s
from ..endpoint import Endpoint
from ..wire.json import count_at, list_at, object_at, read_value, text_at
from .row import Row

_WORDS_CHARS_MAX = 8192
"""How far into a stranger's words we look; phrases that are known stand in the first hundred, hints close by."""
_WORDS = ("error", "message", "msg", "error_msg")
"""Where the words stand; the last two are those of gateways and of providers in China."""
_CODES_MAX = 32
_CODE_CHARS_MAX = 256
_DIGITS = re.compile("[0-9]{3}")
_CODE_STATUS = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504}
"""The statuses of the same errors outside a stream (wire-formats §1.4)."""


@frozen
class Complaint:
    """What a provider says went wrong: its words, and every code it gives, the most telling first.

    `hint_s` is the body's own word on when to come back; `is_hinted` says that the headers had one.
    """

    message: str
    codes: tuple[str, ...] = ()
    status: int | None = None
    hint_s: float | None = None
    is_hinted: bool = False


# -- the table ----------------------------------------------------------------------------------------------------


def kind_of(complaint: Complaint) -> FailureKind:
    """Name a complaint; without code, status or telling words it is the provider's fault."""
    row = row_of(complaint)
    if row is not None:
        return row.kind
    is_callers = complaint.status is not None and 300 <= complaint.status < 500
    return FailureKind.INVALID_REQUEST if is_callers else FailureKind.PROVIDER


def row_of(complaint: Complaint) -> Row | None:
    """Return the row of the table that decides, if one does. A status of success counts as none."""
    status = complaint.status
    said = evolve(complaint, status=None) if status is not None and 100 <= status < 300 else complaint
    from .table import TABLE  # some forty patterns are compiled for it: with the first error, not with every import

    return next((row for row in TABLE if _fits(row, said)), None)


def _fits(row: Row, complaint: Complaint) -> bool:
    return (
        (not row.statuses or complaint.status in row.statuses)
        and (not row.hinted or complaint.is_hinted)
        and (not row.codes or any(code in row.codes for code in complaint.codes))
        and (not row.code_part or any(row.code_part in code for code in complaint.codes))
        and (row.phrase is None or row.phrase.search(complaint.message) is not None)
    )


# -- reading ------------------------------------------------------------------------------------------------------


def read_complaint(value: JSONValue) -> Complaint:
    """Read the error out of any shape in use: `{error: {…}}`, `{error: "…"}`, `{message, type, code}`, `{detail}`.

    Also `{errors: [{message}]}` (Cloudflare). A gateway's complaint may hold its upstream's, in `metadata.raw` or
    instead of a message: its codes and words are added. Never raises; what has no known shape is a complaint without
    words.
    """
    said, inner = _read_shape(value), _read_shape(_upstream(value))
    if not inner.message and not inner.codes:
        return said
    is_wrapped = said.message.lstrip().startswith(("{", "["))
    return Complaint(
        inner.message if is_wrapped else ": ".join(words for words in (said.message, inner.message) if words),
        (*said.codes, *inner.codes),
        said.status or inner.status,
        said.hint_s if said.hint_s is not None else inner.hint_s,
    )


def _holder(value: JSONValue) -> JSONObject:
    """The object that holds the error's fields; of a list, its first (Vertex)."""
    value = value[0] if isinstance(value, list) and value else value
    error = value.get("error") if isinstance(value, dict) else None
    holder = error if isinstance(error, dict) else value
    return holder if isinstance(holder, dict) else {}


def _upstream(value: JSONValue) -> JSONValue:
    """What a gateway repeats of its upstream: `metadata.raw` (OpenRouter), or JSON where the words should be."""
    holder = _holder(value)
    raw, message = object_at(holder, "metadata").get("raw"), text_at(holder, "message")
    if isinstance(raw, str):
        return read_value(raw) or raw
    return raw or (read_value(message) if message.lstrip().startswith(("{", "[")) else None)


def _read_shape(value: JSONValue) -> Complaint:
    if isinstance(value, str):
        return Complaint(value[:_WORDS_CHARS_MAX])
    holder = _holder(value)
    words = next(filter(None, (text_at(holder, name) for name in _WORDS)), "") or _detail(holder.get("detail"))
    words = words or text_at(object_at(holder, "base_resp"), "status_msg")
    words = words or "; ".join(filter(None, (text_at(error, "message") for error in _objects(holder, "errors"))))
    return Complaint(words[:_WORDS_CHARS_MAX], _codes(holder), _status(holder), _retry_info_s(holder))


def _detail(detail: JSONValue) -> str:
    """Mistral and FastAPI: a sentence, or a list of what is wrong where."""
    if isinstance(detail, str):
        return detail
    items = [item for item in detail if isinstance(item, dict)] if isinstance(detail, list) else []
    return "; ".join(f"{_place(item)}{text_at(item, 'msg')}" for item in items[:_CODES_MAX])


def _place(item: JSONObject) -> str:
    place = ".".join(str(part) for part in list_at(item, "loc") if isinstance(part, str | int))
    return f"{place}: " if place else ""


def _codes(holder: JSONObject) -> tuple[str, ...]:
    metadata = object_at(holder, "metadata")
    found = (
        text_at(object_at(holder, "details"), "error_code"),
        *_google_reasons(holder),
        text_at(holder, "code"),
        text_at(object_at(holder, "innererror"), "code"),
        text_at(metadata, "limit_source"),
        text_at(metadata, "error_type"),
        "moderation" if "reasons" in metadata or "flagged_input" in metadata else "",
        text_at(holder, "type"),
        text_at(holder, "status"),
        f"base_resp {refusal_code(holder)}" if refusal_code(holder) else "",
        f"{text_at(holder, 'code')} {text_at(holder, 'param')}" if text_at(holder, "param") else "",
    )
    return tuple(code[:_CODE_CHARS_MAX] for code in found if code)


def _google_reasons(holder: JSONObject) -> Iterator[str]:
    """The reasons and the ids of quotas in `details` (google.rpc) and `errors`."""
    for detail in _objects(holder, "details"):
        yield text_at(detail, "reason")
        yield from (text_at(violation, "quotaId") for violation in _objects(detail, "violations"))
    yield from (text_at(error, "reason") for error in _objects(holder, "errors"))


def _retry_info_s(holder: JSONObject) -> float | None:
    delays = (duration_s(text_at(detail, "retryDelay")) for detail in _objects(holder, "details"))
    return max((delay for delay in delays if delay is not None), default=None)


def _objects(holder: JSONObject, key: str) -> list[JSONObject]:
    return [item for item in list_at(holder, key)[:_CODES_MAX] if isinstance(item, dict)]


def _status(holder: JSONObject) -> int | None:
    for key in ("status_code", "raw_status_code", "status", "code"):
        status = count_at(holder, key)
        if status is None and _DIGITS.fullmatch(text_at(holder, key)):
            status = int(text_at(holder, key))
        if status is not None and 400 <= status < 600:
            return status
    return None


def is_complaint(value: JSONValue) -> bool:
    """Whether a body has the shape of an error, and not of an answer that happens to tell of one.

    Beside the shapes with an `error`: MiniMax's `base_resp` with a code, Cloudflare's `success: false`, and words
    beside a status of HTTP's, as gateways write them (`{"code": 401, "message": "…"}`).
    """
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, dict):
        return False
    if value.get("error") or "error" in (text_at(value, "object"), text_at(value, "type")):
        return True
    if refusal_code(value) or value.get("success") is False:
        return True
    words = next(filter(None, (text_at(value, name) for name in _WORDS)), "") or _detail(value.get("detail"))
    return bool(words) and _status(value) is not None


def refusal_code(holder: JSONObject) -> int:
    """Return the code of MiniMax's `base_resp`, which stands in every answer of theirs; 0 where nothing is wrong."""
    return count_at(object_at(holder, "base_resp"), "status_code") or 0


# -- failures -----------------------------------------------------------------------------------------------------


def failure_in_stream(value: JSONValue, endpoint: Endpoint, path: str) -> Failure:
    """Name an error that came inside a stream. Its status, where the provider gives none, is that of its code.

    A timeout there is the provider's failure: none of our clocks ran out.
    """
    complaint = read_complaint(value)
    status = complaint.status or next((_CODE_STATUS[word] for word in complaint.codes if word in _CODE_STATUS), None)
    words = printable(endpoint.scrub(complaint.message)) or "no message"
    hint_s = complaint.hint_s if complaint.hint_s is not None else hint_in_message(complaint.message)
    advice = _advice(complaint, endpoint.path(path))
    kind = kind_of(complaint)
    return Failure(
        FailureKind.PROVIDER if kind is FailureKind.TIMEOUT else kind,
        f"{endpoint.name} {endpoint.path(path)} error in the stream: {words}{advice}",
        status=status,
        code=_shown_code(complaint, endpoint),
        retry_after_s=hint_s,
    )


def failure_of_response(response: ErrorResponse, endpoint: Endpoint, path: str, *, now_unix_s: float) -> Failure:
    """Name an answer that is not a stream. Never raises."""
    complaint = _complaint_of(response, now_unix_s)
    kind = kind_of(complaint)
    hint_s = _hint_s(response.headers, complaint, kind, now_unix_s)
    return Failure(
        kind,
        _message(response, endpoint, path, complaint, hint_s),
        status=complaint.status,
        code=_shown_code(complaint, endpoint),
        retry_after_s=hint_s,
        retryable={"true": True, "false": False}.get(response.headers.get("x-should-retry", "").strip().lower()),
    )


def _complaint_of(response: ErrorResponse, now_unix_s: float) -> Complaint:
    """Read a response. Under a status of success, only the shape of an error is one, and its own status counts."""
    text = response.body.decode("utf-8", "replace").strip()
    value = read_value(text)
    is_success = 100 <= response.status < 300
    if is_success and not is_complaint(value):
        return Complaint("", status=response.status)
    said = read_complaint(value)
    status = (said.status or response.status) if is_success else response.status
    is_hinted = bool(retry_after_s(response.headers, now_unix_s=now_unix_s))
    return evolve(said, message=said.message or text, status=status, is_hinted=is_hinted)


def _hint_s(headers: Mapping[str, str], complaint: Complaint, kind: FailureKind, now_unix_s: float) -> float | None:
    hint_s = retry_after_s(headers, now_unix_s=now_unix_s)
    if hint_s is None:
        hint_s = complaint.hint_s
    if hint_s is None:
        hint_s = hint_in_message(complaint.message)
    return reset_hint_s(headers) if hint_s is None and kind is FailureKind.RATE_LIMITED else hint_s


def _shown_code(complaint: Complaint, endpoint: Endpoint) -> str | None:
    code = next(iter(complaint.codes), None)
    return None if code is None else printable(endpoint.scrub(code), 64)


def _message(response: ErrorResponse, endpoint: Endpoint, path: str, complaint: Complaint, hint_s: float | None) -> str:
    full_path = endpoint.path(path)
    text = complaint.message or response.body.decode("utf-8", "replace").strip()
    message = f"{endpoint.name} {full_path} HTTP {response.status}: {printable(endpoint.scrub(text)) or 'no message'}"
    is_events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    if 200 <= response.status < 300 and (not is_events or response.headers.get("content-encoding")):
        seen = printable(endpoint.scrub(response.headers.get("content-type", "none")), 80)
        coding = printable(endpoint.scrub(response.headers.get("content-encoding", "")), 80)
        coded = f", content-encoding seen: {coding}; expected: none" if coding else ""
        message += f" (content-type seen: {seen}; expected: text/event-stream{coded})"
    elif 300 <= response.status < 400:
        message += " (redirects are never followed: give the final address as base_url)"
    message += _advice(complaint, full_path)
    if hint_s is not None:
        message += f" (the provider suggests retrying after {hint_s:g} s)"
    return message


def _advice(complaint: Complaint, full_path: str) -> str:
    row = row_of(complaint)
    return f" (this model is not served by {full_path}: {row.advice})" if row is not None and row.advice else ""
