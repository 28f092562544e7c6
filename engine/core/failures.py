"""What a provider answered instead of an answer, as a value. It is raised at the edge only: see `to_error`.

A failure is classified once, by the provider that understands its statuses and codes; everything after that looks at
`kind` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import evolve, frozen

from . import causes, errors
from .capabilities import ContinuationForm
from .causes import InterruptCause
from .printable import NAME_CHARS_MAX, SENTENCE_CHARS_MAX, printable
from .secret import Secret
from .snapshot import InterruptSnapshot


class FailureKind(StrEnum):
    """The taxonomy of the source documents (seeds, row 001), with money and refused continuations told apart."""

    PROVIDER = "provider"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    EMPTY_RESPONSE = "empty_response"
    CONTEXT_OVERFLOW = "context_overflow"
    INVALID_REQUEST = "invalid_request"
    CONTINUATION_REFUSED = "continuation_refused"
    UNAUTHORIZED = "unauthorized"
    QUOTA_EXHAUSTED = "quota_exhausted"
    MODEL_NOT_FOUND = "model_not_found"
    CONTENT_FILTERED = "content_filtered"


_ERRORS: dict[FailureKind, type[errors.InferenceError]] = {
    FailureKind.PROVIDER: errors.ProviderError,
    FailureKind.RATE_LIMITED: errors.RateLimited,
    FailureKind.OVERLOADED: errors.Overloaded,
    FailureKind.TIMEOUT: errors.InferenceTimeout,
    FailureKind.EMPTY_RESPONSE: errors.EmptyResponse,
    FailureKind.CONTEXT_OVERFLOW: errors.ContextOverflow,
    FailureKind.INVALID_REQUEST: errors.InvalidRequest,
    FailureKind.CONTINUATION_REFUSED: errors.ContinuationRefused,
    FailureKind.UNAUTHORIZED: errors.Unauthorized,
    FailureKind.QUOTA_EXHAUSTED: errors.QuotaExhausted,
    FailureKind.MODEL_NOT_FOUND: errors.ModelNotFound,
    FailureKind.CONTENT_FILTERED: errors.ContentFiltered,
}


@frozen
class Failure:
    """One classified failure. `retryable` is the provider's own word (`x-should-retry`), where it gave one."""

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None
    retryable: bool | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether another attempt makes sense."""
        if self.retryable is not None:
            return self.retryable
        return _ERRORS[self.kind].is_retryable

    def refuses(self, form: ContinuationForm) -> bool:
        """Whether it says no to the way in which the answer was to go on, and not to the request.

        Reading on is answered with an error that is no use to retry where the generation is no more, or the cursor too
        old.
        """
        if form is ContinuationForm.CURSOR:
            return not self.is_retryable
        return self.kind is FailureKind.CONTINUATION_REFUSED and form is not ContinuationForm.RESTART

    def printable(self, secrets: Iterable[Secret] = ()) -> Failure:
        """Return the failure with a message and a code that can be shown, whoever wrote them."""
        code = None if self.code is None else printable(self.code, NAME_CHARS_MAX, secrets=secrets)
        return evolve(self, message=printable(self.message, SENTENCE_CHARS_MAX, secrets=secrets), code=code)

    def to_error(self, snapshot: InterruptSnapshot | None = None) -> errors.InferenceError:
        """Build the exception that the edge raises for this failure."""
        return _ERRORS[self.kind](
            printable(self.message, SENTENCE_CHARS_MAX),
            retry_after_s=self.retry_after_s,
            status=self.status,
            code=self.code,
            snapshot=snapshot,
        )

    def to_cause(self) -> InterruptCause:
        """Say what this failure did to the stream."""
        match self.kind:
            case FailureKind.RATE_LIMITED:
                return causes.RateLimited(self.retry_after_s)
            case FailureKind.OVERLOADED:
                return causes.Overloaded(self.retry_after_s)
            case FailureKind.EMPTY_RESPONSE:
                return causes.EmptyAnswer()
            case FailureKind.TIMEOUT:
                return causes.IdleStall("headers")
            case _:
                return self._cause_by_status()

    def _cause_by_status(self) -> InterruptCause:
        if self.status is None:
            return causes.Provider5xx(500)  # an error inside the stream, which names no status
        return causes.Provider5xx(self.status) if self.status >= 500 else causes.MalformedStream(self.message)


def failure_of_error(error: errors.InferenceError) -> Failure:
    """Name an error that an event source raised to refuse, as if a provider had answered it."""
    kinds = {kind: name for name, kind in _ERRORS.items()}
    named = next((kinds[parent] for parent in type(error).__mro__ if parent in kinds), FailureKind.PROVIDER)
    return Failure(named, error.message, error.status, error.code, error.retry_after_s, retryable=error.is_retryable)


def failure_of_break(cause: InterruptCause, detail: str, origin: str) -> Failure:
    """Say what a broken connection is if nothing was ever said: a timeout, or the provider's failure."""
    if not isinstance(cause, causes.IdleStall):
        return Failure(FailureKind.PROVIDER, f"{origin}: {detail or str(cause)}")
    waited = f" after {cause.waited_s:g} s" if cause.waited_s is not None else ""
    return Failure(FailureKind.TIMEOUT, f"{origin}: {detail or str(cause)}{waited}")
