"""What a run fails with: the failure of an attempt, and the error of a run that asks no more."""

from __future__ import annotations

from attrs import evolve

from .causes import InterruptCause
from .errors import InferenceCancelled, InferenceError, StreamInterrupted
from .failures import Failure
from .printable import SENTENCE_CHARS_MAX, printable
from .snapshot import InterruptSnapshot


def not_retried(failure: Failure, why: str) -> Failure:
    """Say why a failure is not retried, where it might have been."""
    return evolve(failure, message=f"{failure.message} (not retried: {why})")


def holding(error: Exception, held: InterruptSnapshot) -> Exception:
    """Return the error of a source that cancelled, with what was received; any other as it is."""
    if isinstance(error, InferenceCancelled) and error.snapshot is None and held.anything_shown:
        error.snapshot = held
    return error


def error_of_spent(cause: InterruptCause, failure: Failure, held: InterruptSnapshot, attempts: int) -> InferenceError:
    """Build the error of a run whose attempts are used up: the failure itself if nothing was ever said."""
    if not held.anything_shown:
        return failure.to_error()
    spent = f"{attempts} attempt{'s' if attempts != 1 else ''}"
    message = f"stream interrupted ({cause}) after {spent}; the snapshot holds what was said: {failure.message}"
    return StreamInterrupted(
        printable(message, SENTENCE_CHARS_MAX),
        cause=cause,
        snapshot=held,
        retry_after_s=failure.retry_after_s,
    )
