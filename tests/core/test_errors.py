"""Errors, failures and causes: the tree, the strings that are part of the contract, and what each means."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from riverrun.engine.core import causes, errors
from riverrun.engine.core.causes import InterruptCause
from riverrun.engine.core.errors import InferenceError, InferenceTimeout, RiverrunError, StreamInterrupted
from riverrun.engine.core.failures import Failure, FailureKind, failure_of_error
from riverrun.engine.core.policy import StallPolicy
from riverrun.engine.core.snapshot import InterruptSnapshot

PARENTS = {
    "UsageError": "RiverrunError",
    "CheckpointMismatch": "UsageError",
    "KeyUnusable": "UsageError",
    "StoreError": "RiverrunError",
    "InferenceError": "RiverrunError",
    "InvalidRequest": "InferenceError",
    "ContextOverflow": "InvalidRequest",
    "ContinuationRefused": "InvalidRequest",
    "Unauthorized": "InferenceError",
    "QuotaExhausted": "Unauthorized",
    "ModelNotFound": "InferenceError",
    "ContentFiltered": "InferenceError",
    "ProviderError": "InferenceError",
    "RateLimited": "ProviderError",
    "Overloaded": "ProviderError",
    "EmptyResponse": "ProviderError",
    "InferenceTimeout": "InferenceError",
    "StreamInterrupted": "InferenceError",
    "AllModelsUnavailable": "InferenceError",
    "InferenceCancelled": "InferenceError",
    "RiverrunError": "Exception",
}
RETRYABLE = {"ProviderError", "RateLimited", "Overloaded", "EmptyResponse", "InferenceTimeout", "StreamInterrupted"}
INFERENCE = [name for name in errors.__all__ if issubclass(getattr(errors, name), InferenceError)]


def made(name: str) -> InferenceError:
    """An error of this name."""
    if name == "StreamInterrupted":
        return StreamInterrupted("said", cause=causes.GoAway(), snapshot=InterruptSnapshot(text="t"))
    kind: type[InferenceError] = getattr(errors, name)
    return kind("said")


# -- the tree ---------------------------------------------------------------------------------------------------------


def test_the_tree_is_the_whole_tree() -> None:
    assert {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__} == PARENTS


def test_a_usage_error_is_a_value_error_too() -> None:
    assert issubclass(errors.UsageError, ValueError)
    assert all(issubclass(getattr(errors, name), RiverrunError) for name in errors.__all__)


@pytest.mark.parametrize("name", INFERENCE)
def test_what_may_pass_by_itself_is_retryable_and_counts_toward_the_breaker(name: str) -> None:
    error = made(name)
    assert error.is_retryable is error.counts_toward_breaker is (name in RETRYABLE)


@pytest.mark.parametrize("name", INFERENCE)
def test_the_string_of_an_error_is_its_message(name: str) -> None:
    error = made(name)
    assert str(error) == error.message == "said"
    assert error.retry_after_s is None


def test_an_error_carries_what_was_received_and_what_the_server_said() -> None:
    held = InterruptSnapshot(text="t")
    error = errors.RateLimited("slow down", retry_after_s=2.5, status=429, code="rate_limit", snapshot=held)
    assert (error.retry_after_s, error.status, error.code, error.snapshot) == (2.5, 429, "rate_limit", held)


@pytest.mark.parametrize("name", INFERENCE)
def test_an_error_can_be_sent_to_another_process(name: str) -> None:
    error = made(name)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_a_usage_error_keeps_its_argument_and_its_advice_over_pickling() -> None:
    error = errors.KeyUnusable("no key", argument="api_key", advised="api_key", advice=", or give api_key=")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(back), str(back), vars(back)) == (errors.KeyUnusable, "no key, or give api_key=", vars(error))
    assert back.message == "no key"


def test_a_value_out_of_range_is_told_by_its_argument() -> None:
    with pytest.raises(errors.UsageError, match="idle_s is -1") as caught:
        StallPolicy(idle_s=-1)
    assert caught.value.argument == "idle_s"


# -- causes -----------------------------------------------------------------------------------------------------------

CAUSES: dict[InterruptCause, str] = {
    causes.ConnectionReset(): "connection reset",
    causes.IdleStall(): "idle stall",
    causes.IdleStall("first event", 180.0): "first event stall",
    causes.GoAway(): "goaway",
    causes.Provider5xx(503): "provider 503 mid-stream",
    causes.PrematureEnd(): "premature end",
    causes.MalformedStream("saw <html>"): "malformed stream",
    causes.RateLimited(2.0): "rate limited",
    causes.Overloaded(): "overloaded",
    causes.EmptyAnswer(): "empty answer",
    causes.FormRefused("prefill"): "prefill refused",
    causes.ResumedFromCheckpoint(): "resumed from checkpoint",
}


@pytest.mark.parametrize(("cause", "text"), CAUSES.items())
def test_the_string_of_a_cause_is_one_stable_line(cause: InterruptCause, text: str) -> None:
    assert str(cause) == text


def test_every_cause_has_its_string_pinned() -> None:
    assert {type(cause) for cause in CAUSES} == set(get_args(InterruptCause))


# -- failures ---------------------------------------------------------------------------------------------------------

KINDS = {
    FailureKind.PROVIDER: errors.ProviderError,
    FailureKind.RATE_LIMITED: errors.RateLimited,
    FailureKind.OVERLOADED: errors.Overloaded,
    FailureKind.TIMEOUT: InferenceTimeout,
    FailureKind.EMPTY_RESPONSE: errors.EmptyResponse,
    FailureKind.CONTEXT_OVERFLOW: errors.ContextOverflow,
    FailureKind.INVALID_REQUEST: errors.InvalidRequest,
    FailureKind.CONTINUATION_REFUSED: errors.ContinuationRefused,
    FailureKind.UNAUTHORIZED: errors.Unauthorized,
    FailureKind.QUOTA_EXHAUSTED: errors.QuotaExhausted,
    FailureKind.MODEL_NOT_FOUND: errors.ModelNotFound,
    FailureKind.CONTENT_FILTERED: errors.ContentFiltered,
    FailureKind.STREAM_REFUSED: errors.InvalidRequest,
}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_failure_is_raised_as_its_own_error_with_all_it_knows_and_comes_back(kind: FailureKind) -> None:
    failure = Failure(kind, "m", 418, "teapot", 3.0)
    error = failure.to_error(InterruptSnapshot(text="t"))
    assert type(error) is KINDS[kind]
    assert (error.message, error.status, error.code, error.retry_after_s) == ("m", 418, "teapot", 3.0)
    assert error.snapshot == InterruptSnapshot(text="t")
    back = failure_of_error(error)
    comes_back = (
        FailureKind.INVALID_REQUEST if kind is FailureKind.STREAM_REFUSED else kind
    )  # it has no error of its own
    assert (back.kind, back.message, back.status) == (comes_back, "m", 418)
    assert (back.code, back.retry_after_s) == ("teapot", 3.0)
    assert back.is_retryable is failure.is_retryable is error.is_retryable


@pytest.mark.parametrize("kind", [FailureKind.PROVIDER, FailureKind.INVALID_REQUEST])
@pytest.mark.parametrize("said", [True, False])
def test_what_the_server_says_about_retrying_comes_first(kind: FailureKind, said: bool) -> None:
    assert Failure(kind, "m", retryable=said).is_retryable is said


def test_an_error_of_somebody_s_own_is_named_by_its_nearest_kin() -> None:
    class Busy(errors.Overloaded):
        pass

    assert failure_of_error(Busy("later", retry_after_s=1.0)).kind is FailureKind.OVERLOADED
    assert failure_of_error(errors.InferenceError("odd")).kind is FailureKind.PROVIDER
    assert not failure_of_error(errors.AllModelsUnavailable("none")).is_retryable


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (Failure(FailureKind.RATE_LIMITED, "m", 429, retry_after_s=2.0), causes.RateLimited(2.0)),
        (Failure(FailureKind.OVERLOADED, "m", 529, retry_after_s=2.0), causes.Overloaded(2.0)),
        (Failure(FailureKind.EMPTY_RESPONSE, "m"), causes.EmptyAnswer()),
        (Failure(FailureKind.TIMEOUT, "m"), causes.IdleStall("headers")),
        (Failure(FailureKind.PROVIDER, "m", 503), causes.Provider5xx(503)),
        (Failure(FailureKind.PROVIDER, "m"), causes.Provider5xx(500)),
        (Failure(FailureKind.PROVIDER, "m", 302), causes.MalformedStream("m")),
    ],
)
def test_what_a_failure_did_to_the_stream(failure: Failure, cause: InterruptCause) -> None:
    assert failure.to_cause() == cause


LOOK_ALIKES = [
    "streamGenerateContent failed: rate",
    "429 is the answer",
    "connection reset by peer",
    "overloaded operator",
    "GOAWAY",
    "context length exceeded",
]


@pytest.mark.parametrize("message", LOOK_ALIKES)
def test_words_in_a_message_never_change_what_a_failure_is(message: str) -> None:
    failure = Failure(FailureKind.PROVIDER, message, 500)
    assert failure.to_cause() == causes.Provider5xx(500)
    assert type(failure.to_error()) is errors.ProviderError
