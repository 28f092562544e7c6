"""What a run fails with: the failure of an attempt, and the error of a run that asks no more."""

from __future__ import annotations

from attrs import evolve

from .capabilities import ContinuationForm
from .causes import IdleStall, InterruptCause
from .errors import InferenceCancelled, InferenceError, StreamInterrupted
from .failures import Failure, FailureKind
from .outcome import Broken
from .printable import SENTENCE_CHARS_MAX, printable
from .snapshot import InterruptSnapshot
from .target import Target


def failure_of_break(broken: Broken, target: Target) -> Failure:
    """Say what a broken connection is if nothing was ever said: a timeout, or the provider's failure."""
    cause = broken.cause
    kind = FailureKind.TIMEOUT if isinstance(cause, IdleStall) else FailureKind.PROVIDER
    return Failure(kind, f"{target.origin}: {broken.detail or str(cause)}{_waited(cause)}")


def _waited(cause: InterruptCause) -> str:
    """Say how long was waited, and which number of the policy's it was."""
    if not isinstance(cause, IdleStall):
        return ""
    waited = "" if cause.waited_s is None else f" after {cause.waited_s:g} s"
    return f"{waited} ({cause.setting})" if cause.setting else waited


def refuses_form(failure: Failure, form: ContinuationForm) -> bool:
    """Whether a failure says no to the way in which the answer was to go on, and not to the request.

    Reading on is answered with an error that is no use to retry where the generation is no more, or the cursor too old.
    """
    if form is ContinuationForm.CURSOR:
        return not failure.is_retryable
    return failure.kind is FailureKind.CONTINUATION_REFUSED and form is not ContinuationForm.RESTART


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
