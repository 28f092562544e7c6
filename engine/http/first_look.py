"""Finds out by the first bytes of an answer who decodes it: a stream where none was asked for, a whole answer instead.

A body of JSON is a whole answer or an error, whatever its label says; a stream of events may be labelled as JSON
(docs/providers.md). A stream begins with a field or a comment, JSON with a bracket, and no line of one begins as the
other. Only
a provider that can read whole answers is given them (`AnswersWhole`): for any other, JSON under JSON's own label is an
answer about the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import cast

from attrs import evolve

from ..core.failures import Failure
from ..core.ignored import Ignored
from ..core.policy import Limits
from ..core.provider import AnswersWhole, ErrorResponse, Provider, WholeDecoder
from ..core.secret import Secret
from .body import Body
from .coding import coding_of, is_readable
from .transport import ANSWERED, error_response_of, first_bytes

LEADING = b" \t\r\n\xef\xbb\xbf"
"""White space and a byte order mark, before the first byte that tells."""

_FIELDS = (b"data", b"event", b"id", b"retry", b":")
_JSON_TYPES = frozenset({"application/json", "text/json"})


class BodyKind(Enum):
    """What the first bytes of a body are."""

    UNSEEN = "white space so far"
    STREAM = "a stream"
    JSON = "JSON"
    NEITHER = "labelled as JSON, and neither that nor events"


def is_labelled_json(headers: Mapping[str, str]) -> bool:
    """Whether the content type is JSON's."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in _JSON_TYPES


def kind_of_body(data: bytes, *, is_json: bool) -> BodyKind:
    """Tell the kind by the first bytes, however few; `is_json` is what the label says."""
    start = data.lstrip(LEADING)[:8]
    if not start:
        return BodyKind.UNSEEN
    if start[:1] in (b"{", b"["):
        return BodyKind.JSON
    is_field = any(start.startswith(field) or field.startswith(start) for field in _FIELDS)
    return BodyKind.NEITHER if is_json and not is_field else BodyKind.STREAM


class FailedError(Exception):
    """The provider, or an event source, answered with a failure instead of an answer. Raised to the attempt only."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class FirstLook:
    """The first look at one answer.

    Args:
        provider: who answers.
        body: the answer, unpacked if it was coded; what of it is needed for an error is read from there.
        limits: bounds on a whole answer, and on an error.
        wall_clock: unix seconds, for dates in Retry-After.
        secrets: what no failure may hold.
        streams: whether a stream was asked for.
        is_read_on: a generation is read on: what stands in one piece there is not what is left of it.
    """

    def __init__(
        self,
        provider: Provider,
        body: Body,
        limits: Limits,
        wall_clock: Callable[[], float],
        secrets: Sequence[Secret],
        *,
        streams: bool,
        is_read_on: bool,
    ) -> None:
        self._provider = provider
        self._body = body
        self._limits = limits
        self._wall_clock = wall_clock
        self._secrets = secrets
        self._streams = streams
        self._is_read_on = is_read_on
        self.is_over: bool = False
        self.odd: Ignored | None = None
        """What was not as it was asked for, once that is known."""

    async def require_answer(self) -> None:
        """Look at the head of the answer.

        Raises:
            FailedError: it is no answer's, or the body's coding is not read here, which asking again does not change.
        """
        refusal = await error_response_of(self._body, self._limits)
        if refusal is None:
            return
        failure = self._failure(refusal)
        is_unread = refusal.status in ANSWERED and not is_readable(coding_of(refusal.headers))
        raise FailedError(evolve(failure, retryable=False) if is_unread else failure)

    async def look(self, data: bytes) -> WholeDecoder | None:
        """Look at the first bytes: return the decoder of a whole answer, or None where the stream's decoder reads them.

        White space tells nothing, and is looked past; `is_over` says that something was seen.

        Raises:
            FailedError: the body is labelled as JSON, and this is neither an answer of the provider's nor a stream.
        """
        is_json = is_labelled_json(self._body.headers)
        kind = kind_of_body(data, is_json=is_json)
        self.is_over = kind is not BodyKind.UNSEEN
        match kind:
            case BodyKind.UNSEEN:
                return None
            case BodyKind.JSON:
                return await self._json(data, is_labelled=is_json)
            case BodyKind.STREAM:
                if is_json or not self._streams:
                    self.odd = Ignored.LABELLED_JSON if is_json else Ignored.STREAM_UNASKED
                return None
            case BodyKind.NEITHER:
                raise await self._refused(data)

    async def _json(self, data: bytes, *, is_labelled: bool) -> WholeDecoder | None:
        if self._is_read_on or not hasattr(self._provider, "whole_decoder"):
            if is_labelled:
                raise await self._refused(data)
            return None
        decoder = cast("AnswersWhole", self._provider).whole_decoder(self._limits)
        if decoder is not None and self._streams:
            self.odd = Ignored.WHOLE_ANSWER
        return decoder

    async def _refused(self, data: bytes) -> FailedError:
        return self.no_answer(await first_bytes(self._body, self._limits.error_body_bytes_max, data))

    def no_answer(self, beginning: bytes) -> FailedError:
        """Name a body that is no answer, by its head and its beginning."""
        return FailedError(self._failure(ErrorResponse(self._body.status, self._body.headers, beginning)))

    def _failure(self, response: ErrorResponse) -> Failure:
        return self._provider.classify(response, now_unix_s=self._wall_clock()).printable(self._secrets)
