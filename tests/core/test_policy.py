"""Policies: the defaults are the documented ones, and a number that can not work is refused by its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
from attrs import fields
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.messages import Message
from riverrun.engine.core.policy import (
    DELAY_S_MAX,
    CheckpointPolicy,
    Jitter,
    Limits,
    Policy,
    RetryPolicy,
    StallPolicy,
    Throughput,
)
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.usage_error import UsageError

DELAYS = [field.name for field in fields(RetryPolicy) if "_s" in field.name and "attempts" not in field.name]
CLOCKS = [field.name for field in fields(StallPolicy) if field.name != "throughput"]
COUNTS: list[tuple[Callable[..., object], str]] = [
    (RetryPolicy, "attempts_max"),
    (RetryPolicy, "rate_limit_attempts_max"),
    (RetryPolicy, "overload_attempts_max"),
    (RetryPolicy, "attempts_total_max"),
    (RetryPolicy, "engine_retries_max"),
    (CheckpointPolicy, "lag_bytes"),
    *((Limits, field.name) for field in fields(Limits) if field.name != "cursor_bytes_max"),
]


def test_the_defaults_are_those_of_the_source_documents() -> None:
    retry, stall = Policy().retry, Policy().stall
    assert (retry.attempts_max, retry.base_delay_s, retry.delay_s_max) == (3, 1.0, 30.0)
    assert (retry.rate_limit_attempts_max, retry.overload_attempts_max, retry.attempts_total_max) == (8, None, 20)
    assert (retry.rate_limit_base_delay_s, retry.rate_limit_delay_s_max) == (5.0, 60.0)
    assert (retry.empty_base_delay_s, retry.empty_delay_s_max, retry.stall_delay_s) == (0.25, 5.0, 0.2)
    assert (retry.retry_after_s_max, retry.jitter) == (120.0, Jitter.FULL)
    assert (stall.connect_s, stall.idle_s, stall.total_s) == (10.0, 60.0, None)


def test_a_policy_is_keyword_only_and_frozen() -> None:
    with pytest.raises(TypeError):
        RetryPolicy(3)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        Policy().retry.attempts_max = 4  # type: ignore[misc]


@pytest.mark.parametrize("name", DELAYS)
@pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf, DELAY_S_MAX * 2, "1", None, True])
def test_a_delay_that_can_not_be_slept_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*; expected a number from 0 to 1e"):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("value", [-1, math.nan, -math.inf, "60", True])
def test_a_clock_that_can_not_run_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*; expected a number of at least 0"):
        StallPolicy(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLOCKS)
def test_every_clock_can_be_switched_off(name: str) -> None:
    assert getattr(StallPolicy(**{name: None}), name) is None


@pytest.mark.parametrize(("policy", "name"), COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, "3", True])
def test_a_count_below_one_or_not_whole_is_refused_by_name(
    policy: Callable[..., object], name: str, value: object
) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*; expected a whole number of at least 1"):
        policy(**{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, "3", True])
def test_a_cursor_may_have_no_bytes_but_not_fewer(value: Any) -> None:
    assert Limits(cursor_bytes_max=0).cursor_bytes_max == 0
    with pytest.raises(UsageError, match=r"cursor_bytes_max is .*; expected a whole number of at least 0"):
        Limits(cursor_bytes_max=value)


@pytest.mark.parametrize("name", ["lag_s", "write_s", "load_s", "last_flush_s"])
@pytest.mark.parametrize("value", [-1, math.nan, None])
def test_a_checkpoint_deadline_is_a_number(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is "):
        CheckpointPolicy(**{name: value})  # type: ignore[arg-type]


LONG = pytest.mark.parametrize("value", [2**63, 10**400, 10**5000], ids=["2^63", "10^400", "10^5000"])


@LONG
@pytest.mark.parametrize(("policy", "name"), [*COUNTS, *((StallPolicy, clock) for clock in CLOCKS)])
def test_a_number_of_400_digits_is_refused_by_name(policy: Callable[..., object], name: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{name} is a whole number of .* bits, beyond the 63"):
        policy(**{name: value})


@LONG
@pytest.mark.parametrize("name", ["max_tokens", "temperature", "reasoning_budget_tokens"])
def test_a_request_takes_no_number_of_400_digits(name: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{name} is a whole number of .* bits, beyond the 63"):
        InferenceRequest(Message.user("?"), **{name: value})  # type: ignore[arg-type]


def test_throughput_needs_bytes_and_a_window() -> None:
    assert Throughput(bytes_min=1, window_s=0.001).bytes_min == 1
    with pytest.raises(UsageError, match="bytes_min is 0"):
        Throughput(bytes_min=0, window_s=10)
    with pytest.raises(UsageError, match=r"window_s is 0; expected a number of at least 0\.001"):
        Throughput(bytes_min=1, window_s=0)


@given(st.integers(1, 2**63 - 1), st.floats(0, DELAY_S_MAX))
def test_every_number_in_range_is_kept_as_it_is(count: int, delay: float) -> None:
    policy = RetryPolicy(attempts_max=count, rate_limit_attempts_max=count, base_delay_s=delay)
    assert (policy.attempts_max, policy.rate_limit_attempts_max, policy.base_delay_s) == (count, count, delay)


@pytest.mark.parametrize(
    ("said", "limit", "total"),
    [
        ({"attempts_max": 1}, 1, 1),
        ({"attempts_max": 1, "rate_limit_attempts_max": 4}, 4, 20),
        ({"attempts_max": 12}, 12, 20),
        ({"attempts_max": 50}, 50, 50),
        ({"attempts_max": 2, "rate_limit_attempts_max": None}, None, 20),
        ({"attempts_max": 30, "attempts_total_max": 5}, 30, 5),
    ],
)
def test_budgets_that_are_left_out_follow_those_that_are_given(
    said: dict[str, Any], limit: int | None, total: int
) -> None:
    policy = RetryPolicy(**said)
    assert (policy.rate_limit_attempts_max, policy.attempts_total_max) == (limit, total)


def test_a_jitter_may_be_written_as_its_word() -> None:
    assert RetryPolicy(jitter="added").jitter is Jitter.ADDED


def test_a_patient_policy_has_the_numbers_of_a_batch_client() -> None:
    patient = RetryPolicy.patient()
    assert (patient.attempts_max, patient.rate_limit_attempts_max, patient.overload_attempts_max) == (4, 8, 8)
    assert (patient.base_delay_s, patient.delay_s_max, patient.jitter) == (0.25, 5.0, Jitter.PROPORTIONAL)


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda: Policy(retry=cast("Any", 5)), r"retry is 5; expected a RetryPolicy\(…\)"),
        (lambda: Policy(stall=cast("Any", RetryPolicy())), "stall is a RetryPolicy; expected a StallPolicy"),
        (lambda: Policy(checkpoint=cast("Any", None)), "checkpoint is None; expected a CheckpointPolicy"),
        (lambda: Policy(limits=cast("Any", Limits)), "limits is the class Limits; expected a Limits"),
        (lambda: StallPolicy(throughput=cast("Any", 20)), "throughput is 20; expected a Throughput"),
        (lambda: CheckpointPolicy(before_delivery=cast("Any", "yes")), "before_delivery is 'yes'; expected True or"),
        (lambda: RetryPolicy(jitter="bogus"), "jitter is 'bogus'; expected a Jitter: 'full', 'added', 'prop"),
        (lambda: RetryPolicy(jitter=cast("Any", None)), "jitter is None; expected a Jitter"),
    ],
)
def test_a_policy_of_another_type_is_refused_by_name(make: Callable[[], object], seen: str) -> None:
    with pytest.raises(UsageError, match=seen):
        make()
