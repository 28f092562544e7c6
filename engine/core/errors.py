"""Everything riverrun raises, ordered by who must act.

    RiverrunError
    ├── UsageError                the caller's code: fix the call
    │   ├── KeyUnusable           the key: missing or malformed
    │   └── CheckpointMismatch    another request under a stored run id
    ├── StoreError                the operator: the checkpoint store
    └── InferenceError            one answer could not be had
        ├── InvalidRequest        the caller: the request itself
        │   ├── ContextOverflow   the caller: shorten the conversation
        │   └── ContinuationRefused   nobody: the ladder takes the next form
        ├── Unauthorized          the account's owner: key, permission
        │   └── QuotaExhausted    the account's owner: money
        ├── ModelNotFound         the caller: the model's name
        ├── ContentFiltered       the caller: the provider declined the content
        ├── ProviderError         nobody: retried
        │   ├── RateLimited       nobody: retried after a wait
        │   ├── Overloaded        nobody: retried after a wait
        │   └── EmptyResponse     nobody: retried
        ├── InferenceTimeout      nobody: retried
        ├── StreamInterrupted     whoever holds the snapshot: the attempts are used up
        ├── AllModelsUnavailable  the operator: every route is closed
        └── InferenceCancelled    whoever cancelled

An error is raised only at the edge; inside, a failure is a value (`failures.Failure`).
"""

from __future__ import annotations

from typing import ClassVar

from .causes import InterruptCause
from .snapshot import InterruptSnapshot
from .usage_error import KeyUnusable, RiverrunError, UsageError

__all__ = [
    "AllModelsUnavailable",
    "CheckpointMismatch",
    "ContentFiltered",
    "ContextOverflow",
    "ContinuationRefused",
    "EmptyResponse",
    "InferenceCancelled",
    "InferenceError",
    "InferenceTimeout",
    "InvalidRequest",
    "KeyUnusable",
    "ModelNotFound",
    "Overloaded",
    "ProviderError",
    "QuotaExhausted",
    "RateLimited",
    "RiverrunError",
    "StoreError",
    "StreamInterrupted",
    "Unauthorized",
    "UsageError",
]


class CheckpointMismatch(UsageError):
    """A run id that already holds a checkpoint of another request. Nothing was sent and the checkpoint is untouched."""


class StoreError(RiverrunError):
    """A checkpoint store that can not be used: unreadable content, a refused file, a lost fence."""


class InferenceError(RiverrunError):
    """One answer could not be had. `snapshot` holds what was received by then; None when nothing was."""

    is_retryable: ClassVar[bool] = False
    """Whether the same request may succeed later, unchanged."""

    counts_toward_breaker: ClassVar[bool] = False
    """Whether the failure says something about the provider's health."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        status: int | None = None,
        code: str | None = None,
        snapshot: InterruptSnapshot | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.status = status
        self.code = code
        self.snapshot = snapshot


class InvalidRequest(InferenceError):
    """The provider refused the request as written."""


class ContextOverflow(InvalidRequest):
    """The conversation is longer than the model's context window. Never retried: compact it."""


class ContinuationRefused(InvalidRequest):
    """The provider refused the *form* of a continuation (a prefill, say); the run falls to the next form by itself."""


class Unauthorized(InferenceError):
    """The key is missing, wrong, or may not do this."""


class QuotaExhausted(Unauthorized):
    """The account's money or quota is used up. Not a rate limit: waiting does not help."""


class ModelNotFound(InferenceError):
    """The provider knows no such model, or not at this endpoint."""


class ContentFiltered(InferenceError):
    """The provider declined the prompt or the answer."""


class ProviderError(InferenceError):
    """The provider failed, or answered something that is not an answer."""

    is_retryable = True
    counts_toward_breaker = True


class RateLimited(ProviderError):
    """Too many requests or tokens; `retry_after_s` is the server's hint, if it gave one."""


class Overloaded(ProviderError):
    """The provider is over its capacity; `retry_after_s` is the server's hint, if it gave one."""


class EmptyResponse(ProviderError):
    """The provider ended an answer that holds neither text nor a call."""


class InferenceTimeout(InferenceError):
    """A clock of the stall policy ran out before the first event."""

    is_retryable = True
    counts_toward_breaker = True


class StreamInterrupted(InferenceError):
    """The stream broke and the attempts are used up, or it can not be continued; `snapshot` holds what was said."""

    is_retryable = True
    counts_toward_breaker = True

    def __init__(
        self,
        message: str,
        *,
        cause: InterruptCause,
        snapshot: InterruptSnapshot,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, snapshot=snapshot)
        self.cause = cause

    def __reduce__(self) -> tuple[object, ...]:
        # pickle knows `args` and not our keywords; without this the error could not leave a worker process.
        return type(self).__new__, (type(self), *self.args), vars(self)


class AllModelsUnavailable(InferenceError):
    """Every model of a route was tried or is held back by its breaker."""


class InferenceCancelled(InferenceError):
    """The run was cancelled, and its caller asked for a whole answer."""
